use std::sync::Arc;

use futures::FutureExt;
use rusqlite::{Connection, StatementStatus, params};
use tempfile::TempDir;

use super::oauth::{access_token, authorization_code, client, device_code, grant, refresh_token};
use super::row::integer;
use super::{SqliteStore, channel, entry, node, webhook};
use crate::contract::Subject;
use crate::contract::log::Log;
use crate::{AppendError, ChannelBatch, NewToken, Store, StoreError};

async fn subject() -> Subject {
    let folder = TempDir::new().unwrap();
    let open = move || {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("relay.db")).unwrap());
        async move { store }.boxed()
    };
    Subject::new(open).await
}

crate::store_contract!(super::subject);

/// A store, its folder, and a second connection to its file.
fn store_and_connection() -> (SqliteStore, TempDir, Connection) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("relay.db");
    let store = SqliteStore::open(&path).unwrap();
    (store, folder, Connection::open(path).unwrap())
}

fn message(error: &StoreError) -> String {
    error.to_string()
}

#[test]
fn a_second_relay_is_refused() {
    let (store, folder, _) = store_and_connection();
    let path = folder.path().join("relay.db");
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(message(&refused).ends_with("relay.db is in use by another relay"), "{refused}");
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[tokio::test]
async fn a_command_can_write_while_a_relay_has_the_file() {
    let (store, folder, _) = store_and_connection();
    let command = SqliteStore::open_shared(&folder.path().join("relay.db")).unwrap();
    let token_hash = mcp_multiplayer_protocol::Hash::of(&[b"token"]);
    let created_at = mcp_multiplayer_protocol::Timestamp::from_millis(0);
    command.insert_token(NewToken { id: "tok_1".into(), token_hash, name: "alice".into(), created_at }).await.unwrap();
    drop(command);
    assert_eq!(store.find_token(token_hash).await.unwrap().unwrap().name, "alice");
    store.check().await.unwrap();
}

#[tokio::test]
async fn changes_of_another_process_are_noticed_once() {
    let (store, folder, _) = store_and_connection();
    store.append(Log::new(1).batch()).await.unwrap();
    store.check().await.unwrap();
    assert!(!store.changed_elsewhere().await.unwrap(), "this process made these changes");
    let command = SqliteStore::open_shared(&folder.path().join("relay.db")).unwrap();
    command.append(Log::new(2).batch()).await.unwrap();
    assert!(store.changed_elsewhere().await.unwrap());
    assert!(!store.changed_elsewhere().await.unwrap());
    store.append(Log::new(3).batch()).await.unwrap();
    assert!(!store.changed_elsewhere().await.unwrap());
    assert!(command.changed_elsewhere().await.unwrap());
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_its_own_and_later_writes_succeed() {
    let (store, _folder, _) = store_and_connection();
    // SQLite gives the same error for a full disk as for a database that has reached this size.
    let set_pages = |pages: i64| {
        store.writer.queue(move |connection| {
            let set = format!("PRAGMA max_page_count = {pages}");
            connection.query_row(&set, [], |_| Ok(())).map_err(super::row::failed("limit the size"))
        })
    };
    set_pages(1).await.unwrap();
    let insert = |number: u32| {
        let token_hash = mcp_multiplayer_protocol::Hash::of(&[&number.to_be_bytes()]);
        let created_at = mcp_multiplayer_protocol::Timestamp::from_millis(0);
        store.insert_token(NewToken { id: number.to_string(), token_hash, name: "x".repeat(1_000_000), created_at })
    };
    let error = insert(1).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(message(&error).contains("the disk is full"), "{error}");
    assert_eq!(store.list_tokens().await.unwrap(), []);
    set_pages(1_000_000).await.unwrap();
    insert(2).await.unwrap();
}

#[tokio::test]
async fn a_database_that_other_users_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let (store, folder, _) = store_and_connection();
    drop(store);
    let path = folder.path().join("relay.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(message(&error).contains(&format!("run: chmod 600 {}", path.display())), "{error}");
}

#[test]
fn a_command_may_create_the_file_before_a_relay_opens_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("relay.db");
    let command = SqliteStore::open_shared(&path).unwrap();
    let relay = SqliteStore::open(&path).unwrap();
    drop((command, relay));
}

#[test]
fn a_database_of_another_version_is_refused_and_left_alone() {
    for version in [5, 99] {
        let (store, folder, beside) = store_and_connection();
        drop(store);
        beside.pragma_update(None, "user_version", version).unwrap();
        let refused = SqliteStore::open(&folder.path().join("relay.db")).unwrap_err();
        let expected = format!("has schema version {version}, but this program needs version 9");
        assert!(message(&refused).contains(&expected), "{refused}");
        let found: i64 = beside.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(found, version);
    }
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipe (title TEXT)").unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(message(&refused).ends_with("is a database of another program"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let (store, folder, _) = store_and_connection();
    store.append(Log::new(1).batch()).await.unwrap();
    let modes = std::fs::read_dir(folder.path()).unwrap().map(|file| {
        let file = file.unwrap();
        (file.file_name().into_string().unwrap(), file.metadata().unwrap().permissions().mode() & 0o777)
    });
    let mut modes: Vec<_> = modes.collect();
    modes.sort();
    let names = ["relay.db", "relay.db-shm", "relay.db-wal", "relay.db.lock"];
    assert_eq!(modes, names.map(|name| (name.to_owned(), 0o600)));
}

#[tokio::test]
async fn commits_wait_for_the_disk() {
    let (store, _folder, _) = store_and_connection();
    let pragma = |name: &'static str| {
        store.writer.queue(move |connection| {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map_err(super::failed("read"))
        })
    };
    assert_eq!(pragma("synchronous").await.unwrap(), 2.into());
    assert_eq!(pragma("journal_mode").await.unwrap(), "wal".to_owned().into());
    assert_eq!(pragma("foreign_keys").await.unwrap(), 1.into());
}

