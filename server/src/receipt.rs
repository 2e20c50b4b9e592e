//! `get_receipt` of the stdio server: fetches the receipt of a channel, keeps it as a file, and verifies it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use mcp_multiplayer_protocol::operation::{GetReceipt, ReceiptSummary};
use mcp_multiplayer_protocol::receipt::{Report, Verifier};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, PublicKey};
use tokio::time::timeout;

use crate::dial::Dialer;
use crate::{http, private, verify};

/// Largest receipt that is kept, in bytes: several times the most that a channel can store by default.
const MAX_BYTES: u64 = 1 << 30;
/// Longest time that the relay may take for the next piece.
const PIECE_TIMEOUT: Duration = Duration::from_mins(1);
/// Most receipts of one channel that end with the same entry.
const MAX_VERSIONS: u32 = 99;
/// Value of `checked_by`.
const CHECKED_BY: &str = "this computer, without trusting the relay";

/// Fetches a receipt to a file in `directory`, verifies it there with the relay's known key, and returns the file's path and
/// what it proves.
pub(crate) async fn get(
    dialer: &Dialer,
    args: &GetReceipt,
    known_key: Option<PublicKey>,
    directory: Option<PathBuf>,
) -> Result<ReceiptSummary, Error> {
    let directory = directory.ok_or_else(|| {
        Error::new(
            ErrorCode::InternalError,
            "There is no directory to keep receipts in.",
            "Set DATA_DIR for this MCP server to a directory of yours.",
        )
    })?;
    let not_kept = |error: io::Error| {
        Error::new(
            ErrorCode::InternalError,
            format!("The receipt cannot be kept in {}: {error}.", directory.display()),
            "Set DATA_DIR for this MCP server to a directory that you may write to, with enough space.",
        )
    };
    private::create_folder(&directory).map_err(not_kept)?;
    let slot = args.slot_id.map(|slot_id| format!("&slot_id={slot_id}")).unwrap_or_default();
    let body = http::get(dialer, &format!("receipt?channel_id={}{slot}", args.channel_id)).await?;
    let mut part = PartFile::create(directory.join(format!(".{}-{}.part", args.channel_id, uuid::Uuid::now_v7())))
        .map_err(not_kept)?;
    save(dialer, body, &mut part, not_kept).await?;
    let path = part.path.clone();
    let read = tokio::task::spawn_blocking(move || verify::read(&path, Verifier::new(known_key))).await;
    let report = read.map_err(io::Error::other).and_then(|report| report).map_err(not_kept)?;
    let kept = part.keep(&directory, args.channel_id, &report).map_err(not_kept)?;
    let mut summary = ReceiptSummary::new(&report, CHECKED_BY);
    summary.file = Some(kept.display().to_string());
    Ok(summary)
}

async fn save(
    dialer: &Dialer,
    mut body: Incoming,
    part: &mut PartFile,
    not_kept: impl Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let mut bytes = 0;
    loop {
        let Ok(frame) = timeout(PIECE_TIMEOUT, body.frame()).await else {
            return Err(dialer.unreachable("it did not send the rest of the receipt in time"));
        };
        match frame {
            None => return part.file.flush().map_err(not_kept),
            Some(Err(_)) => return Err(dialer.unreachable("it broke off in the middle of the receipt")),
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                bytes += data.len() as u64;
                if bytes > MAX_BYTES {
                    return Err(not_kept(io::Error::other("it is larger than 1 GiB")));
                }
                part.file.write_all(&data).map_err(&not_kept)?;
            }
        }
    }
}

/// A file that is not complete. It is removed unless it is kept.
struct PartFile {
    file: File,
    path: PathBuf,
}

impl PartFile {
    fn create(path: PathBuf) -> io::Result<Self> {
        Ok(Self { file: private::file().write(true).create_new(true).open(&path)?, path })
    }

    /// Gives the file its name, of the channel and the time of its last entry. A file that is there already is never replaced:
    /// two receipts that differ are evidence.
    fn keep(self, directory: &Path, channel_id: ChannelId, report: &Report) -> io::Result<PathBuf> {
        let time = report.ended.map_or_else(|| "unreadable".to_owned(), |ended| ended.to_string().replace(':', ""));
        for version in 1..=MAX_VERSIONS {
            let suffix = if version == 1 { String::new() } else { format!("-{version}") };
            let path = directory.join(format!("{channel_id}-{time}{suffix}.jsonl"));
            match fs::hard_link(&self.path, &path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if fs::read(&path)? == fs::read(&self.path)? {
                        return Ok(path);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("there are {MAX_VERSIONS} other receipts of this channel and time")))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Nothing can be done about a file that cannot be removed; its name says that it is a part.
        let _ = fs::remove_file(&self.path);
    }
}
