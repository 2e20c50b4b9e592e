use std::sync::Arc;

use mcp_multiplayer_protocol::{BotId, ChannelId};
use rusqlite::{Connection, params};

use super::exchange;
use super::row::{Row, failed, integer, slot_at, slot_column};
use crate::{BotChange, BotCursor, NewBot, StoreError, StoredBot};

const LIST_CURSORS: &str = "SELECT bot_id, entry, step FROM bot_cursor WHERE channel = ?1 AND detached = 0";

const WAS_ATTACHED: &str = "SELECT 1 FROM bot_cursor WHERE channel = ?1 AND bot_id = ?2";

const INSERT: &str =
    "INSERT INTO bot (channel, bot_id, slot, attached, name, version, code_ref, source, manifest, params, env)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const INSERT_CURSOR: &str = "INSERT INTO bot_cursor (channel, bot_id, entry, step, detached) VALUES (?1, ?2, ?3, 0, 0)";

const MOVE_CURSOR: &str = "UPDATE bot_cursor SET entry = ?3, step = ?4 WHERE channel = ?1 AND bot_id = ?2";

const STATE_BYTES: &str = "SELECT octet_length(state) FROM bot_state WHERE channel = ?1 AND bot_id = ?2";

const WRITE_STATE: &str = "INSERT INTO bot_state (channel, bot_id, state) VALUES (?1, ?2, ?3)
    ON CONFLICT (channel, bot_id) DO UPDATE SET state = excluded.state";

const DETACH: &str = "UPDATE bot_cursor SET detached = 1 WHERE channel = ?1 AND bot_id = ?2";

const LOOKUP: &str =
    "SELECT slot, attached, name, version, code_ref, source, manifest, params, entry, step, detached, state, env, bot_id
    FROM bot JOIN bot_cursor USING (channel, bot_id) LEFT JOIN bot_state USING (channel, bot_id)
    WHERE channel = (SELECT no FROM channel WHERE id = ?1) AND bot_id = ?2";

const LIST: &str =
    "SELECT slot, attached, name, version, code_ref, source, manifest, params, entry, step, detached, state, env, bot_id
    FROM bot JOIN bot_cursor USING (channel, bot_id) LEFT JOIN bot_state USING (channel, bot_id)
    WHERE channel = (SELECT no FROM channel WHERE id = ?1) ORDER BY attached";

/// The cursors of the bots that are attached to a channel.
#[derive(Default)]
pub(super) struct Cursors(Vec<(BotId, BotCursor)>);

impl Cursors {
    /// Loads them for the channel with this number.
    pub(super) fn load(connection: &Connection, channel: i64) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(LIST_CURSORS).map_err(failed("list bot cursors"))?;
        let mut rows = statement.query([channel]).map_err(failed("list bot cursors"))?;
        let mut cursors = Vec::new();
        while let Some(row) = rows.next().map_err(failed("list bot cursors"))? {
            let row = Row::new("bot_cursor", &channel, row);
            let cursor = BotCursor { entry: row.number(1, "entry")?, step: row.number(2, "step")? };
            cursors.push((row.parsed(0, "bot_id")?, cursor));
        }
        Ok(Self(cursors))
    }

    /// The cursor of a bot; `None` if it is not attached.
    pub(super) fn of(&self, bot_id: &BotId) -> Option<BotCursor> {
        self.0.iter().find(|(id, _)| id == bot_id).map(|(_, cursor)| *cursor)
    }

    /// Applies a change. Returns `false` if the bot is not where the change expects it.
    pub(super) fn apply(&mut self, change: &BotChange) -> bool {
        match change {
            BotChange::Attach(bot) => {
                let free = self.of(&bot.bot_id).is_none();
                self.0.push((bot.bot_id.clone(), BotCursor { entry: bot.attached, step: 0 }));
                free
            }
            BotChange::Advance { bot_id, from, to, .. } => {
                match self.0.iter_mut().find(|(id, cursor)| id == bot_id && cursor == from) {
                    Some((_, cursor)) => {
                        *cursor = *to;
                        true
                    }
                    None => false,
                }
            }
            BotChange::Detach(bot_id) => match self.0.iter().position(|(id, _)| id == bot_id) {
                Some(place) => {
                    self.0.remove(place);
                    true
                }
                None => false,
            },
            BotChange::Exchanged(exchange) => self.of(&exchange.bot_id).is_some(),
        }
    }
}

/// Returns `true` if a bot of this id was ever attached to the channel with this number.
pub(super) fn was_attached(connection: &Connection, channel: i64, bot_id: &BotId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(WAS_ATTACHED).map_err(failed("find a bot"))?;
    statement.exists(params![channel, bot_id.as_str()]).map_err(failed("find a bot"))
}

