//! What all of the relay's parts share.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use mcp_multiplayer_bot_supervisor::{Limits, Outside, Supervisor, SupervisorConfig, Unavailable, Wall};
use mcp_multiplayer_protocol::WallReport;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::auth::{Tokens, open_local_token};
use crate::bots;
use crate::channel::{Channels, StartRunner};
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::oauth;
use crate::outside::Network;
use crate::quota::Quotas;
use crate::secret::RelayKey;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, forget_hourly};

/// A relay at work. Dropping the last reference ends its bots.
pub struct Relay {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) key: RelayKey,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) channels: Channels,
    pub(crate) supervisor: Supervisor,
    wall: OnceCell<KnownWall>,
    pub(crate) tokens: Tokens,
    pub(crate) client_documents: oauth::Documents,
    pub(crate) quotas: Quotas,
    /// Cancelled when the relay is to stop: waits end, nothing new is begun.
    pub(crate) shutdown: CancellationToken,
}

impl Relay {
    /// Opens the data directory, and takes up the hooks that were due when the last run ended.
    pub async fn open(config: Config, clock: Clock, random: Random, shutdown: CancellationToken) -> Result<Arc<Self>> {
        let directory = config.data_dir.display();
        std::fs::create_dir_all(&config.data_dir).with_context(|| format!("cannot make {directory}"))?;
        let key = RelayKey::open(&config.key_file(), &random).context("cannot open the relay's key")?;
        let local = config.local_token.then(|| open_local_token(&config.local_token_file(), &random));
        let local = local.transpose().context("cannot open the local token")?;
        let database = config.database();
        let store = SqliteStore::open(&database).with_context(|| format!("cannot open {}", database.display()))?;
        let store: Arc<dyn Store> = Arc::new(store);
        let network = Network::open(&config, clock.clone())?.map(|network| Arc::new(network) as Arc<dyn Outside>);
        let supervisor = Supervisor::new(SupervisorConfig {
            outside: network,
            python: config.bot_python.clone(),
            limits: Limits {
                hook: Duration::from_millis(config.hook_ms),
                memory_bytes: config.bot_memory_bytes,
                body_bytes: config.body_bytes,
                ..Limits::default()
            },
            max_workers: config.bot_workers,
            refuse: config.bot_wall_refuse.clone(),
            idle_after: Duration::from_secs(config.bot_idle_seconds),
            ..SupervisorConfig::new(config.worker(), config.data_dir.join("workspaces"))
        })?;
        let tokens = Tokens::new(Arc::clone(&store), clock.clone(), config.clone(), local.as_deref());
        let client_documents = oauth::Documents::open(&config, clock.clone())?;
        let quotas = Quotas::new(&config, &clock);
        let capacity = config.live_channels;
        let relay = Arc::new_cyclic(|relay: &Weak<Self>| {
            let relay = relay.clone();
            let start: StartRunner = Box::new(move |channel, bot_id| bots::start(relay.clone(), channel, bot_id));
            let channels = Channels::new(Arc::clone(&store), clock.clone(), random.clone(), capacity, start);
            Self {
                config,
                clock,
                random,
                key,
                store,
                channels,
                supervisor,
                wall: OnceCell::new(),
                tokens,
                client_documents,
                quotas,
                shutdown,
            }
        });
        let early = Arc::clone(&relay);
        tokio::spawn(async move {
            if let Err(error) = early.known_wall().await {
                tracing::error!(error.cause = %error, remedy = error.remedy(), "bots cannot be run");
            }
        });
        tokio::spawn(forget_hourly(Arc::downgrade(&relay.store), relay.clock.clone(), relay.shutdown.clone()));
        let due = relay.store.list_channels_with_due_bots().await?;
        tracing::info!(channels = due.len(), "taking up hooks that were due");
        for channel_id in due {
            relay.channels.get(channel_id).await?;
        }
        Ok(relay)
    }
}

/// The wall around bots, once it was tried.
struct KnownWall {
    wall: Wall,
    report: WallReport,
}

impl Relay {
    /// Has the wall tried, the first time; nothing but what concerns bots waits for it.
    async fn known_wall(&self) -> Result<&KnownWall, Unavailable> {
        self.wall
            .get_or_try_init(|| async {
                let wall = self.supervisor.wall().await?;
                tell_operator(&wall, &self.config);
                Ok(KnownWall { report: report(&wall), wall })
            })
            .await
    }

    /// How far the wall reaches.
    pub(crate) async fn wall_level(&self) -> Result<&str, Unavailable> {
        Ok(&self.known_wall().await?.wall.level)
    }

    /// What it consists of, as everybody may know.
    pub(crate) async fn wall_report(&self) -> Result<&WallReport, Unavailable> {
        Ok(&self.known_wall().await?.report)
    }

    /// Whether people may bring bots of their own.
    pub(crate) async fn takes_inline_code(&self) -> Result<bool, Unavailable> {
        let wall = &self.known_wall().await?.wall;
        Ok(self.config.allow_unsandboxed_bots || wall.reaches(self.config.bot_wall_minimum.name()))
    }
}

fn tell_operator(wall: &Wall, config: &Config) {
    for layer in wall.layers.iter().filter(|layer| !layer.held) {
        let reason = layer.reason.as_deref().unwrap_or_default();
        tracing::warn!(layer = layer.name, reason, "a layer of the wall around bots is refused here");
    }
    tracing::info!(level = wall.level, self_test = wall.verdict(), "the wall around bots");
    let minimum = config.bot_wall_minimum.name();
    if config.allow_unsandboxed_bots {
        tracing::warn!("people may bring bots whatever the wall holds; they run as this relay's user");
    } else if !wall.reaches(minimum) {
        tracing::warn!(minimum, "the wall does not reach as far as it must: only presets run");
    }
    if !config.bot_policy {
        tracing::warn!("inline bots are not held to the policy");
    }
}

fn report(wall: &Wall) -> WallReport {
    let refused = wall.layers.iter().filter(|layer| !layer.held);
    WallReport {
        held: wall.layers.iter().filter(|layer| layer.held).map(|layer| layer.name.clone()).collect(),
        refused: refused
            .map(|layer| format!("{}: {}", layer.name, layer.reason.as_deref().unwrap_or("refused")))
            .collect(),
        self_test: wall.verdict(),
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay")
    }
}
