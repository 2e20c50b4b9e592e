use super::{
    BOT_API, BOT_POLICY, Bot, BotHead, ChannelState, Composition, Holder, RULES, Slot, SlotKind, Terms, Timer,
};
use crate::{
    Actor, Author, Body, BotId, DirectMessage, Entry, Envelope, Error, ErrorCode, Kind, PrivateResult, Sender, SlotId,
    SystemEvent, TimerChange, Timestamp, limits, seed,
};

/// Checks that `entry` may follow `state`. The error is worded for the person whose request it was.
///
/// These are the rules that a verifier can check from the log alone. Secrets, sizes and rates are
/// not in the log; a relay checks them before it drafts an entry.
pub fn allowed(state: &ChannelState, entry: &Entry) -> Result<(), Error> {
    let (composition, envelope) = (&*state.composition, &entry.envelope);
    let follows = envelope.v == Envelope::VERSION
        && envelope.id == state.size() + 1
        && envelope.ts >= state.head.ts
        && envelope.channel_id == composition.channel_id
        && entry.content.as_ref().is_none_or(|content| content.hash() == envelope.body_hash);
    if !follows {
        return Err(broken("the entry does not follow the log's last one"));
    }
    if envelope.author != Author::RelayAttested {
        return Err(broken("in this version of the format, players sign no statements"));
    }
    if envelope.to_tenure.is_some() && !matches!(envelope.sender, Sender::Bot(_)) {
        return Err(broken("only a bot's DM is for a tenure"));
    }
    match &envelope.sender {
        Sender::Slot(slot_id) => {
            by_player(composition, *slot_id, entry)?;
            no_timer_due(state, envelope.ts)
        }
        Sender::Bot(bot_id) => by_bot(composition, bot_id, entry),
        Sender::System => by_relay(state, entry),
    }
}

/// Checks that all timers that were due at this time have fired. They come before whatever a member does, so that nobody
/// gains time on a clock because the relay is busy.
fn no_timer_due(state: &ChannelState, now: Timestamp) -> Result<(), Error> {
    if state.next_timer().is_some_and(|(_, timer)| timer.due <= now) {
        return Err(broken("a timer that is due fires before a member's next entry"));
    }
    Ok(())
}

fn by_player(composition: &Composition, slot_id: SlotId, entry: &Entry) -> Result<(), Error> {
    let Some(slot) = composition.slot(slot_id).filter(|slot| slot.has_player()) else {
        return Err(Error::not_member());
    };
    if composition.close_requested.is_some() {
        return Err(Error::closed());
    }
    if composition.require_terms && !slot.accepted {
        return Err(Error::new(
            ErrorCode::TermsNotAccepted,
            "In this channel, players post only after they have accepted its terms.",
            "Read the terms with join_channel(invite_code=<your rejoin_token>, preview=true), then accept them: the same call with terms_hash instead of preview.",
        ));
    }
    if entry.envelope.cause.is_some() {
        return Err(broken("a player's entry has no cause"));
    }
    match entry.envelope.to_slot {
        None if entry.envelope.kind.is_reserved() => Err(Error::invalid(
            format!("The kind '{}' is reserved for bots and the relay.", entry.envelope.kind),
            "Leave kind out (it is then 'user'), or use a label of your own, such as 'move'.",
        )),
        None => Ok(()),
        Some(to_slot) => match composition.slot(to_slot).and_then(|slot| slot.holder.as_ref()) {
            Some(Holder::Bot(_)) if entry.envelope.kind == Kind::PRIVATE => Ok(()),
            _ => Err(Error::bot_not_found()),
        },
    }
}

