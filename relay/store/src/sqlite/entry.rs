use mcp_multiplayer_protocol::{Author, Body, ChannelId, Content, Entry, Envelope, Hash, Salt, Timestamp};
use rusqlite::{Connection, params};

use super::node;
use super::row::{Row, failed, integer, slot_at, slot_column};
use crate::StoreError;

const INSERT: &str =
    "INSERT INTO entry (channel, id, v, ts, sender, kind, to_slot, cause, body_hash, author, salt, body, to_tenure,
        nodes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const BODY_BYTES: &str = "SELECT octet_length(body) FROM entry WHERE channel = ?1 AND id = ?2";

const DELETE_CONTENT: &str = "UPDATE entry SET salt = NULL, body = NULL WHERE channel = ?1 AND id = ?2";

pub(super) const LIST: &str = "SELECT id, v, ts, sender, kind, to_slot, cause, body_hash, author, salt, body, to_tenure
    FROM entry WHERE channel = (SELECT no FROM channel WHERE id = ?1) AND id > ?2 ORDER BY id LIMIT ?3";

/// Inserts an entry of the channel with this number, and the hashes of the Merkle tree that it completes.
pub(super) fn insert(connection: &Connection, channel: i64, entry: &Entry, nodes: &[Hash]) -> Result<(), StoreError> {
    let envelope = &entry.envelope;
    let author = match &envelope.author {
        Author::RelayAttested => None,
        Author::Statement(hash) => Some(hash.as_bytes()),
    };
    let values = params![
        channel,
        integer(envelope.id),
        envelope.v,
        envelope.ts.as_millis(),
        envelope.sender.to_string(),
        envelope.kind.as_str(),
        envelope.to_slot.map(slot_column),
        envelope.cause.map(integer),
        envelope.body_hash.as_bytes(),
        author,
        entry.content.as_ref().map(|content| content.salt.0),
        entry.body().map(Body::as_str),
        envelope.to_tenure.map(integer),
        node::column(nodes),
    ];
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert an entry"))?;
    statement.execute(values).map_err(failed("insert an entry"))?;
    Ok(())
}

/// Destroys the bodies and salts of entries, and returns the number of bytes that the bodies had.
pub(super) fn delete_contents(connection: &Connection, channel: i64, ids: &[u64]) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(DELETE_CONTENT).map_err(failed("delete an entry's body"))?;
    let mut freed = 0;
    for id in ids {
        let values = params![channel, integer(*id)];
        let found = connection.query_row(BODY_BYTES, values, |row| row.get::<_, Option<i64>>(0));
        freed +=
            found.map_err(failed("delete an entry's body"))?.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        statement.execute(values).map_err(failed("delete an entry's body"))?;
    }
    Ok(freed)
}

/// Lists entries after `after`: at most `limit`, with bodies of at most `max_bytes` together, but at least one.
pub(super) fn list(
    connection: &Connection,
    channel_id: ChannelId,
    after: u64,
    limit: u32,
    max_bytes: usize,
) -> Result<Vec<Entry>, StoreError> {
    // There is nothing after a cursor that is larger than any id that can be stored.
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list entries"))?;
    let mut rows = statement.query(params![channel_id.as_bytes(), after, limit]).map_err(failed("list entries"))?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(failed("list entries"))? {
        let entry = read(channel_id, row)?;
        bytes += entry.body().map_or(0, |body| body.as_str().len());
        if bytes > max_bytes && !entries.is_empty() {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn read(channel_id: ChannelId, row: &rusqlite::Row<'_>) -> Result<Entry, StoreError> {
    let id = row.get::<_, i64>(0).unwrap_or_default();
    let key = format_args!("{channel_id}, {id}");
    let row = Row::new("entry", &key, row);
    let envelope = Envelope {
        channel_id,
        id: row.number(0, "id")?,
        v: row.number(1, "v")?,
        ts: Timestamp::from_millis(row.get(2, "ts")?),
        sender: row.parsed(3, "sender")?,
        kind: row.parsed(4, "kind")?,
        to_slot: row.parse(5, "to_slot", |place: Option<i64>| match place {
            Some(place) => slot_at(place).map(Some),
            None => Some(None),
        })?,
        to_tenure: row.parse(11, "to_tenure", |id: Option<i64>| id.map(u64::try_from).transpose().ok())?,
        cause: row.parse(6, "cause", |id: Option<i64>| id.map(u64::try_from).transpose().ok())?,
        body_hash: Hash::from_bytes(row.get(7, "body_hash")?),
        author: match row.get(8, "author")? {
            Some(hash) => Author::Statement(Hash::from_bytes(hash)),
            None => Author::RelayAttested,
        },
    };
    let content = match (row.get(9, "salt")?, row.get::<Option<String>>(10, "body")?) {
        (Some(salt), Some(body)) => {
            let body = Body::from_store(body).ok_or_else(|| row.corrupt("body"))?;
            Some(Content { salt: Salt(salt), body })
        }
        (None, None) => None,
        (Some(_), None) => return Err(row.corrupt("body")),
        (None, Some(_)) => return Err(row.corrupt("salt")),
    };
    Ok(Entry { envelope, content })
}
