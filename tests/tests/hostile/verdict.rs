//! Checks of a program's outcome against the verdict in its head.

use serde_json::{Value, json};

use crate::Policy;
use crate::fixture::{Fixture, Verdict};

/// Checks the relay's refusal to attach a program.
pub(crate) fn check_refusal(fixture: &Fixture, policy: Policy, refusal: &Value) -> Result<(), String> {
    let Verdict::Rejected(text) = fixture.verdict(policy) else {
        return Err(format!("it was not attached: {refusal}"));
    };
    let (message, hint) = (refusal["message"].as_str().unwrap_or(""), refusal["hint"].as_str().unwrap_or(""));
    if refusal["code"] != "BOT_REJECTED" || !message.contains(text.as_str()) {
        return Err(format!("it was refused with another message: {refusal}"));
    }
    let lines = fixture.refused_lines();
    let named = |line: &usize| message.contains(&format!("(line {line})")) || hint.contains(&format!("line {line}:"));
    match lines.iter().find(|line| !named(line)) {
        Some(line) => Err(format!("its line {line} was not refused: {refusal}")),
        None => Ok(()),
    }
}

/// Checks a hook by the messages since its trigger, the last of which is its `bot:ran`.
pub(crate) fn check_hook(fixture: &Fixture, policy: Policy, text: &str, messages: &[Value]) -> Result<(), String> {
    let expected = if text == "attack" { fixture.verdict(policy) } else { &Verdict::Held };
    let of_type = |kind: &str| messages.iter().find(|message| message["body"]["type"] == kind);
    let (Some(ran), failed) = (of_type("bot:ran"), of_type("bot:error")) else {
        return Err(format!("there is no record of its hook: {messages:?}"));
    };
    let outcome = &ran["body"]["result"]["outcome"];
    if (outcome == "ok") == failed.is_some() {
        return Err(format!("the outcome contradicts the error: {messages:?}"));
    }
    let report = messages.iter().find(|message| message["body"]["text"] == "over");
    match (expected, failed) {
        (Verdict::Fails(text), Some(failed)) => check_error(failed, text),
        (Verdict::Stopped, Some(failed)) => check_error(failed, ""),
        (Verdict::Held | Verdict::Stopped, None) => match report {
            Some(report) => check_report(&report["body"], policy),
            None => Err(format!("it has not reported its attempts: {messages:?}")),
        },
        (Verdict::Held, Some(failed)) => Err(format!("its hook failed at {text}: {}", failed["body"])),
        (Verdict::Fails(_), None) => Err(format!("its hook completed: {messages:?}")),
        (Verdict::Rejected(_), _) => Err("it was attached".to_owned()),
    }
}

fn check_error(failed: &Value, text: &str) -> Result<(), String> {
    let reason = failed["body"]["text"].as_str().unwrap_or("");
    if failed["kind"] == "control" && failed["sender"] == "system" && reason.len() < 5_000 && reason.contains(text) {
        Ok(())
    } else {
        Err(format!("its hook failed with another message: {failed}"))
    }
}

fn check_report(body: &Value, policy: Policy) -> Result<(), String> {
    if body["escaped"] != json!({}) {
        return Err(format!("escaped: {}", body["escaped"]));
    }
    // A program that has `os` despite the policy has broken that barrier, even if the sandbox then stops it.
    if policy == Policy::On && body["reached"] != json!([]) {
        return Err(format!("got past the policy: {body}"));
    }
    Ok(())
}
