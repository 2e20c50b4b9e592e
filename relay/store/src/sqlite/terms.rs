use mcp_multiplayer_protocol::Timestamp;
use rusqlite::{Connection, params};

use super::row::{Row, failed};
use crate::{AcceptedTerms, StoreError};

const INSERT: &str = "INSERT INTO accepted_terms (principal, terms, ts) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET ts = excluded.ts";

const PRUNE: &str = "DELETE FROM accepted_terms WHERE principal = ?1 AND terms NOT IN
    (SELECT terms FROM accepted_terms WHERE principal = ?1 ORDER BY ts DESC, terms LIMIT ?2)";

const LIST: &str = "SELECT terms, ts FROM accepted_terms WHERE principal = ?1 ORDER BY ts DESC, terms";

/// Records that a principal has accepted terms, and forgets the oldest ones beyond the limit.
pub(super) fn insert(connection: &Connection, accepted: &AcceptedTerms) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert accepted terms"))?;
    statement
        .execute(params![accepted.principal, accepted.terms, accepted.ts.as_millis()])
        .map_err(failed("insert accepted terms"))?;
    let mut statement = connection.prepare_cached(PRUNE).map_err(failed("prune accepted terms"))?;
    statement.execute(params![accepted.principal, AcceptedTerms::LIMIT]).map_err(failed("prune accepted terms"))?;
    Ok(())
}

/// Lists the terms that a principal has accepted, the newest first.
pub(super) fn list(connection: &Connection, principal: &str) -> Result<Vec<AcceptedTerms>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list accepted terms"))?;
    let mut rows = statement.query([principal]).map_err(failed("list accepted terms"))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list accepted terms"))? {
        let row = Row::new("accepted_terms", &principal, row);
        let ts = Timestamp::from_millis(row.get(1, "ts")?);
        found.push(AcceptedTerms { principal: principal.to_owned(), terms: row.get(0, "terms")?, ts });
    }
    Ok(found)
}
