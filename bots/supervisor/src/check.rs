//! Validates a worker's report of a hook, on the assumption that its bot has taken control of the worker.

use std::time::Duration;

use mcp_multiplayer_protocol::{SystemEvent, limits as protocol_limits};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::frame::{Reply, SentEffect};
use crate::hook::HookRequest;
use crate::limits::Limits;
use crate::report::{Completion, Effect, FailureKind, HookReport, Outcome};

/// Largest integer up to which a double represents every integer exactly.
const MAX_INTEGER: u64 = protocol_limits::SAFE_INTEGER.unsigned_abs();

/// Maximum nesting of a body or state.
const MAX_DEPTH: usize = protocol_limits::JSON_DEPTH;

/// Maximum number of a hook's effects other than posts and DMs.
const MAX_OTHER_EFFECTS: usize = 64;

/// Maximum length of an exception's message, in characters. An honest worker cuts it at a quarter of that.
const MAX_MESSAGE: usize = 4000;

/// Maximum length of the name of an exception's type, in characters.
const MAX_TYPE_NAME: usize = 64;

/// Longest delay of a timer: 30 days.
const MAX_TIMER_MS: u64 = protocol_limits::TIMER_SECONDS * 1000;

/// Shortest delay of a timer: 1 second.
const MIN_TIMER_MS: u64 = protocol_limits::TIMER_MIN_MS;

/// Longest time for which a bot holds the seats: 24 hours.
const MAX_HOLD_MS: u64 = protocol_limits::HOLD_SECONDS * 1000;

/// Turns a worker's reply into the report of a hook. A reply that breaks a limit becomes a failure of the kind
/// `Refused`.
///
/// `secrets` are the bot's own. A message that contains one is refused, and they are redacted in reasons and logs.
pub(crate) fn report(reply: Reply, request: &HookRequest, limits: &Limits, secrets: &[String]) -> HookReport {
    match reply {
        Reply::Done { effects, state, seats, commitments, drawn, log } => {
            let completion = completed(effects, request, limits, secrets).and_then(|effects| {
                Ok(Completion {
                    effects,
                    state: checked_object(state, "state", limits.state_bytes)?,
                    seats: checked_object(seats, "the data of ctx.seat", limits.state_bytes)?,
                    commitments: checked_object(commitments, "the record of ctx.commit", limits.commitment_bytes)?,
                    drawn,
                })
            });
            match completion {
                Ok(completion) => HookReport {
                    outcome: Outcome::Completed(Box::new(completion)),
                    log: bounded(log, limits, secrets),
                    hosts: Vec::new(),
                    record: None,
                    ran: Duration::ZERO,
                },
                Err(reason) => refused(reason),
            }
        }
        Reply::Failed { exception, message, line, memory, log } => HookReport {
            outcome: Outcome::Failed {
                reason: checked_type_name(redacted(exception, secrets)),
                message: Some(redacted(message, secrets).chars().take(MAX_MESSAGE).collect())
                    .filter(|message: &String| !message.is_empty()),
                line,
                kind: if memory { FailureKind::Memory } else { FailureKind::Error },
            },
            log: bounded(log, limits, secrets),
            hosts: Vec::new(),
            record: None,
            ran: Duration::ZERO,
        },
        _ => refused("the bot's process sent an unexpected reply".to_owned()),
    }
}

/// A report of a failure with no output of the hook.
pub(crate) fn failed(reason: String, kind: FailureKind) -> HookReport {
    HookReport {
        outcome: Outcome::Failed { reason, message: None, line: None, kind },
        log: Vec::new(),
        hosts: Vec::new(),
        record: None,
        ran: Duration::ZERO,
    }
}

fn refused(reason: String) -> HookReport {
    failed(reason, FailureKind::Refused)
}

