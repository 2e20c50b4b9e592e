//! What one hook does outside.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BoxFuture, Bytes, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::connection::Connection;
use super::failure::Failure;
use super::rules::name_of;

/// Bytes that one answer brings.
const RECEIVED_BYTES: usize = 256 * 1024;

/// A hook's connections, and what it has used of its share.
pub(super) struct HookConnections {
    shared: Arc<Shared>,
    channel_id: String,
    deadline: Instant,
    connections: HashMap<u32, Connection>,
    /// The number of the last connection.
    opened: u32,
    /// Connections that were tried so far.
    tried: u64,
    lookups: u64,
    bytes: u64,
    /// The names that led the hook to an address, so that rules for names hold when it connects by that.
    names: HashMap<IpAddr, Vec<String>>,
}

impl HookEgress for HookConnections {
    fn ask(&mut self, ask: EgressRequest) -> BoxFuture<'_, EgressResponse> {
        Box::pin(async move { self.answer(ask).await.unwrap_or_else(EgressResponse::from) })
    }
}

impl HookConnections {
    pub(super) fn new(shared: Arc<Shared>, channel_id: &str, deadline: Instant) -> Self {
        Self {
            shared,
            channel_id: channel_id.to_owned(),
            deadline,
            connections: HashMap::new(),
            opened: 0,
            tried: 0,
            lookups: 0,
            bytes: 0,
            names: HashMap::new(),
        }
    }

