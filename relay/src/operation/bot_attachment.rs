use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_protocol::channel::{BOT_API, BOT_POLICY, Composition, Slot, SlotKind};
use mcp_multiplayer_protocol::{Actor, BotId, Error, Hash, SlotId, SystemEvent, limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Caller;
use super::bot_source::AttachableBot;
use crate::channel::Proposal;
use crate::store::{BotChange, BotCursor, NewBot};

/// A bot that was attached. Part of what is stored for a repeat of the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AttachedBot {
    pub(super) bot_id: BotId,
    pub(super) slot_id: SlotId,
    /// The entry that attached it.
    pub(super) entry: u64,
    pub(super) code_hash: Hash,
    pub(super) manifest_hash: Hash,
}

impl Caller {
    /// Proposes to attach a bot: to `slot_id`, else to the slot that it asks for, else to an empty or new one.
    pub(super) fn propose_attach(
        &self,
        proposal: &mut Proposal,
        bot: &AttachableBot,
        slot_id: Option<SlotId>,
        by: Option<Actor>,
    ) -> Result<AttachedBot, Error> {
        let composition = &proposal.state().composition;
        let slot_id = match slot_id {
            Some(slot_id) => slot_id,
            None => slot_for(composition, bot, &[])?,
        };
        let slot_label = (slot_id.place() == composition.slots.len()).then(|| bot.name.clone());
        let channel_id = composition.channel_id;
        let bot_id = BotId::new(&bot.name, composition.bots_attached);
        let code_hash = Hash::of(&[bot.source.as_bytes()]);
        let manifest_hash = Hash::of(&[bot.manifest_text.as_bytes()]);
        let seeds = self.relay.key.bot_seeds(channel_id, &bot_id);
        let seal = |env| self.relay.key.seal_env(channel_id, &bot_id, env, &self.relay.random);
        let env = Some(&bot.env).filter(|env| !env.is_empty()).map(seal);
        let event = SystemEvent::BotAttach {
            bot_id: bot_id.clone(),
            slot_id,
            slot_label,
            name: bot.name.clone(),
            version: bot.version.clone(),
            preset: bot.preset_name(),
            code_hash,
            manifest_hash,
            params_hash: Hash::of(&[bot.params_text.as_bytes()]),
            env: bot.env.keys().cloned().collect(),
            api: BOT_API,
            hooks: bot.hooks.clone(),
            runtime: bot.runtime.clone(),
            sandbox: bot.sandbox.clone(),
            sandbox_report: Some(bot.sandbox_report.clone()),
            limits: bot.limits,
            egress_hash: self.relay.egress_hash,
            policy: bot.policy.then_some(BOT_POLICY),
            unseals: bot.manifest.get("unseals") == Some(&Value::Bool(true)),
            seed_commitment: seeds.commitment(0).ok_or_else(Error::internal)?,
            by,
        };
        let entry = proposal.push_event(&event, None)?.id();
        let manifest = SystemEvent::BotManifest { bot_id: bot_id.clone(), manifest: bot.manifest.clone() };
        proposal.push_event(&manifest, None)?;
        proposal.bots.push(BotChange::Attach(NewBot {
            bot_id: bot_id.clone(),
            slot_id,
            attached: entry,
            name: bot.name.clone(),
            version: bot.version.clone(),
            code_ref: bot.code_ref.clone(),
            source: Arc::clone(&bot.source),
            manifest: bot.manifest_text.clone(),
            params: bot.params_text.clone(),
            env,
        }));
        // The bot's memory begins with the channel as it is now, so that a runner need not fold the log up to here.
        let start = BotCursor { entry, step: 0 };
        let state = Some(Memory::new(Arc::clone(&proposal.state().composition), entry).to_text());
        proposal.bots.push(BotChange::Advance { bot_id: bot_id.clone(), from: start, to: start, state });
        Ok(AttachedBot { bot_id, slot_id, entry, code_hash, manifest_hash })
    }
}

/// The slots that these bots will take, if they are attached one after another.
pub(super) fn slots_for(composition: &Composition, bots: &[AttachableBot]) -> Result<Vec<SlotId>, Error> {
    bots.iter().try_fold(vec![], |mut taken, bot| {
        taken.push(slot_for(composition, bot, &taken)?);
        Ok(taken)
    })
}

/// The slot that a bot will take when others will have taken `taken`: the empty one that it asks for, else the first empty
/// one, else a new one.
fn slot_for(composition: &Composition, bot: &AttachableBot, taken: &[SlotId]) -> Result<SlotId, Error> {
    let is_empty =
        |slot_id: &SlotId, slot: &Slot| slot.kind == SlotKind::Bot && slot.holder.is_none() && !taken.contains(slot_id);
    let mut empty = composition.slots().filter(|(slot_id, slot)| is_empty(slot_id, slot));
    if let Some(wanted) = &bot.slot {
        let is_wanted =
            |slot_id: SlotId, label: &str| *wanted == slot_id.to_string() || *wanted == format!("bot:{label}");
        let found = empty.find(|(slot_id, slot)| is_wanted(*slot_id, &slot.label));
        return found.map(|(slot_id, _)| slot_id).ok_or_else(|| no_empty_slot(wanted));
    }
    let existing = composition.slots.len();
    let next = existing + taken.iter().filter(|slot_id| slot_id.place() >= existing).count();
    match empty.find(|(_, slot)| !slot.closed) {
        Some((slot_id, _)) => Ok(slot_id),
        None if next < limits::SLOTS => Ok(SlotId::at(next)),
        None => Err(Error::bad_op(
            "The channel has no slot left for a bot.",
            "Remove a bot first, with update_channel remove_bot.",
        )),
    }
}

fn no_empty_slot(wanted: &str) -> Error {
    let wanted: String = wanted.chars().take(64).collect();
    Error::invalid(
        format!("There is no empty bot slot '{wanted}'."),
        "Name one of the channel's 'bot:label' slots, or leave slot out.",
    )
}
