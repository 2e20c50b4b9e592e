//! The key that signs checkpoints, and the name of the relay's log.
//!
//! The file `log.key` contains an Ed25519 key. It is not derived from `relay.key`, so that whoever learns one of them can
//! either speak for the relay or open its seats, but not both.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogIdentity, LogOrigin, verifier_key};
use mcp_multiplayer_protocol::merkle::TreeHead;
use mcp_multiplayer_protocol::{ChannelId, PublicKey, SigningKey};

use super::file::{create_secret, decode, encode, read_secret};
use crate::clock::Random;
use crate::config::Config;
use crate::store::Store;

/// Signs checkpoints of the relay's channels.
#[derive(Clone)]
pub struct LogKey {
    origin: LogOrigin,
    key: SigningKey,
}

impl LogKey {
    /// Opens the key of a relay that is about to run on this store, and creates it for a new store.
    ///
    /// The store is bound to the first key and the first name. Checkpoints that are signed with another one contradict what
    /// players have seen, so that an honest relay looks like a cheat: such a start is refused. The name stays the same when
    /// `public_url` changes later.
    pub async fn open(config: &Config, store: &dyn Store, random: &Random) -> Result<Self> {
        let path = &config.log_key_file();
        let bound = store.lookup_log().await?;
        let secret = match read_secret(path)? {
            Some(text) => decode(path, &text, "log key")?,
            None if bound.is_some() => bail!("{}", missing(path)),
            None => decode(path, &create_secret(path, encode(&random.bytes()))?, "log key")?,
        };
        let key = SigningKey::ed25519(&secret);
        let origin = match (&config.log_origin, bound) {
            (Some(origin), _) => origin.clone(),
            (None, Some(bound)) => bound.origin,
            (None, None) => config.default_log_origin(&key.public()),
        };
        let bound = store.bind_log(LogIdentity { origin: origin.clone(), key: key.public() }).await?;
        ensure!(bound.key == key.public(), "{}", other(path));
        ensure!(bound.origin == origin, "{}", other_origin(&bound.origin, &origin));
        Ok(Self { origin, key })
    }

    /// Opens the key of a relay that has run on this store. Creates nothing.
    pub async fn open_existing(config: &Config, store: &dyn Store) -> Result<Self> {
        let path = &config.log_key_file();
        let text = read_secret(path)?.with_context(|| missing(path))?;
        let key = SigningKey::ed25519(&decode(path, &text, "log key")?);
        let bound = store.lookup_log().await?.context("no relay has run on this database")?;
        ensure!(bound.key == key.public(), "{}", other(path));
        Ok(Self { origin: bound.origin, key })
    }

    /// Signs the tree of a channel.
    ///
    /// To be called with durable trees only: a checkpoint of a tree that is lost afterwards contradicts the next one.
    pub(crate) fn sign(&self, channel_id: ChannelId, tree: TreeHead) -> String {
        Checkpoint { origin: self.origin.channel(channel_id), tree }.sign(&self.key)
    }

    /// Name and public key of the relay's log.
    pub(crate) fn identity(&self) -> LogIdentity {
        LogIdentity { origin: self.origin.clone(), key: self.key.public() }
    }

    /// Name of the relay's log.
    pub(crate) fn origin(&self) -> &LogOrigin {
        &self.origin
    }

    /// Public key of the relay's log.
    pub(crate) fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Name and public key of a channel's log, in the form that other tools read.
    pub(crate) fn verifier_key(&self, channel_id: ChannelId) -> String {
        verifier_key(&self.origin.channel(channel_id), &self.public())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({}, {:?})", self.origin, self.public())
    }
}

fn missing(path: &Path) -> String {
    format!(
        "{} is missing, and checkpoints of this database were signed with it: restore the file from a backup, or start over with a new --data-dir. With another key, players' programs would take the relay for a cheat",
        path.display()
    )
}

fn other(path: &Path) -> String {
    format!(
        "{} is not the key that signed the checkpoints of this database: restore the file that belongs to it from a backup, or start over with a new --data-dir",
        path.display()
    )
}

fn other_origin(bound: &LogOrigin, configured: &LogOrigin) -> String {
    format!(
        "log_origin is {configured}, but the checkpoints of this database name {bound}: set --log-origin {bound}, or leave it out; a new name needs a new --data-dir"
    )
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::checkpoint::Checkpoint;
    use mcp_multiplayer_protocol::merkle::TreeHead;
    use mcp_multiplayer_protocol::{ChannelId, Hash};

    use super::LogKey;
    use crate::clock::Random;
    use crate::config::Config;
    use crate::database::{Purpose, open_database};

    #[tokio::test]
    async fn the_name_stays_when_the_public_url_changes() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().to_owned();
        let mut config = Config { data_dir, public_url: "https://relay.example.org".into(), ..Config::default() };
        let (store, random) = (open_database(&config, Purpose::Serve).unwrap(), Random::system());
        let key = LogKey::open(&config, &*store, &random).await.unwrap();
        config.public_url = "https://other.example.org".into();
        let again = LogKey::open(&config, &*store, &random).await.unwrap();
        assert_eq!((again.origin().as_str(), again.public()), ("relay.example.org", key.public()));
        config.log_origin = Some("relay.example.org".parse().unwrap());
        LogKey::open(&config, &*store, &random).await.unwrap();
        config.log_origin = Some("other.example.org".parse().unwrap());
        let error = LogKey::open(&config, &*store, &random).await.unwrap_err().to_string();
        assert!(error.contains("--log-origin relay.example.org"), "{error}");
    }

    #[tokio::test]
    async fn checkpoints_name_the_channel() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = open_database(&config, Purpose::Serve).unwrap();
        let key = LogKey::open(&config, &*store, &Random::system()).await.unwrap();
        let (channel_id, tree) = (ChannelId::from_bytes([7; 10]), TreeHead { size: 3, root: Hash::of(&[b"root"]) });
        let origin = key.origin().channel(channel_id);
        let checkpoint = Checkpoint::verify(&key.sign(channel_id, tree), &origin, &key.public()).unwrap();
        assert_eq!(checkpoint.tree, tree);
        assert!(key.verifier_key(channel_id).starts_with(&format!("{origin}+")));
    }
}