fn by_bot(composition: &Composition, bot_id: &BotId, entry: &Entry) -> Result<(), Error> {
    let bot = composition.bot(bot_id).ok_or_else(Error::bot_not_found)?;
    if entry.envelope.kind == Kind::TRACE {
        return Err(Error::invalid("The kind 'trace' is the relay's own.", "Let the bot post with another kind."));
    }
    let Some(cause) = entry.envelope.cause.filter(|cause| *cause < entry.id()) else {
        return Err(broken("the cause of a bot's entry is an earlier entry"));
    };
    if composition.closed.is_some() || composition.close_requested.is_some_and(|requested| cause > requested) {
        return Err(Error::closed());
    }
    let fits = |body: &Body| body.as_str().len() as u64 <= bot.limits.body_bytes;
    match (entry.envelope.to_slot, entry.envelope.to_tenure) {
        (None, None) if entry.body().is_none_or(fits) => Ok(()),
        (None, None) => Err(broken(TOO_LARGE)),
        (Some(to_slot), Some(tenure))
            if tenure <= cause && composition.slot(to_slot).and_then(Slot::tenure_began) == Some(tenure) =>
        {
            let message = entry.direct_message();
            if entry.envelope.kind != Kind::PRIVATE || entry.content.is_some() && message.is_none() {
                return Err(broken("a bot's DM has the kind 'private', and the bot's own kind in its body"));
            }
            match message {
                Some(message) if claims_to_be_result(&message) => {
                    let result = PrivateResult::of_message(&message);
                    result.map(drop).ok_or_else(|| {
                        broken("a DM of the kind 'trace' or the type 'bot:result' is a hook's result in its one form")
                    })
                }
                Some(message) if !fits(&message.body) => Err(broken(TOO_LARGE)),
                _ => Ok(()),
            }
        }
        _ => Err(broken("a bot's DM is for the tenure that held the slot when its hook was triggered")),
    }
}

const TOO_LARGE: &str = "the body of a bot's post is larger than its bot:attach allows";