fn completed(
    sent: Vec<SentEffect>,
    request: &HookRequest,
    limits: &Limits,
    secrets: &[String],
) -> Result<Vec<Effect>, String> {
    let messages = sent.iter().filter(|sent| matches!(sent, SentEffect::Post { .. } | SentEffect::Dm { .. })).count();
    if sent.len() - messages > MAX_OTHER_EFFECTS {
        return Err(format!("a hook may set timers, start, reveal and hold seats at most {MAX_OTHER_EFFECTS} times"));
    }
    if messages > limits.posts {
        return Err(format!("a hook may post at most {} messages", limits.posts));
    }
    let mut remaining = limits.post_bytes;
    let mut effects = Vec::with_capacity(sent.len());
    for effect in sent {
        effects.push(match effect {
            SentEffect::Post { kind, body } => {
                Effect::Post { kind: checked_kind(kind)?, body: checked_body(&body, limits, &mut remaining)? }
            }
            SentEffect::Dm { slot_id, kind, body } => {
                if !request.players.iter().any(|player| player.slot_id == slot_id) {
                    return Err("a DM went to a slot that no player holds".to_owned());
                }
                Effect::Dm { slot_id, kind: checked_kind(kind)?, body: checked_body(&body, limits, &mut remaining)? }
            }
            SentEffect::Timer { name, after_ms } => {
                if after_ms.is_some_and(|after| !(MIN_TIMER_MS..=MAX_TIMER_MS).contains(&after)) {
                    return Err("a timer fires after 1 second to 30 days".to_owned());
                }
                Effect::Timer { name: checked_kind(name)?, after_ms }
            }
            SentEffect::Start {} => Effect::Start,
            SentEffect::Reveal {} => Effect::Reveal,
            SentEffect::HoldSeats { for_ms } => {
                if !request.may_hold_seats {
                    return Err("only a hook that a player's entry started may hold the seats".to_owned());
                }
                if !(1..=MAX_HOLD_MS).contains(&for_ms) {
                    return Err("seats are held for at most 24 hours".to_owned());
                }
                Effect::HoldSeats { for_ms }
            }
            SentEffect::ReleaseSeats {} => Effect::ReleaseSeats,
            SentEffect::Unseal {} => Effect::Unseal,
        });
    }
    if effects.iter().any(|effect| contains_secret(effect, secrets)) {
        return Err("a message contains one of the bot's secrets (ctx.env)".to_owned());
    }
    Ok(effects)
}

/// Checks the text of a JSON object of at most `max_bytes`, if there is one.
fn checked_object(text: Option<String>, what: &str, max_bytes: usize) -> Result<Option<String>, String> {
    if let Some(text) = &text {
        if text.len() > max_bytes {
            return Err(format!("{what} is {} bytes; at most {max_bytes}", text.len()));
        }
        object(text, what)?;
    }
    Ok(text)
}

/// Returns whether an effect would publish a secret: in a text, a key or a name, verbatim.
fn contains_secret(effect: &Effect, secrets: &[String]) -> bool {
    fn in_text(text: &str, secrets: &[String]) -> bool {
        secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
    fn in_value(value: &Value, secrets: &[String]) -> bool {
        match value {
            Value::String(text) => in_text(text, secrets),
            Value::Array(items) => items.iter().any(|item| in_value(item, secrets)),
            Value::Object(fields) => in_fields(fields, secrets),
            Value::Number(number) => in_text(&number.to_string(), secrets),
            Value::Null | Value::Bool(_) => false,
        }
    }
    fn in_fields(fields: &Map<String, Value>, secrets: &[String]) -> bool {
        fields.iter().any(|(key, value)| in_text(key, secrets) || in_value(value, secrets))
    }
    match effect {
        _ if secrets.is_empty() => false,
        Effect::Post { kind, body } | Effect::Dm { kind, body, .. } => {
            in_text(kind, secrets) || in_fields(body, secrets)
        }
        Effect::Timer { name, .. } => in_text(name, secrets),
        Effect::Start | Effect::Reveal | Effect::HoldSeats { .. } | Effect::ReleaseSeats | Effect::Unseal => false,
    }
}

/// Replaces the bot's secrets in a text.
pub(crate) fn redacted(text: String, secrets: &[String]) -> String {
    secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "[secret]"))
}

/// The name of an exception's type if it can be one. Players see it, so it must not be a text of the bot's choice.
fn checked_type_name(name: String) -> String {
    let is_identifier = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_identifier && (1..=MAX_TYPE_NAME).contains(&name.chars().count()) { name } else { "an exception".to_owned() }
}

