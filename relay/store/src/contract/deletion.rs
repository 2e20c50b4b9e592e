use mcp_multiplayer_protocol::{Salt, SystemEvent};

use super::Subject;
use super::log::{Log, advance, creator, seat};
use crate::{BotChange, BytesByKind, ChannelBatch, Exchange};

pub async fn leaves_no_trace_of_a_channel(store: Subject) {
    let mut logs = [Log::new(1), Log::new(2)];
    for (log, key) in logs.iter_mut().zip(["one", "two"]) {
        log.join(1);
        let bot = log.attach();
        let (bot_id, record) = (bot.bot_id.clone(), Some("{}".to_owned()));
        let bots = vec![
            BotChange::Attach(bot),
            advance(&bot_id, (3, 0), (3, 1), Some("{}")),
            BotChange::Exchanged(Exchange { bot_id, trigger: 3, step: 0, salt: Salt([5; 32]), record }),
        ];
        let idempotency = Some(super::log::record(log, "alice", key));
        let memberships = vec![creator("host"), seat("alice", 1, 1)];
        store.append(ChannelBatch { idempotency, memberships, ..log.batch_of_bots(bots) }).await.unwrap();
    }
    let [deleted, kept] = &logs;
    let bytes = store.stored_bytes_of("host".into()).await.unwrap();
    assert!(store.delete_channel(deleted.channel_id()).await.unwrap());
    assert!(!store.delete_channel(deleted.channel_id()).await.unwrap());

    let store = store.reopen().await;
    let of = async |log: &Log| {
        let channel_id = log.channel_id();
        (
            store.state_of(channel_id).await,
            store.list_entries(channel_id, 0, 10, 10_000).await.unwrap().len(),
            store.list_bots(channel_id).await.unwrap().len(),
            store.list_exchanges(channel_id).await.unwrap().len(),
            store.list_memberships(channel_id).await.unwrap().len(),
        )
    };
    assert_eq!(of(deleted).await, (None, 0, 0, 0, 0));
    assert_eq!(of(kept).await, (Some(kept.state.clone()), 3, 1, 1, 2));
    let find = async |key: &str| store.find_idempotency("alice".into(), key.into()).await.unwrap().is_some();
    assert_eq!((find("one").await, find("two").await), (false, true));
    assert_eq!(store.measure_channel(deleted.channel_id()).await.unwrap(), BytesByKind::default());
    assert_eq!(store.stored_bytes_of("host".into()).await.unwrap() * 2, bytes);
    assert_eq!(store.list_channels("alice".into(), 10).await.unwrap().len(), 1);
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), [kept.channel_id()]);
    // Its id is free again.
    store.append(Log::new(1).batch()).await.unwrap();
}

pub async fn destroys_the_bodies_that_an_entry_names(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let said = log.post(1, &"regrettable ".repeat(100));
    log.post(1, "and this stays");
    store.append(ChannelBatch { memberships: vec![creator("host")], ..log.batch() }).await.unwrap();
    let (channel_id, before) = (log.channel_id(), store.stored_bytes_of("host".into()).await.unwrap());
    log.append_event(&SystemEvent::EntriesDeleted { ids: vec![said.id()], by: None });
    let batch = log.batch();
    let added = batch.bytes();
    store.append(batch).await.unwrap();

    let store = store.reopen().await;
    let entries = store.list_entries(channel_id, 0, 10, 10_000).await.unwrap();
    let has_body: Vec<bool> = entries.iter().map(|entry| entry.content.is_some()).collect();
    assert_eq!(has_body, [true, true, false, true, true]);
    assert_eq!(entries[2].envelope, said.envelope);
    let freed = said.body().unwrap().as_str().len() as u64;
    assert_eq!(store.stored_bytes_of("host".into()).await.unwrap(), before + added - freed);
    assert_eq!(store.measure_channel(channel_id).await.unwrap().bodies + freed, {
        let bodies = log.entries.iter().map(|entry| entry.body().unwrap().as_str().len() as u64);
        bodies.sum::<u64>()
    });
}
