use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mcp_multiplayer_bot_supervisor::EgressErrorKind;
use tokio::time::timeout;

use super::connection::{ByteStream, OutgoingConnection};
use super::failure::Failure;
use super::resolver::Resolver;
use super::rules::{EgressRules, normalize_name};
use super::tls::TrustAnchors;
use super::{CA_SETTING, host_rules};
use crate::config::Config;
use crate::net::parse_host_address;

/// Time for one address to accept the connection before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The brackets around an IPv6 address in a URL.
const BRACKETS: [char; 2] = ['[', ']'];

/// Opens the relay's own connections to the internet, over TLS: to public addresses at port 443, and to the hosts that the
/// operator allows bots. Only to this machine itself may they be without TLS. They count against no budget, and work also where bots have no network.
pub(crate) struct RelayConnector {
    rules: EgressRules,
    resolver: Resolver,
    trust_anchors: TrustAnchors,
}

/// Error of [`RelayConnector::connect`], in words for the operator.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The rules forbid the connection.
    Refused(String),
    /// The host was not found, or could not be reached over TLS.
    Failed(EgressErrorKind, String),
}

impl From<Failure> for ConnectError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.kind, failure.message)
    }
}

impl RelayConnector {
    /// Reads the rules and certificate authorities of the configuration.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let rules = EgressRules {
            ports: vec![443],
            allow: host_rules(&config.bot_network_allow, "bot_network_allow")?,
            deny: host_rules(&config.bot_network_deny, "bot_network_deny")?,
            // `bot_network_only` restricts bots. The relay fetches for clients that the operator admits by other settings.
            only_allowed: false,
        };
        let trust_anchors = TrustAnchors::open(config.bot_network_ca.as_deref()).context(CA_SETTING)?;
        Ok(Self { rules, resolver: Resolver::new(), trust_anchors })
    }

    /// Connects to a host and verifies its certificate. The host is resolved once, and its addresses are checked.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, ConnectError> {
        let addresses = self.addresses(host, port).await?;
        let peer = format!("{host}:{port}");
        let mut failure = Failure::new(EgressErrorKind::Resolve, format!("{host} has no address"));
        for address in addresses {
            match timeout(CONNECT_TIMEOUT, OutgoingConnection::open(address, host, &peer)).await {
                Ok(Ok(connection)) => {
                    let name = host.trim_matches(BRACKETS).to_owned();
                    let secured =
                        connection.secure(&self.trust_anchors, Some(name), true, &["http/1.1".to_owned()]).await;
                    let (connection, _) = secured.map_err(ConnectError::from)?;
                    return Ok(connection.into_stream());
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = Failure::new(EgressErrorKind::Timeout, format!("{peer} did not answer in time")),
            }
        }
        Err(failure.into())
    }

    /// Connects without TLS to a loopback address that the operator allows bots.
    pub(crate) async fn connect_to_loopback(&self, address: SocketAddr) -> Result<Box<dyn ByteStream>, ConnectError> {
        let host = address.ip().to_string();
        if !address.ip().is_loopback() {
            return Err(ConnectError::Refused(format!("{host} is not this machine, and can be reached over TLS only")));
        }
        self.rules.permitted(&[], vec![address], Some(address.port())).map_err(ConnectError::Refused)?;
        let connection = OutgoingConnection::open(address, &host, &address.to_string()).await;
        Ok(connection.map_err(ConnectError::from)?.into_stream())
    }

    /// The permitted addresses of a host, at least one.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let (names, found) = if let Some(address) = parse_host_address(host) {
            (vec![], vec![SocketAddr::new(address, port)])
        } else {
            let name = normalize_name(host).map_err(ConnectError::Refused)?;
            self.rules.check_name(&name).map_err(ConnectError::Refused)?;
            let found = self.resolver.resolve(&name, name.clone()).await;
            (
                vec![name],
                found.map_err(|error| {
                    let message = format!("there is no host {host}: {error}");
                    ConnectError::Failed(EgressErrorKind::Resolve, message)
                })?,
            )
        };
        let permitted = self.rules.permitted(&names, found, Some(port)).map_err(ConnectError::Refused)?;
        Ok(permitted.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect())
    }
}
