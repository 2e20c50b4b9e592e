use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_multiplayer_protocol::SlotId;
use tokio::time::sleep;

use super::partner::Partner;
use crate::channel::LiveChannel;
use crate::state::Relay;

/// State of a channel's partners after they have answered everything that they can.
enum CaughtUp {
    /// Nothing is to be done before the channel changes, or before this time has passed.
    Waiting(Option<Duration>),
    /// No partner will have anything to do again.
    Ended,
}

/// Starts a task that plays for the practice partners of a channel.
///
/// It ends when the channel is being closed, no partner holds a seat, the channel is no longer live, or the relay shuts down.
pub(crate) fn start(relay: Weak<Relay>, channel: Weak<LiveChannel>) {
    tokio::spawn(follow(relay, channel));
}

async fn follow(relay: Weak<Relay>, channel: Weak<LiveChannel>) {
    let Some(mut progress) = channel.upgrade().map(|channel| channel.progress()) else { return };
    let Some(shutdown) = relay.upgrade().map(|relay| relay.shutdown.clone()) else { return };
    let mut partners = BTreeMap::new();
    loop {
        // Before the channel is looked at, so that a change after that ends the wait below. See `wait_for_change`.
        progress.mark_unchanged();
        let retry = {
            let (Some(relay), Some(channel)) = (relay.upgrade(), channel.upgrade()) else { return };
            match catch_up(&relay, &channel, &mut partners).await {
                CaughtUp::Waiting(retry) => retry,
                CaughtUp::Ended => return,
            }
        };
        let retry_is_due = async {
            match retry {
                Some(pause) => sleep(pause).await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = progress.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = retry_is_due => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Has every partner of the channel read what is new, and answer it.
async fn catch_up(
    relay: &Arc<Relay>,
    channel: &Arc<LiveChannel>,
    partners: &mut BTreeMap<SlotId, Partner>,
) -> CaughtUp {
    let composition = channel.composition();
    // A kicked partner does not come back: only the creation of a channel seats one.
    let seats: Vec<SlotId> =
        composition.slots().filter(|(_, slot)| slot.has_program()).map(|(slot_id, _)| slot_id).collect();
    if seats.is_empty() || composition.close_requested.is_some() {
        return CaughtUp::Ended;
    }
    partners.retain(|slot_id, _| seats.contains(slot_id));
    let mut retry: Option<Duration> = None;
    for slot_id in seats {
        let partner = partners.entry(slot_id).or_insert_with(|| Partner::new(channel, slot_id));
        if let Some(pause) = partner.play(relay, channel).await {
            retry = Some(retry.map_or(pause, |earlier| earlier.min(pause)));
        }
    }
    CaughtUp::Waiting(retry)
}
