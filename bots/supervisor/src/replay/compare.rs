//! Whether a hook did what the log says, and what it means if not.

use mcp_multiplayer_protocol::{Entry, HookOutcome, Sender, SystemEvent};

use super::export::ExportedBot;
use super::log::outcome;
use crate::referee::{HookOutput, Verdict};

/// Holds what a hook did against what the log says; the lines in which they differ, if they do.
pub(super) fn compare(verdict: &Verdict, logged: &[&Entry]) -> Result<(), (Vec<String>, Vec<String>)> {
    let replayed: Vec<String> = verdict.outputs.iter().map(shown).collect();
    let told: Vec<String> = logged.iter().map(|entry| shown_entry(entry)).collect();
    let same = verdict.outputs.len() == logged.len()
        && verdict.outputs.iter().zip(logged).all(|(output, entry)| match output {
            HookOutput::Bot { to_slot, kind, content } => {
                matches!(entry.envelope.sender, Sender::Bot(_))
                    && entry.envelope.to_slot == *to_slot
                    && entry.envelope.kind == *kind
                    && entry.envelope.body_hash == content.hash()
            }
            // The salts of the relay's own entries are its own.
            HookOutput::Relay(event) => {
                entry.envelope.sender == Sender::System && entry.body().is_some_and(|body| *body == event.to_body())
            }
        });
    if same {
        return Ok(());
    }
    let only =
        |ours: &[String], theirs: &[String]| ours.iter().filter(|line| !theirs.contains(line)).cloned().collect();
    let (log, replay): (Vec<_>, Vec<_>) = (only(&told, &replayed), only(&replayed, &told));
    if log.is_empty() && replay.is_empty() {
        return Err((vec!["the same, but with other hashes".to_owned()], vec![]));
    }
    Err((log, replay))
}

fn shown(output: &HookOutput) -> String {
    match output {
        HookOutput::Bot { to_slot, kind, content } => {
            let to = to_slot.map(|slot| format!(" to {slot}")).unwrap_or_default();
            format!("{kind}{to} {}", content.body.as_str())
        }
        HookOutput::Relay(event) => format!("{} {}", event.kind(), event.to_body().as_str()),
    }
}

fn shown_entry(entry: &Entry) -> String {
    let to = entry.envelope.to_slot.map(|slot| format!(" to {slot}")).unwrap_or_default();
    match entry.body() {
        Some(body) => format!("{}{to} {}", entry.envelope.kind, body.as_str()),
        None => format!("{}{to} (sealed, {})", entry.envelope.kind, entry.envelope.body_hash),
    }
}

/// What the runtime says when a key is asked for that the replay does not have.
const UNKNOWN_SEED: &str = "the seed to draw from is not known here";

fn tells_of_unknown_seed(verdict: &Verdict) -> bool {
    verdict.outputs.iter().any(|output| match output {
        HookOutput::Relay(event) => {
            matches!(&**event, SystemEvent::BotError { reason, .. } if reason.contains(UNKNOWN_SEED))
        }
        HookOutput::Bot { .. } => false,
    })
}

/// Why a difference proves nothing, if so.
pub(super) fn excuse(verdict: &Verdict, logged: &[&Entry], bot: &ExportedBot, sealed: bool) -> Option<String> {
    let timed_out = |outcome| outcome == HookOutcome::Timeout;
    if sealed {
        Some("what the hook exchanged with the outside world held a sealed secret".to_owned())
    } else if tells_of_unknown_seed(verdict) {
        Some("the hook failed in the end, after it had drawn from a seed that is not in this file".to_owned())
    } else if bot.has_env {
        Some("the bot has sealed secrets (ctx.env), which are not in this file".to_owned())
    } else if timed_out(verdict.outcome) || outcome(logged).is_some_and(timed_out) {
        Some("how far a hook comes before its time is over depends on the machine".to_owned())
    } else {
        None
    }
}
