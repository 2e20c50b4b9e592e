use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BoxFuture, Bytes, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::connection::OutgoingConnection;
use super::failure::Failure;
use super::rules::normalize_name;
use crate::net::parse_host_address;
use crate::quota::WindowBudget;

/// Largest number of bytes that one response brings.
const MAX_RECEIVED_BYTES: usize = 256 * 1024;

/// The connections of one run of a hook, and what it has used of its limits.
pub(super) struct HookConnections {
    shared: Arc<Shared>,
    channel_id: String,
    deadline: Instant,
    connections: HashMap<u32, OutgoingConnection>,
    /// The number of the newest connection.
    last_opened: u32,
    /// Connections that the hook asked for, successful or not.
    attempted: u64,
    lookups: u64,
    bytes: u64,
    /// The names that the hook resolved to each address, so that rules for names also apply when it connects by address.
    names: HashMap<IpAddr, Vec<String>>,
}

impl HookEgress for HookConnections {
    fn ask(&mut self, request: EgressRequest) -> BoxFuture<'_, EgressResponse> {
        Box::pin(async move { self.perform(request).await.unwrap_or_else(EgressResponse::from) })
    }
}

impl HookConnections {
    pub(super) fn new(shared: Arc<Shared>, channel_id: &str, deadline: Instant) -> Self {
        Self {
            shared,
            channel_id: channel_id.to_owned(),
            deadline,
            connections: HashMap::new(),
            last_opened: 0,
            attempted: 0,
            lookups: 0,
            bytes: 0,
            names: HashMap::new(),
        }
    }

    async fn perform(&mut self, request: EgressRequest) -> Result<EgressResponse, Failure> {
        match request {
            EgressRequest::Connect { host, port, timeout_ms } => self.connect(&host, port, timeout_ms).await,
            EgressRequest::Resolve { host } => self.resolve(&host).await,
            EgressRequest::Tls { conn, server_name, verify, alpn } => {
                self.secure(conn, server_name, verify, &alpn).await
            }
            EgressRequest::Send { conn, data } => self.send(conn, &data.0).await,
            EgressRequest::Receive { conn, max_bytes, timeout_ms } => self.receive(conn, max_bytes, timeout_ms).await,
            EgressRequest::Close { conn } => {
                self.connections.remove(&conn);
                Ok(EgressResponse::Closed {})
            }
        }
    }