fn checked_kind(kind: String) -> Result<String, String> {
    let valid = (1..=64).contains(&kind.len())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:.-".contains(&byte));
    if valid { Ok(kind) } else { Err("a kind or a timer's name is invalid".to_owned()) }
}

fn checked_body(body: &RawValue, limits: &Limits, remaining: &mut usize) -> Result<Map<String, Value>, String> {
    let length = body.get().len();
    if length > limits.body_bytes {
        return Err(format!("body is {length} bytes; at most {}", limits.body_bytes));
    }
    *remaining = remaining.checked_sub(length).ok_or("the posts of the hook are too long in total")?;
    let body = object(body.get(), "body")?;
    match body.get("type").and_then(Value::as_str).filter(|name| SystemEvent::RESERVED_TYPES.contains(name)) {
        Some(name) => Err(format!("a post has the type '{name}', which is the relay's own")),
        None => Ok(body),
    }
}

fn object(text: &str, what: &str) -> Result<Map<String, Value>, String> {
    let object: Map<String, Value> = serde_json::from_str(text).map_err(|_| format!("{what} is not a JSON object"))?;
    if object.values().all(|value| is_portable(value, 1)) {
        Ok(object)
    } else {
        Err(format!("{what} has a number beyond ±(2^53-1) or more than {MAX_DEPTH} levels"))
    }
}

/// Returns whether every JSON reader gets the same value from its canonical JSON.
fn is_portable(value: &Value, depth: usize) -> bool {
    depth <= MAX_DEPTH
        && match value {
            Value::Number(number) => is_exact(number),
            Value::Array(items) => items.iter().all(|item| is_portable(item, depth + 1)),
            Value::Object(fields) => fields.values().all(|item| is_portable(item, depth + 1)),
            Value::Null | Value::Bool(_) | Value::String(_) => true,
        }
}

fn is_exact(number: &Number) -> bool {
    match number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)) {
        Some(magnitude) => magnitude <= MAX_INTEGER,
        None => number.as_f64().is_some_and(|float| float.abs() < 9_007_199_254_740_992.0),
    }
}

