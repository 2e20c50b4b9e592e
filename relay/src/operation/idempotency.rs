use mcp_multiplayer_protocol::operation::IdempotencyKey;
use mcp_multiplayer_protocol::{Actor, ChannelId, Error, ErrorCode, Hash, Secret, SlotId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Caller;
use crate::channel::{CommitError, Member};
use crate::error::{internal, store_failed};
use crate::store::IdempotencyRecord;

/// Arguments that may differ in a repeat: they say who repeats and how long it waits, not what is done.
const IGNORED_ARGUMENTS: [&str; 7] =
    ["idempotency_key", "cursor", "wait_ms", "wait_for", "include_own", "slot_id", "entropy"];

/// The idempotency key of a request, with a hash of what is requested.
///
/// A request is recorded under its key in the same batch as its effects. A repeat is then answered
/// with what the first request did, and refused if it requests something else under the same key.
#[derive(Clone, Debug)]
pub(super) struct RequestKey {
    key: String,
    request_hash: Hash,
}

impl RequestKey {
    /// The key of a request; `None` when the caller sent none.
    pub(super) fn new(op: &str, args: &impl Serialize, key: Option<&IdempotencyKey>) -> Result<Option<Self>, Error> {
        Self::hashed_after(op, args, key, |_| ())
    }

    /// The key of a request, hashed after `replace` has changed the arguments.
    fn hashed_after(
        op: &str,
        args: &impl Serialize,
        key: Option<&IdempotencyKey>,
        replace: impl Fn(&mut Value),
    ) -> Result<Option<Self>, Error> {
        let Some(key) = key else { return Ok(None) };
        let mut content = serde_json::to_value(args).map_err(|error| internal(&error))?;
        if let Value::Object(fields) = &mut content {
            fields.retain(|name, _| !IGNORED_ARGUMENTS.contains(&name.as_str()));
        }
        replace(&mut content);
        // The fields of a `Value` are sorted by name, so a repeat has the same text, in whatever order it names them.
        let text = content.to_string();
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

    /// The outcome of the first request under this key; an error if that was another request.
    fn outcome_from<T: DeserializeOwned>(&self, record: &IdempotencyRecord) -> Result<T, Error> {
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
    /// The key of a request that may contain bots' secrets.
    ///
    /// The hash of the request is stored. To keep anybody with the database from guessing a secret by it, the secrets
    /// are replaced with keyed hashes first.
    pub(super) fn request_key_with_secrets(
        &self,
        op: &str,
        args: &impl Serialize,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<RequestKey>, Error> {
        RequestKey::hashed_after(op, args, key, |content| self.replace_secrets(content))
    }

    fn replace_secrets(&self, content: &mut Value) {
        match content {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::Object(env) if name == "env" => {
                            for secret in env.values_mut() {
                                if let Value::String(text) = secret {
                                    *text = self.relay.key.request_secret_mac(&Secret::new(text.as_str())).to_string();
                                }
                            }
                        }
                        other => self.replace_secrets(other),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_secrets(item)),
            _ => {}
        }
    }

    /// Scope of the keys of requests that are made from no seat.
    pub(super) fn principal_scope(&self) -> String {
        format!("principal {}", self.principal.as_str())
    }

    /// Scope of the keys of requests in a channel: the seat's tenure, or the principal of an owner without a seat.
    pub(super) fn member_scope(&self, channel_id: ChannelId, member: Member) -> String {
        match member.actor {
            Actor::Slot(slot_id) => tenure_scope(channel_id, slot_id, member.tenure),
            Actor::Owner => format!("{channel_id} {}", self.principal_scope()),
        }
    }

    /// Returns `true` if the principal made this request before, from no seat.
    pub(super) async fn is_repeat(&self, request_key: Option<&RequestKey>) -> Result<bool, Error> {
        let Some(request_key) = request_key else { return Ok(false) };
        let found = self.relay.store.find_idempotency(self.principal_scope(), request_key.key.clone()).await;
        Ok(found.map_err(store_failed)?.is_some())
    }

    /// Answers a refused request: with the outcome of the first request if it is a repeat, else with `refusal`.
    ///
    /// A repeat may be refused for reasons that the first request created itself: a player who left is no member any
    /// more, and repeats `leave_channel` because the reply was lost. So the records are searched
    /// for every tenure that the principal ever had in the channel, not only for the seat that it holds now.
    pub(super) async fn repeat_outcome_or<T: DeserializeOwned>(
        &self,
        refusal: CommitError,
        request_key: Option<&RequestKey>,
        seat: Option<(ChannelId, Option<SlotId>)>,
    ) -> Result<T, Error> {
        let Some(request_key) = request_key else { return Err(refusal.into()) };
        if let CommitError::Repeated(record) = &refusal {
            return request_key.outcome_from(record);
        }
        let mut scopes = vec![];
        if let Some((channel_id, slot_id)) = seat {
            let tenures = self.relay.store.list_tenures(self.principal.as_str().to_owned(), channel_id).await;
            let tenures = tenures.map_err(store_failed)?;
            let wanted = tenures.into_iter().filter(|held| slot_id.is_none_or(|slot_id| slot_id == held.slot_id));
            scopes.extend(wanted.map(|held| tenure_scope(channel_id, held.slot_id, held.number)));
            scopes.push(format!("{channel_id} {}", self.principal_scope()));
        } else {
            scopes.push(self.principal_scope());
        }
        for scope in scopes {
            let found =
                self.relay.store.find_idempotency(scope, request_key.key.clone()).await.map_err(store_failed)?;
            if let Some(record) = found {
                return request_key.outcome_from(&record);
            }
        }
        Err(refusal.into())
    }
}

fn tenure_scope(channel_id: ChannelId, slot_id: SlotId, tenure: u32) -> String {
    format!("{channel_id} {slot_id} {tenure}")
}