    async fn connect(&mut self, host: &str, port: u16, timeout_ms: u64) -> Result<EgressResponse, Failure> {
        let shared = Arc::clone(&self.shared);
        let until = self.deadline_after(timeout_ms);
        let (names, addresses) = self.look_up(host, until).await?;
        let permitted = shared.rules.permitted(&names, addresses, Some(port)).map_err(refused)?;
        self.take_connection()?;
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let peer = if is_bare_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut failure = Failure::new(EgressErrorKind::Resolve, format!("{host} has no address"));
        let count = permitted.len();
        for (index, mut address) in permitted.into_iter().enumerate() {
            address.set_port(port);
            // The remaining time is shared among the remaining addresses, as each may turn out to be unreachable.
            let now = Instant::now();
            let rest = until.saturating_duration_since(now) / u32::try_from(count - index).unwrap_or(1);
            match timeout_at(now + rest, OutgoingConnection::open(address, host, &peer)).await {
                Ok(Ok(connection)) => {
                    tracing::debug!(channel_id = %self.channel_id, peer.address = %address, "a bot connected");
                    self.last_opened += 1;
                    self.connections.insert(self.last_opened, connection);
                    return Ok(EgressResponse::Connected { conn: self.last_opened, address: address.ip().to_string() });
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = self.timed_out(&peer),
            }
        }
        Err(failure)
    }

    async fn resolve(&mut self, host: &str) -> Result<EgressResponse, Failure> {
        let (names, addresses) = self.look_up(host, self.deadline).await?;
        let permitted = self.shared.rules.permitted(&names, addresses, None).map_err(refused)?;
        let addresses = permitted.iter().map(|address| address.ip().to_string()).collect();
        Ok(EgressResponse::Resolved { addresses })
    }

    /// The addresses of a host, and the names that the hook resolved to them.
    ///
    /// The only place that resolves names, so that the addresses that are checked are those that are connected to.
    async fn look_up(&mut self, host: &str, until: Instant) -> Result<(Vec<String>, Vec<SocketAddr>), Failure> {
        if let Some(address) = parse_host_address(host) {
            let names = self.names.get(&address.to_canonical()).cloned().unwrap_or_default();
            return Ok((names, vec![SocketAddr::new(address, 0)]));
        }
        let name = normalize_name(host).map_err(refused)?;
        self.shared.rules.check_name(&name).map_err(refused)?;
        self.lookups += 1;
        if self.lookups > self.shared.per_hook.lookups {
            let limit = self.shared.per_hook.lookups;
            return Err(over_limit(format!("a hook may look up at most {limit} names")));
        }
        let hourly = &self.shared.hourly.lookups;
        if !hourly.take_one(self.channel_id.clone()) {
            return Err(over_hourly_limit(hourly, "name lookups"));
        }
        let found = timeout_at(until, self.shared.resolver.resolve(&self.channel_id, name.clone())).await;
        let found = found.map_err(|_| self.timed_out(&name))?;
        let addresses =
            found.map_err(|_| Failure::new(EgressErrorKind::Resolve, format!("there is no host {name}")))?;
        for address in &addresses {
            let names = self.names.entry(address.ip().to_canonical()).or_default();
            if !names.contains(&name) {
                names.push(name.clone());
            }
        }
        Ok((vec![name], addresses))
    }

    async fn secure(
        &mut self,
        conn: u32,
        server_name: Option<String>,
        verify: bool,
        alpn: &[String],
    ) -> Result<EgressResponse, Failure> {
        let connection = self.connections.remove(&conn).ok_or_else(|| closed(conn))?;
        let peer = connection.peer.clone();
        let secured = connection.secure(&self.shared.trust_anchors, server_name, verify, alpn);
        let (connection, response) = timeout_at(self.deadline, secured).await.map_err(|_| self.timed_out(&peer))??;
        self.connections.insert(conn, connection);
        Ok(response)
    }

    async fn send(&mut self, conn: u32, data: &[u8]) -> Result<EgressResponse, Failure> {
        let left = self.bytes_left()?;
        if data.len() as u64 > left {
            return Err(over_limit(format!("only {left} more bytes may be exchanged")));
        }
        // Removed until the data is sent: after a failure it is unknown how much was, so the connection is closed.
        let mut connection = self.connections.remove(&conn).ok_or_else(|| closed(conn))?;
        self.count_bytes(data.len());
        let sent = timeout_at(self.deadline, connection.send(data)).await;
        sent.map_err(|_| self.timed_out(&connection.peer))??;
        self.connections.insert(conn, connection);
        Ok(EgressResponse::Sent {})
    }

    async fn receive(&mut self, conn: u32, max_bytes: usize, timeout_ms: u64) -> Result<EgressResponse, Failure> {
        let until = self.deadline_after(timeout_ms);
        let left = usize::try_from(self.bytes_left()?).unwrap_or(usize::MAX);
        let connection = self.connections.get_mut(&conn).ok_or_else(|| closed(conn))?;
        if max_bytes == 0 {
            return Ok(EgressResponse::Received { data: Bytes(Vec::new()) });
        }
        // After a timeout the connection stays usable.
        let peer = connection.peer.clone();
        let received = timeout_at(until, connection.receive(max_bytes.min(MAX_RECEIVED_BYTES).min(left))).await;
        let received = received.map_err(|_| self.timed_out(&peer))?;
        if received.is_err() {
            self.connections.remove(&conn);
        }
        let data = received?;
        self.count_bytes(data.len());
        Ok(EgressResponse::Received { data: Bytes(data) })
    }

    fn take_connection(&mut self) -> Result<(), Failure> {
        let limit = self.shared.per_hook.connections;
        self.attempted += 1;
        if self.attempted > limit {
            return Err(over_limit(format!("a hook may open at most {limit} connections")));
        }
        let hourly = &self.shared.hourly.connections;
        if !hourly.take_one(self.channel_id.clone()) {
            return Err(over_hourly_limit(hourly, "connections"));
        }
        Ok(())
    }

    /// Bytes that the hook may still exchange: at least one.
    fn bytes_left(&self) -> Result<u64, Failure> {
        let limit = self.shared.per_hook.bytes;
        let left_of_hook = limit.saturating_sub(self.bytes);
        if left_of_hook == 0 {
            return Err(over_limit(format!("a hook may exchange at most {limit} bytes")));
        }
        let hourly = &self.shared.hourly.bytes;
        match hourly.left(self.channel_id.as_str()) {
            0 => Err(over_hourly_limit(hourly, "bytes")),
            left_of_hour => Ok(left_of_hook.min(left_of_hour)),
        }
    }

    fn count_bytes(&mut self, count: usize) {
        self.bytes += count as u64;
        self.shared.hourly.bytes.add(self.channel_id.clone(), count as u64);
    }

    /// The earlier of the request's deadline and the hook's.
    fn deadline_after(&self, timeout_ms: u64) -> Instant {
        Instant::now()
            .checked_add(Duration::from_millis(timeout_ms))
            .map_or(self.deadline, |then| then.min(self.deadline))
    }

    fn timed_out(&self, peer: &str) -> Failure {
        let limit = if Instant::now() >= self.deadline { "before the hook's time was up" } else { "in time" };
        Failure::new(EgressErrorKind::Timeout, format!("{peer} did not answer {limit}"))
    }
}

fn refused(reason: String) -> Failure {
    Failure::new(EgressErrorKind::Refused, reason)
}

fn over_limit(message: String) -> Failure {
    Failure::new(EgressErrorKind::Limit, message)
}

fn over_hourly_limit(budget: &WindowBudget<String>, what: &str) -> Failure {
    let limit = budget.limit();
    over_limit(format!("the bots of a channel may use at most {limit} {what} an hour; try again later"))
}

fn closed(conn: u32) -> Failure {
    Failure::new(EgressErrorKind::Closed, format!("connection {conn} is closed"))
}
