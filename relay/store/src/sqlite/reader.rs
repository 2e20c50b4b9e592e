use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::schema;
use crate::StoreError;

/// Most long reads at a time, and most idle connections that are kept open.
const CONNECTIONS: usize = 8;

/// Connections that only read. A read sees everything that was committed before it began.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    pool: Arc<Pool>,
    long_reads: Arc<Semaphore>,
}

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let pool = Pool { path: path.to_owned(), idle: Mutex::default() };
        Self { pool: Arc::new(pool), long_reads: Arc::new(Semaphore::new(CONNECTIONS)) }
    }

    /// Reads one or a few rows on the calling thread. That takes microseconds, less than handing it to another thread.
    pub(super) fn short<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.pool.with(read)
    }

    /// Reads on a thread that may block.
    pub(super) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.long_reads.clone().acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let pool = self.pool.clone();
        let reading = spawn_blocking(move || {
            let _permit = permit;
            pool.with(read)
        });
        match reading.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

impl Pool {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // The connection that was used last has the warmest cache.
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::connect_reader(&self.path)?,
        };
        let outcome = read(&connection);
        let mut idle = self.idle();
        if idle.len() < CONNECTIONS {
            idle.push(connection);
        }
        outcome
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // Nothing panics while the lock is held, so a poisoned one can be used as it is.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
