//! The operations, one file each: what `protocol::Multiplayer` means on a relay.
//!
//! Doors know nothing but [`Caller`]. Here secrets and principals become slots, steps are proposed
//! to channels, and answers are put together from what is durable.

mod attach_bot;
mod bot_spec;
mod create_channel;
mod get_bot_code;
mod get_channel_info;
mod health_check;
mod join_channel;
mod leave_channel;
mod list_channels;
mod post_message;
mod repeat;
mod sync_messages;
mod update_channel;

use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::Composition;
use mcp_multiplayer_protocol::operation::ReplyFuture;
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Multiplayer, Reply, Request, SlotId, limits};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::auth::Principal;
use crate::channel::{LiveChannel, Reader, Standing};
use crate::error::{internal, store_failed};
use crate::state::Relay;
use crate::store::failpoint;

/// The relay, as one principal meets it.
#[derive(Clone)]
pub struct Caller {
    relay: Arc<Relay>,
    principal: Principal,
}

impl Caller {
    /// The relay, for this principal.
    pub fn new(relay: Arc<Relay>, principal: Principal) -> Self {
        Self { relay, principal }
    }

    /// The channel, and what the caller goes by in it. A channel that does not exist is one the caller is not in.
    async fn channel(&self, channel_id: ChannelId) -> Result<(Arc<LiveChannel>, Hash), Error> {
        let channel = self.relay.channels.get(channel_id).await.map_err(store_failed)?;
        Ok((channel.ok_or_else(Error::not_member)?, self.player(channel_id)))
    }

    fn player(&self, channel_id: ChannelId) -> Hash {
        self.relay.key.pseudonym(channel_id, self.principal.as_str())
    }
}

/// What a caller may read of a channel, from which seat.
fn reader(composition: &Composition, player: &Hash, slot_id: Option<SlotId>) -> Result<Reader, Error> {
    Ok(Standing::resolve(composition, player, slot_id)?.reader(composition))
}

/// Whether the caller is in the channel at all, from whichever seat.
fn member(composition: &Composition, player: &Hash) -> Result<Vec<SlotId>, Error> {
    let seats: Vec<SlotId> =
        composition.seats().filter(|(_, _, holder)| *holder == player).map(|(slot_id, ..)| slot_id).collect();
    if seats.is_empty() && *player != composition.owner { Err(Error::not_member()) } else { Ok(seats) }
}

/// Checks a name that people will read: 1 to 100 characters, none of them a control character.
fn checked_name(argument: &str, name: &str) -> Result<String, Error> {
    let length = name.chars().count();
    if length == 0 || length > limits::NAME_CHARS || name.chars().any(char::is_control) || name.trim().is_empty() {
        return Err(Error::invalid(
            format!("Argument '{argument}' must be 1 to {} printable characters.", limits::NAME_CHARS),
            "Choose a short name on one line.",
        ));
    }
    Ok(name.to_owned())
}

/// How long a part of an answer is.
fn json_bytes(part: &impl Serialize) -> Result<usize, Error> {
    Ok(serde_json::to_vec(part).map_err(|error| internal(&error))?.len())
}

fn too_large(what: &str, size: usize, limit: usize) -> Error {
    Error::new(
        ErrorCode::TooLarge,
        format!("{what} is {size} bytes; the relay takes at most {limit}."),
        "Send less, or split it.",
    )
}

impl Multiplayer for Caller {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(async move {
            let op = request.name();
            if self.relay.shutdown.is_cancelled() {
                return Err(Error::new(
                    ErrorCode::RelayUnreachable,
                    "The relay is shutting down.",
                    "Repeat the call in a moment; nothing that was acknowledged is lost.",
                )
                .retry_after(1_000));
            }
            let attended = Attended { op, principal: &self.principal, answered: false };
            // What is called often is kept small: the rest is boxed, or every call would move the largest of them.
            let result = match request {
                Request::HealthCheck(_) => reply(self.health_check().await),
                Request::CreateChannel(args) => reply(Box::pin(self.create_channel(args)).await),
                Request::JoinChannel(args) => reply(Box::pin(self.join_channel(args)).await),
                Request::LeaveChannel(args) => reply(Box::pin(self.leave_channel(args)).await),
                Request::PostMessage(args) => reply(self.post_message(args).await),
                Request::DmBot(args) => reply(self.dm_bot(args).await),
                Request::SyncMessages(args) => reply(self.sync_messages(args).await),
                Request::GetChannelInfo(args) => reply(Box::pin(self.get_channel_info(args)).await),
                Request::GetBotCode(args) => reply(Box::pin(self.get_bot_code(args)).await),
                Request::ListChannels(_) => reply(Box::pin(self.list_channels()).await),
                Request::UpdateChannel(args) => reply(Box::pin(self.update_channel(args)).await),
                Request::AttachBot(args) => reply(Box::pin(self.attach_bot(args)).await),
            };
            failpoint::hit("reply");
            attended.answered();
            match &result {
                Ok(_) => tracing::debug!(op, principal = ?self.principal, "performed"),
                Err(error) => tracing::debug!(op, principal = ?self.principal, error.code = ?error.code, "refused"),
            }
            result
        })
    }
}

/// An operation that somebody waits for, or did until it says so: a client that hangs up ends its wait.
struct Attended<'a> {
    op: &'static str,
    principal: &'a Principal,
    answered: bool,
}

impl Attended<'_> {
    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Attended<'_> {
    fn drop(&mut self) {
        if !self.answered {
            tracing::debug!(op = self.op, principal = ?self.principal, "abandoned");
        }
    }
}

fn reply<T: Serialize>(result: Result<T, Error>) -> Result<Reply, Error> {
    to_raw_value(&result?).map_err(|error| internal(&error))
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({:?})", self.principal)
    }
}