/// Writes a change that was checked by [`Cursors::apply`]. Returns the size of the state that it replaced, in bytes.
pub(super) fn write(connection: &Connection, channel: i64, change: &BotChange) -> Result<u64, StoreError> {
    match change {
        BotChange::Attach(bot) => insert(connection, channel, bot)?,
        BotChange::Advance { bot_id, to, state, .. } => {
            let bot_id = bot_id.as_str();
            let mut statement = connection.prepare_cached(MOVE_CURSOR).map_err(failed("move a bot's cursor"))?;
            statement
                .execute(params![channel, bot_id, integer(to.entry), to.step])
                .map_err(failed("move a bot's cursor"))?;
            if let Some(state) = state {
                let replaced = state_bytes(connection, channel, bot_id)?;
                let mut statement = connection.prepare_cached(WRITE_STATE).map_err(failed("write a bot's state"))?;
                statement.execute(params![channel, bot_id, state]).map_err(failed("write a bot's state"))?;
                return Ok(replaced);
            }
        }
        BotChange::Detach(bot_id) => {
            let mut statement = connection.prepare_cached(DETACH).map_err(failed("detach a bot"))?;
            statement.execute(params![channel, bot_id.as_str()]).map_err(failed("detach a bot"))?;
        }
        BotChange::Exchanged(exchange) => exchange::insert(connection, channel, exchange)?,
    }
    Ok(0)
}

/// Size of a bot's stored state, in bytes; 0 if there is none. SQLite finds it without reading the state.
fn state_bytes(connection: &Connection, channel: i64, bot_id: &str) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(STATE_BYTES).map_err(failed("measure a bot's state"))?;
    let mut rows = statement.query(params![channel, bot_id]).map_err(failed("measure a bot's state"))?;
    let Some(row) = rows.next().map_err(failed("measure a bot's state"))? else { return Ok(0) };
    Row::new("bot_state", &bot_id, row).number(0, "state")
}

fn insert(connection: &Connection, channel: i64, bot: &NewBot) -> Result<(), StoreError> {
    let bot_id = bot.bot_id.as_str();
    let values = params![
        channel,
        bot_id,
        slot_column(bot.slot_id),
        integer(bot.attached),
        bot.name,
        bot.version,
        bot.code_ref,
        &*bot.source,
        bot.manifest,
        bot.params,
        bot.env
    ];
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert a bot"))?;
    statement.execute(values).map_err(failed("insert a bot"))?;
    let mut statement = connection.prepare_cached(INSERT_CURSOR).map_err(failed("insert a bot"))?;
    statement.execute(params![channel, bot_id, integer(bot.attached)]).map_err(failed("insert a bot"))?;
    Ok(())
}

/// Looks up a bot with its state.
pub(super) fn lookup(
    connection: &Connection,
    channel_id: ChannelId,
    bot_id: &BotId,
) -> Result<Option<StoredBot>, StoreError> {
    let mut statement = connection.prepare_cached(LOOKUP).map_err(failed("look up a bot"))?;
    let mut rows = statement.query(params![channel_id.as_bytes(), bot_id.as_str()]).map_err(failed("look up a bot"))?;
    let Some(row) = rows.next().map_err(failed("look up a bot"))? else { return Ok(None) };
    read(channel_id, row).map(Some)
}

/// Lists all bots that were ever attached to a channel.
pub(super) fn list(connection: &Connection, channel_id: ChannelId) -> Result<Vec<StoredBot>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list bots"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("list bots"))?;
    let mut bots = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list bots"))? {
        bots.push(read(channel_id, row)?);
    }
    Ok(bots)
}

fn read(channel_id: ChannelId, row: &rusqlite::Row<'_>) -> Result<StoredBot, StoreError> {
    let row = Row::new("bot", &channel_id, row);
    let bot = NewBot {
        bot_id: row.parsed(13, "bot_id")?,
        slot_id: row.parse(0, "slot", slot_at)?,
        attached: row.number(1, "attached")?,
        name: row.get(2, "name")?,
        version: row.get(3, "version")?,
        code_ref: row.get(4, "code_ref")?,
        source: row.get::<Arc<str>>(5, "source")?,
        manifest: row.get(6, "manifest")?,
        params: row.get(7, "params")?,
        env: row.get(12, "env")?,
    };
    let cursor = BotCursor { entry: row.number(8, "entry")?, step: row.number(9, "step")? };
    Ok(StoredBot { bot, cursor, detached: row.get(10, "detached")?, state: row.get(11, "state")? })
}