#[tokio::test]
async fn a_faulty_batch_does_not_fail_its_group() {
    let (store, _folder, beside) = store_and_connection();
    let trigger = "CREATE TRIGGER poison BEFORE INSERT ON membership WHEN new.principal = 'poison'
        BEGIN SELECT RAISE(ABORT, 'poisoned'); END; BEGIN IMMEDIATE";
    // While this connection holds the write lock, batches queue up and become one group.
    beside.execute_batch(trigger).unwrap();
    let mut logs: Vec<_> = (0..10).map(Log::new).collect();
    let mut appends = Vec::new();
    for (place, log) in logs.iter_mut().enumerate() {
        let principal = if place == 6 { "poison" } else { "alice" }.to_owned();
        let memberships = vec![crate::Membership { principal, seat: None }];
        appends.push(store.append(ChannelBatch { memberships, ..log.batch() }));
    }
    beside.execute_batch("COMMIT").unwrap();
    for (place, appended) in futures::future::join_all(appends).await.into_iter().enumerate() {
        match appended {
            Err(AppendError::Store(StoreError::Database { operation, .. })) if place == 6 => {
                assert_eq!(operation, "insert a membership");
            }
            Ok(appended) if place != 6 => assert_eq!(appended.tree.size, 1),
            other => panic!("batch {place}: {other:?}"),
        }
    }
    for (place, log) in logs.into_iter().enumerate() {
        let stored = store.lookup_channel(log.channel_id()).await.unwrap();
        assert_eq!(stored.map(|stored| stored.state), (place != 6).then_some(log.state));
    }
}

