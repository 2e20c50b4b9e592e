use mcp_multiplayer_protocol::{SlotId, limits};
use rusqlite::ErrorCode;
use rusqlite::types::FromSql;

use crate::StoreError;

/// Converts an error of the database to one of the store.
pub(super) fn failed(operation: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { operation, source: Box::new(source) },
        _ => StoreError::Database { operation, source: Box::new(source) },
    }
}

/// A number as SQLite stores it. Ids and sizes count the entries of one log, so they are far below 2⁶³.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).expect("entries are counted below 2^63")
}

/// A slot as its column stores it.
pub(super) fn slot_column(slot_id: SlotId) -> i64 {
    i64::try_from(slot_id.place()).expect("slots are few")
}

/// The slot that a column stores.
pub(super) fn slot_at(place: i64) -> Option<SlotId> {
    usize::try_from(place).ok().filter(|place| *place < limits::SLOTS).map(SlotId::at)
}

/// A row with its table and key, so that a corrupt one can be named.
pub(super) struct Row<'r> {
    table: &'static str,
    inner: &'r rusqlite::Row<'r>,
    key: &'r dyn std::fmt::Display,
}

impl<'r> Row<'r> {
    pub(super) fn new(table: &'static str, key: &'r dyn std::fmt::Display, inner: &'r rusqlite::Row<'r>) -> Self {
        Self { table, inner, key }
    }

    /// The value at `index`, in the column of this name.
    pub(super) fn get<T: FromSql>(&self, index: usize, column: &'static str) -> Result<T, StoreError> {
        self.inner.get(index).map_err(|_| self.corrupt(column))
    }

    /// The value at `index`, converted by `read`. The row is corrupt if that returns `None`.
    pub(super) fn parse<T: FromSql, U>(
        &self,
        index: usize,
        column: &'static str,
        read: impl FnOnce(T) -> Option<U>,
    ) -> Result<U, StoreError> {
        read(self.get(index, column)?).ok_or_else(|| self.corrupt(column))
    }

    /// The number at `index`.
    pub(super) fn number<N: TryFrom<i64>>(&self, index: usize, column: &'static str) -> Result<N, StoreError> {
        self.parse(index, column, |number: i64| N::try_from(number).ok())
    }

    /// The value at `index`, parsed from its text.
    pub(super) fn parsed<T: std::str::FromStr>(&self, index: usize, column: &'static str) -> Result<T, StoreError> {
        let text = self.inner.get_ref(index).ok().and_then(|value| value.as_str().ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.corrupt(column))
    }

    /// The error for a corrupt column of this row.
    pub(super) fn corrupt(&self, column: &'static str) -> StoreError {
        StoreError::Corrupt { table: self.table, column, row: self.key.to_string() }
    }
}
