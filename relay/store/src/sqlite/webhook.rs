use mcp_multiplayer_protocol::Timestamp;
use rusqlite::{Connection, Params, params};

use super::row::{Row, failed, integer};
use crate::{StoreError, Webhook, WebhookCount, WebhookFailure, WebhookProgress};

const DELETE_EXPIRED_OF: &str = "DELETE FROM webhook WHERE principal = ?1 AND expires_at <= ?2";

const COUNT_OTHERS: &str = "SELECT count(*) FROM webhook WHERE principal = ?1 AND id <> ?2";

const PUT: &str = "INSERT INTO webhook
    (id, principal, credential, url, sealed_secrets, name, arguments, expires_at, entry)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (id) DO UPDATE SET credential = excluded.credential, sealed_secrets = excluded.sealed_secrets,
        expires_at = excluded.expires_at, attempts = 0, failing_since = NULL, retry_at = NULL, error = NULL";

const LOOKUP: &str = "SELECT id, principal, credential, url, sealed_secrets, name, arguments, expires_at, entry,
    delivered_at, attempts, failing_since, retry_at, error FROM webhook WHERE id = ?1";

const LIST: &str = "SELECT id, principal, credential, url, sealed_secrets, name, arguments, expires_at, entry,
    delivered_at, attempts, failing_since, retry_at, error FROM webhook ORDER BY id";

pub(super) const COUNT: &str =
    "SELECT count(*), coalesce(max(url = ?2), 0) FROM webhook WHERE principal = ?1 AND expires_at > ?3";

const RECORD: &str = "UPDATE webhook
    SET entry = ?2, delivered_at = ?3, attempts = ?4, failing_since = ?5, retry_at = ?6, error = ?7 WHERE id = ?1";

const DELETE: &str = "DELETE FROM webhook WHERE id = ?1";

/// Inserts a subscription, or refreshes it; `None` if the principal has `limit` others.
pub(super) fn put(
    connection: &Connection,
    webhook: &Webhook,
    limit: u32,
    now: Timestamp,
) -> Result<Option<Webhook>, StoreError> {
    let Webhook { id, principal, credential, url, sealed_secrets, name, arguments, expires_at, progress } = webhook;
    let operation = "insert a webhook";
    execute(connection, operation, DELETE_EXPIRED_OF, params![principal, now.as_millis()])?;
    let others: u32 = connection
        .prepare_cached(COUNT_OTHERS)
        .and_then(|mut statement| statement.query_row([principal, id], |row| row.get(0)))
        .map_err(failed(operation))?;
    if others >= limit {
        return Ok(None);
    }
    let (expires_at, entry) = (expires_at.as_millis(), integer(progress.cursor));
    let values = params![id, principal, credential, url, sealed_secrets, name, arguments, expires_at, entry];
    execute(connection, operation, PUT, values)?;
    lookup(connection, id)
}

/// Returns a subscription by its id.
pub(super) fn lookup(connection: &Connection, id: &str) -> Result<Option<Webhook>, StoreError> {
    let mut statement = connection.prepare_cached(LOOKUP).map_err(failed("look up a webhook"))?;
    let mut rows = statement.query([id]).map_err(failed("look up a webhook"))?;
    rows.next().map_err(failed("look up a webhook"))?.map(read).transpose()
}

/// Counts the subscriptions of a principal.
pub(super) fn count(
    connection: &Connection,
    principal: &str,
    url: &str,
    now: Timestamp,
) -> Result<WebhookCount, StoreError> {
    let values = params![principal, url, now.as_millis()];
    let read = |row: &rusqlite::Row<'_>| Ok(WebhookCount { all: row.get(0)?, has_url: row.get(1)? });
    let counted = connection.prepare_cached(COUNT).and_then(|mut statement| statement.query_row(values, read));
    counted.map_err(failed("count webhooks"))
}

/// Lists all subscriptions.
pub(super) fn list(connection: &Connection) -> Result<Vec<Webhook>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list webhooks"))?;
    let mut rows = statement.query([]).map_err(failed("list webhooks"))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list webhooks"))? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Stores the progress of a subscription.
pub(super) fn record(connection: &Connection, id: &str, progress: &WebhookProgress) -> Result<(), StoreError> {
    let WebhookProgress { cursor, delivered_at, failure } = progress;
    let failure = failure.as_ref();
    let millis = |time: Timestamp| time.as_millis();
    let values = params![
        id,
        integer(*cursor),
        delivered_at.map(millis),
        failure.map_or(0, |failure| failure.attempts),
        failure.map(|failure| millis(failure.since)),
        failure.and_then(|failure| failure.retry_at).map(millis),
        failure.map(|failure| failure.error.as_str()),
    ];
    execute(connection, "record the progress of a webhook", RECORD, values)?;
    Ok(())
}

/// Deletes a subscription; `false` when there is none.
pub(super) fn delete(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    Ok(execute(connection, "delete a webhook", DELETE, [id])? == 1)
}

fn execute(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failed(operation))
}

fn read(row: &rusqlite::Row<'_>) -> Result<Webhook, StoreError> {
    let id: String = Row::new("webhook", &"with an unreadable id", row).get(0, "id")?;
    let row = Row::new("webhook", &id, row);
    let time = |index, column| Ok::<_, StoreError>(row.get::<Option<i64>>(index, column)?.map(Timestamp::from_millis));
    let failure = match time(11, "failing_since")? {
        Some(since) => Some(WebhookFailure {
            attempts: row.number(10, "attempts")?,
            since,
            retry_at: time(12, "retry_at")?,
            error: row.get(13, "error")?,
        }),
        None => None,
    };
    Ok(Webhook {
        principal: row.get(1, "principal")?,
        credential: row.get(2, "credential")?,
        url: row.get(3, "url")?,
        sealed_secrets: row.get(4, "sealed_secrets")?,
        name: row.get(5, "name")?,
        arguments: row.get(6, "arguments")?,
        expires_at: Timestamp::from_millis(row.get(7, "expires_at")?),
        progress: WebhookProgress { cursor: row.number(8, "entry")?, delivered_at: time(9, "delivered_at")?, failure },
        id: id.clone(),
    })
}
