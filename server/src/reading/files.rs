//! The files in which a person's stdio servers keep what they verified.
//!
//! ```text
//! <data directory>/verified/relays/<relay>/log.json              name and key of the relay's log
//! <data directory>/verified/logs/<log>/<channel>/state.json      what is known of the channel
//! <data directory>/verified/logs/<log>/<channel>/leaves          hashes of all leaves, 32 bytes each
//! …/contradiction.json                                           evidence; while it is there, nothing more is read
//! ```
//!
//! Several processes may work on a folder: whoever reads and changes it holds its lock. Files are replaced as a whole, and
//! only `leaves` grows. A crash can only make `leaves` longer than `state.json` says. If the two do not fit together, as
//! after a power failure, the log is read again from its start.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use mcp_multiplayer_protocol::merkle::Frontier;
use mcp_multiplayer_protocol::{ChannelId, Hash};

use super::known::KnownChannel;
use crate::private;

const HASH_BYTES: u64 = 32;
/// Name of the file with the evidence of a contradiction.
pub(super) const EVIDENCE: &str = "contradiction.json";

/// A folder that this person's processes share.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// A folder that no other process uses until this is dropped.
#[derive(Debug)]
pub(super) struct LockedFolder<'a> {
    folder: &'a Folder,
    _lock: File,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the folder if it is missing, and waits until no other process uses it.
    pub(super) fn lock(&self) -> io::Result<LockedFolder<'_>> {
        private::create_folder(&self.0)?;
        let lock = private::file().create(true).append(true).open(self.0.join("lock"))?;
        lock.lock()?;
        Ok(LockedFolder { folder: self, _lock: lock })
    }

    /// Reads a file; `None` if there is none.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.0.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl LockedFolder<'_> {
    pub(super) fn read(&self, name: &str) -> io::Result<Option<String>> {
        self.folder.read(name)
    }

    /// Writes a file, so that readers find the old one or the new one.
    pub(super) fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let (path, new) = (self.folder.0.join(name), self.folder.0.join(format!("{name}.new")));
        private::file().create(true).write(true).truncate(true).open(&new)?.write_all(text.as_bytes())?;
        fs::rename(new, path)
    }

    /// Reads what is known of a channel; nothing if the files are missing or damaged.
    pub(super) fn known(&self, channel_id: ChannelId) -> io::Result<KnownChannel> {
        let text = self.read("state.json")?;
        let known = text.and_then(|text| KnownChannel::from_json(&text, channel_id));
        let Some(known) = known.filter(|known| self.leaf_count().is_ok_and(|count| count >= known.size())) else {
            return Ok(KnownChannel::nothing(channel_id));
        };
        Ok(known)
    }

    /// Returns `true` if the stored hashes are those that the state is about.
    pub(super) fn is_consistent(&self, known: &KnownChannel) -> io::Result<bool> {
        Ok(root_of(&self.leaves(1, known.size())?) == known.tree.root())
    }

    /// Adds hashes of leaves after the first `size`, and then replaces the state.
    pub(super) fn store(&self, known: &KnownChannel, size: u64, leaves: &[Hash]) -> io::Result<()> {
        if !leaves.is_empty() {
            let mut file = private::file().create(true).write(true).truncate(false).open(self.leaves_path())?;
            file.set_len(size * HASH_BYTES)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(&leaves.iter().flat_map(Hash::as_bytes).copied().collect::<Vec<u8>>())?;
        }
        self.replace("state.json", &known.to_json())
    }

    /// Hashes of the leaves of the entries `first` to `last`.
    pub(super) fn leaves(&self, first: u64, last: u64) -> io::Result<Vec<Hash>> {
        let count = (last + 1).saturating_sub(first);
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut file = File::open(self.leaves_path())?;
        file.seek(SeekFrom::Start((first - 1) * HASH_BYTES))?;
        let mut bytes = vec![0; usize::try_from(count * HASH_BYTES).map_err(io::Error::other)?];
        file.read_exact(&mut bytes)?;
        Ok(bytes.as_chunks().0.iter().copied().map(Hash::from_bytes).collect())
    }

    /// Root of the tree of the first `size` entries.
    pub(super) fn root(&self, size: u64) -> io::Result<Hash> {
        Ok(root_of(&self.leaves(1, size)?))
    }

    fn leaf_count(&self) -> io::Result<u64> {
        match fs::metadata(self.leaves_path()) {
            Ok(metadata) => Ok(metadata.len() / HASH_BYTES),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn leaves_path(&self) -> PathBuf {
        self.folder.0.join("leaves")
    }
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}
