use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use mcp_multiplayer_bot_supervisor::EgressErrorKind;
use tokio::time::timeout;

use super::connection::{Connection, Stream};
use super::failure::Failure;
use super::lookup::Lookups;
use super::rules::{Rules, name_of};
use super::tls::Trust;
use super::{CA, host_rules};
use crate::config::Config;

/// How long an address may take to answer before the next is tried.
const CONNECT: Duration = Duration::from_secs(2);

/// The relay's own connector on the internet, always over TLS: to public addresses at port 443, and to what the operator
/// allows bots. They do without the bots' budgets, and are done even where bots have no network.
pub(crate) struct RelayConnector {
    rules: Rules,
    lookups: Lookups,
    trust: Trust,
}

/// Why there is no connection, in words for the operator.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The rules forbid it.
    Refused(String),
    /// It did not come about.
    Failed(String),
}

impl RelayConnector {
    /// The rules and authorities of the configuration.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let rules = Rules {
            ports: vec![443],
            allow: host_rules(&config.bot_network_allow, "bot_network_allow")?,
            deny: host_rules(&config.bot_network_deny, "bot_network_deny")?,
            // It says what bots may reach; who else is reached is told by whom the operator lets in.
            only: false,
        };
        let trust = Trust::open(config.bot_network_ca.as_deref()).context(CA)?;
        Ok(Self { rules, lookups: Lookups::new(), trust })
    }

    /// A connection to a host, whose certificate was verified. The host's addresses are looked up once, and judged.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, ConnectError> {
        let addresses = self.addresses(host, port).await?;
        let peer = format!("{host}:{port}");
        let mut failure = Failure::new(EgressErrorKind::Resolve, format!("{host} has no address"));
        for address in addresses {
            match timeout(CONNECT, Connection::open(address, host, &peer)).await {
                Ok(Ok(connection)) => {
                    let name = bare(host).to_owned();
                    let secured = connection.secure(&self.trust, Some(name), true, &["http/1.1".to_owned()]).await;
                    let (connection, _) = secured.map_err(|failure| ConnectError::Failed(failure.message))?;
                    return Ok(connection.into_stream());
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = Failure::new(EgressErrorKind::Timeout, format!("{peer} did not answer in time")),
            }
        }
        Err(ConnectError::Failed(failure.message))
    }

    /// The addresses of a host that may be reached at this port, of which there is at least one.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let (names, found) = if let Ok(address) = bare(host).parse::<IpAddr>() {
            (vec![], vec![SocketAddr::new(address, 0)])
        } else {
            let name = name_of(host).map_err(ConnectError::Refused)?;
            self.rules.judge_name(&name).map_err(ConnectError::Refused)?;
            let found = self.lookups.look_up(&name, name.clone()).await;
            (vec![name], found.map_err(|error| ConnectError::Failed(format!("there is no host {host}: {error}")))?)
        };
        let (mut open, mut refusal) = (Vec::new(), format!("{host} has no address"));
        for address in found {
            match self.rules.judge(&names, address.ip(), Some(port)) {
                Ok(()) => open.push(SocketAddr::new(address.ip(), port)),
                Err(reason) => refusal = reason,
            }
        }
        if open.is_empty() { Err(ConnectError::Refused(refusal)) } else { Ok(open) }
    }
}

/// A host without the brackets that an IPv6 address has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
