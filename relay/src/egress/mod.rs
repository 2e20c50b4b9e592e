//! The way to the internet: connections that the relay opens, judges and counts for bots, and its own.
//!
//! A bot's process has no sockets; it asks, and [`Network`] does what the operator's rules allow; [`RelayConnector`] keeps
//! the relay itself to them. Neither must ever connect to an address that was not judged, or look a name up twice on
//! the way.

mod budget;
mod connection;
mod connector;
mod failure;
mod hook;
mod lookup;
mod rules;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use mcp_multiplayer_bot_supervisor::{Egress, HookEgress};
use tokio::time::Instant;

use self::budget::{Amount, Budget};
pub(crate) use self::connector::{ConnectError, RelayConnector};
use self::hook::HookConnections;
use self::lookup::Lookups;
use self::rules::{HostRule, Rules};
use self::tls::Trust;
use crate::clock::Clock;
use crate::config::Config;

/// The network of all the relay's bots.
#[derive(Debug)]
pub(crate) struct Network(Arc<Shared>);

/// What all hooks share.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    per_hook: Amount,
    budget: Budget,
    lookups: Lookups,
    trust: Trust,
}

impl Network {
    /// The network that the configuration describes; `None` if bots shall have none.
    pub(crate) fn open(config: &Config, clock: Clock) -> Result<Option<Self>> {
        if !config.bot_network {
            return Ok(None);
        }
        let rules = Rules {
            ports: config.bot_network_ports.clone(),
            allow: host_rules(&config.bot_network_allow, "bot_network_allow")?,
            deny: host_rules(&config.bot_network_deny, "bot_network_deny")?,
            only: config.bot_network_only,
        };
        // A bot may look a name up to show it, and again to connect to it.
        let amount = |connections: u64, bytes| Amount { lookups: connections.saturating_mul(2), connections, bytes };
        let per_hour = amount(config.bot_network_hour_connections, config.bot_network_hour_bytes);
        Ok(Some(Self(Arc::new(Shared {
            rules,
            per_hook: amount(config.bot_network_hook_connections, config.bot_network_hook_bytes),
            budget: Budget::new(clock, per_hour),
            lookups: Lookups::new(),
            trust: Trust::open(config.bot_network_ca.as_deref()).context(CA)?,
        }))))
    }
}

/// The setting that names further authorities.
const CA: &str = "bot_network_ca";

/// The rules of a setting.
fn host_rules(rules: &[String], setting: &'static str) -> Result<Vec<HostRule>> {
    // A variable that is set to nothing is a list of one empty text.
    let rules = rules.iter().map(|rule| rule.trim()).filter(|rule| !rule.is_empty());
    let parsed = rules.map(|rule| HostRule::parse(rule).map_err(anyhow::Error::msg));
    parsed.collect::<Result<_>>().context(setting)
}

impl Egress for Network {
    fn open(&self, channel_id: &str, _bot_id: &str, deadline: Instant, _secrets: Arc<[String]>) -> Box<dyn HookEgress> {
        Box::new(HookConnections::new(Arc::clone(&self.0), channel_id, deadline))
    }
}
