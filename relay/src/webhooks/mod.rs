//! Webhooks of MCP Events (SEP-3415): the relay posts the messages of a channel to a URL of the subscriber's choice, while no
//! client is connected.
//!
//! Each subscription has one task, which reads with `EventReader` as the subscriber would, posts one event after the other, and
//! stores its position after each acknowledgement. So every event arrives at least once, in order, under the same
//! `webhook-id`, also over a crash of the relay. Permission is checked whenever messages are read; a failed delivery reads
//! again before it is repeated. The subscription ends with the permission.
//!
//! Anybody with a token can have the relay post to a URL. The relay therefore connects only where the operator's egress rules
//! allow, posts nothing but a small challenge before the endpoint has echoed it, follows no redirects, limits time and size of
//! responses, and tells the subscriber nothing about an endpoint but the category of an error. Secrets and URLs, which may
//! contain secrets, are never logged.
//!
//! - `subscriptions`: creates, refreshes and ends subscriptions, and owns their tasks;
//! - `delivery`: the task of a subscription;
//! - `retry`: the time of the next attempt, and the end of attempts;
//! - `callback_url`, `secret`, `message`: the parts of a request; `post`: the request itself;
//! - `challenge`: verification of an endpoint.

mod callback_url;
mod challenge;
mod delivery;
mod message;
mod post;
mod retry;
mod secret;
mod subscriptions;

pub(crate) use self::subscriptions::Webhooks;
