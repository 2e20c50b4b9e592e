use mcp_multiplayer_protocol::Salt;

use super::Subject;
use super::log::{Log, advance, creator};
use crate::{BotChange, ChannelBatch, Exchange};

/// Bytes that are stored for a channel.
async fn bytes_of(store: &Subject, log: &Log) -> u64 {
    store.lookup_channel(log.channel_id()).await.unwrap().unwrap().bytes
}

pub async fn are_counted_with_every_append(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let batch = log.batch();
    let (mut bytes, mut expected) = (batch.bytes(), batch.bytes());
    assert!(bytes > batch.entries.iter().map(|entry| entry.body().unwrap().as_str().len() as u64).sum::<u64>());
    assert_eq!(store.append(batch).await.unwrap().growth, i64::try_from(bytes).unwrap());

    let bot = log.attach();
    let bot_id = &bot.bot_id;
    let mut change = async |log: &mut Log, changes: Vec<BotChange>, replaced: u64| {
        let batch = log.batch_of_bots(changes);
        expected = expected + batch.bytes() - replaced;
        let growth = store.append(batch).await.unwrap().growth;
        bytes = bytes.checked_add_signed(growth).unwrap();
        assert_eq!((bytes, bytes_of(&store, log).await), (expected, expected));
    };
    change(&mut log, vec![BotChange::Attach(bot.clone())], 0).await;
    // A state replaces the one before it.
    let (large, small) = (format!("\"{}\"", "é".repeat(100_000)), r#"{"n":1}"#);
    change(&mut log, vec![advance(bot_id, (3, 0), (3, 1), Some(&large))], 0).await;
    change(&mut log, vec![advance(bot_id, (3, 1), (3, 2), None)], 0).await;
    log.post(1, "hello");
    change(&mut log, vec![advance(bot_id, (3, 2), (4, 0), Some(small))], large.len() as u64).await;
    let record = Some("x".repeat(1_000));
    let exchanged =
        BotChange::Exchanged(Exchange { bot_id: bot_id.clone(), trigger: 3, step: 0, salt: Salt([5; 32]), record });
    change(&mut log, vec![exchanged], 0).await;
    let measured = store.measure_channel(log.channel_id()).await.unwrap();
    let of_bot = (bot.source.len() + bot.manifest.len() + bot.params.len() + bot.env.as_ref().unwrap().len()) as u64;
    assert_eq!((measured.bots, measured.states, measured.exchanges), (of_bot, small.len() as u64, 1_000));
    let bodies = log.entries.iter().map(|entry| entry.body().unwrap().as_str().len() as u64).sum::<u64>();
    assert_eq!(measured.bodies, bodies);
    // What a detached bot leaves behind still counts.
    let detach = log.detach(bot_id);
    change(&mut log, vec![detach], 0).await;
    assert!(bytes > 1_000);

    let store = store.reopen().await;
    assert_eq!(bytes_of(&store, &log).await, bytes);
}

pub async fn are_summed_up_by_owner(store: Subject) {
    let mut logs = [Log::new(1), Log::new(2), Log::new(3)];
    for (log, owner) in logs.iter_mut().zip(["alice", "bob", "alice"]) {
        store.append(ChannelBatch { memberships: vec![creator(owner)], ..log.batch() }).await.unwrap();
        let stored = store.lookup_channel(log.channel_id()).await.unwrap().unwrap();
        assert_eq!((stored.owner.as_str(), stored.state == log.state), (owner, true));
    }
    logs[0].join(1);
    logs[0].post(1, "hello");
    store.append(logs[0].batch()).await.unwrap();
    let of_alice = bytes_of(&store, &logs[0]).await + bytes_of(&store, &logs[2]).await;
    assert_eq!(store.stored_bytes_of("alice".into()).await.unwrap(), of_alice);
    assert_eq!(store.stored_bytes_of("bob".into()).await.unwrap(), bytes_of(&store, &logs[1]).await);
    assert_eq!(store.stored_bytes_of("nobody".into()).await.unwrap(), 0);
}
