//! Records of the network exchanges of hooks, from which a replay answers the bot's requests.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::egress::{Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use crate::hook::HookRequest;
use crate::limits::Limits;

/// Time before a hook's deadline at which egress must have finished, so that the bot can still report a failure.
const EGRESS_MARGIN: Duration = Duration::from_millis(200);

/// Maximum number of requests of a hook.
const MAX_EXCHANGES: usize = 4096;

/// Maximum size of a record as JSON, in bytes.
const MAX_BYTES: usize = 8 << 20;

/// Maximum number of contacted hosts in a record.
const MAX_HOSTS: usize = 64;

/// Maximum length of a host name in a record, in characters.
const HOST_CHARACTERS: usize = 255;

/// An egress request and its response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressExchange {
    /// The bot's request.
    #[serde(rename = "ask")]
    pub request: EgressRequest,
    /// The relay's response.
    #[serde(rename = "answer")]
    pub response: EgressResponse,
}

/// All exchanges of one hook, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRecord {
    text: String,
    hosts: Vec<String>,
    sealed: bool,
}

impl EgressRecord {
    /// The exchanges as a JSON array of [`EgressExchange`]; this text is what is hashed and stored.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Contacted hosts, as `host:port`, each once. Includes those to which the connection failed.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns whether one of the bot's secrets occurs in it, so that only its hash may be stored.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }
}

/// Performs a hook's egress requests and records them.
pub(crate) struct EgressRecorder<'a> {
    egress: Option<&'a dyn Egress>,
    request: &'a HookRequest,
    secrets: &'a Arc<[String]>,
    connections: Option<Box<dyn HookEgress>>,
    exchanges: Vec<String>,
    bytes: usize,
    hosts: Vec<String>,
    sealed: bool,
}

impl<'a> EgressRecorder<'a> {
    /// Without `egress` every request is refused.
    pub(crate) fn new(egress: Option<&'a dyn Egress>, request: &'a HookRequest, secrets: &'a Arc<[String]>) -> Self {
        let (exchanges, hosts) = (Vec::new(), Vec::new());
        Self { egress, request, secrets, connections: None, exchanges, bytes: 0, hosts, sealed: false }
    }

    /// Starts the egress of the hook, whose time begins now. Must be called before the first request.
    pub(crate) fn start(&mut self, limits: &Limits) {
        let HookRequest { channel_id, bot_id, .. } = self.request;
        let deadline = Instant::now() + limits.wall_clock().saturating_sub(EGRESS_MARGIN);
        let open = |egress: &dyn Egress| egress.open(channel_id, bot_id, deadline, Arc::clone(self.secrets));
        self.connections = self.egress.and_then(open);
    }

    pub(crate) async fn perform(&mut self, request: EgressRequest) -> EgressResponse {
        if let EgressRequest::Connect { host, port, .. } = &request {
            let host = format!("{}:{port}", host.chars().take(HOST_CHARACTERS).collect::<String>());
            if self.hosts.len() < MAX_HOSTS && !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
        }
        let Some(connections) = &mut self.connections else {
            // Nothing of it depends on the outside, so a replay needs no record.
            return failed(EgressErrorKind::Refused, "bots have no network on this relay");
        };
        self.sealed |= self.secrets.iter().any(|secret| request.contains(secret));
        let full = self.exchanges.len() >= MAX_EXCHANGES || self.bytes >= MAX_BYTES;
        let response = if full {
            failed(EgressErrorKind::Limit, "this hook has reached its limit of network traffic")
        } else {
            connections.ask(request.clone()).await
        };
        self.sealed |= self.secrets.iter().any(|secret| response.contains(secret));
        if !full {
            let exchange = EgressExchange { request, response: response.clone() };
            let exchange = serde_json::to_string(&exchange).expect("plain JSON");
            self.bytes += exchange.len();
            self.exchanges.push(exchange);
        }
        response
    }

    /// The hosts, and the record; `None` if there was no exchange.
    pub(crate) fn finish(self) -> (Vec<String>, Option<EgressRecord>) {
        let Self { exchanges, hosts, sealed, .. } = self;
        let text = || format!("[{}]", exchanges.join(","));
        let record = (!exchanges.is_empty()).then(|| EgressRecord { text: text(), hosts: hosts.clone(), sealed });
        (hosts, record)
    }
}

fn failed(kind: EgressErrorKind, message: &str) -> EgressResponse {
    EgressResponse::Failed { kind, message: message.to_owned() }
}
