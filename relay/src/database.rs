//! Opens the database that the configuration names. No other module of the relay names a storage backend.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};

use crate::config::{Config, Database};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// The purpose that a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To run a relay on it. Refused while another relay uses the database; a new one is created where there is none.
    Serve,
    /// To run an operator's command, whether or not a relay uses the database; a new one is created where there is none.
    Administer,
    /// To read what a relay has stored, whether or not it runs.
    Read,
}

/// Opens the database of the configuration.
pub fn open_database(config: &Config, purpose: Purpose) -> Result<Arc<dyn Store>> {
    match &config.database {
        Database::Sqlite(path) => {
            let path = config.data_dir.join(path);
            if purpose == Purpose::Read {
                ensure!(path.exists(), "there is no database at {}; check --data-dir and --database", path.display());
            } else {
                let directory = config.data_dir.display();
                std::fs::create_dir_all(&config.data_dir).with_context(|| format!("cannot create {directory}"))?;
            }
            let store = match purpose {
                Purpose::Serve => SqliteStore::open(&path),
                Purpose::Administer | Purpose::Read => SqliteStore::open_shared(&path),
            };
            Ok(Arc::new(store.with_context(|| format!("cannot open the database {}", path.display()))?))
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::{Purpose, open_database};
    use crate::config::{Config, Database};

    #[test]
    fn a_relative_path_starts_at_the_data_directory() {
        let directory = TempDir::new().unwrap();
        let data_dir = directory.path().join("data");
        let config = Config { data_dir: data_dir.clone(), ..Config::default() };
        let error = open_database(&config, Purpose::Read).err().unwrap().to_string();
        assert!(error.contains("there is no database at") && error.contains("data/relay.db"), "{error}");
        assert!(!data_dir.exists(), "reading creates nothing");
        drop(open_database(&config, Purpose::Administer).unwrap());
        assert!(data_dir.join("relay.db").exists());

        let elsewhere = directory.path().join("elsewhere.db");
        let config = Config { database: Database::Sqlite(elsewhere.clone()), ..config };
        drop(open_database(&config, Purpose::Serve).unwrap());
        assert!(elsewhere.exists());
    }

    #[test]
    fn one_relay_uses_a_database_at_a_time() {
        let directory = TempDir::new().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let _relay = open_database(&config, Purpose::Serve).unwrap();
        let error = format!("{:#}", open_database(&config, Purpose::Serve).err().unwrap());
        assert!(error.contains("in use by another relay"), "{error}");
        assert!(open_database(&config, Purpose::Administer).is_ok());
        assert!(open_database(&config, Purpose::Read).is_ok());
    }
}
