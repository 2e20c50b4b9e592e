//! MCP Events (SEP-3415, `io.modelcontextprotocol/events`): clients are told of new messages in a channel, so that an
//! assistant can act on them although nobody is talking to it.
//!
//! There is one event type, [`EVENT`]. An event is a message that the subscriber may read and that a list of messages for
//! models would show. Events of the subscriber's own posts do not exist. The cursor is the id of an entry as text, so a
//! client can resume wherever it stopped, as long as the channel exists.
//!
//! All ways of delivery read with [`EventReader`], which calls `sync_messages`: whatever wakes it, the permission to read is
//! checked again. Webhooks are not offered.

mod definition;
mod error;
mod occurrence;
mod poll;
mod reader;
mod stream;
mod subscription;
mod wake;

pub use error::EventError;
pub use occurrence::Occurrence;
pub use reader::{EventPage, EventReader};
pub use subscription::{EventSubscription, Start};

pub(crate) use definition::list;
pub(crate) use poll::poll;
pub(crate) use stream::{EventStream, stream};

/// Identifier of the extension.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/events";
/// Name of the event type.
pub const EVENT: &str = "channel.message";

/// The methods of the extension.
pub(crate) const METHODS: [&str; 3] = ["events/list", "events/poll", "events/stream"];
