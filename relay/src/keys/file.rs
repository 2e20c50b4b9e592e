//! Files with one secret each, which only their owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use mcp_multiplayer_protocol::ChannelId;

/// The text of a key file.
pub(super) fn encode(key: &[u8; 32]) -> String {
    ChannelId::encode_base32(key)
}

/// Reads the text of a key file. `what` names the key in the error.
pub(super) fn decode(path: &Path, text: &str, what: &str) -> io::Result<[u8; 32]> {
    let bytes = ChannelId::decode_base32(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        let message = format!("{} does not contain a {what}; restore it from a backup", path.display());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Reads a secret from a file that only its owner can read, or creates the file.
pub(crate) fn read_or_create(path: &Path, create: impl FnOnce() -> String) -> io::Result<String> {
    match read_secret(path)? {
        Some(secret) => Ok(secret),
        None => create_secret(path, create()),
    }
}

/// Reads a secret from a file that only its owner can read; `None` if there is no such file.
pub(super) fn read_secret(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| with_remedy(path, &error))?,
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        let message = format!("{} can be read by other users; run: chmod 600 {0}", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Some(text))
}

/// Creates a file with a secret that only its owner can read, and returns the secret.
pub(super) fn create_secret(path: &Path, secret: String) -> io::Result<String> {
    write_secret(path, &secret).map_err(|error| with_remedy(path, &error))?;
    Ok(secret)
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    // Written to another file and renamed, so that a crash never leaves a truncated secret.
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// Adds the path of a file to an error, and what the operator can do about it.
fn with_remedy(path: &Path, error: &io::Error) -> io::Error {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; run the relay as the user who owns the file and its directory"
        }
        io::ErrorKind::StorageFull => "; free some space on the disk",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{}: {error}{remedy}", path.display()))
}
