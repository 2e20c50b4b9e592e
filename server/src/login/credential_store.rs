//! The files with the tokens of logins, which all copies of this program share.
//!
//! ```text
//! <data directory>/credentials/<relay>.json   the login at a relay
//! <data directory>/credentials/<relay>.lock   held by the process that changes it
//! ```
//!
//! Only their owner can read the files and the folder. A file is replaced as a whole and synced before, so that a reader, or
//! the next start after a crash, finds the old tokens or the new ones.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::credentials::Credentials;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::revocation::revoke;
use crate::RelayUrl;

/// Maximum time for which another process may have the lock: longer than a refresh takes with all its repetitions.
const LOCK_TIMEOUT: Duration = Duration::from_mins(1);
/// Time between two attempts to get the lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// The folder with the logins of this user.
#[derive(Clone, Debug)]
pub(super) struct CredentialStore {
    folder: PathBuf,
}

/// A file with a login. Its content may be unreadable.
#[derive(Debug)]
pub(super) struct StoredLogin {
    pub(super) path: PathBuf,
    pub(super) credentials: Result<Credentials, LoginError>,
}

/// The right to change the login at one relay, until this is dropped.
#[derive(Debug)]
pub(super) struct LockedCredentials {
    path: PathBuf,
    _lock: File,
}

impl CredentialStore {
    pub(super) fn in_data_dir(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("credentials") }
    }

    /// Returns the path of the file with the login at a relay.
    pub(super) fn path(&self, relay: &RelayUrl) -> PathBuf {
        self.folder.join(format!("{}.json", file_stem(relay)))
    }

    /// Reads the login at a relay; `None` if there is none.
    pub(super) fn read(&self, relay: &RelayUrl) -> Result<Option<Credentials>, LoginError> {
        read(&self.path(relay))
    }

    /// Reads all logins, in the order of the relays' names.
    pub(super) fn list(&self) -> Result<Vec<StoredLogin>, LoginError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(source) => return Err(LoginError::Storage { path: self.folder.clone(), source }),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let logins =
            paths.into_iter().filter_map(|path| Some(StoredLogin { credentials: read(&path).transpose()?, path }));
        Ok(logins.collect())
    }

    /// Stores a new login, and revokes the one that it replaces.
    pub(super) async fn store_login(&self, http: &HttpClient, credentials: &Credentials) -> Result<(), LoginError> {
        let locked = self.lock(http.relay()).await?;
        let previous = locked.read().ok().flatten();
        locked.write(credentials)?;
        drop(locked);
        if let Some(previous) = previous
            && let Err(error) = revoke(http, &previous).await
        {
            tracing::debug!(%error, "the previous login could not be revoked");
        }
        Ok(())
    }

    /// Waits until no other process changes the login at a relay.
    pub(super) async fn lock(&self, relay: &RelayUrl) -> Result<LockedCredentials, LoginError> {
        let locked = async {
            loop {
                if let Some(locked) = self.try_lock(relay)? {
                    return Ok(locked);
                }
                sleep(LOCK_RETRY).await;
            }
        };
        timeout(LOCK_TIMEOUT, locked).await.unwrap_or_else(|_| {
            let source = io::Error::other("another process has locked it for too long");
            Err(LoginError::Storage { path: self.path(relay), source })
        })
    }

    /// Takes the lock, unless another process has it.
    fn try_lock(&self, relay: &RelayUrl) -> Result<Option<LockedCredentials>, LoginError> {
        let path = self.path(relay);
        let lock_path = path.with_extension("lock");
        let failed = |source| LoginError::Storage { path: lock_path.clone(), source };
        create_private_folder(&self.folder).map_err(failed)?;
        let lock = private_file().create(true).append(true).open(&lock_path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(LockedCredentials { path, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

impl LockedCredentials {
    /// Reads the login; `None` if there is none.
    pub(super) fn read(&self) -> Result<Option<Credentials>, LoginError> {
        read(&self.path)
    }

    /// Replaces the login, durably.
    pub(super) fn write(&self, credentials: &Credentials) -> Result<(), LoginError> {
        let text = serde_json::to_string_pretty(credentials).expect("credentials are plain JSON");
        self.replace(&text).map_err(|source| LoginError::Storage { path: self.path.clone(), source })
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension("json.new");
        let mut file = private_file().create(true).write(true).truncate(true).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, &self.path)?;
        #[cfg(unix)]
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Deletes the login, if there is one.
    pub(super) fn remove(&self) -> Result<(), LoginError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(LoginError::Storage { path: self.path.clone(), source: error })
            }
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<Option<Credentials>, LoginError> {
    let failed = |source| LoginError::Storage { path: path.to_owned(), source };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // The message of the JSON error may quote a token.
    let damaged = |_| failed(io::Error::other("it is damaged; log in again"));
    serde_json::from_str(&text).map(Some).map_err(damaged)
}

/// Name of a relay's file: its address, with every character that could be special in a path replaced by its code.
fn file_stem(relay: &RelayUrl) -> String {
    let base = relay.base();
    let base = base.strip_prefix("https://").unwrap_or(&base);
    let mut stem = String::new();
    for byte in base.bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte) {
            stem.push(char::from(byte));
        } else {
            // Cannot fail: it writes to a string.
            let _ = write!(stem, "_{byte:02x}");
        }
    }
    stem
}

/// Options for a file that only this user can read.
fn private_file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::file_stem;

    #[test]
    fn each_relay_has_a_file_of_its_own() {
        let names = [
            ("https://Relay.example.com/", "relay.example.com"),
            ("wss://relay.example.com:443/ws", "relay.example.com"),
            ("http://relay.example.com", "http_3a_2f_2frelay.example.com"),
            ("https://relay.example.com:8443/games/mcp", "relay.example.com_3a8443_2fgames"),
            ("https://relay.example.com/a_b", "relay.example.com_2fa_5fb"),
            ("https://relay.example.com/a/../b", "relay.example.com_2fa_2f.._2fb"),
            ("ws://[::1]:8100", "http_3a_2f_2f_5b_3a_3a1_5d_3a8100"),
        ];
        for (address, name) in names {
            assert_eq!(file_stem(&address.parse().unwrap()), name);
        }
    }
}
