use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Kind of failure of an operation, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The invite code was not issued by this relay, was replaced, or its slot was closed.
    InviteInvalid,
    /// The rejoin token was not issued by this relay, or its tenure has ended.
    RejoinTokenInvalid,
    /// The invite code has been used by someone else.
    SlotAlreadyFilled,
    /// The caller holds no seat in this channel, or the channel does not exist.
    NotMember,
    /// The operation is reserved for admins of the channel.
    NotAdmin,
    /// The caller holds several seats in this channel and did not specify which one acts.
    SeatAmbiguous,
    /// The channel has no bot with this id.
    BotNotFound,
    /// The bot's code or parameters were not accepted.
    BotRejected,
    /// The relay is currently unable to run bots.
    BotsUnavailable,
    /// An operation of `update_channel` cannot be applied.
    BadOp,
    /// The arguments are not valid for the operation.
    InvalidRequest,
    /// The idempotency key was used before, for a different request.
    Conflict,
    /// Too many requests; `retry_after_ms` is the time to wait.
    RateLimit,
    /// The channel, or its owner over all channels, has used up the storage that the relay allows.
    QuotaExceeded,
    /// The request, or a part of it, is larger than allowed.
    TooLarge,
    /// The channel is closed and accepts nothing new.
    ChannelClosed,
    /// The relay cannot be reached, or is shutting down.
    RelayUnreachable,
    /// The request had no token, or its token is not valid.
    Unauthenticated,
    /// The relay's disk is full, or nearly so; nothing was changed.
    StorageFull,
    /// A bot protects a game in progress.
    SeatsHeld,
    /// The caller has not accepted the channel's terms, or has accepted others.
    TermsNotAccepted,
    /// A client found that the relay contradicts itself or breaks a rule of the channel. No relay answers with this.
    RelayContradiction,
    /// The relay failed; nothing was changed.
    InternalError,
}

/// Failure of an operation, with a hint on what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, thiserror::Error)]
pub struct Error {
    /// Kind of failure, for programs.
    pub code: ErrorCode,
    /// Description of the failure, for people and models.
    pub message: Cow<'static, str>,
    /// Suggestion on what to do next.
    pub hint: Cow<'static, str>,
    /// Time to wait before trying again, in milliseconds.
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
    /// Creates an error without a time to wait.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), retry_after_ms: None }
    }

    /// Sets the time to wait before trying again, in milliseconds.
    #[must_use]
    pub fn retry_after(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// Creates an `INVALID_REQUEST` error.
    pub fn invalid(message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message, hint)
    }

    /// Creates a `NOT_MEMBER` error, which does not reveal whether the channel exists.
    pub fn not_member() -> Self {
        Self::new(
            ErrorCode::NotMember,
            "You hold no seat in this channel.",
            "Call join_channel with your rejoin_token (or an unused invite code), then repeat the call.",
        )
    }

    /// Creates the `SLOT_ALREADY_FILLED` error for an invite that somebody else has used.
    pub fn slot_already_filled() -> Self {
        Self::new(
            ErrorCode::SlotAlreadyFilled,
            "This invite code was already used.",
            "An invite code fills one slot once. To come back to your own seat, pass your rejoin_token; else ask for a new invite.",
        )
    }

    /// Creates the `TERMS_NOT_ACCEPTED` error for a hash that is not that of the present terms.
    pub fn other_terms() -> Self {
        Self::new(
            ErrorCode::TermsNotAccepted,
            "This terms_hash is not that of the channel's present terms, so nothing was accepted.",
            "Call join_channel with preview=true, read the terms, and pass the terms_hash that it returns.",
        )
    }

    /// Creates a `NOT_ADMIN` error.
    pub fn not_admin() -> Self {
        Self::new(
            ErrorCode::NotAdmin,
            "Only an admin of the channel may do this.",
            "Ask the channel's owner to do it, or to make you an admin with update_channel set_admin.",
        )
    }

    /// Creates a `CHANNEL_CLOSED` error.
    pub fn closed() -> Self {
        Self::new(
            ErrorCode::ChannelClosed,
            "This channel is closed.",
            "You can still read its messages with sync_messages. To continue, create a new channel with create_channel.",
        )
    }

    /// Creates a `BOT_NOT_FOUND` error.
    pub fn bot_not_found() -> Self {
        Self::new(
            ErrorCode::BotNotFound,
            "This channel has no bot with this bot_id.",
            "get_channel_info lists the channel's bots.",
        )
    }

    /// Creates a `BOTS_UNAVAILABLE` error.
    pub fn bots_unavailable() -> Self {
        Self::new(
            ErrorCode::BotsUnavailable,
            "This relay cannot run bots at the moment because its bot worker does not start. Nothing was changed.",
            "Ask the relay's operator to check the relay's log for the cause. Until then, only channels without bots work.",
        )
        .retry_after(10_000)
    }

    /// Creates a `BAD_OP` error.
    pub fn bad_op(message: impl Into<Cow<'static, str>>, hint: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadOp, message, hint)
    }

    /// Creates a `STORAGE_FULL` error.
    pub fn storage_full() -> Self {
        Self::new(
            ErrorCode::StorageFull,
            "The relay's disk has no room for anything new; nothing was changed.",
            "Tell the relay's operator, who has to free some space, then try again.",
        )
        .retry_after(10_000)
    }

    /// Creates an `INTERNAL_ERROR`, which does not reveal the cause.
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::InternalError,
            "The relay failed to process this request; nothing was changed.",
            "Try again. If the error persists, report the time of this call to the relay's operator.",
        )
        .retry_after(1_000)
    }
}