fn claims_to_be_result(message: &DirectMessage) -> bool {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    message.kind == Kind::TRACE || message.body.parse().is_ok_and(|Typed { r#type }| r#type == PrivateResult::TYPE)
}

fn by_relay(state: &ChannelState, entry: &Entry) -> Result<(), Error> {
    let composition = &*state.composition;
    let event = event_of(entry)?;
    let created = matches!(event, SystemEvent::ChannelCreated { .. });
    if created != (state.size() == 0) {
        return Err(broken("channel:created is the first entry of a log, and only the first"));
    }
    if let SystemEvent::EntriesDeleted { ids, by } = &event {
        return may_delete(composition, entry, ids, *by);
    }
    if composition.closed.is_some()
        || composition.close_requested.is_some_and(|request| !may_follow_request(&event, entry.envelope.cause, request))
    {
        return Err(Error::closed());
    }
    if event.is_by_member() {
        no_timer_due(state, entry.envelope.ts)?;
    }
    match event {
        SystemEvent::ChannelCreated { rules, slots, .. } => may_create(rules, slots.len()),
        SystemEvent::BotAttach { .. } => may_attach(state, entry, event),
        SystemEvent::BotDetach { bot_id, slot_id, by, .. } => {
            let bot = composition.bot(&bot_id).filter(|bot| bot.slot_id == slot_id).ok_or_else(Error::bot_not_found)?;
            match by {
                Some(by) => {
                    may_change_bots(composition, by)?;
                    no_seats_held(state, entry)
                }
                None if entry.envelope.cause == Some(bot.attached) => Ok(()),
                None => Err(broken("a bot that nobody removed is detached only after its own on_init failed")),
            }
        }
        SystemEvent::BotRuntime { bot_id, sandbox, .. } => {
            check_sandbox(&sandbox)?;
            require_bot(state, &bot_id).map(|_| ())
        }
        SystemEvent::BotManifest { bot_id, .. }
        | SystemEvent::BotSkipped { bot_id, .. }
        | SystemEvent::BotError { bot_id, .. }
        | SystemEvent::SeatsReleased { bot_id } => require_bot(state, &bot_id).map(|_| ()),
        SystemEvent::DmUnsealed { bot_id } => may_unseal(state, entry, &bot_id),
        SystemEvent::EntropyOpened { bot_id, epoch, .. } => may_open_entropy(require_bot(state, &bot_id)?, epoch),
        SystemEvent::SeedRevealed { bot_id, epoch, began, seed, .. } => {
            may_reveal(require_bot(state, &bot_id)?, epoch, began, &seed)
        }
        SystemEvent::SeatsHeld { bot_id, until } => {
            require_bot(state, &bot_id)?;
            let latest = entry.envelope.ts.after_millis(limits::HOLD_SECONDS * 1_000);
            if (composition.created_at..=latest).contains(&until) {
                Ok(())
            } else {
                Err(broken("a bot holds the seats for at most 24 hours"))
            }
        }
        SystemEvent::BotRan { bot_id, timers, .. } => may_set(require_bot(state, &bot_id)?, &timers),
        SystemEvent::Timer { bot_id, n, set_by } => may_fire(state, entry, &bot_id, n, set_by),
        SystemEvent::MemberJoin { slot_id, .. } => may_join(open_seat(composition, slot_id)?),
        SystemEvent::TermsAccepted { slot_id, terms_hash } => {
            require_player(composition, slot_id)?;
            if terms_hash == Terms::of(composition).hash() { Ok(()) } else { Err(Error::other_terms()) }
        }
        SystemEvent::MemberRejoin { slot_id, player, .. } => match &require_player(composition, slot_id)?.holder {
            Some(Holder::Player { player: holder, .. }) if *holder == player => {
                Err(broken("a seat moves to another principal than the one who holds it"))
            }
            _ => Ok(()),
        },
        SystemEvent::MemberLeave { slot_id, by, .. } => {
            require_player(composition, slot_id)?;
            if by == Actor::Slot(slot_id) { Ok(()) } else { Err(Error::not_admin()) }
        }
        SystemEvent::MemberKick { slot_id, by, .. } => {
            require_player(composition, slot_id)?;
            require_admin(composition, by)?;
            require_owner_for_owners_seat(composition, slot_id, by)?;
            no_seats_held(state, entry)
        }
        SystemEvent::Renamed { by, .. } | SystemEvent::CloseRequested { by: Some(by) } => {
            require_admin(composition, by)
        }
        SystemEvent::Closed {} if composition.close_requested.is_none() => {
            Err(broken("a channel is closed only after close_requested"))
        }
        SystemEvent::AdminSet { slot_id, by, .. } => {
            require_admin(composition, by)?;
            require_player(composition, slot_id)?;
            require_owner_for_owners_seat(composition, slot_id, by)
        }
        SystemEvent::SlotYielded { slot_id, by, .. } => may_yield(state, entry, slot_id, by),
        SystemEvent::InviteIssued { slot_id, generation, by } => may_invite(state, entry, slot_id, generation, by),
        SystemEvent::SlotClosed { slot_id, by } => {
            require_admin(composition, by)?;
            require_empty(composition, slot_id)?;
            no_seats_held(state, entry)
        }
        SystemEvent::BotsAnnounced { .. }
        | SystemEvent::CloseRequested { by: None }
        | SystemEvent::Closed {}
        | SystemEvent::EntriesDeleted { .. }
        | SystemEvent::OperatorStopped {} => Ok(()),
    }
}

/// The event of a system entry. Its body has nothing but the fields of the
/// event, each in its one form, and the envelope says the same.
pub(super) fn event_of(entry: &Entry) -> Result<SystemEvent, Error> {
    let Some(body) = entry.body() else {
        return Err(broken("a system entry has the body of a known event"));
    };
    if body.as_str().len() > limits::SYSTEM_BODY_BYTES {
        return Err(broken("a system entry has at most 64 KiB"));
    }
    let Some(event) = body.parse::<SystemEvent>().ok().filter(|event| event.to_body() == *body) else {
        return Err(broken("a system entry has the body of a known event"));
    };
    if event.kind() != entry.envelope.kind || entry.envelope.to_slot.is_some() {
        return Err(broken("a system entry is public and has the kind of its event"));
    }
    Ok(event)
}

fn check_sandbox(level: &str) -> Result<(), Error> {
    match level {
        "full" | "kernel" | "process" => Ok(()),
        _ => Err(broken("the level of a sandbox is full, kernel or process")),
    }
}

fn may_create(rules: u32, slots: usize) -> Result<(), Error> {
    if rules != RULES {
        return Err(broken("the channel has rules of another version"));
    }
    if slots > limits::SLOTS {
        return Err(broken("a channel has at most 32 slots"));
    }
    Ok(())
}

/// Returns `true` for at least one id of an entry before `id`, in ascending order.
pub(super) fn are_ids_before(ids: &[u64], id: u64) -> bool {
    ids.windows(2).all(|pair| pair[0] < pair[1])
        && ids.first().is_some_and(|first| *first > 0)
        && ids.last().is_some_and(|last| *last < id)
}

/// Checks who deletes entries, and when. Whose entries they are is not in the state; [`Audit`](super::Audit) checks that.
fn may_delete(composition: &Composition, entry: &Entry, ids: &[u64], by: Option<SlotId>) -> Result<(), Error> {
    if !are_ids_before(ids, entry.id()) || entry.envelope.cause.is_some() {
        return Err(broken("entries are deleted by the ids of earlier entries, in ascending order"));
    }
    if composition.close_requested.is_some() && composition.closed.is_none() {
        return Err(Error::closed());
    }
    let Some(slot_id) = by else { return Ok(()) };
    require_player(composition, slot_id)?;
    if composition.closed.is_some() {
        return Ok(());
    }
    Err(Error::bad_op(
        "Players delete what they wrote only after the channel is closed.",
        "Ask an admin to close the channel (update_channel, close), or the relay's operator to delete it.",
    ))
}

/// Checks that the bot may open its DMs, and that not too many bots have done so: each takes space in the state.
fn may_unseal(state: &ChannelState, entry: &Entry, bot_id: &BotId) -> Result<(), Error> {
    let bot = state.composition.bot(bot_id).ok_or_else(Error::bot_not_found)?;
    if !bot.unseals || entry.envelope.cause.is_none_or(|cause| cause >= entry.id()) {
        return Err(broken("DMs are unsealed by a hook of a bot whose bot:attach says that it unseals"));
    }
    let unsealed = &state.composition.unsealed;
    let is_known = unsealed.iter().any(|unsealed| unsealed.bot_id == *bot_id);
    if is_known || unsealed.len() < limits::UNSEALING_BOTS {
        Ok(())
    } else {
        Err(broken("at most 64 bots of a channel unseal their DMs"))
    }
}

fn may_open_entropy(head: &BotHead, epoch: u32) -> Result<(), Error> {
    if head.epoch.is_some_and(|current| current.number == epoch) {
        Ok(())
    } else {
        Err(broken("the players' entropy is for the epoch that is in force"))
    }
}

/// Checks a revealed seed against the commitment to it, and against the seed before it in the chain.
pub(super) fn may_reveal(head: &BotHead, epoch: u32, began: u64, text: &str) -> Result<(), Error> {
    let (Some(current), Some(seed)) = (head.epoch, seed::parse(text)) else {
        return Err(broken("a seed has 64 lower-case hex digits"));
    };
    if (current.number, current.began) != (epoch, began) || epoch >= seed::EPOCHS {
        return Err(broken("a bot reveals the seed of the epoch that is in force, of at most 1024"));
    }
    let follows = current.previous_seed.is_none_or(|previous| *previous.as_bytes() == seed::previous(&seed));
    if seed::commitment(&seed) == current.commitment && follows {
        Ok(())
    } else {
        Err(broken("the revealed seed is not the one that the relay committed to"))
    }
}

fn may_attach(state: &ChannelState, entry: &Entry, event: SystemEvent) -> Result<(), Error> {
    let composition = &*state.composition;
    let SystemEvent::BotAttach { bot_id, slot_id, slot_label, name, api, policy, sandbox, by, .. } = event else {
        return Ok(());
    };
    check_sandbox(&sandbox)?;
    if api != BOT_API || policy.is_some_and(|policy| policy != BOT_POLICY) {
        return Err(broken("the bot is for another version of the API or of the policy"));
    }
    // `by` is absent for a bot that was created together with its channel; the owner asked for that one.
    may_change_bots(composition, by.unwrap_or(Actor::Owner))?;
    no_seats_held(state, entry)?;
    let fits = match composition.slot(slot_id) {
        Some(slot) => slot_label.is_none() && slot.kind == SlotKind::Bot && slot.holder.is_none() && !slot.closed,
        None => slot_label.is_some() && slot_id.place() == composition.slots.len(),
    };
    if !fits {
        return Err(slot_error(slot_id, "is not an empty slot for a bot"));
    }
    if bot_id != BotId::new(&name, composition.bots_attached) {
        return Err(broken("a bot's id consists of its name and its number"));
    }
    Ok(())
}

fn may_yield(state: &ChannelState, entry: &Entry, slot_id: SlotId, by: Actor) -> Result<(), Error> {
    let composition = &*state.composition;
    // A player who yields their own seat leaves it first, in an entry of its own, which was checked
    // by itself. Hence the seat is empty here, and the player may be no admin.
    if composition.slot(slot_id).is_some_and(|slot| slot.holder.is_some()) {
        return Err(slot_error(slot_id, "is still filled"));
    }
    require_empty(composition, slot_id)?;
    no_seats_held(state, entry)?;
    if gives_up(composition, slot_id, by, entry) { Ok(()) } else { require_admin(composition, by) }
}

fn may_invite(state: &ChannelState, entry: &Entry, slot_id: SlotId, generation: u32, by: Actor) -> Result<(), Error> {
    let composition = &*state.composition;
    let slot = open_seat(composition, slot_id)?;
    if !gives_up(composition, slot_id, by, entry) {
        require_admin(composition, by)?;
    }
    if slot.holder.is_some() {
        return Err(slot_error(slot_id, "is filled; kick its player first"));
    }
    no_seats_held(state, entry)?;
    if generation == slot.invite + 1 { Ok(()) } else { Err(broken("the invites of a slot are numbered without gaps")) }
}

/// Returns `true` for the entries that a relay may add after the request to close a channel: the effects of the hooks that
/// were due then and of `on_close`, and the end.
fn may_follow_request(event: &SystemEvent, cause: Option<u64>, request: u64) -> bool {
    match event {
        SystemEvent::BotRan { .. }
        | SystemEvent::BotSkipped { .. }
        | SystemEvent::BotError { .. }
        | SystemEvent::DmUnsealed { .. }
        | SystemEvent::EntropyOpened { .. }
        | SystemEvent::SeedRevealed { .. }
        | SystemEvent::SeatsHeld { .. }
        | SystemEvent::SeatsReleased { .. }
        | SystemEvent::BotDetach { by: None, .. } => cause.is_some_and(|cause| cause <= request),
        SystemEvent::BotRuntime { .. } | SystemEvent::Closed {} | SystemEvent::OperatorStopped {} => true,
        _ => false,
    }
}

/// Timers fire one at a time, and the one that is due first before the others.
fn may_fire(state: &ChannelState, entry: &Entry, bot_id: &BotId, n: u32, set_by: u64) -> Result<(), Error> {
    let fires = |(bot, timer): (&Bot, Timer)| {
        bot.bot_id == *bot_id && timer.n == n && timer.due <= entry.envelope.ts && timer.set_by == set_by
    };
    if state.next_timer().is_some_and(fires) {
        Ok(())
    } else {
        Err(broken("timers fire once, when they are due, in the order in which they are"))
    }
}

/// Checks the timers that a hook set: numbered without gaps, and not too many of them.
fn may_set(head: &BotHead, timers: &[TimerChange]) -> Result<(), Error> {
    let (mut last, mut running) = (head.timers_set, head.timers.clone());
    for TimerChange { n, after_ms } in timers {
        running.retain(|timer| timer.n != *n);
        let Some(after) = after_ms else {
            if (1..=last).contains(n) {
                continue;
            }
            return Err(broken("a bot cancels only timers that it set"));
        };
        if *n != last + 1 || !(limits::TIMER_MIN_MS..=limits::TIMER_SECONDS * 1_000).contains(after) {
            return Err(broken("a bot's timers are numbered without gaps and run for 1 second to 30 days"));
        }
        last = *n;
        running.push(Timer { n: *n, due: Timestamp::from_millis(0), set_by: 0 });
    }
    if running.len() > limits::TIMERS {
        return Err(broken("a bot has at most 16 timers"));
    }
    Ok(())
}

/// Checks that no bot protects a game in progress.
fn no_seats_held(state: &ChannelState, entry: &Entry) -> Result<(), Error> {
    let now = entry.envelope.ts;
    let Some(until) = state.seats_held_until(now) else { return Ok(()) };
    let wait = u64::try_from(until.as_millis() - now.as_millis()).unwrap_or_default();
    let error = Error::new(
        ErrorCode::SeatsHeld,
        format!("A bot protects the game in progress until {until}: seats and bots stay as they are."),
        "Wait until the game has ended. You can still leave_channel, or end the channel with update_channel close.",
    );
    Err(error.retry_after(wait))
}

fn require_bot<'a>(state: &'a ChannelState, bot_id: &BotId) -> Result<&'a BotHead, Error> {
    state.bot_head(bot_id).ok_or_else(Error::bot_not_found)
}

