use std::collections::BTreeMap;

use super::super::{Composition, Holder, Slot};
use crate::{BotId, Entry, Sender, SlotId, SystemEvent};

/// Follows which bodies a log may leave out: those that are private, unless their bot has unsealed them, and those that were
/// deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct Bodies {
    /// The writer of each entry, see [`writer`].
    writers: Vec<u8>,
    /// For each bot, the DMs to and from it that were left out: the entry of the hook, and the DM.
    withheld: BTreeMap<BotId, Vec<(u64, u64)>>,
    /// Bodies that were left out although everybody may read them, with the reason.
    missing: BTreeMap<u64, &'static str>,
    /// Number of entries that were deleted.
    pub(super) deleted: u64,
}

/// The relay, which does not delete what it wrote.
const RELAY: u8 = 0;
const BOT: u8 = 0x40;
/// Added for a DM to or from a bot that unseals.
const TO_BE_UNSEALED: u8 = 0x80;

const NOT_DELETED: &str = "the body of a public entry is missing, and no entry says that it was deleted";
const UNSEALED: &str = "the body of a DM is missing, although the bot has unsealed it";

impl Bodies {
    /// Reads the next entry of a channel of this composition.
    pub(super) fn read(
        &mut self,
        composition: &Composition,
        entry: &Entry,
        event: Option<&SystemEvent>,
    ) -> Result<(), &'static str> {
        let hook = hook_of_dm(composition, entry);
        if entry.content.is_none() {
            match &hook {
                None => drop(self.missing.insert(entry.id(), NOT_DELETED)),
                Some(_) if composition.is_unsealed(&entry.envelope) => drop(self.missing.insert(entry.id(), UNSEALED)),
                Some((bot_id, hook)) => self.withheld.entry(bot_id.clone()).or_default().push((*hook, entry.id())),
            }
        }
        let bot = hook.and_then(|(bot_id, _)| composition.bot(&bot_id));
        let flag = if bot.is_some_and(|bot| bot.unseals) { TO_BE_UNSEALED } else { 0 };
        self.writers.push(writer(&entry.envelope.sender) | flag);
        match event {
            Some(SystemEvent::EntriesDeleted { ids, by }) => {
                self.delete(composition, ids, *by, composition.closed.is_some())
            }
            Some(SystemEvent::DmUnsealed { bot_id }) => {
                self.unseal(bot_id, entry.envelope.cause.unwrap_or_default());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes note that bodies are deleted, in a channel of this composition.
    pub(super) fn delete(
        &mut self,
        composition: &Composition,
        ids: &[u64],
        by: Option<SlotId>,
        has_ended: bool,
    ) -> Result<(), &'static str> {
        for id in ids {
            let place = usize::try_from(id.saturating_sub(1)).unwrap_or(usize::MAX);
            let found = self.writers.get(place).copied().unwrap_or(RELAY);
            let (writer, is_to_be_unsealed) = (found & !TO_BE_UNSEALED, found & TO_BE_UNSEALED != 0);
            if writer == RELAY {
                return Err("entries of the relay are not deleted");
            }
            let is_own = |slot_id: SlotId| {
                let tenure = composition.slot(slot_id).and_then(Slot::tenure_began);
                writer == self::writer(&Sender::Slot(slot_id)) && tenure.is_some_and(|began| began < *id)
            };
            if !by.is_none_or(is_own) {
                return Err("players delete only what they wrote, in the present tenure");
            }
            if is_to_be_unsealed && !has_ended {
                return Err("a DM that its bot may still unseal is not deleted");
            }
            self.missing.remove(id);
            self.deleted += 1;
        }
        self.withheld.values_mut().for_each(|dms| dms.retain(|(_, id)| ids.binary_search(id).is_err()));
        Ok(())
    }

    /// Takes note that DMs become public.
    pub(super) fn unseal(&mut self, bot_id: &BotId, up_to: u64) {
        let Some(withheld) = self.withheld.get_mut(bot_id) else { return };
        let opened = withheld.extract_if(.., |(hook, _)| *hook <= up_to);
        self.missing.extend(opened.map(|(_, id)| (id, UNSEALED)));
    }

    /// The first entry whose body was left out although everybody may read it, with the reason.
    pub(super) fn first_missing(&self) -> Option<(u64, &'static str)> {
        self.missing.first_key_value().map(|(id, reason)| (*id, *reason))
    }

    /// The private entries whose bodies were left out.
    pub(super) fn withheld(&self) -> impl Iterator<Item = u64> {
        self.withheld.values().flatten().map(|(_, id)| *id)
    }
}

/// The bot of a DM, and the entry that started the hook which the DM belongs to.
fn hook_of_dm(composition: &Composition, entry: &Entry) -> Option<(BotId, u64)> {
    let envelope = &entry.envelope;
    let to_slot = envelope.to_slot?;
    match (&envelope.sender, composition.slot(to_slot)?.holder.as_ref()) {
        (Sender::Bot(bot_id), _) => Some((bot_id.clone(), envelope.cause.unwrap_or_default())),
        (_, Some(Holder::Bot(bot_id))) => Some((bot_id.clone(), entry.id())),
        _ => None,
    }
}

/// A number for each sender: of the relay, of all bots, and of each seat.
fn writer(sender: &Sender) -> u8 {
    match sender {
        Sender::System => RELAY,
        Sender::Bot(_) => BOT,
        Sender::Slot(slot_id) => 1 + u8::try_from(slot_id.place()).expect("a channel has at most 32 slots"),
    }
}
