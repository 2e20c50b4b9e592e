use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use thiserror::Error;

/// The tables of a new database.
const SCHEMA: &str = include_str!("schema.sql");

/// Version of the schema. A database of another version is refused.
const VERSION: i64 = 9;

/// Application id in the header of the database file: "mmpl".
const APPLICATION_ID: i64 = 0x6d6d_706c;

/// Longest wait for another process, such as an administration command, to end its transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reasons why a database cannot be opened.
#[derive(Debug, Error)]
pub(super) enum OpenError {
    #[error("{path} is in use by another relay")]
    InUse { path: PathBuf },
    #[error(
        "{path} has schema version {found}, but this program needs version {VERSION}: use the program that made it, or start with a new data directory"
    )]
    OtherVersion { path: PathBuf, found: i64 },
    #[error("{path} is a database of another program")]
    Foreign { path: PathBuf },
    #[error("{path} cannot be switched to journal mode WAL")]
    NoWal { path: PathBuf },
    #[error("{path} can be read by other users; run: chmod 600 {path}")]
    Readable { path: PathBuf },
    #[error("{path}: {source}{}", remedy(path, source.kind()))]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}{}", remedy(path, kind(source)))]
    Database { path: PathBuf, source: rusqlite::Error },
}

/// Returns the advice for an error of a file, to follow its description.
fn remedy(path: &Path, kind: ErrorKind) -> String {
    let directory = path.parent().unwrap_or(path).display();
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
            "; the database and its directory must be writable: run this program as the user who owns {directory}, or make that user the owner of everything in it (chown -R)"
        ),
        ErrorKind::StorageFull => format!("; free some space on the disk of {directory}"),
        _ => String::new(),
    }
}

/// Returns the kind of failure of the file system that an error of SQLite stands for.
fn kind(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => ErrorKind::PermissionDenied,
        Some(ErrorCode::DiskFull) => ErrorKind::StorageFull,
        _ => ErrorKind::Other,
    }
}

/// Opens the connection that writes, and makes the tables of a new database.
pub(super) fn connect_writer(path: &Path) -> Result<Connection, OpenError> {
    create(path)?;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    let found = version(&connection, path)?;
    check_mode(path)?;
    match found {
        VERSION => {}
        0 => create_tables(&mut connection).map_err(failed)?,
        found => return Err(OpenError::OtherVersion { path: path.to_owned(), found }),
    }
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(OpenError::NoWal { path: path.to_owned() });
    }
    // FULL: a commit returns only once it is on disk. A negative cache size is in KiB.
    let settings =
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -16384;";
    connection.execute_batch(settings).map_err(failed)?;
    Ok(connection)
}

/// Refuses a database that other users can read, such as a copy that was made without its mode.
fn check_mode(path: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let path = PathBuf::from(file);
        #[cfg(unix)]
        if let Ok(metadata) = path.metadata()
            && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
        {
            return Err(OpenError::Readable { path });
        }
    }
    Ok(())
}

/// Opens a connection that reads.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, crate::StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags);
    let connection = connection.and_then(|connection| prepare(&connection).map(|()| connection));
    connection.map_err(super::row::failed("open a reader"))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    // A plan does not depend on the parameters. Otherwise SQLite compiles some statements again whenever they change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)
}

/// Locks the database for a relay, by a file beside it, until the `File` is dropped.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let file = create(&lock_path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: lock_path, source }),
    }
}

/// Opens a file, and creates it with mode 0600 if necessary. SQLite gives the files beside it the same mode.
fn create(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// Reads the schema version of a database; 0 when it is empty.
fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let read = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let read = |pragma| read(pragma).map_err(|source| OpenError::Database { path: path.to_owned(), source });
    let (found, application) = (read("PRAGMA user_version")?, read("PRAGMA application_id")?);
    let empty = found == 0 && application == 0 && read("SELECT count(*) FROM sqlite_schema")? == 0;
    if application != APPLICATION_ID && !empty {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    Ok(found)
}

fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again inside the transaction: another process may have made the tables meanwhile.
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()
}

/// Returns a number that changes when another connection has written to the database.
pub(super) fn data_version(connection: &Connection) -> Result<i64, crate::StoreError> {
    let version = connection.query_row("PRAGMA data_version", [], |row| row.get(0));
    version.map_err(super::row::failed("look for changes"))
}

/// Checks that a transaction can become durable, by one that changes nothing.
pub(super) fn rewrite_version(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", VERSION)
}
