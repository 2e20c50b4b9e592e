use serde::{Deserialize, Serialize};

use super::{Bot, Composition};
use crate::{Entry, Kind, Sender, SlotId, SystemEvent};

/// A method of a bot that the relay calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// Called after the bot was attached.
    OnInit,
    /// Called when a tenure began, and for each seat that was filled when the bot was attached.
    OnJoin,
    /// Called when a tenure ended.
    OnLeave,
    /// Called when all players are there and have accepted the terms, where that is required.
    OnReady,
    /// Called when the players' randomness is there that the bot has asked for.
    OnStart,
    /// Called when a player or another bot posted.
    OnMessage,
    /// Called when a player sent this bot a DM.
    OnPrivateMessage,
    /// Called when one of the bot's timers fired.
    OnTimer,
    /// Called when the channel is being closed, after all other hooks.
    OnClose,
}

impl Hook {
    /// Name of the method in the bot's class.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnInit => "on_init",
            Self::OnJoin => "on_join",
            Self::OnLeave => "on_leave",
            Self::OnReady => "on_ready",
            Self::OnStart => "on_start",
            Self::OnMessage => "on_message",
            Self::OnPrivateMessage => "on_private_message",
            Self::OnTimer => "on_timer",
            Self::OnClose => "on_close",
        }
    }
}

/// One call into a bot that an entry starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookCall {
    /// `on_init()`
    Init,
    /// `on_join(player_id)`
    Join(SlotId),
    /// `on_leave(player_id)`
    Leave(SlotId),
    /// `on_ready()`
    Ready,
    /// `on_start(contributors, missing)`
    Start,
    /// `on_message(msg)`
    Message,
    /// `on_private_message(slot_id, msg)`
    PrivateMessage(SlotId),
    /// `on_timer(name)`, for the timer of this number
    Timer(u32),
    /// `on_close()`
    Close,
}

impl HookCall {
    /// The method that is called.
    pub const fn hook(self) -> Hook {
        match self {
            Self::Init => Hook::OnInit,
            Self::Join(_) => Hook::OnJoin,
            Self::Leave(_) => Hook::OnLeave,
            Self::Ready => Hook::OnReady,
            Self::Start => Hook::OnStart,
            Self::Message => Hook::OnMessage,
            Self::PrivateMessage(_) => Hook::OnPrivateMessage,
            Self::Timer(_) => Hook::OnTimer,
            Self::Close => Hook::OnClose,
        }
    }
}

/// The calls into `bot` that `entry` makes due, in order; hooks that it does not define are left out.
/// `composition` is the channel as the entry leaves it.
///
/// Each of them runs, or becomes a `bot:skipped`: if the entry's [`cascade_depth`](super::cascade_depth) is
/// [`limits::CASCADE_DEPTH`](crate::limits::CASCADE_DEPTH), for instance, so that two bots cannot answer each other for
/// ever.
pub fn plan(composition: &Composition, bot: &Bot, entry: &Entry) -> Vec<HookCall> {
    let mut calls = calls(bot, entry);
    if composition.ready == Some(entry.id()) && entry.id() >= bot.attached {
        calls.push(HookCall::Ready);
    }
    calls.retain(|call| bot.hooks.contains(&call.hook()));
    calls
}

/// Returns `true` if the entry makes a hook of the bot due.
pub(crate) fn wakes(composition: &Composition, bot: &Bot, entry: &Entry) -> bool {
    !plan(composition, bot, entry).is_empty()
}

fn calls(bot: &Bot, entry: &Entry) -> Vec<HookCall> {
    let envelope = &entry.envelope;
    if envelope.id <= bot.attached {
        let joins = bot.present.iter().map(|slot_id| HookCall::Join(*slot_id));
        return if envelope.id == bot.attached {
            std::iter::once(HookCall::Init).chain(joins).collect()
        } else {
            vec![]
        };
    }
    match &envelope.sender {
        Sender::System if envelope.kind == Kind::SYSTEM => match entry.body().and_then(|body| body.parse().ok()) {
            Some(SystemEvent::MemberJoin { slot_id, .. }) => vec![HookCall::Join(slot_id)],
            Some(SystemEvent::MemberLeave { slot_id, .. } | SystemEvent::MemberKick { slot_id, .. }) => {
                vec![HookCall::Leave(slot_id)]
            }
            Some(SystemEvent::EntropyOpened { bot_id, .. }) if bot_id == bot.bot_id => vec![HookCall::Start],
            Some(SystemEvent::CloseRequested { .. }) => vec![HookCall::Close],
            _ => vec![],
        },
        Sender::System if envelope.kind == Kind::TRACE && bot.hooks.contains(&Hook::OnTimer) => {
            match entry.body().and_then(|body| body.parse().ok()) {
                Some(SystemEvent::Timer { bot_id, n, .. }) if bot_id == bot.bot_id => vec![HookCall::Timer(n)],
                _ => vec![],
            }
        }
        Sender::Slot(slot_id) => match envelope.to_slot {
            None => vec![HookCall::Message],
            Some(to_slot) if to_slot == bot.slot_id => vec![HookCall::PrivateMessage(*slot_id)],
            Some(_) => vec![],
        },
        Sender::Bot(bot_id) if *bot_id != bot.bot_id && envelope.to_slot.is_none() => vec![HookCall::Message],
        Sender::Bot(_) | Sender::System => vec![],
    }
}