fn may_join(slot: &Slot) -> Result<(), Error> {
    if slot.holder.is_some() || slot.invite_used {
        return Err(Error::slot_already_filled());
    }
    Ok(())
}

/// Checks that `by` may attach or detach bots: only admins may, and only until the channel is sealed.
pub fn may_change_bots(composition: &Composition, by: Actor) -> Result<(), Error> {
    require_admin(composition, by)?;
    if composition.is_sealed() {
        return Err(Error::bad_op(
            "The bots of this channel can no longer be changed: two seats have been filled, and its bots_change is 'never'.",
            "Create a new channel with the bots you want, or with bots_change='owner'.",
        ));
    }
    Ok(())
}

fn require_admin(composition: &Composition, by: Actor) -> Result<(), Error> {
    let admin = match by {
        Actor::Owner => true,
        Actor::Slot(slot_id) => composition.slot(slot_id).is_some_and(|slot| {
            let owner = matches!(&slot.holder, Some(Holder::Player { player, .. }) if *player == composition.owner);
            slot.has_player() && (slot.admin || owner)
        }),
    };
    if admin { Ok(()) } else { Err(Error::not_admin()) }
}

/// Returns `true` if `entry` is part of the request with which a player gives up this seat, so that it follows the
/// player's leave directly. A right that a former player has at no later time.
fn gives_up(composition: &Composition, slot_id: SlotId, by: Actor, entry: &Entry) -> bool {
    by == Actor::Slot(slot_id)
        && composition.slot(slot_id).is_some_and(|slot| slot.given_up > 0 && slot.given_up + 1 == entry.id())
}

