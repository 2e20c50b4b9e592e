use mcp_multiplayer_protocol::channel::SlotKind;
use mcp_multiplayer_protocol::operation::{ChannelUpdated, UpdateChannel, UpdateOp, View};
use mcp_multiplayer_protocol::{Actor, Error, Secret, SlotId, SystemEvent, limits};
use serde::{Deserialize, Serialize};

use super::bot_spec::{Attached, Loaded};
use super::join_channel::label;
use super::repeat::Keyed;
use super::{Caller, checked_name};
use crate::channel::{CommitError, Proposal, Standing};
use crate::error::{internal, store_failed};
use crate::keys::SeatCode;
use crate::store::BotChange;

/// What a repeat is answered with; the codes are derived from it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Outcome {
    invites: Vec<(SlotId, u32)>,
    attached: Vec<Attached>,
}

impl Caller {
    /// What admins may do: all of the operations, or none.
    pub(super) async fn update_channel(&self, args: UpdateChannel) -> Result<ChannelUpdated, Error> {
        let keyed = self.keyed("update_channel", &args, args.idempotency_key.as_ref())?;
        if args.ops.is_empty() || args.ops.len() > limits::UPDATE_OPS {
            return Err(Error::invalid(
                format!("update_channel takes 1 to {} operations.", limits::UPDATE_OPS),
                "For example [{\"type\": \"rename\", \"name\": \"Finals\"}].",
            ));
        }
        let outcome = match self.update_once(&args, keyed.as_ref()).await {
            Ok(outcome) => outcome,
            Err(refused) => self.or_repeat(keyed.as_ref(), Some((args.channel_id, args.slot_id)), refused).await?,
        };
        let channel = self.relay.channels.get(args.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(Error::not_member)?;
        for bot in &outcome.attached {
            self.started(&channel, bot).await?;
        }
        let composition = channel.composition();
        let code =
            |(slot_id, number)| self.relay.key.invite_code(SeatCode { channel_id: args.channel_id, slot_id, number });
        let invites: Vec<Secret> = outcome.invites.into_iter().map(code).collect();
        Ok(ChannelUpdated {
            ok: true,
            view: View::of(&composition),
            invite_links: self.invite_links(&invites),
            invites,
        })
    }

    async fn update_once(&self, args: &UpdateChannel, keyed: Option<&Keyed>) -> Result<Outcome, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        let composition = channel.composition();
        let standing = Standing::resolve(&composition, &player, args.slot_id)?;
        let mut loaded = vec![];
        for op in &args.ops {
            // A worker is started only for somebody who may attach bots.
            if let UpdateOp::SetBot { bot, .. } = op {
                standing.may_change_bots(&composition)?;
                loaded.push(self.load_bot(bot.clone()).await?);
            }
        }
        let (caller, args, keyed) = (self.clone(), args.clone(), keyed.cloned());
        // On a task of its own: a bot that was attached is run, even if the caller goes away.
        let updated = tokio::spawn(async move {
            let outcome = channel
                .commit(|proposal| {
                    let standing = Standing::resolve(&proposal.state().composition, &player, args.slot_id)?;
                    let mut outcome = Outcome::default();
                    let mut loaded = loaded.iter();
                    for op in &args.ops {
                        // An owner who has just yielded the own seat is still the owner.
                        let composition = &proposal.state().composition;
                        let by = match Standing::resolve(composition, &player, args.slot_id) {
                            Err(_) if player == composition.owner => Actor::Owner,
                            _ => standing.actor,
                        };
                        caller.apply(proposal, op, by, &mut loaded, &mut outcome)?;
                    }
                    let scope = caller.scope(args.channel_id, standing);
                    proposal.idempotency = keyed.as_ref().map(|keyed| keyed.record(scope, args.channel_id, &outcome));
                    Ok(outcome)
                })
                .await?;
            for bot in &outcome.attached {
                caller.relay.channels.start_runner(&channel, bot.bot_id.clone());
            }
            Ok(outcome)
        });
        updated.await.map_err(|error| internal(&error))?
    }

