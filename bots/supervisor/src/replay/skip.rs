//! Checks whether a hook had to be skipped, and was.

use mcp_multiplayer_protocol::{SkipReason, SystemEvent, limits};

use super::report::Difference;
use crate::referee::{Turn, Verdict};

/// Compares what the log says about a call with what the rules say: `None` if the call ran and had to, or the verdict on a
/// call that was skipped.
///
/// The depth of a cascade and a cancelled timer can be checked. The other reasons are the relay's word.
pub(super) fn judge_skip(turn: &Turn<'_>, depth: u32, logged: &SystemEvent) -> Result<Option<Verdict>, Difference> {
    let required = if depth >= limits::CASCADE_DEPTH {
        Some(SkipReason::Depth)
    } else {
        turn.is_stale().then_some(SkipReason::Stale)
    };
    let found = match logged {
        SystemEvent::BotSkipped { reason, step, .. } if *step == turn.step => Some(*reason),
        _ => None,
    };
    match (required, found) {
        (None, None) => Ok(None),
        (None, Some(reason @ (SkipReason::Budget | SkipReason::Closing | SkipReason::Unavailable))) => {
            Ok(Some(turn.skipped(reason)))
        }
        (Some(required), Some(reason)) if required == reason => Ok(Some(turn.skipped(reason))),
        _ => Err(Difference {
            trigger: turn.trigger.id(),
            hook: turn.call.hook().name(),
            log: vec![describe(found)],
            replay: vec![describe(required)],
        }),
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
