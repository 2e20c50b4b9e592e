use mcp_multiplayer_protocol::operation::IdempotencyKey;
use mcp_multiplayer_protocol::{Actor, ChannelId, Error, ErrorCode, Hash, Secret, SlotId, canonical_text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Caller;
use crate::channel::{CommitError, Standing};
use crate::error::{internal, store_failed};
use crate::store::IdempotencyRecord;

/// Arguments that a repeat may change: they say who repeats and how long it waits, not what is done.
const NOT_CONTENT: [&str; 5] = ["idempotency_key", "cursor", "wait_ms", "slot_id", "entropy"];

/// A request that carries an idempotency key.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    key: String,
    request_hash: Hash,
}

impl Keyed {
    /// `None` when the caller sent no key.
    pub(super) fn new(op: &str, args: &impl Serialize, key: Option<&IdempotencyKey>) -> Result<Option<Self>, Error> {
        Self::blinding(op, args, key, |_| ())
    }

    fn blinding(
        op: &str,
        args: &impl Serialize,
        key: Option<&IdempotencyKey>,
        blind: impl Fn(&mut Value),
    ) -> Result<Option<Self>, Error> {
        let Some(key) = key else { return Ok(None) };
        let mut content = serde_json::to_value(args).map_err(|error| internal(&error))?;
        if let Value::Object(fields) = &mut content {
            fields.retain(|name, _| !NOT_CONTENT.contains(&name.as_str()));
        }
        blind(&mut content);
        let text = canonical_text("arguments", &content)
            .map_err(|error| Error::invalid(error.to_string(), "Send numbers that every JSON reader keeps exactly."))?;
        Ok(Some(Self {
            key: key.as_str().to_owned(),
            request_hash: Hash::of(&[op.as_bytes(), b"\n", text.as_bytes()]),
        }))
    }

    /// The record that answers a repeat of this request.
    pub(super) fn record(&self, scope: String, channel_id: ChannelId, outcome: &impl Serialize) -> IdempotencyRecord {
        let outcome = serde_json::to_string(outcome).expect("outcomes are ids and times");
        IdempotencyRecord { scope, key: self.key.clone(), request_hash: self.request_hash, channel_id, outcome }
    }

    /// What was done first under this key, if that was the same.
    pub(super) fn outcome<T: DeserializeOwned>(&self, record: &IdempotencyRecord) -> Result<T, Error> {
        if record.request_hash != self.request_hash {
            return Err(Error::new(
                ErrorCode::Conflict,
                "This idempotency_key was used before, with other content.",
                "Use a new key for a new request; repeat a request with exactly the same arguments.",
            ));
        }
        serde_json::from_str(&record.outcome).map_err(|error| internal(&error))
    }
}

impl Caller {
    /// As [`Keyed::new`], for a request that may carry bots' secrets: its hash is kept, and says nothing about them.
    pub(super) fn keyed(
        &self,
        op: &str,
        args: &impl Serialize,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Keyed>, Error> {
        Keyed::blinding(op, args, key, |content| self.blind_env(content))
    }

    fn blind_env(&self, content: &mut Value) {
        match content {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::Object(env) if name == "env" => {
                            for secret in env.values_mut() {
                                if let Value::String(text) = secret {
                                    *text = self.relay.key.blind(&Secret::new(text.as_str())).to_string();
                                }
                            }
                        }
                        other => self.blind_env(other),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.blind_env(item)),
            _ => {}
        }
    }

    /// The scope of keys for what a principal does outside of a seat.
    pub(super) fn own_scope(&self) -> String {
        format!("principal {}", self.principal.as_str())
    }

    /// The scope of keys for what is done in a channel: the seat's tenure, or the principal.
    pub(super) fn scope(&self, channel_id: ChannelId, standing: Standing) -> String {
        match standing.actor {
            Actor::Slot(slot_id) => seat_scope(channel_id, slot_id, standing.tenure),
            Actor::Owner => format!("{channel_id} {}", self.own_scope()),
        }
    }

    /// Whether this key was used before, by the principal and outside of a seat.
    pub(super) async fn is_repeat(&self, keyed: Option<&Keyed>) -> Result<bool, Error> {
        let Some(keyed) = keyed else { return Ok(false) };
        let found = self.relay.store.find_idempotency(self.own_scope(), keyed.key.clone()).await;
        Ok(found.map_err(store_failed)?.is_some())
    }

    /// Answers a repeat with what was done first, whatever has become of the caller's seat meanwhile;
    /// for a request that was not a repeat, `refused` stands.
    pub(super) async fn or_repeat<T: DeserializeOwned>(
        &self,
        keyed: Option<&Keyed>,
        seat: Option<(ChannelId, Option<SlotId>)>,
        refused: CommitError,
    ) -> Result<T, Error> {
        let Some(keyed) = keyed else { return Err(refused.into()) };
        if let CommitError::Repeated(record) = &refused {
            return keyed.outcome(record);
        }
        let mut scopes = vec![];
        if let Some((channel_id, slot_id)) = seat {
            let held = self.relay.store.list_tenures(self.principal.as_str().to_owned(), channel_id).await;
            let held = held.map_err(store_failed)?;
            let wanted = held.into_iter().filter(|(held, _)| slot_id.is_none_or(|slot_id| slot_id == *held));
            scopes.extend(wanted.map(|(slot_id, tenure)| seat_scope(channel_id, slot_id, tenure)));
            scopes.push(format!("{channel_id} {}", self.own_scope()));
        } else {
            scopes.push(self.own_scope());
        }
        for scope in scopes {
            let found = self.relay.store.find_idempotency(scope, keyed.key.clone()).await.map_err(store_failed)?;
            if let Some(record) = found {
                return keyed.outcome(&record);
            }
        }
        Err(refused.into())
    }
}

fn seat_scope(channel_id: ChannelId, slot_id: SlotId, tenure: u32) -> String {
    format!("{channel_id} {slot_id} {tenure}")
}
