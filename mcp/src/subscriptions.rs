//! Who is told of what: `subscriptions/listen` of 2026-07-28, and `resources/subscribe` of older clients on a pipe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::RoleServer;
use rmcp::model::{ErrorData, ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::{Peer, SubscriptionContext};
use tokio_util::task::AbortOnDropHandle;

use crate::following::{Followed, Turns};

/// Most resources that one listener, or one older client, follows.
pub(crate) const FOLLOWED: usize = 64;

/// What of a request for notifications can be had: channels that the caller is in.
pub(crate) async fn admit(multiplayer: &dyn Multiplayer, requested: &SubscriptionFilter) -> Vec<Followed> {
    let mut admitted: Vec<Followed> = vec![];
    for uri in requested.resource_subscriptions.iter().flatten() {
        if admitted.len() == FOLLOWED {
            break;
        }
        if admitted.iter().any(|followed| followed.uri == *uri) {
            continue;
        }
        let followed = if admitted.last().is_some_and(Followed::is_uncertain) {
            // The relay was out of reach a moment ago: no use in waiting for each of them.
            Followed::uncertain(uri)
        } else {
            Followed::find(multiplayer, uri).await.ok()
        };
        admitted.extend(followed);
    }
    admitted
}

/// Tells a listener of what is new until there is nothing more that it may follow.
pub(crate) async fn tell(
    context: &SubscriptionContext,
    admitted: &[Followed],
    multiplayer: &Arc<dyn Multiplayer>,
    turns: &Arc<Turns>,
) {
    let accepted = context.accepted().resource_subscriptions.as_deref().unwrap_or_default();
    let followers = admitted.iter().filter(|followed| accepted.contains(&followed.uri)).map(|followed| {
        let sink = context.sink().clone();
        let notify = move |uri: String| {
            let sink = sink.clone();
            async move { sink.notify_resource_updated(uri).await.is_ok() }
        };
        followed.clone().follow(Arc::clone(multiplayer), Arc::clone(turns), notify)
    });
    let followers: Vec<_> = followers.collect();
    if followers.is_empty() {
        // A listener that gets nothing is not told to come back: it would, and at once.
        return context.cancelled().await;
    }
    join_all(followers).await;
}

/// What an older client on a pipe has subscribed to. Dropping it ends the subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Subscribed(Mutex<HashMap<String, AbortOnDropHandle<()>>>);

impl Subscribed {
    pub(crate) async fn subscribe(
        &self,
        uri: &str,
        peer: Peer<RoleServer>,
        multiplayer: Arc<dyn Multiplayer>,
        turns: Arc<Turns>,
    ) -> Result<(), ErrorData> {
        let refused = |error: Error| ErrorData::resource_not_found(format!("{} {}", error.message, error.hint), None);
        let followed = Followed::find(&*multiplayer, uri).await.map_err(refused)?;
        let mut subscribed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        subscribed.retain(|_, following| !following.is_finished());
        if subscribed.contains_key(uri) {
            return Ok(());
        }
        if subscribed.len() >= FOLLOWED {
            let message = format!("At most {FOLLOWED} resources can be subscribed to; unsubscribe from others first.");
            return Err(ErrorData::invalid_request(message, None));
        }
        let notify = move |uri: String| {
            let peer = peer.clone();
            async move { peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_ok() }
        };
        let following = tokio::spawn(followed.follow(multiplayer, turns, notify));
        subscribed.insert(uri.to_owned(), AbortOnDropHandle::new(following));
        Ok(())
    }

    pub(crate) fn unsubscribe(&self, uri: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uri);
    }
}
