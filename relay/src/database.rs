//! Opens the database that the configuration names. No other module of the relay names a storage backend.

use std::path::{Path, PathBuf};
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
    /// To run an operator's command, whether or not a relay uses the database. Refused where there is no database, so that
    /// a mistyped directory does not look like a relay without tokens.
    Administer,
    /// Like [`Purpose::Administer`], but a new database is created where there is none: a token may be needed before the
    /// relay's first start.
    Create,
}

/// Opens the database of the configuration.
pub fn open_database(config: &Config, purpose: Purpose) -> Result<Arc<dyn Store>> {
    match &config.database {
        Database::Sqlite(path) => {
            let path = config.data_dir.join(path);
            if purpose == Purpose::Administer {
                ensure!(path.exists(), "there is no database at {}; check --data-dir and --database", path.display());
            } else {
                create_directory(&config.data_dir)?;
            }
            let store = match purpose {
                Purpose::Serve => SqliteStore::open(&path),
                Purpose::Administer | Purpose::Create => SqliteStore::open_shared(&path),
            };
            Ok(Arc::new(store.with_context(|| format!("cannot open the database {}", path.display()))?))
        }
    }
}

/// Returns the path of the configuration's database.
pub fn database_path(config: &Config) -> PathBuf {
    match &config.database {
        Database::Sqlite(path) => config.data_dir.join(path),
    }
}

fn create_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| {
        let path = path.display();
        format!("cannot create {path}; run the relay as the user who owns the directory above it, or choose another one with --data-dir")
    })
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
        let error = open_database(&config, Purpose::Administer).err().unwrap().to_string();
        assert!(error.contains("there is no database at") && error.contains("data/relay.db"), "{error}");
        assert!(!data_dir.exists(), "nothing is created");
        drop(open_database(&config, Purpose::Create).unwrap());
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
        assert!(open_database(&config, Purpose::Create).is_ok());
    }
}
