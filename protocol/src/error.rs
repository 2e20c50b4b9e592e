use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The invite code is not one of this relay's, was replaced, or its slot was closed.
    InviteInvalid,
    /// The rejoin token is not one of this relay's, or its tenure ended.
    RejoinTokenInvalid,
    /// Somebody else has used this invite code.
    SlotAlreadyFilled,
    /// The caller holds no seat of this channel, or there is no such channel.
    NotMember,
    /// The operation is for admins of the channel.
    NotAdmin,
    /// The caller holds several seats of this channel and did not say which one acts.
    SeatAmbiguous,
    /// The channel has no bot of this id.
    BotNotFound,
    /// The bot's code or parameters cannot be run.
    BotRejected,
    /// The relay cannot run bots at present.
    BotsUnavailable,
    /// An operation of `update_channel` cannot be applied.
    BadOp,
    /// The arguments are not what the operation takes.
    InvalidRequest,
    /// The idempotency key was used before with other content.
    Conflict,
    /// Too many requests; `retry_after_ms` says when to come back.
    RateLimit,
    /// The request, or a part of it, is larger than allowed.
    TooLarge,
    /// The channel was closed and takes nothing new.
    ChannelClosed,
    /// The relay cannot be reached, or is shutting down.
    RelayUnreachable,
    /// The caller did not say who it is, or its token is not valid.
    Unauthenticated,
    /// The relay failed; nothing was changed.
    InternalError,
}

/// Why an operation was not done, in a form that says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, thiserror::Error)]
pub struct Error {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people and models.
    pub message: Cow<'static, str>,
    /// What to do next.
    pub hint: Cow<'static, str>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = serde_json::to_value(self.code).expect("a code is a string");
        write!(f, "{}: {} ({})", code.as_str().unwrap_or_default(), self.message, self.hint)
    }
}

impl Error {
    /// An error with all it needs to say.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), retry_after_ms: None }
    }

    /// The same, with a time to come back.
    #[must_use]
    pub fn retry_after(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// `INVALID_REQUEST`.
    pub fn invalid(message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message, hint)
    }

    /// `NOT_MEMBER`; the same words whether the channel exists or not.
    pub fn not_member() -> Self {
        Self::new(
            ErrorCode::NotMember,
            "You hold no seat in this channel.",
            "Call join_channel with your rejoin_token (or an unused invite code), then repeat the call.",
        )
    }

    /// `NOT_ADMIN`.
    pub fn not_admin() -> Self {
        Self::new(
            ErrorCode::NotAdmin,
            "Only an admin of the channel may do this.",
            "Ask the channel's owner to do it, or to make you admin with update_channel set_admin.",
        )
    }

    /// `CHANNEL_CLOSED`.
    pub fn closed() -> Self {
        Self::new(
            ErrorCode::ChannelClosed,
            "This channel is closed.",
            "Its messages can still be read with sync_messages; create_channel makes a new one.",
        )
    }

    /// `BOT_NOT_FOUND`.
    pub fn bot_not_found() -> Self {
        Self::new(
            ErrorCode::BotNotFound,
            "This channel has no bot with this bot_id.",
            "get_channel_info lists the channel's bots.",
        )
    }

    /// `BOTS_UNAVAILABLE`.
    pub fn bots_unavailable() -> Self {
        Self::new(
            ErrorCode::BotsUnavailable,
            "This relay cannot run bots at present: its bot worker does not start. Nothing was changed.",
            "Tell the relay's operator: the relay's log says what is missing. Channels without bots can be used meanwhile.",
        )
        .retry_after(10_000)
    }

    /// `BAD_OP`.
    pub fn bad_op(message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadOp, message, hint)
    }

    /// `INTERNAL_ERROR`, which tells the caller nothing of the cause.
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::InternalError,
            "The relay failed at this request; nothing was changed.",
            "Try again; if it stays, tell the relay's operator the time of this call.",
        )
        .retry_after(1_000)
    }
}
