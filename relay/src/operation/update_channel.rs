use mcp_multiplayer_protocol::channel::{Slot, SlotKind, Terms};
use mcp_multiplayer_protocol::operation::{ChannelUpdated, UpdateChannel, UpdateOp, View};
use mcp_multiplayer_protocol::{Actor, Error, Secret, SlotId, SystemEvent, limits};
use serde::{Deserialize, Serialize};

use super::Caller;
use super::bot_attachment::AttachedBot;
use super::bot_source::AttachableBot;
use super::idempotency::RequestKey;
use super::join_channel::label;
use super::names::checked_name;
use crate::channel::{CommitError, Member, Proposal};
use crate::error::{internal, store_failed};
use crate::keys::SeatClaim;
use crate::store::BotChange;

/// The stored outcome of the request. Invite codes are secrets and therefore derived from it again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Outcome {
    invites: Vec<(SlotId, u32)>,
    attached: Vec<AttachedBot>,
}

impl Caller {
    /// Performs operations that only admins may perform: all of them, or none.
    pub(super) async fn update_channel(&self, args: UpdateChannel) -> Result<ChannelUpdated, Error> {
        let request_key = self.request_key_with_secrets("update_channel", &args, args.idempotency_key.as_ref())?;
        if args.ops.is_empty() || args.ops.len() > limits::UPDATE_OPS {
            return Err(Error::invalid(
                format!("update_channel takes 1 to {} operations.", limits::UPDATE_OPS),
                "For example [{\"type\": \"rename\", \"name\": \"Finals\"}].",
            ));
        }
        let outcome = match self.update_once(&args, request_key.as_ref()).await {
            Ok(outcome) => outcome,
            Err(refusal) => {
                self.repeat_outcome_or(refusal, request_key.as_ref(), Some((args.channel_id, args.slot_id))).await?
            }
        };
        let channel = self.relay.channels.get(args.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(Error::not_member)?;
        for bot in &outcome.attached {
            self.wait_until_started(&channel, bot).await?;
        }
        let code =
            |(slot_id, number)| self.relay.key.invite_code(SeatClaim { channel_id: args.channel_id, slot_id, number });
        let invites: Vec<Secret> = outcome.invites.into_iter().map(code).collect();
        let state = channel.durable();
        Ok(ChannelUpdated {
            ok: true,
            view: View::of(&state),
            bots: self.bot_views(&state.composition).await?,
            terms_hash: Terms::of(&state.composition).hash(),
            invite_links: self.invite_links(&invites),
            invites,
        })
    }

    async fn update_once(
        &self,
        args: &UpdateChannel,
        request_key: Option<&RequestKey>,
    ) -> Result<Outcome, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        let composition = channel.composition();
        let member = Member::resolve(&composition, &player, args.slot_id)?;
        let mut prepared = vec![];
        if args.ops.iter().any(needs_storage) {
            channel.check_storage(&self.relay.quotas)?;
        }
        for op in &args.ops {
            // Checked before a worker is started, which is expensive, and again when the change is proposed.
            if let UpdateOp::SetBot { bot, .. } = op {
                member.may_change_bots(&composition)?;
                prepared.push(self.prepare_bot(bot.clone()).await?);
            }
        }
        let (caller, args, request_key) = (self.clone(), args.clone(), request_key.cloned());
        // On a task of its own: once a bot is attached its runner must be started, even if the caller goes away.
        let updated = tokio::spawn(async move {
            let outcome = channel
                .commit(|proposal| {
                    let member = Member::resolve(&proposal.state().composition, &player, args.slot_id)?;
                    let mut outcome = Outcome::default();
                    let mut bots = prepared.iter();
                    for op in &args.ops {
                        // An owner whose own seat was given up by an operation before this one still acts as the owner.
                        let composition = &proposal.state().composition;
                        let by = match Member::resolve(composition, &player, args.slot_id) {
                            Err(_) if player == composition.owner => Actor::Owner,
                            _ => member.actor,
                        };
                        caller.propose_op(proposal, op, by, &mut bots, &mut outcome)?;
                    }
                    let scope = caller.member_scope(args.channel_id, member);
                    proposal.idempotency =
                        request_key.as_ref().map(|request_key| request_key.record(scope, args.channel_id, &outcome));
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

    /// Proposes one operation. `bots` are the prepared bots of the `set_bot` operations, in order.
    fn propose_op<'a>(
        &self,
        proposal: &mut Proposal,
        op: &UpdateOp,
        by: Actor,
        bots: &mut impl Iterator<Item = &'a AttachableBot>,
        outcome: &mut Outcome,
    ) -> Result<(), Error> {
        let composition = proposal.state().composition.clone();
        match op {
            UpdateOp::SetBot { slot_id, .. } => {
                let bot = bots.next().expect("one was prepared for each set_bot");
                propose_detach(proposal, *slot_id, "replaced", by)?;
                if slot_id.place() >= composition.slots.len() {
                    return Err(Error::bad_op(
                        format!("There is no slot {slot_id}."),
                        "get_channel_info shows the slots.",
                    ));
                }
                outcome.attached.push(self.propose_attach(proposal, bot, Some(*slot_id), Some(by))?);
            }
            UpdateOp::RemoveBot { slot_id } => {
                if !propose_detach(proposal, *slot_id, "removed", by)? {
                    return Err(Error::bad_op(
                        format!("There is no bot in slot {slot_id}."),
                        "get_channel_info shows the slots.",
                    ));
                }
            }
            UpdateOp::YieldSlot { slot_id, to } => {
                let slot_id = *slot_id;
                propose_detach(proposal, slot_id, "yielded", by)?;
                if composition.slot(slot_id).is_some_and(Slot::has_player) {
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
                    propose_invite(proposal, slot_id, by, outcome)?;
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
            UpdateOp::NewInvite { slot_id } => propose_invite(proposal, *slot_id, by, outcome)?,
            UpdateOp::CloseSlot { slot_id } => {
                proposal.push_event(&SystemEvent::SlotClosed { slot_id: *slot_id, by }, None)?;
            }
            UpdateOp::Close {} => proposal.push_close(Some(by))?,
        }
        Ok(())
    }
}

/// Returns `true` for an operation that is refused in a full channel, because it could be repeated for ever. Those with which
/// a channel and its members come to an end are not.
fn needs_storage(op: &UpdateOp) -> bool {
    match op {
        UpdateOp::SetBot { .. }
        | UpdateOp::SetAdmin { .. }
        | UpdateOp::Rename { .. }
        | UpdateOp::NewInvite { .. }
        | UpdateOp::YieldSlot { .. } => true,
        UpdateOp::RemoveBot { .. } | UpdateOp::Kick { .. } | UpdateOp::CloseSlot { .. } | UpdateOp::Close {} => false,
    }
}

/// Proposes to detach the bot in a slot. Returns `false` if there is none.
fn propose_detach(proposal: &mut Proposal, slot_id: SlotId, reason: &str, by: Actor) -> Result<bool, Error> {
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
fn propose_invite(proposal: &mut Proposal, slot_id: SlotId, by: Actor, outcome: &mut Outcome) -> Result<(), Error> {
    let generation = proposal.state().composition.slot(slot_id).map_or(0, |slot| slot.invite) + 1;
    proposal.push_event(&SystemEvent::InviteIssued { slot_id, generation, by }, None)?;
    outcome.invites.push((slot_id, generation));
    Ok(())
}