    fn apply<'a>(
        &self,
        proposal: &mut Proposal,
        op: &UpdateOp,
        by: Actor,
        loaded: &mut impl Iterator<Item = &'a Loaded>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let composition = proposal.state().composition.clone();
        match op {
            UpdateOp::SetBot { slot_id, .. } => {
                let bot = loaded.next().expect("one was loaded for each set_bot");
                detach(proposal, *slot_id, "replaced", by)?;
                if slot_id.place() >= composition.slots.len() {
                    return Err(Error::bad_op(
                        format!("There is no slot {slot_id}."),
                        "get_channel_info shows the slots.",
                    ));
                }
                outcome.attached.push(self.attach(proposal, bot, Some(*slot_id), Some(by))?);
            }
            UpdateOp::RemoveBot { slot_id } => {
                if !detach(proposal, *slot_id, "removed", by)? {
                    return Err(Error::bad_op(
                        format!("Slot {slot_id} holds no bot."),
                        "get_channel_info shows the slots.",
                    ));
                }
            }
            UpdateOp::YieldSlot { slot_id, to } => {
                let slot_id = *slot_id;
                detach(proposal, slot_id, "yielded", by)?;
                if composition.slot(slot_id).is_some_and(mcp_multiplayer_protocol::channel::Slot::has_player) {
                    let label = label(&composition, slot_id);
                    let event = if by == Actor::Slot(slot_id) {
                        SystemEvent::MemberLeave { slot_id, label, by }
                    } else {
                        SystemEvent::MemberKick { slot_id, label, by }
                    };
                    proposal.push_event(&event, None)?;
                }
                proposal.push_event(&SystemEvent::SlotYielded { slot_id, to: *to, by }, None)?;
                if *to == SlotKind::Invite {
                    issue(proposal, slot_id, by, outcome)?;
                }
            }
            UpdateOp::SetAdmin { slot_id, admin } => {
                proposal.push_event(&SystemEvent::AdminSet { slot_id: *slot_id, admin: *admin, by }, None)?;
            }
            UpdateOp::Rename { name } => {
                proposal.push_event(&SystemEvent::Renamed { name: checked_name("name", name)?, by }, None)?;
            }
            UpdateOp::Kick { slot_id } => {
                let label = label(&composition, *slot_id);
                proposal.push_event(&SystemEvent::MemberKick { slot_id: *slot_id, label, by }, None)?;
            }
            UpdateOp::NewInvite { slot_id } => issue(proposal, *slot_id, by, outcome)?,
            UpdateOp::CloseSlot { slot_id } => {
                proposal.push_event(&SystemEvent::SlotClosed { slot_id: *slot_id, by }, None)?;
            }
            UpdateOp::Close {} => {
                proposal.push_event(&SystemEvent::Closed { by }, None)?;
            }
        }
        Ok(())
    }
}

/// Proposes that a slot's bot goes; whether there was one.
fn detach(proposal: &mut Proposal, slot_id: SlotId, reason: &str, by: Actor) -> Result<bool, Error> {
    let bots = &proposal.state().composition.bots;
    let Some(bot_id) = bots.iter().find(|bot| bot.slot_id == slot_id).map(|bot| bot.bot_id.clone()) else {
        return Ok(false);
    };
    let event = SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason: reason.to_owned(), by: Some(by) };
    proposal.push_event(&event, None)?;
    proposal.bots.push(BotChange::Detach(bot_id));
    Ok(true)
}

/// Proposes a new invite code for an empty slot.
fn issue(proposal: &mut Proposal, slot_id: SlotId, by: Actor, outcome: &mut Outcome) -> Result<(), Error> {
    let generation = proposal.state().composition.slot(slot_id).map_or(0, |slot| slot.invite) + 1;
    proposal.push_event(&SystemEvent::InviteIssued { slot_id, generation, by }, None)?;
    outcome.invites.push((slot_id, generation));
    Ok(())
}
