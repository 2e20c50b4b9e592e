//! What a hook exchanged with the outside world, so that a replay can answer in the world's place.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::egress::{EgressErrorKind, EgressRequest, EgressResponse, HookEgress};

/// Questions that a hook may ask.
const MAX_STEPS: usize = 4096;

/// Bytes of a record as JSON.
const MAX_BYTES: usize = 8 << 20;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the bot asked.
    pub ask: EgressRequest,
    /// What came back.
    pub answer: EgressResponse,
}

/// All that one hook asked, in order, with the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    text: String,
    hosts: Vec<String>,
    sealed: bool,
}

impl Record {
    /// The steps as JSON, which is what is hashed and kept.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whom the hook wanted to talk to, as `host:port`, each once.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether a sealed secret of the bot is in it, so that no more than its hash may be kept.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }
}

/// Carries a hook's questions to the outside world, and notes them.
pub(crate) struct Recorder<'a> {
    visit: Option<Box<dyn HookEgress>>,
    secrets: &'a [String],
    steps: Vec<String>,
    bytes: usize,
    hosts: Vec<String>,
    sealed: bool,
}

impl<'a> Recorder<'a> {
    /// Without a `visit` every question is refused.
    pub(crate) fn new(visit: Option<Box<dyn HookEgress>>, secrets: &'a [String]) -> Self {
        Self { visit, secrets, steps: Vec::new(), bytes: 0, hosts: Vec::new(), sealed: false }
    }

    pub(crate) async fn ask(&mut self, ask: EgressRequest) -> EgressResponse {
        if let EgressRequest::Connect { host, port, .. } = &ask {
            let host = format!("{}:{port}", host.chars().take(255).collect::<String>());
            if self.hosts.len() < 64 && !self.hosts.contains(&host) {
                self.hosts.push(host);
            }
        }
        self.sealed |= self.secrets.iter().any(|secret| ask.carries(secret));
        let full = self.steps.len() >= MAX_STEPS || self.bytes >= MAX_BYTES;
        let answer = match &mut self.visit {
            None => failed(EgressErrorKind::Refused, "bots have no network on this relay"),
            Some(_) if full => {
                failed(EgressErrorKind::Limit, "a hook may not exchange more than this with the outside world")
            }
            Some(visit) => visit.ask(ask.clone()).await,
        };
        self.sealed |= self.secrets.iter().any(|secret| answer.carries(secret));
        if !full {
            let step = serde_json::to_string(&Step { ask, answer: answer.clone() }).expect("plain JSON");
            self.bytes += step.len();
            self.steps.push(step);
        }
        answer
    }

    /// What was noted, if anything was asked.
    pub(crate) fn finish(self) -> Option<Record> {
        let Self { steps, hosts, sealed, .. } = self;
        (!steps.is_empty()).then(|| Record { text: format!("[{}]", steps.join(",")), hosts, sealed })
    }
}

fn failed(kind: EgressErrorKind, message: &str) -> EgressResponse {
    EgressResponse::Failed { kind, message: message.to_owned() }
}

/// How long before a hook's deadline the outside world must have answered, so that the bot can still say why not.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(200);