#[tokio::test]
async fn corrupt_rows_are_reported_by_name() {
    let (store, _folder, beside) = store_and_connection();
    let mut log = Log::new(1);
    log.join(1);
    store.append(log.batch()).await.unwrap();
    let channel_id = log.channel_id();
    let named = |error: StoreError, place: (&str, &str)| match error {
        StoreError::Corrupt { table, column, row } => {
            assert_eq!((table, column), place);
            assert!(row.contains(&channel_id.to_string()), "{row}");
        }
        other => panic!("{other}"),
    };
    for (column, value) in
        [("sender", "'?'"), ("to_slot", "32"), ("body_hash", "x'00'"), ("salt", "NULL"), ("body", "'{'")]
    {
        beside.execute_batch(&format!("BEGIN; UPDATE entry SET {column} = {value} WHERE id = 2; COMMIT")).unwrap();
        named(store.list_entries(channel_id, 1, 10, 1_000).await.unwrap_err(), ("entry", column));
        let restore =
            "DELETE FROM entry WHERE id = 2; INSERT INTO entry SELECT channel, 2, v, ts, sender, kind, to_slot,
            to_tenure, cause, body_hash, author, nodes, salt, body FROM entry WHERE id = 1";
        beside.execute_batch(restore).unwrap();
    }
    for (table, column, value) in
        [("channel", "peaks", "x'00'"), ("channel", "bots", "'[{\"due\": 1}]'"), ("composition", "composition", "'{}'")]
    {
        beside.execute_batch(&format!("UPDATE {table} SET {column} = {value}")).unwrap();
        named(store.lookup_channel(channel_id).await.unwrap_err(), ("channel", column));
        beside
            .execute_batch("DELETE FROM composition; DELETE FROM membership; DELETE FROM entry; DELETE FROM channel")
            .unwrap();
        let mut log = Log::new(1);
        log.join(1);
        store.append(log.batch()).await.unwrap();
    }
}

/// Cost of opening a channel and of reading its last 50 entries, in steps of SQLite's virtual machine.
fn steps(connection: &Connection, log: &Log) -> (i32, i32) {
    let (channel_id, after) = (log.channel_id(), integer(log.state.size() - 50));
    let mut lookup = connection.prepare(channel::LOOKUP).unwrap();
    assert_eq!(lookup.query_map([channel_id.as_bytes()], |_| Ok(())).unwrap().count(), 1);
    let mut page = connection.prepare(entry::LIST).unwrap();
    assert_eq!(page.query_map(params![channel_id.as_bytes(), after, 50], |_| Ok(())).unwrap().count(), 50);
    (lookup.get_status(StatementStatus::VmStep), page.get_status(StatementStatus::VmStep))
}

#[tokio::test]
async fn a_channel_of_100_000_entries_opens_as_fast_as_a_short_one() {
    let (store, _folder, beside) = store_and_connection();
    let (mut short, mut long) = (Log::new(1), Log::new(2));
    for log in [&mut short, &mut long] {
        log.join(1);
    }
    while short.state.size() < 60 {
        short.post(1, "hello");
    }
    store.append(short.batch()).await.unwrap();
    while long.state.size() < 100_000 {
        for _ in 0..1_000 {
            long.post(1, "hello");
        }
        store.append(long.batch()).await.unwrap();
    }
    assert_eq!(steps(&beside, &short), steps(&beside, &long));
    let stored = store.lookup_channel(long.channel_id()).await.unwrap().unwrap();
    assert_eq!(stored.state, long.state);
}

/// No statement that runs at each start, each hour or each call may scan a whole table.
#[test]
fn frequent_statements_use_an_index() {
    let (_store, _folder, beside) = store_and_connection();
    let of_oauth = [
        access_token::FIND,
        access_token::DELETE_EXPIRED,
        client::DELETE_UNUSED,
        authorization_code::DELETE_EXPIRED,
        device_code::FIND,
        device_code::FIND_BY_USER_CODE,
        device_code::DELETE_EXPIRED,
        grant::FIND_REVOKED,
        grant::REVOKE_OF_PRINCIPAL,
        refresh_token::FIND,
        refresh_token::FIND_USED_REPLACEMENT,
        refresh_token::FIND_USED_SIBLING,
        refresh_token::DELETE_EXPIRED,
    ];
    let of_channels = [
        channel::LOOKUP,
        channel::LIST,
        channel::LIST_WITH_HOOKS_DUE,
        channel::STORED_BYTES_OF,
        entry::LIST,
        node::LOOKUP,
        webhook::COUNT,
    ];
    for sql in of_channels.into_iter().chain(of_oauth) {
        let mut plan = beside.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get(3).unwrap();
            // `own` is a page of channel numbers, which an index has already found.
            let partial = ["channel_hooks_due", "channel_next_timer"].iter().any(|index| step.contains(index));
            let scans_table = step.starts_with("SCAN") && !partial && step != "SCAN own";
            assert!(!scans_table, "{sql}: {step}");
        }
    }
}
