//! What came of a program, held against what its head says.

use serde_json::{Value, json};

use crate::Policy;
use crate::fixture::{Fixture, Verdict};

/// Judges the refusal of an attach.
pub(crate) fn of_refusal(fixture: &Fixture, policy: Policy, refusal: &Value) -> Result<(), String> {
    let Verdict::Rejected(text) = fixture.verdict(policy) else {
        return Err(format!("it was not attached: {refusal}"));
    };
    let (message, hint) = (refusal["message"].as_str().unwrap_or(""), refusal["hint"].as_str().unwrap_or(""));
    if refusal["code"] != "BOT_REJECTED" || !message.contains(text.as_str()) {
        return Err(format!("it was refused in other words: {refusal}"));
    }
    let lines = fixture.refused_lines();
    let named = |line: &usize| message.contains(&format!("(line {line})")) || hint.contains(&format!("line {line}:"));
    match lines.iter().find(|line| !named(line)) {
        Some(line) => Err(format!("its line {line} was not refused: {refusal}")),
        None => Ok(()),
    }
}

/// Judges a hook by what was posted since it was triggered, its `bot:ran` last.
pub(crate) fn of_hook(fixture: &Fixture, policy: Policy, said: &str, messages: &[Value]) -> Result<(), String> {
    let expected = if said == "attack" { fixture.verdict(policy) } else { &Verdict::Held };
    let of_type = |kind: &str| messages.iter().find(|message| message["body"]["type"] == kind);
    let (Some(ran), failed) = (of_type("bot:ran"), of_type("bot:error")) else {
        return Err(format!("its hook left no word: {messages:?}"));
    };
    let outcome = &ran["body"]["outcome"];
    if (outcome == "ok") == failed.is_some() {
        return Err(format!("outcome and error differ: {messages:?}"));
    }
    let report = messages.iter().find(|message| message["body"]["text"] == "over");
    match (expected, failed) {
        (Verdict::Fails(text), Some(failed)) => failed_as(failed, text),
        (Verdict::Stopped, Some(failed)) => failed_as(failed, ""),
        (Verdict::Held | Verdict::Stopped, None) => match report {
            Some(report) => held(&report["body"], policy),
            None => Err(format!("it has not told what came of it: {messages:?}")),
        },
        (Verdict::Held, Some(failed)) => Err(format!("its hook failed at {said}: {}", failed["body"])),
        (Verdict::Fails(_), None) => Err(format!("its hook completed: {messages:?}")),
        (Verdict::Rejected(_), _) => Err("it was attached".to_owned()),
    }
}

fn failed_as(failed: &Value, text: &str) -> Result<(), String> {
    let said = failed["body"]["text"].as_str().unwrap_or("");
    if failed["kind"] == "control" && failed["sender"] == "system" && said.len() < 5_000 && said.contains(text) {
        Ok(())
    } else {
        Err(format!("its hook failed in other words: {failed}"))
    }
}

fn held(body: &Value, policy: Policy) -> Result<(), String> {
    if body["escaped"] != json!({}) {
        return Err(format!("escaped: {}", body["escaped"]));
    }
    // Whoever has `os` under the policy is past one sandbox, even if the next one holds.
    if policy == Policy::On && body["reached"] != json!([]) {
        return Err(format!("got past the policy: {body}"));
    }
    Ok(())
}
