use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::find_preset;
use mcp_multiplayer_protocol::channel::{BotsChange, RULES, SlotKind, Terms};
use mcp_multiplayer_protocol::operation::{BotSpec, ChannelCreated, CreateChannel, View};
use mcp_multiplayer_protocol::{
    BotAnnouncement, ChannelId, Error, ErrorCode, Secret, SlotId, SlotSpec, SystemEvent, limits,
};
use serde::{Deserialize, Serialize};

use super::Caller;
use super::answer::json_bytes;
use super::bot_attachment::{AttachedBot, slots_for};
use super::bot_source::{AttachableBot, unknown_preset};
use super::idempotency::RequestKey;
use super::join_channel::{HeldSeat, check_entropy};
use super::names::{check_labels, checked_name};
use crate::channel::{CommitError, LiveChannel, Proposal};
use crate::error::{internal, store_failed};
use crate::keys::SeatClaim;

/// Longest message about a bot that does not run, in characters.
const ERROR_CHARS: usize = 600;

/// The stored outcome of the request. The rest of the answer is computed again for every repeat.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Outcome {
    channel_id: ChannelId,
    seat: Option<HeldSeat>,
    bot_errors: Vec<String>,
    attached: Vec<AttachedBot>,
    /// The seats of practice partners, which need no invite.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    practice: Vec<SlotId>,
}

impl Caller {
    /// Creates a channel, and answers once every bot's `on_init` is durable.
    pub(super) async fn create_channel(&self, mut args: CreateChannel) -> Result<ChannelCreated, Error> {
        let request_key = self.request_key_with_secrets("create_channel", &args, args.idempotency_key.as_ref())?;
        let name = checked_name("name", &args.name)?;
        let (slots, practice) = slots(&args.slots)?;
        let seat = args.join_as.as_deref().map(|label| seat_with_label(&slots, &practice, label)).transpose()?;
        check_entropy(args.entropy.as_deref())?;
        if args.entropy.is_some() && seat.is_none() {
            return Err(Error::invalid(
                "entropy was given without join_as.",
                "It is what a player contributes to the bots' draws: add join_as, or leave entropy out.",
            ));
        }
        let mut prepared = vec![];
        let mut bot_errors = vec![];
        for spec in bots(&mut args)? {
            let name = spec.name.clone().or_else(|| spec.code_ref.clone()).unwrap_or_else(|| "The bot".to_owned());
            match self.prepare_bot(spec).await {
                Ok(bot) => prepared.push(bot),
                // The relay failed, and the bot may be fine: rather than create a channel without it, let the caller
                // try again.
                Err(error)
                    if matches!(
                        error.code,
                        ErrorCode::InternalError | ErrorCode::StorageFull | ErrorCode::BotsUnavailable
                    ) =>
                {
                    return Err(error);
                }
                Err(error) => bot_errors.push(format!("{name}: {} {}", error.message, error.hint)),
            }
        }
        let plan = ChannelPlan {
            name,
            slots,
            practice,
            seat,
            entropy: args.entropy,
            bots_change: args.bots_change.unwrap_or_default(),
            require_terms: args.require_terms.unwrap_or(false),
            bots: prepared,
            bot_errors,
        };
        // On a task of its own: the channel and its bots are set up completely, even if the caller goes away.
        let caller = self.clone();
        let created = tokio::spawn(async move { caller.create_once(plan, request_key).await }).await;
        let (channel, outcome) = created.map_err(|error| internal(&error))??;
        self.answer_created(&channel, outcome).await
    }

    async fn create_once(
        &self,
        plan: ChannelPlan,
        request_key: Option<RequestKey>,
    ) -> Result<(Arc<LiveChannel>, Outcome), Error> {
        let owner = self.relay.channels.owner(&self.principal).await.map_err(store_failed)?;
        if !self.is_repeat(request_key.as_ref()).await? {
            self.relay.quotas.check_disk()?;
            self.relay.quotas.check_stored_by(&self.principal, owner.stored_bytes())?;
            self.relay.quotas.take_channel_of(&self.principal)?;
        }
        let channel_id = ChannelId::from_bytes(self.relay.random.bytes());
        let bot_errors = plan.bot_errors.clone();
        let practice = plan.practice.clone();
        let mut outcome = Outcome { channel_id, seat: None, bot_errors, attached: vec![], practice };
        let created = self.relay.channels.create(channel_id, owner, |proposal| {
            self.propose_channel(proposal, &plan, &mut outcome)?;
            proposal.idempotency = request_key
                .as_ref()
                .map(|request_key| request_key.record(self.principal_scope(), channel_id, &outcome));
            Ok(())
        });
        match created.await {
            Ok(channel) => Ok((channel, outcome)),
            Err(CommitError::Refused(error)) => Err(error),
            Err(refusal) => {
                let outcome: Outcome = self.repeat_outcome_or(refusal, request_key.as_ref(), None).await?;
                let channel = self.relay.channels.get(outcome.channel_id).await.map_err(store_failed)?;
                Ok((channel.ok_or_else(Error::internal)?, outcome))
            }
        }
    }

