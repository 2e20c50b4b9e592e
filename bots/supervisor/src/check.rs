//! Judges what a worker reports about a hook, as if it had been taken over by its bot.

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::frame::{Reply, SentEffect};
use crate::hook::HookCall;
use crate::limits::Limits;
use crate::report::{Effect, FailureKind, HookReport, Outcome};

/// What a double holds exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Of a failure's reason, in characters; the worker cuts at a quarter of it.
const MAX_REASON: usize = 4000;

/// The report of a hook; one that breaks a limit is a failure of the kind `Refused`.
pub(crate) fn report(reply: Reply, call: &HookCall, limits: &Limits) -> HookReport {
    match reply {
        Reply::Done { effects, state, log } => match completed(effects, state, call, limits) {
            Ok(outcome) => HookReport { outcome, log: bounded(log, limits) },
            Err(reason) => refused(reason),
        },
        Reply::Failed { reason, line, memory, log } => HookReport {
            outcome: Outcome::Failed {
                reason: reason.chars().take(MAX_REASON).collect(),
                line,
                kind: if memory { FailureKind::Memory } else { FailureKind::Error },
            },
            log: bounded(log, limits),
        },
        _ => refused("the bot's process answered something else".to_owned()),
    }
}

/// A report without anything of the hook's in it.
pub(crate) fn failed(reason: String, kind: FailureKind) -> HookReport {
    HookReport { outcome: Outcome::Failed { reason, line: None, kind }, log: Vec::new() }
}

fn refused(reason: String) -> HookReport {
    failed(reason, FailureKind::Refused)
}

fn completed(
    sent: Vec<SentEffect>,
    state: Option<String>,
    call: &HookCall,
    limits: &Limits,
) -> Result<Outcome, String> {
    if sent.len() > limits.posts {
        return Err(format!("a hook may post at most {} messages", limits.posts));
    }
    let mut room = limits.post_bytes;
    let mut effects = Vec::with_capacity(sent.len());
    for effect in sent {
        effects.push(match effect {
            SentEffect::Post { kind, body } => {
                Effect::Post { kind: checked_kind(kind)?, body: take(&body, &mut room)? }
            }
            SentEffect::Dm { slot_id, kind, body } => {
                if !call.players.iter().any(|player| player.slot_id == slot_id) {
                    return Err("a DM went to a slot that no player holds".to_owned());
                }
                Effect::Dm { slot_id, kind: checked_kind(kind)?, body: take(&body, &mut room)? }
            }
        });
    }
    if let Some(state) = &state {
        if state.len() > limits.state_bytes {
            return Err(format!("state is {} bytes; at most {}", state.len(), limits.state_bytes));
        }
        object(state, "state")?;
    }
    Ok(Outcome::Completed { effects, state })
}

fn checked_kind(kind: String) -> Result<String, String> {
    let fits = (1..=64).contains(&kind.len())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:.-".contains(&byte));
    if fits { Ok(kind) } else { Err("a post has a kind that is none".to_owned()) }
}

fn take(body: &RawValue, room: &mut usize) -> Result<Map<String, Value>, String> {
    *room = room.checked_sub(body.get().len()).ok_or("a hook's posts are too long together")?;
    object(body.get(), "body")
}

fn object(text: &str, what: &str) -> Result<Map<String, Value>, String> {
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| format!("{what} is no JSON object"))?;
    if object.values().all(has_exact_numbers) {
        Ok(object)
    } else {
        Err(format!("{what} has an integer beyond ±(2^53-1)"))
    }
}

fn has_exact_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_exact(number),
        Value::Array(items) => items.iter().all(has_exact_numbers),
        Value::Object(fields) => fields.values().all(has_exact_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn is_exact(number: &Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_none_or(|magnitude| magnitude <= MAX_INTEGER)
}

fn bounded(log: Vec<String>, limits: &Limits) -> Vec<String> {
    // UTF-8 takes up to four bytes for each character that the worker counts, and it adds a remark.
    let mut room = 4 * limits.log_bytes + 256;
    log.into_iter()
        .map_while(|line| {
            room = room.checked_sub(line.len() + 1)?;
            Some(line)
        })
        .collect()
}
