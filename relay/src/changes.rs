//! Follows the changes that other processes make in the store: the operator's commands, which open the database themselves.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::sleep;

use crate::state::Relay;
use crate::store::StoreError;

/// Time between two looks at the store.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes over what other processes change, within about a second, until the relay shuts down.
pub(crate) async fn follow_other_processes(relay: Weak<Relay>) {
    let Some(shutdown) = relay.upgrade().map(|relay| relay.shutdown.clone()) else { return };
    let mut changed = false;
    loop {
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = shutdown.cancelled() => return,
        }
        let Some(relay) = relay.upgrade() else { return };
        if let Err(error) = take_over(&relay, &mut changed).await {
            tracing::error!(error.cause = %error, "looking for changes of other processes failed; retrying");
        }
    }
}

/// Takes over changes, if there are any. `changed` is `true` while there are some that have not been taken over.
async fn take_over(relay: &Relay, changed: &mut bool) -> Result<(), StoreError> {
    *changed |= relay.store.changed_elsewhere().await?;
    if *changed {
        relay.channels.take_over_changes().await?;
        *changed = false;
    }
    Ok(())
}