    /// Proposes a channel's first entries.
    fn propose_channel(&self, proposal: &mut Proposal, plan: &ChannelPlan, outcome: &mut Outcome) -> Result<(), Error> {
        let owner = self.pseudonym(outcome.channel_id);
        let created = SystemEvent::ChannelCreated {
            rules: RULES,
            name: plan.name.clone(),
            slots: plan.slots.clone(),
            owner,
            bots_change: plan.bots_change,
            require_terms: plan.require_terms,
            log: Some(self.relay.log.identity()),
        };
        proposal.push_event(&created, None)?;
        if !plan.bots.is_empty() {
            // The bots are announced with their slots before they are attached, so the slots have to be found first.
            let slot_ids = slots_for(&proposal.state().composition, &plan.bots)?;
            let bots = plan.bots.iter().zip(&slot_ids).map(|(bot, slot_id)| bot.announcement(*slot_id)).collect();
            proposal.push_event(&SystemEvent::BotsAnnounced { bots }, None)?;
            for (bot, slot_id) in plan.bots.iter().zip(slot_ids) {
                outcome.attached.push(self.propose_attach(proposal, bot, Some(slot_id), None)?);
            }
        }
        // Before the creator, so that the referee gets ready when the last person is there.
        let partner = Self::practice(Arc::clone(&self.relay));
        for slot_id in &plan.practice {
            partner.take_seat(proposal, *slot_id, partner.pseudonym(outcome.channel_id), None)?;
            if plan.require_terms {
                partner.accept_terms(proposal, *slot_id, None)?;
            }
        }
        if let Some(slot_id) = plan.seat {
            let tenure = self.take_seat(proposal, slot_id, owner, plan.entropy.clone())?;
            outcome.seat = Some(HeldSeat { channel_id: outcome.channel_id, slot_id, tenure });
            if plan.require_terms {
                // The terms are the creator's own.
                self.accept_terms(proposal, slot_id, None)?;
            }
        }
        Ok(())
    }

    async fn answer_created(&self, channel: &Arc<LiveChannel>, outcome: Outcome) -> Result<ChannelCreated, Error> {
        let mut bot_errors = outcome.bot_errors;
        for bot in &outcome.attached {
            if let Err(error) = self.wait_until_started(channel, bot).await {
                bot_errors.push(format!("{}: {} {}", bot.bot_id, error.message, error.hint));
            }
        }
        for error in &mut bot_errors {
            *error = error.chars().take(ERROR_CHARS).collect();
        }
        let state = channel.durable();
        let slot_id = outcome.seat.map(|seat| seat.slot_id);
        let labelled: Vec<(String, Secret)> = state
            .composition
            .slots()
            .filter(|(place, slot)| {
                slot.kind == SlotKind::Invite && Some(*place) != slot_id && !outcome.practice.contains(place)
            })
            .map(|(slot_id, slot)| {
                let claim = SeatClaim { channel_id: outcome.channel_id, slot_id, number: 0 };
                (slot.label.clone(), self.relay.key.invite_code(claim))
            })
            .collect();
        let invites: Vec<Secret> = labelled.iter().map(|(_, code)| code.clone()).collect();
        let invite_links = self.invite_links(&invites);
        let (rejoin_token, messages, cursor, now) = match outcome.seat {
            Some(seat) => {
                let more = json_bytes(&labelled)?
                    + json_bytes(&invites)?
                    + json_bytes(&invite_links)?
                    + json_bytes(&bot_errors)?;
                let joined = self.answer_joined(channel, seat, None, more).await?;
                (Some(joined.rejoin_token), Some(joined.messages), Some(joined.cursor), Some(joined.now))
            }
            None => (None, None, None, None),
        };
        Ok(ChannelCreated {
            channel_id: outcome.channel_id,
            invite_links,
            invites,
            invites_by_label: labelled.into_iter().collect(),
            view: View::of(&state),
            bots: self.bot_views(&state.composition).await?,
            terms_hash: Terms::of(&state.composition).hash(),
            bot_errors,
            slot_id,
            rejoin_token,
            messages,
            cursor,
            now,
        })
    }