    async fn answer(&mut self, ask: EgressRequest) -> Result<EgressResponse, Failure> {
        match ask {
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
        let until = self.until(timeout_ms);
        let (names, addresses) = self.look_up(host, until).await?;
        let (mut open, mut refusal) = (Vec::new(), None);
        for address in addresses {
            match shared.rules.judge(&names, address.ip(), Some(port)) {
                Ok(()) => open.push(address),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        if let Some(reason) = refusal.filter(|_| open.is_empty()) {
            return Err(Failure::new(EgressErrorKind::Refused, reason));
        }
        self.take_connection()?;
        let is_bare = host.contains(':') && !host.starts_with('[');
        let peer = if is_bare { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut failure = Failure::new(EgressErrorKind::Resolve, format!("{host} has no address"));
        let count = open.len();
        for (index, mut address) in open.into_iter().enumerate() {
            address.set_port(port);
            // Each address but the last gets a part of the time, in case it leads nowhere.
            let now = Instant::now();
            let rest = until.saturating_duration_since(now) / u32::try_from(count - index).unwrap_or(1);
            match timeout_at(now + rest, Connection::open(address, host, &peer)).await {
                Ok(Ok(connection)) => {
                    tracing::debug!(channel_id = %self.channel_id, peer.address = %address, "a bot connected");
                    self.opened += 1;
                    self.connections.insert(self.opened, connection);
                    return Ok(EgressResponse::Connected { conn: self.opened, address: address.ip().to_string() });
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = self.late(&peer),
            }
        }
        Err(failure)
    }

    async fn resolve(&mut self, host: &str) -> Result<EgressResponse, Failure> {
        let (names, addresses) = self.look_up(host, self.deadline).await?;
        let (mut open, mut refusal) = (Vec::new(), None);
        for address in addresses {
            match self.shared.rules.judge(&names, address.ip(), None) {
                Ok(()) => open.push(address.ip().to_string()),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        match refusal.filter(|_| open.is_empty()) {
            Some(reason) => Err(Failure::new(EgressErrorKind::Refused, reason)),
            None => Ok(EgressResponse::Resolved { addresses: open }),
        }
    }

    /// All addresses of a host, and the names that led to them. The only place that asks for any: what
    /// is judged is what is connected to.
    async fn look_up(&mut self, host: &str, until: Instant) -> Result<(Vec<String>, Vec<SocketAddr>), Failure> {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = literal.parse::<IpAddr>() {
            let names = self.names.get(&address.to_canonical()).cloned().unwrap_or_default();
            return Ok((names, vec![SocketAddr::new(address, 0)]));
        }
        let refused = |reason| Failure::new(EgressErrorKind::Refused, reason);
        let name = name_of(host).map_err(refused)?;
        self.shared.rules.judge_name(&name).map_err(refused)?;
        self.lookups += 1;
        if self.lookups > self.shared.per_hook.lookups {
            let most = self.shared.per_hook.lookups;
            return Err(Failure::new(EgressErrorKind::Limit, format!("a hook may look up at most {most} names")));
        }
        if !self.shared.budget.take_lookup(&self.channel_id) {
            return Err(self.hour_is_up("look-ups of names"));
        }
        let found = timeout_at(until, self.shared.lookups.look_up(&self.channel_id, name.clone())).await;
        let found = found.map_err(|_| self.late(&name))?;
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
        let secured = connection.secure(&self.shared.trust, server_name, verify, alpn);
        let (connection, answer) = timeout_at(self.deadline, secured).await.map_err(|_| self.late(&peer))??;
        self.connections.insert(conn, connection);
        Ok(answer)
    }

    async fn send(&mut self, conn: u32, data: &[u8]) -> Result<EgressResponse, Failure> {
        let left = self.bytes_left()?;
        if data.len() as u64 > left {
            return Err(Failure::new(EgressErrorKind::Limit, format!("only {left} more bytes may be exchanged")));
        }
        // Taken out, so that after a failure, with an unknown part sent, nobody goes on with it.
        let mut connection = self.connections.remove(&conn).ok_or_else(|| closed(conn))?;
        self.count_bytes(data.len());
        let sent = timeout_at(self.deadline, connection.send(data)).await;
        sent.map_err(|_| self.late(&connection.peer))??;
        self.connections.insert(conn, connection);
        Ok(EgressResponse::Sent {})
    }

    async fn receive(&mut self, conn: u32, max_bytes: usize, timeout_ms: u64) -> Result<EgressResponse, Failure> {
        let until = self.until(timeout_ms);
        let left = usize::try_from(self.bytes_left()?).unwrap_or(usize::MAX);
        let connection = self.connections.get_mut(&conn).ok_or_else(|| closed(conn))?;
        if max_bytes == 0 {
            return Ok(EgressResponse::Received { data: Bytes(Vec::new()) });
        }
        // A connection stays usable when nothing came in time.
        let peer = connection.peer.clone();
        let received = timeout_at(until, connection.receive(max_bytes.min(RECEIVED_BYTES).min(left))).await;
        let received = received.map_err(|_| self.late(&peer))?;
        if received.is_err() {
            self.connections.remove(&conn);
        }
        let data = received?;
        self.count_bytes(data.len());
        Ok(EgressResponse::Received { data: Bytes(data) })
    }

    fn take_connection(&mut self) -> Result<(), Failure> {
        let most = self.shared.per_hook.connections;
        self.tried += 1;
        if self.tried > most {
            return Err(Failure::new(EgressErrorKind::Limit, format!("a hook may open at most {most} connections")));
        }
        if !self.shared.budget.take_connection(&self.channel_id) {
            return Err(self.hour_is_up("connections"));
        }
        Ok(())
    }

    /// Bytes that the hook may still exchange: at least one.
    fn bytes_left(&self) -> Result<u64, Failure> {
        let most = self.shared.per_hook.bytes;
        let hook = most.saturating_sub(self.bytes);
        if hook == 0 {
            return Err(Failure::new(EgressErrorKind::Limit, format!("a hook may exchange at most {most} bytes")));
        }
        match self.shared.budget.bytes_left(&self.channel_id) {
            0 => Err(self.hour_is_up("bytes")),
            hour => Ok(hook.min(hour)),
        }
    }

    fn count_bytes(&mut self, count: usize) {
        self.bytes += count as u64;
        self.shared.budget.count_bytes(&self.channel_id, count as u64);
    }

    fn hour_is_up(&self, what: &str) -> Failure {
        let most = self.shared.budget.per_hour();
        let most = match what {
            "bytes" => most.bytes,
            "connections" => most.connections,
            _ => most.lookups,
        };
        let message = format!("the bots of a channel have at most {most} {what} an hour; wait for the next");
        Failure::new(EgressErrorKind::Limit, message)
    }

    fn until(&self, timeout_ms: u64) -> Instant {
        Instant::now()
            .checked_add(Duration::from_millis(timeout_ms))
            .map_or(self.deadline, |then| then.min(self.deadline))
    }

    fn late(&self, peer: &str) -> Failure {
        let whose = if Instant::now() >= self.deadline { "before the hook's time was up" } else { "in time" };
        Failure::new(EgressErrorKind::Timeout, format!("{peer} did not answer {whose}"))
    }
}

fn closed(conn: u32) -> Failure {
    Failure::new(EgressErrorKind::Closed, format!("connection {conn} is closed"))
}
