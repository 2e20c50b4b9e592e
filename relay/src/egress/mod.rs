//! Outgoing connections: those that the relay opens for bots, by the operator's rules and within budgets, and its own.
//!
//! A bot's process has no sockets; it sends requests, and [`Network`] does what the rules allow. [`RelayConnector`] holds the
//! relay itself to them. Neither may ever connect to an address that was not checked, or resolve a name twice for one
//! connection: the second answer could be another address (DNS rebinding).

mod budget;
mod connection;
mod connector;
mod failure;
mod hook;
mod resolver;
mod rules;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use mcp_multiplayer_bot_supervisor::{Egress, HookEgress};
use mcp_multiplayer_protocol::{Hash, canonical_text};
use serde_json::json;
use tokio::time::Instant;

use self::budget::{Amounts, HourlyBudgets};
pub(crate) use self::connector::{ConnectError, RelayConnector};
use self::hook::HookConnections;
use self::resolver::Resolver;
use self::rules::{EgressRules, HostRule};
use self::tls::TrustAnchors;
use crate::clock::Clock;
use crate::config::Config;

/// The network of all the relay's bots.
#[derive(Debug)]
pub(crate) struct Network(Arc<Shared>);

/// The state that all hooks share.
#[derive(Debug)]
struct Shared {
    rules: EgressRules,
    per_hook: Amounts,
    hourly: HourlyBudgets,
    resolver: Resolver,
    trust_anchors: TrustAnchors,
}

impl Network {
    /// The network that the configuration describes; `None` if it gives bots no network.
    pub(crate) fn open(config: &Config, clock: &Clock) -> Result<Option<Self>> {
        if !config.bot_network {
            return Ok(None);
        }
        let rules = EgressRules {
            ports: config.bot_network_ports.clone(),
            allow: host_rules(&config.bot_network_allow, "bot_network_allow")?,
            deny: host_rules(&config.bot_network_deny, "bot_network_deny")?,
            only_allowed: config.bot_network_only,
        };
        // A bot may resolve a name to display it, and again to connect to it.
        let amounts = |connections: u64, bytes| Amounts { lookups: connections.saturating_mul(2), connections, bytes };
        let per_hour = amounts(config.bot_network_hour_connections, config.bot_network_hour_bytes);
        Ok(Some(Self(Arc::new(Shared {
            rules,
            per_hook: amounts(config.bot_network_hook_connections, config.bot_network_hook_bytes),
            hourly: HourlyBudgets::new(per_hour, clock),
            resolver: Resolver::new(),
            trust_anchors: TrustAnchors::open(config.bot_network_ca.as_deref()).context(CA_SETTING)?,
        }))))
    }
}

/// The setting for further certificate authorities.
const CA_SETTING: &str = "bot_network_ca";

/// Hash of the rules for bots' connections: SHA-256 of a tag, a zero byte and their canonical JSON (RFC 8785); `None` if bots
/// have no network. Players can tell by it that the rules stay as they were, and the operator can show which they are.
pub(crate) fn rules_hash(config: &Config) -> Option<Hash> {
    let rules = json!({
        "ports": config.bot_network_ports,
        "allow": config.bot_network_allow,
        "deny": config.bot_network_deny,
        "only_allowed": config.bot_network_only,
        "hook_connections": config.bot_network_hook_connections,
        "hook_bytes": config.bot_network_hook_bytes,
    });
    let text = canonical_text("rules", &rules).expect("the settings are checked at the start");
    config.bot_network.then(|| Hash::of(&[b"mcp-multiplayer/egress/v2\0", text.as_bytes()]))
}

/// Parses the host rules of a setting.
/// Checks the settings that name hosts.
pub(crate) fn check_rules(config: &Config) -> Result<()> {
    host_rules(&config.bot_network_allow, "bot_network_allow")?;
    host_rules(&config.bot_network_deny, "bot_network_deny").map(drop)
}

fn host_rules(rules: &[String], setting: &'static str) -> Result<Vec<HostRule>> {
    // An environment variable that is set but empty yields one empty string.
    let rules = rules.iter().map(|rule| rule.trim()).filter(|rule| !rule.is_empty());
    let parsed = rules.map(|rule| HostRule::parse(rule).map_err(anyhow::Error::msg));
    parsed.collect::<Result<_>>().context(setting)
}

impl Egress for Network {
    fn open(
        &self,
        channel_id: &str,
        _bot_id: &str,
        deadline: Instant,
        _secrets: Arc<[String]>,
    ) -> Option<Box<dyn HookEgress>> {
        Some(Box::new(HookConnections::new(Arc::clone(&self.0), channel_id, deadline)))
    }
}
