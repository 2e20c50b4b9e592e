//! Checks whether a hook had to be skipped, and was.

use mcp_multiplayer_protocol::channel::HookCall;
use mcp_multiplayer_protocol::{Entry, SkipReason, SystemEvent, limits};

use super::report::Difference;
use crate::referee::{Turn, Verdict};

/// Compares what the log says about a call with what the rules say: `None` if the call ran and had to, or the verdict on a
/// call that was skipped.
///
/// The depth of a cascade and a cancelled timer can be checked. The other reasons are the relay's word.
///
/// `effects` are the other entries that the log has for the call; a hook that did not run has none. `closing` is `true` if the
/// channel was being closed.
pub(super) fn judge_skip(
    turn: &Turn<'_>,
    depth: u32,
    (logged, effects): (&SystemEvent, &[&Entry]),
    closing: bool,
) -> Result<Option<Verdict>, Difference> {
    let required = if depth >= limits::CASCADE_DEPTH {
        Some(SkipReason::Depth)
    } else {
        turn.is_stale().then_some(SkipReason::Stale)
    };
    let found = match logged {
        SystemEvent::BotSkipped { reason, step, hook, trigger, .. }
            if (*step, *hook, *trigger) == (turn.step, turn.call.hook(), turn.trigger.id()) =>
        {
            Some(*reason)
        }
        _ => None,
    };
    match (required, found) {
        (None, None) => Ok(None),
        (None, Some(reason)) if effects.is_empty() && is_relays_word(turn, reason, closing) => {
            Ok(Some(turn.skipped(reason)))
        }
        (Some(required), Some(reason)) if effects.is_empty() && required == reason => Ok(Some(turn.skipped(reason))),
        _ => Err(Difference {
            trigger: turn.trigger.id(),
            hook: turn.call.hook().name(),
            log: vec![describe(found)],
            replay: vec![describe(required)],
        }),
    }
}

/// Returns `true` for a reason that only the relay can know, where it may give it: `on_close` is always tried.
fn is_relays_word(turn: &Turn<'_>, reason: SkipReason, closing: bool) -> bool {
    let is_last = turn.call == HookCall::Close;
    match reason {
        SkipReason::Budget => !is_last,
        SkipReason::Closing => closing && !is_last,
        SkipReason::Unavailable => closing,
        SkipReason::Depth | SkipReason::Stale => false,
    }
}

fn describe(reason: Option<SkipReason>) -> String {
    match reason {
        None => "the hook ran".to_owned(),
        Some(reason) => {
            let name = serde_json::to_value(reason).expect("a reason is a string");
            format!("the hook was skipped: {}", name.as_str().unwrap_or_default())
        }
    }
}
