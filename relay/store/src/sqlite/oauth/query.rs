use rusqlite::{Connection, Params};

use super::super::row::failed;
use crate::StoreError;

/// Executes a statement and returns the number of changed rows.
pub(super) fn execute(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failed(operation))
}

/// Returns the first row, if any.
pub(super) fn find_one<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let mut rows = statement.query(values).map_err(failed(operation))?;
    rows.next().map_err(failed(operation))?.map(read).transpose()
}

/// Returns all rows.
pub(super) fn list_all<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let mut rows = statement.query([]).map_err(failed(operation))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed(operation))? {
        all.push(read(row)?);
    }
    Ok(all)
}