    /// Invite codes as links. The code is in the fragment, which browsers do not send to servers.
    pub(super) fn invite_links(&self, codes: &[Secret]) -> Vec<Secret> {
        let base = self.relay.config.public_url.trim_end_matches('/');
        codes.iter().map(|code| Secret::new(format!("{base}/join#{}", code.expose()))).collect()
    }
}

/// A checked request for a channel.
struct ChannelPlan {
    name: String,
    slots: Vec<SlotSpec>,
    /// The slots that practice partners take.
    practice: Vec<SlotId>,
    seat: Option<SlotId>,
    /// The creator's contribution to the bots' draws.
    entropy: Option<String>,
    bots_change: BotsChange,
    require_terms: bool,
    bots: Vec<AttachableBot>,
    bot_errors: Vec<String>,
}

/// The bots in the order in which they take slots.
fn bots(args: &mut CreateChannel) -> Result<Vec<BotSpec>, Error> {
    let mut specs = args.bots.take().unwrap_or_default();
    let single = |code_ref, inline_code, params| BotSpec {
        name: None,
        version: None,
        code_ref,
        inline_code,
        manifest: None,
        params,
        env: None,
        slot: None,
    };
    if let Some(code) = args.bot_code.take() {
        specs.insert(0, single(None, Some(code), args.bot_params.take()));
    } else if let Some(preset) = args.bot_preset.take() {
        let preset = find_preset(&preset).ok_or_else(|| unknown_preset(&preset))?;
        specs.insert(0, single(Some(preset.code_ref()), None, args.bot_params.take()));
    } else if args.bot_params.is_some() {
        return Err(Error::invalid(
            "bot_params was given without bot_code or bot_preset.",
            "Name the bot that the parameters are for, or put them into bots[].params.",
        ));
    }
    if specs.len() > limits::SLOTS {
        return Err(Error::invalid("There are more bots than slots.", "A channel has at most 32 slots."));
    }
    Ok(specs)
}

/// The slots that these texts declare, and those of them that practice partners take.
fn slots(texts: &[String]) -> Result<(Vec<SlotSpec>, Vec<SlotId>), Error> {
    if texts.is_empty() || texts.len() > limits::SLOTS {
        return Err(Error::invalid(
            format!("A channel has 1 to {} slots; {} were given.", limits::SLOTS, texts.len()),
            "For example [\"bot:referee\", \"invite:alice\", \"invite:bob\"].",
        ));
    }
    let slot = |(place, text): (usize, &String)| {
        let (kind, label) = text.split_once(':').unwrap_or((text, ""));
        let kind = match kind {
            "bot" => SlotKind::Bot,
            "invite" | "practice" => SlotKind::Invite,
            _ => {
                return Err(Error::invalid(
                    format!("Slot {place} is not 'bot:label', 'invite:label' or 'practice:label'."),
                    "For example [\"bot:referee\", \"invite:alice\", \"invite:bob\"].",
                ));
            }
        };
        let label = if label.is_empty() { text.split(':').next().map(|kind| format!("{kind}_{place}")) } else { None };
        let label = label.unwrap_or_else(|| text.split_once(':').map_or(text.as_str(), |(_, label)| label).to_owned());
        Ok(SlotSpec { kind, label: checked_name(&format!("slots[{place}]"), &label)? })
    };
    let slots: Vec<SlotSpec> = texts.iter().enumerate().map(slot).collect::<Result<_, _>>()?;
    check_labels(&slots)?;
    let is_practice = |text: &String| text.split(':').next() == Some("practice");
    let practice = (0..texts.len()).filter(|place| is_practice(&texts[*place])).map(SlotId::at).collect();
    Ok((slots, practice))
}

fn seat_with_label(slots: &[SlotSpec], practice: &[SlotId], label: &str) -> Result<SlotId, Error> {
    let label = label.strip_prefix("invite:").unwrap_or(label);
    let places = slots.iter().enumerate().map(|(place, slot)| (SlotId::at(place), slot));
    let free: Vec<(SlotId, &str)> = places
        .filter(|(slot_id, slot)| slot.kind == SlotKind::Invite && !practice.contains(slot_id))
        .map(|(slot_id, slot)| (slot_id, slot.label.as_str()))
        .collect();
    free.iter().find(|(_, free)| *free == label).map(|(slot_id, _)| *slot_id).ok_or_else(|| {
        let labels: Vec<&str> = free.iter().map(|(_, label)| *label).collect();
        Error::invalid(
            "join_as does not name an invite slot of this channel.",
            format!("The invite slots are: {}.", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }),
        )
    })
}

impl AttachableBot {
    fn announcement(&self, slot_id: SlotId) -> BotAnnouncement {
        BotAnnouncement { slot_id, name: self.name.clone(), version: self.version.clone(), summary: self.summary() }
    }
}
