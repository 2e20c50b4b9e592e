use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{DrawError, Owner};
use mcp_multiplayer_protocol::channel::{Composition, Visibility};
use mcp_multiplayer_protocol::operation::{BoardShown, GetBoard, Position};
use mcp_multiplayer_protocol::{Entry, Error, ErrorCode, Hash, SlotId};
use serde_json::value::RawValue;

use super::Caller;
use super::bot_source::worker_unavailable;
use crate::channel::{LiveChannel, Member};
use crate::error::{internal, store_failed};

/// Numbers of entries at the end of a log among which the board and the turn are looked for, one after the other.
const LOOK_BACK: [u64; 2] = [64, 512];

impl Caller {
    /// Returns the last board that a bot has posted, drawn, with the turn that the same bot has offered last.
    ///
    /// Whoever may read the channel may see it, former members up to their end.
    pub(super) async fn get_board(&self, args: GetBoard) -> Result<BoardShown, Error> {
        let (channel, player) = self.channel(args.channel_id).await?;
        let state = channel.durable();
        let composition = &*state.composition;
        let visibility = self.board_visibility(composition, &player, args.slot_id).await?;
        let cursor = state.size();
        let position = find_position(&channel, composition, &visibility, cursor).await?.ok_or_else(no_board)?;
        let board = RawValue::from_string(position.board_text()).map_err(|error| internal(&error))?;
        let owner = Owner::new(self.principal.as_str());
        let drawing = match self.relay.supervisor.draw(&owner, &board, position.is_turned()).await {
            Ok(drawing) => drawing,
            Err(DrawError::Rejected(reason)) => return Err(not_drawn(&position, &reason)),
            Err(DrawError::Unavailable(error)) => return Err(worker_unavailable(error)),
        };
        let images =
            (args.known_hash != Some(position.board_hash)).then(|| (drawing.svg.clone(), drawing.svg_dark.clone()));
        let (svg, svg_dark) = images.unzip();
        Ok(BoardShown {
            channel_id: args.channel_id,
            position,
            text: drawing.text.clone(),
            svg,
            svg_dark,
            cursor,
            now: channel.now(),
        })
    }

    /// The entries that the caller may read, as for `sync_messages`.
    async fn board_visibility(
        &self,
        composition: &Composition,
        player: &Hash,
        slot_id: Option<SlotId>,
    ) -> Result<Visibility, Error> {
        match Member::resolve(composition, player, slot_id) {
            Ok(member) => Ok(member.visibility(composition)),
            Err(error) if matches!(error.code, ErrorCode::NotMember | ErrorCode::SeatAmbiguous) => {
                let former = self.former_visibility(composition.channel_id, slot_id).await;
                former.map_err(|refusal| if refusal.code == ErrorCode::NotMember { error } else { refusal })
            }
            Err(error) => Err(error),
        }
    }
}

/// Looks for the board and the turn at the end of the log up to `size`.
async fn find_position(
    channel: &LiveChannel,
    composition: &Composition,
    visibility: &Visibility,
    size: u64,
) -> Result<Option<Position>, Error> {
    let mut found = None;
    for look_back in LOOK_BACK {
        let start = size.saturating_sub(look_back);
        let entries = entries_between(channel, start, size).await?;
        found = Position::read(entries.iter().map(|entry| &**entry), composition, visibility);
        if start == 0 || found.as_ref().is_some_and(|position| position.turn.is_some()) {
            break;
        }
    }
    Ok(found)
}

/// The entries after `start`, up to `size`.
async fn entries_between(channel: &LiveChannel, start: u64, size: u64) -> Result<Vec<Arc<Entry>>, Error> {
    let (mut entries, mut read): (Vec<Arc<Entry>>, u64) = (Vec::new(), start);
    while read < size {
        let page = channel.entries_after(read).await.map_err(store_failed)?;
        let Some(last) = page.last() else { break };
        read = last.id();
        entries.extend(page.into_iter().filter(|entry| entry.id() <= size));
    }
    Ok(entries)
}

fn no_board() -> Error {
    Error::invalid(
        format!("No bot of this channel has posted a board among its last {} entries.", LOOK_BACK[1]),
        "Read what the bots have posted with sync_messages. Games on a board, such as ChessBot and TicTacToeBot, post one with each turn.",
    )
}

fn not_drawn(position: &Position, reason: &str) -> Error {
    Error::invalid(
        format!(
            "The board that {} posted as message {} cannot be drawn: {reason}.",
            position.bot_id, position.board_id
        ),
        "Its text, which sync_messages returns, may show the position. Tell the bot's author.",
    )
}
