//! MCP Events (SEP-3415, `io.modelcontextprotocol/events`): clients are told of new messages in a channel, so that an
//! assistant can act on them although nobody is talking to it.
//!
//! There is one event type, [`EVENT`]. An event is a message that the subscriber may read and that a list of messages for
//! models would show. Events of the subscriber's own posts do not exist. The cursor is the id of an entry as text, so a
//! client can resume wherever it stopped, as long as the channel exists.
//!
//! All ways of delivery read with [`EventReader`], which calls `sync_messages`: whatever wakes it, the permission to read is
//! checked again. `events/poll` and `events/stream` are performed here. Webhooks are the relay's, which has to post to them
//! while no client is connected; [`WebhookRequest`] is the interface to them.

mod begin;
mod definition;
mod error;
mod occurrence;
mod poll;
mod reader;
mod stream;
mod subscription;
mod wake;
mod webhook;

pub use crate::follow::is_transient;
pub use begin::begin;
pub use error::EventError;
pub use occurrence::Occurrence;
pub use reader::{EventPage, EventReader};
pub use subscription::{EventSubscription, Start};
pub use webhook::{Lifetime, SubscribeWebhook, SubscribedWebhook, WebhookReply, WebhookRequest, WebhookStatus};

pub(crate) use definition::list;
pub(crate) use poll::poll;
pub(crate) use stream::{EventStream, stream};
pub(crate) use webhook::{PerformWebhookRequest, WEBHOOK_METHODS, perform_webhook_request};

/// Identifier of the extension.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/events";
/// Name of the event type.
pub const EVENT: &str = "channel.message";

/// The methods that every server has.
pub(crate) const METHODS: [&str; 3] = ["events/list", "events/poll", "events/stream"];
