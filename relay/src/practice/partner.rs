use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::channel::{Composition, SlotKind, Terms};
use mcp_multiplayer_protocol::operation::{DmBot, IdempotencyKey, JoinChannel, Message, PostMessage};
use mcp_multiplayer_protocol::{
    BotId, ChannelId, Error, ErrorCode, Hash, Multiplayer as _, Request, Sender, SlotId, limits,
};
use serde_json::{Map, Value};

use super::by_preset::game_of;
use super::game::{Answer, Game, Post, Seat};
use crate::channel::{LiveChannel, Member, Page};
use crate::keys::SeatClaim;
use crate::operation::Caller;
use crate::state::Relay;

/// Number of entries before the end of the log that a partner reads when its channel becomes live.
const LOOKBACK: u64 = 1_000;
/// Pause before a message is sent again after a failure that says nothing of a time.
const RETRY: Duration = Duration::from_secs(2);

/// A practice partner in one seat.
pub(super) struct Partner {
    channel_id: ChannelId,
    slot_id: SlotId,
    /// The last entry that it has read.
    cursor: u64,
    unanswered: u32,
    games: BTreeMap<BotId, BotGame>,
}

struct BotGame {
    game: Box<dyn Game>,
    /// The last entry of the bot that was answered.
    answered: u64,
}

impl Partner {
    pub(super) fn new(channel: &LiveChannel, slot_id: SlotId) -> Self {
        Self {
            channel_id: channel.channel_id(),
            slot_id,
            cursor: channel.durable().size().saturating_sub(LOOKBACK),
            unanswered: 0,
            games: BTreeMap::new(),
        }
    }

    /// Reads what is new, and answers it. Returns the time after which to try again, if something failed.
    pub(super) async fn play(&mut self, relay: &Arc<Relay>, channel: &LiveChannel) -> Option<Duration> {
        match self.try_play(relay, channel).await {
            // After an error of these two, it was kicked, or the channel is being closed: both change the composition, which
            // is looked at next.
            Ok(()) | Err(Error { code: ErrorCode::NotMember | ErrorCode::ChannelClosed, .. }) => None,
            Err(error) => {
                tracing::debug!(channel_id = %self.channel_id, slot_id = %self.slot_id, error.code = ?error.code, "a practice partner waits");
                Some(error.retry_after_ms.map_or(RETRY, Duration::from_millis))
            }
        }
    }

    async fn try_play(&mut self, relay: &Arc<Relay>, channel: &LiveChannel) -> Result<(), Error> {
        // Made anew each time, so that a waiting partner does not keep the relay alive.
        let caller = Caller::practice(Arc::clone(relay));
        self.read(&caller.pseudonym(self.channel_id), relay, channel).await?;
        let composition = channel.composition();
        self.accept_terms(&caller, relay, &composition).await?;
        let seat = self.seat(&composition);
        for (bot_id, BotGame { game, answered }) in &mut self.games {
            while let Some(answer) = game.answer(&seat, *answered) {
                let to = answer.to;
                let request = message(self.channel_id, self.slot_id, bot_id, answer)?;
                match caller.perform(request).await {
                    // A conflict says that the entry was answered before, when less or more of the log could be read.
                    Ok(_) | Err(Error { code: ErrorCode::Conflict, .. }) => {}
                    Err(error) if is_temporary(&error) => return Err(error),
                    // Another attempt would fail as well.
                    Err(error) => {
                        tracing::debug!(channel_id = %self.channel_id, slot_id = %self.slot_id, error.code = ?error.code, "a practice partner gives up a move");
                    }
                }
                *answered = to;
            }
        }
        Ok(())
    }

    /// Reads all messages after the cursor that the seat may read.
    async fn read(&mut self, player: &Hash, relay: &Relay, channel: &LiveChannel) -> Result<(), Error> {
        loop {
            let page = Page::at_once(self.cursor, limits::PAGE_BYTES);
            let synced = channel
                .sync(page, &relay.shutdown, |composition| {
                    Ok(Member::resolve(composition, player, Some(self.slot_id))?.visibility(composition))
                })
                .await?;
            let composition = channel.composition();
            self.games.retain(|bot_id, _| composition.bot(bot_id).is_some());
            let seat = self.seat(&composition);
            for message in &synced.messages {
                self.take_note(&composition, &seat, message);
            }
            self.cursor = synced.cursor;
            if !synced.has_more {
                return Ok(());
            }
        }
    }

