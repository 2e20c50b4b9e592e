//! Subscriptions to resources: `subscriptions/listen` of protocol 2026-07-28, and `resources/subscribe` of older clients
//! on standard input and output.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::RoleServer;
use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::follow::{FollowedChannel, WaitLimiter};

/// Maximum number of resources that one listener or one older client can subscribe to.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 64;

/// Returns the requested resources that the caller may subscribe to: the channels that it is in.
pub(crate) async fn accept(multiplayer: &dyn Multiplayer, requested: &SubscriptionFilter) -> Vec<FollowedChannel> {
    let mut accepted: Vec<FollowedChannel> = vec![];
    for uri in requested.resource_subscriptions.iter().flatten() {
        if accepted.len() == MAX_SUBSCRIPTIONS {
            break;
        }
        if accepted.iter().any(|followed| followed.uri == *uri) {
            continue;
        }
        let followed = if accepted.last().is_some_and(FollowedChannel::is_unverified) {
            // The relay could not be reached a moment ago, so the other channels are not looked up now.
            FollowedChannel::unverified(uri)
        } else {
            FollowedChannel::lookup(multiplayer, uri).await.ok()
        };
        accepted.extend(followed);
    }
    accepted
}

/// Notifies a listener of new messages until it can no longer read any of the accepted channels.
///
/// Returns an error if the listener's token is no longer valid.
pub(crate) async fn notify(
    context: &SubscriptionContext,
    channels: &[FollowedChannel],
    multiplayer: &Arc<dyn Multiplayer>,
    limiter: &Arc<WaitLimiter>,
) -> Result<(), Error> {
    let accepted = context.accepted().resource_subscriptions.as_deref().unwrap_or_default();
    let followers = channels.iter().filter(|followed| accepted.contains(&followed.uri)).map(|followed| {
        let sink = context.sink().clone();
        let notify = move |uri: String, _| {
            let sink = sink.clone();
            async move { sink.notify_resource_updated(uri).await.is_ok() }
        };
        followed.clone().follow(Arc::clone(multiplayer), Arc::clone(limiter), notify)
    });
    let followers: Vec<_> = followers.collect();
    if followers.is_empty() {
        // The call stays open although nothing will be sent: a listener whose call ends would listen again immediately.
        context.cancelled().await;
        return Ok(());
    }
    try_join_all(followers).await?;
    Ok(())
}

/// Notifies a listener of changes to the list of resources, until it is gone.
pub(crate) async fn notify_list_changes(context: &SubscriptionContext, mut changes: watch::Receiver<()>) {
    while changes.changed().await.is_ok() && context.sink().notify_resource_list_changed().await.is_ok() {}
    context.cancelled().await;
}

/// Subscriptions of the client on standard input and output. Dropping this value ends them.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Resources to which an older client subscribed.
    resources: Mutex<HashMap<String, AbortOnDropHandle<()>>>,
    /// Changes when a call of the client has changed the list of its channels.
    list_changes: watch::Sender<()>,
}

impl Subscriptions {
    /// Tells the client that a call of its own has changed the list of resources: an older client directly, others by
    /// their subscription.
    pub(crate) async fn list_changed(&self, peer: &Peer<RoleServer>) {
        self.list_changes.send_replace(());
        let is_older = peer.peer_info().is_some_and(|info| info.protocol_version.has_initialize());
        if is_older {
            // Fails only if the client is gone.
            let _ = peer.notify_resource_list_changed().await;
        }
    }

    /// Returns a receiver of later changes to the list of resources.
    pub(crate) fn list_changes(&self) -> watch::Receiver<()> {
        self.list_changes.subscribe()
    }

    pub(crate) async fn subscribe(
        &self,
        uri: &str,
        peer: Peer<RoleServer>,
        multiplayer: Arc<dyn Multiplayer>,
        limiter: Arc<WaitLimiter>,
    ) -> Result<(), ErrorData> {
        let refused = |error: Error| ErrorData::resource_not_found(format!("{} {}", error.message, error.hint), None);
        let followed = FollowedChannel::lookup(&*multiplayer, uri).await.map_err(refused)?;
        let mut subscribed = self.resources.lock().unwrap_or_else(PoisonError::into_inner);
        subscribed.retain(|_, task| !task.is_finished());
        if subscribed.contains_key(uri) {
            return Ok(());
        }
        if subscribed.len() >= MAX_SUBSCRIPTIONS {
            let message = format!(
                "You can subscribe to at most {MAX_SUBSCRIPTIONS} resources; unsubscribe from another one first."
            );
            return Err(ErrorData::invalid_request(message, None));
        }
        let notify = move |uri: String, _| {
            let peer = peer.clone();
            async move { peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_ok() }
        };
        let task = tokio::spawn(async move {
            // An older client has no request that an error could answer. Its next call returns the error.
            let _ = followed.follow(multiplayer, limiter, notify).await;
        });
        subscribed.insert(uri.to_owned(), AbortOnDropHandle::new(task));
        Ok(())
    }

    pub(crate) fn unsubscribe(&self, uri: &str) {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }
}