/// Checks that nobody but the owner demotes or kicks the owner's seat.
fn require_owner_for_owners_seat(composition: &Composition, slot_id: SlotId, by: Actor) -> Result<(), Error> {
    let is_owners = |slot_id| {
        matches!(composition.slot(slot_id).and_then(|slot| slot.holder.as_ref()),
            Some(Holder::Player { player, .. }) if *player == composition.owner)
    };
    let by_owner = match by {
        Actor::Owner => true,
        Actor::Slot(slot_id) => is_owners(slot_id),
    };
    if is_owners(slot_id) && !by_owner {
        return Err(Error::new(
            ErrorCode::NotAdmin,
            "Only the owner may do this to the owner's seat.",
            "Leave the owner's seat as it is, or ask the owner.",
        ));
    }
    Ok(())
}

fn open_seat(composition: &Composition, slot_id: SlotId) -> Result<&Slot, Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.kind == SlotKind::Invite && !slot.closed => Ok(slot),
        _ => Err(slot_error(slot_id, "is not an open slot for a player")),
    }
}

fn require_player(composition: &Composition, slot_id: SlotId) -> Result<&Slot, Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.has_player() => Ok(slot),
        _ => Err(slot_error(slot_id, "is not held by a player")),
    }
}

fn require_empty(composition: &Composition, slot_id: SlotId) -> Result<(), Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.holder.is_none() && !slot.closed => Ok(()),
        _ => Err(slot_error(slot_id, "is not an empty open slot")),
    }
}

fn slot_error(slot_id: SlotId, what: &str) -> Error {
    Error::bad_op(format!("Slot {slot_id} {what}."), "get_channel_info shows the slots and who fills them.")
}

/// The error for a rule that no request can break: only a faulty relay or an altered transcript can.
fn broken(rule: &'static str) -> Error {
    Error::new(ErrorCode::InternalError, rule, "The log breaks a rule of the protocol.")
}
