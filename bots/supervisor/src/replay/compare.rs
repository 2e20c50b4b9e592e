//! Compares a replayed hook with the log, and finds reasons why a difference may prove nothing.

use std::cmp::Ordering;

use mcp_multiplayer_protocol::channel::Bot;
use mcp_multiplayer_protocol::{Entry, HookOutcome, Sender};

use super::log::logged_failure;
use crate::referee::{HookOutput, Verdict};
use crate::report::{FailureKind, Outcome};

/// Lines that only one of the two sides has.
pub(super) struct Mismatch {
    pub(super) log: Vec<String>,
    pub(super) replay: Vec<String>,
}

/// Compares the effects of a replayed hook with the logged ones, as far as the file has their bodies.
pub(super) fn compare(replayed: &[HookOutput], logged: &[Entry]) -> Result<(), Mismatch> {
    let same = replayed.len() == logged.len()
        && replayed.iter().zip(logged).all(|(output, entry)| match output {
            HookOutput::Post { to_slot, kind, body } => {
                matches!(entry.envelope.sender, Sender::Bot(_))
                    && entry.envelope.to_slot == *to_slot
                    && entry.envelope.kind == *kind
                    && entry.body().is_none_or(|logged| logged == body)
            }
            HookOutput::Result { .. } => false,
            HookOutput::Event(event) => {
                entry.envelope.sender == Sender::System && entry.body().is_some_and(|body| *body == event.to_body())
            }
        });
    if same {
        return Ok(());
    }
    let in_log: Vec<String> = logged.iter().map(entry_line).collect();
    let in_replay: Vec<String> = replayed.iter().map(output_line).collect();
    let only =
        |ours: &[String], theirs: &[String]| ours.iter().filter(|line| !theirs.contains(line)).cloned().collect();
    let (log, replay): (Vec<_>, Vec<_>) = (only(&in_log, &in_replay), only(&in_replay, &in_log));
    if log.is_empty() && replay.is_empty() {
        return Err(Mismatch { log: vec!["the same entries, but in another order".to_owned()], replay });
    }
    Err(Mismatch { log, replay })
}

fn output_line(output: &HookOutput) -> String {
    match output {
        HookOutput::Post { to_slot, kind, body } => {
            let to = to_slot.map(|slot| format!(" to {slot}")).unwrap_or_default();
            format!("{kind}{to} {}", body.as_str())
        }
        HookOutput::Result { to_slot, result } => format!("result to {to_slot} {}", result.to_message().body.as_str()),
        HookOutput::Event(event) => format!("{} {}", event.kind(), event.to_body().as_str()),
    }
}

fn entry_line(entry: &Entry) -> String {
    let to = entry.envelope.to_slot.map(|slot| format!(" to {slot}")).unwrap_or_default();
    match entry.body() {
        Some(body) => format!("{}{to} {}", entry.envelope.kind, body.as_str()),
        None => format!("{}{to} (left out, {})", entry.envelope.kind, entry.envelope.body_hash),
    }
}

/// Part of the runtime's error when a bot draws from a seed that the replay does not have.
const UNKNOWN_SEED: &str = "the seed to draw from is not known here";

/// Returns whether a replayed hook failed because it drew from a seed that is not in the file.
pub(super) fn failed_for_unknown_seed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { message: Some(message), .. } if message.contains(UNKNOWN_SEED))
}

/// Circumstances of a replayed hook that may explain a difference.
#[derive(Clone, Copy)]
pub(super) struct Excuses {
    /// True if the network traffic contained a secret, so that nobody has it.
    pub(super) is_sealed: bool,
    /// True if the hook drew from a seed that is not in the file.
    pub(super) unknown_seed: bool,
    /// True if the hook failed here because memory ran out.
    pub(super) ran_out_of_memory: bool,
    /// The memory that the bot's process had on the relay, compared with what it has here.
    pub(super) relay_memory: Ordering,
}

/// Type of the exception that Python raises when memory runs out.
const MEMORY_ERROR: &str = "MemoryError";

/// Returns whether a replayed hook failed because memory ran out.
pub(super) fn failed_for_memory(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { reason, kind, .. } if *kind == FailureKind::Memory || is_memory_error(reason))
}

/// Returns whether a failure with this reason is one for want of memory: of the hook, or of loading the source.
fn is_memory_error(reason: &str) -> bool {
    reason.strip_prefix(MEMORY_ERROR).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// A reason why the replay of this hook cannot be expected to be the same, if there is one.
pub(super) fn inconclusive(
    verdict: &Verdict,
    logged: &[Entry],
    bot: &Bot,
    Excuses { is_sealed, unknown_seed, ran_out_of_memory, relay_memory }: Excuses,
) -> Option<String> {
    // Where memory runs out, more of it lets a hook go on to any other result.
    let relay_ran_out = logged_failure(logged).is_some_and(|failure| is_memory_error(&failure.reason));
    let reason = if is_sealed {
        "the hook's network traffic contained a sealed secret, so it was not recorded"
    } else if unknown_seed {
        "the hook drew from a seed that is not in this file"
    } else if !bot.env.is_empty() {
        "the bot has sealed secrets (ctx.env), which are not in this file"
    } else if verdict.outcome == HookOutcome::Timeout {
        "the hook ran into its time limit here, which depends on the machine, so the replay of this bot ends"
    } else if verdict.outcome == HookOutcome::Died {
        "the bot's process ended here, as it does when the machine runs out of memory"
    } else if relay_ran_out && relay_memory == Ordering::Less {
        "the hook ran out of memory on the relay, where the bot's process had less of it than here"
    } else if ran_out_of_memory && relay_memory == Ordering::Greater {
        "the hook runs out of memory here, where the bot's process has less of it than on the relay"
    } else {
        return None;
    };
    Some(reason.to_owned())
}