fn bounded(log: Vec<String>, limits: &Limits, secrets: &[String]) -> Vec<String> {
    // The worker counts characters, which take up to four bytes each in UTF-8, and adds a note where it cuts.
    let mut remaining = 4 * limits.log_bytes + 256;
    log.into_iter()
        .map_while(|line| {
            remaining = remaining.checked_sub(line.len() + 1)?;
            Some(redacted(line, secrets))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use mcp_multiplayer_protocol::channel::Hook;

    use mcp_multiplayer_protocol::Secret;
    use std::collections::BTreeMap;

    use crate::hook::{Player, Stream};

    fn request() -> HookRequest {
        HookRequest {
            hook: Hook::OnInit,
            channel_id: "chn_1".to_owned(),
            bot_id: "bot_1".to_owned(),
            now_ms: 0,
            state: None,
            seats: "{}".to_owned(),
            may_hold_seats: false,
            may_unseal: false,
            commitments: None,
            stream: Stream {
                epoch: 0,
                last: false,
                open: false,
                starting: false,
                position: 0,
                key: Some(Secret::new("00")),
                next_key: None,
            },
            env: BTreeMap::new(),
            players: vec![Player { slot_id: "s1".to_owned(), label: "alice".to_owned(), tenure: 3, may_post: true }],
            slots: Vec::new(),
            relay: None,
            args: Vec::new(),
        }
    }

    fn limits() -> Limits {
        Limits { posts: 2, body_bytes: 80, post_bytes: 100, state_bytes: 20, log_bytes: 10, ..Limits::default() }
    }

    /// The outcome of a hook whose worker sends this reply.
    fn outcome(reply: &Value) -> Outcome {
        let reply = serde_json::from_value(reply.clone());
        report(reply.expect("a well-formed reply"), &request(), &limits(), &[]).outcome
    }

    /// The outcome of a hook whose worker sends these effects and this state, as JSON texts.
    fn done(effects: &str, state: &str) -> Outcome {
        let reply = format!(
            r#"{{"done": {{"effects": [{effects}], "state": {state}, "seats": null, "kept": null, "drawn": [], "log": []}}}}"#
        );
        report(serde_json::from_str(&reply).expect("a well-formed reply"), &request(), &limits(), &[]).outcome
    }

    #[test]
    fn a_hook_within_its_limits_completes() {
        let effects = r#"{"post": {"kind": "bot", "body": {"n": 9007199254740991}}}, {"dm": {"slot_id": "s1", "kind": "a:b", "body": {}}}"#;
        let Outcome::Completed(completion) = done(effects, r#""{\"n\":-1}""#) else { panic!("refused") };
        let Completion { effects, state, .. } = *completion;
        assert_eq!(effects.len(), 2);
        assert_eq!(state.as_deref(), Some(r#"{"n":-1}"#));
    }

    #[test]
    fn replies_that_break_a_limit_are_refused() {
        let post = |body: &str| format!(r#"{{"post": {{"kind": "bot", "body": {body}}}}}"#);
        let cases = [
            (vec![post("{}"); 3].join(","), "null", "at most 2 messages"),
            (post(&json!({"x": "y".repeat(100)}).to_string()), "null", "at most 80"),
            (vec![post(&json!({"x": "y".repeat(50)}).to_string()); 2].join(","), "null", "too long in total"),
            (post("[]"), "null", "not a JSON object"),
            (post(r#""text""#), "null", "not a JSON object"),
            (post(r#"{"x": [{"y": 9007199254740992}]}"#), "null", "beyond"),
            (post(r#"{"x": -9007199254740992}"#), "null", "beyond"),
            (post(r#"{"x": 1e20}"#), "null", "beyond"),
            (post(&format!("{{\"x\": {}{}}}", "[".repeat(33), "]".repeat(33))), "null", "levels"),
            (post(r#"{"x": 1e999}"#), "null", "not a JSON object"),
            (post(r#"{"type": "member:join"}"#), "null", "the relay's own"),
            (r#"{"post": {"kind": "", "body": {}}}"#.to_owned(), "null", "invalid"),
            (r#"{"post": {"kind": "a b", "body": {}}}"#.to_owned(), "null", "invalid"),
            (r#"{"dm": {"slot_id": "s2", "kind": "bot", "body": {}}}"#.to_owned(), "null", "no player holds"),
            (String::new(), r#""{\"x\": \"yyyyyyyyyyyyyyy\"}""#, "state is"),
            (r#"{"hold_seats": {"for_ms": 1000}}"#.to_owned(), "null", "only a hook that a player's entry started"),
            (String::new(), r#""[]""#, "state is not a JSON object"),
            (String::new(), r#""{""#, "state is not a JSON object"),
        ];
        for (effects, state, expected) in cases {
            match done(&effects, state) {
                Outcome::Failed { reason, kind: FailureKind::Refused, .. } => {
                    assert!(reason.contains(expected), "{reason} of {effects} {state}");
                }
                other => panic!("{other:?} of {effects} {state}"),
            }
        }
    }

    #[test]
    fn reasons_and_logs_of_failures_are_bounded() {
        let failed = |exception: &str| {
            let message = "x".repeat(10_000);
            outcome(
                &json!({"failed": {"exception": exception, "message": message, "line": 3, "memory": false, "log": []}}),
            )
        };
        let Outcome::Failed { reason, message, line, kind } = failed("KeyError") else { panic!("completed") };
        assert_eq!((reason.as_str(), line, kind), ("KeyError", Some(3), FailureKind::Error));
        assert_eq!(message.map(|message| message.len()), Some(MAX_MESSAGE));
        for exception in ["", "the secret word", "KeyError: 'word'", &"x".repeat(65)] {
            let Outcome::Failed { reason, .. } = failed(exception) else { panic!("completed") };
            assert_eq!(reason, "an exception");
        }
        assert!(matches!(outcome(&json!({"loaded": {}})), Outcome::Failed { kind: FailureKind::Refused, .. }));

        let endless = json!({"failed": {"exception": "MemoryError", "message": "", "line": null, "memory": true, "log": vec!["x"; 10_000]}});
        let reply = serde_json::from_value(endless).expect("a well-formed reply");
        let log = report(reply, &request(), &limits(), &[]).log;
        assert!((100..200).contains(&log.len()), "{}", log.len());
    }
}