    fn take_note(&mut self, composition: &Composition, seat: &Seat, message: &Message) {
        match &message.sender {
            Sender::System => {}
            Sender::Slot(slot_id) if *slot_id == self.slot_id => self.unanswered += 1,
            Sender::Slot(slot_id) => {
                if composition.slot(*slot_id).is_none_or(|slot| !slot.has_program()) {
                    self.unanswered = 0;
                }
            }
            Sender::Bot(bot_id) => {
                let Some(bot) = composition.bot(bot_id) else { return };
                let Some(body) = message.body.as_ref().and_then(|body| body.parse::<Map<String, Value>>().ok()) else {
                    return;
                };
                let new = || BotGame { game: game_of(bot.preset.as_deref()), answered: 0 };
                let bot_game = self.games.entry(bot_id.clone()).or_insert_with(new);
                let (id, is_private) = (message.id, message.to_slot.is_some());
                let post = Post { id, seed: seed_of(message, self.slot_id), is_private, body: &body };
                bot_game.game.read(seat, &post);
            }
        }
    }

    /// Accepts the terms where that is required, also after the bots have changed.
    async fn accept_terms(&self, caller: &Caller, relay: &Relay, composition: &Composition) -> Result<(), Error> {
        let Some(slot) = composition.slot(self.slot_id).filter(|slot| slot.has_program()) else { return Ok(()) };
        if !composition.require_terms || slot.accepted {
            return Ok(());
        }
        let seat = SeatClaim { channel_id: self.channel_id, slot_id: self.slot_id, number: slot.tenure };
        let accept = JoinChannel {
            invite_code: relay.key.rejoin_token(seat),
            preview: None,
            terms_hash: Some(Terms::of(composition).hash()),
            cursor: Some(self.cursor),
            entropy: None,
            idempotency_key: None,
        };
        caller.perform(accept.into()).await.map(|_| ())
    }

    fn seat(&self, composition: &Composition) -> Seat {
        let mut open = composition.slots().filter(|(_, slot)| slot.kind == SlotKind::Invite && !slot.closed);
        let partners = composition.slots().filter(|(_, slot)| slot.has_program());
        Seat {
            own: self.slot_id.to_string(),
            label: composition.slot(self.slot_id).map(|slot| slot.label.clone()).unwrap_or_default(),
            partners: partners.map(|(slot_id, _)| slot_id.to_string()).collect(),
            only_partners: open.all(|(_, slot)| slot.has_program()),
            unanswered: self.unanswered,
        }
    }
}

/// A number that differs between entries and between seats. The time is in it, so that nobody knows it before the entry.
fn seed_of(message: &Message, slot_id: SlotId) -> u64 {
    let entry = format!("{} {} {} {slot_id}", message.channel_id, message.id, message.ts);
    Hash::of(&[entry.as_bytes()]).as_bytes().first_chunk().map_or(message.id, |first| u64::from_be_bytes(*first))
}

/// The request that sends an answer. Its idempotency key is made from the entry that it answers.
fn message(channel_id: ChannelId, slot_id: SlotId, bot_id: &BotId, answer: Answer) -> Result<Request, Error> {
    let key: IdempotencyKey = format!("answers-{}", answer.to).parse().map_err(|error| Error::invalid(error, ""))?;
    let (data, idempotency_key) = (Some(answer.data).filter(|data| !data.is_empty()), Some(key));
    let (slot_id, include_own) = (Some(slot_id), None);
    Ok(if answer.is_private {
        let (bot_id, message) = (bot_id.clone(), answer.text);
        let (wait_ms, cursor, wait_for) = (None, None, None);
        DmBot { channel_id, bot_id, message, data, wait_ms, cursor, wait_for, include_own, slot_id, idempotency_key }
            .into()
    } else {
        let (kind, body) = (None, answer.text);
        let (wait_ms, cursor, wait_for) = (None, None, None);
        PostMessage { channel_id, body, kind, data, wait_ms, cursor, wait_for, include_own, slot_id, idempotency_key }
            .into()
    })
}

/// Returns `true` for a failure that may be over later.
fn is_temporary(error: &Error) -> bool {
    let over_later = matches!(
        error.code,
        ErrorCode::RateLimit
            | ErrorCode::StorageFull
            | ErrorCode::InternalError
            | ErrorCode::RelayUnreachable
            | ErrorCode::TermsNotAccepted
    );
    over_later || error.retry_after_ms.is_some()
}
