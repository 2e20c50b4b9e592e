//! Assembles a relay from its configuration, and resumes the hooks that the last run left unfinished.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
#[cfg(target_os = "linux")]
use mcp_multiplayer_bot_supervisor::create_bots_group;
use mcp_multiplayer_bot_supervisor::{Egress, Limits, Supervisor, SupervisorConfig};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::auth::{Tokens, open_local_token};
use crate::bots;
use crate::changes::follow_other_processes;
use crate::channel::{Channels, Follower, StartFollower};
use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::database::{Purpose, database_path, open_database};
use crate::egress::{self, Network};
use crate::keys::{LogKey, RelayKey};
use crate::net::TrustedProxies;
use crate::practice;
use crate::quota::{FreeDisk, Quotas, watch_free_disk};
use crate::retention::delete_expired_hourly;
use crate::state::Relay;

/// Checks the settings whose rules are not the configuration's own: the addresses of trusted proxies, and the hosts that
/// bots may connect to.
pub fn check_addresses(config: &Config) -> Result<()> {
    TrustedProxies::new(config)?;
    egress::check_rules(config)
}

/// Limits the memory of all bot processes together: by a control group where the system delegates one to the relay, else
/// by their number. Returns the directory of the group, and the maximum number of processes.
fn limit_bot_memory(config: &Config) -> (Option<PathBuf>, usize) {
    #[cfg(target_os = "linux")]
    if let Some(memory_bytes) = config.bot_total_memory() {
        match create_bots_group(memory_bytes, config.bot_workers) {
            Ok(group) => {
                tracing::info!(group = %group.display(), memory_bytes, "a control group limits the memory of all bots");
                return (Some(group), config.bot_workers);
            }
            Err(reason) => tracing::info!(%reason, "bots run without a control group"),
        }
    }
    let workers = config.max_bot_workers();
    if workers < config.bot_workers {
        tracing::info!(
            workers,
            bot_workers = config.bot_workers,
            "bot_total_memory_bytes limits the number of bot processes"
        );
    }
    (None, workers)
}

/// Opens the database and the keys, and starts the bots that have hooks to run since the last run ended.
pub async fn open(config: Config, clock: Clock, random: Random, shutdown: CancellationToken) -> Result<Arc<Relay>> {
    let store = open_database(&config, Purpose::Serve)?;
    let key = RelayKey::open(&config.key_file(), &*store, &random).await.context("cannot open the relay's key")?;
    let log = LogKey::open(&config, &*store, &random).await.context("cannot open the key of the log")?;
    tracing::info!(origin = %log.origin(), key = %log.public(), "checkpoints are signed");
    let local = config.local_token.then(|| open_local_token(&config.local_token_file(), &random));
    let local = local.transpose().context("cannot open the local token")?;
    let egress_hash = egress::rules_hash(&config);
    let network = Network::open(&config, &clock)?.map(|network| Arc::new(network) as Arc<dyn Egress>);
    let (control_group, max_workers) = limit_bot_memory(&config);
    let supervisor = Supervisor::new(SupervisorConfig {
        egress: network,
        python: config.bot_python.clone(),
        limits: Limits { memory_bytes: config.bot_memory_bytes, ..Limits::default() },
        max_workers,
        control_group,
        disabled_layers: config.bot_sandbox_disable.clone(),
        idle_after: Duration::from_secs(config.bot_idle_seconds),
        ..SupervisorConfig::new(config.worker(), config.data_dir.join("workspaces"))
    })?;
    let tokens = Tokens::new(Arc::clone(&store), clock.clone(), config.clone(), local.as_deref());
    let disk = Arc::new(FreeDisk::new(database_path(&config), config.disk_free_bytes));
    tokio::spawn(watch_free_disk(Arc::downgrade(&disk), shutdown.clone()));
    let quotas = Quotas::new(&config, &clock, disk);
    let capacity = config.live_channels;
    let relay = Arc::new_cyclic(|relay: &Weak<Relay>| {
        let relay = relay.clone();
        let start: StartFollower = Box::new(move |channel, follower| match follower {
            Follower::Runner(bot_id) => bots::start(relay.clone(), channel, bot_id),
            Follower::Partners => practice::start(relay.clone(), channel),
        });
        let channels = Channels::new(Arc::clone(&store), clock.clone(), random.clone(), capacity, start);
        Relay {
            config,
            clock,
            random,
            key,
            log,
            store,
            channels,
            supervisor,
            egress_hash,
            sandbox: OnceCell::new(),
            tokens,
            quotas,
            shutdown,
        }
    });
    // Tested now, so that the operator sees the result in the log before anybody attaches a bot.
    let for_test = Arc::clone(&relay);
    tokio::spawn(async move {
        if let Err(error) = for_test.sandbox_status().await {
            tracing::error!(error.cause = %error, remedy = error.remedy(), "bots cannot be run");
        }
    });
    tokio::spawn(delete_expired_hourly(Arc::downgrade(&relay.store), relay.clock.clone(), relay.shutdown.clone()));
    tokio::spawn(follow_other_processes(Arc::downgrade(&relay)));
    let due = relay.store.list_channels_with_due_bots().await?;
    tracing::info!(channels = due.len(), "resuming due hooks");
    for channel_id in due {
        relay.channels.get(channel_id).await?;
    }
    Ok(relay)
}
