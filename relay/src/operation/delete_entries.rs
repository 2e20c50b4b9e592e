use mcp_multiplayer_protocol::channel::Slot;
use mcp_multiplayer_protocol::operation::{DeleteEntries, Deleted};
use mcp_multiplayer_protocol::{Error, Sender, SlotId, SystemEvent, limits};

use super::Caller;
use crate::channel::{LiveChannel, Member};
use crate::error::store_failed;

impl Caller {
    /// Destroys the bodies and salts of what the caller wrote, and says so in the log.
    pub(super) async fn delete_entries(&self, mut args: DeleteEntries) -> Result<Deleted, Error> {
        let (channel, player) = self.channel(args.channel_id).await?;
        let slot_id = Member::resolve(&channel.composition(), &player, args.slot_id)?.seat()?;
        args.ids.sort_unstable();
        args.ids.dedup();
        if args.ids.is_empty() || args.ids.len() > limits::DELETED_ENTRIES {
            return Err(Error::invalid(
                format!(
                    "Argument 'ids' has {} ids; 1 to {} can be deleted at once.",
                    args.ids.len(),
                    limits::DELETED_ENTRIES
                ),
                "Pass the ids of some of your posts; call again for more.",
            ));
        }
        let mut ids = Vec::new();
        for id in args.ids {
            if has_own_body(&channel, id, slot_id).await? {
                ids.push(id);
            }
        }
        let deleted = ids.len() as u64;
        channel
            .commit(|proposal| {
                let composition = &proposal.state().composition;
                Member::resolve(composition, &player, Some(slot_id))?;
                if !ids.is_empty() {
                    let event = SystemEvent::EntriesDeleted { ids: ids.clone(), by: Some(slot_id) };
                    proposal.push_event(&event, None)?;
                }
                Ok(())
            })
            .await?;
        Ok(Deleted { ok: true, deleted })
    }
}

/// Returns whether an entry still has its body. Fails unless the present player of the seat wrote it.
async fn has_own_body(channel: &LiveChannel, id: u64, slot_id: SlotId) -> Result<bool, Error> {
    let began = channel.composition().slot(slot_id).and_then(Slot::tenure_began);
    let entry =
        if id == 0 || id > channel.durable().size() { None } else { channel.entry(id).await.map_err(store_failed)? };
    let own = entry.filter(|entry| {
        entry.envelope.sender == Sender::Slot(slot_id) && began.is_some_and(|began| began < entry.id())
    });
    let own = own.ok_or_else(|| {
        Error::invalid(
            format!("Entry {id} is not one that you wrote in seat {slot_id}."),
            "Pass ids of your own posts and DMs, as in messages[] of sync_messages with include_own.",
        )
    })?;
    Ok(own.content.is_some())
}
