use futures::future::join_all;

use super::Subject;
use super::log::{Log, advance, creator, record, seat};
use crate::{AppendError, BotChange, ChannelBatch};

pub async fn a_batch_that_was_prepared_against_a_refused_one_is_refused(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    store.append(log.batch()).await.unwrap();
    // Another process appends as many entries as the first of two batches that were prepared one after the other.
    let mut other = log.clone();
    other.post(1, "from elsewhere");
    log.post(1, "first");
    let first = log.batch();
    log.post(1, "second");
    let second = log.batch();
    store.append(other.batch()).await.unwrap();
    for batch in [first, second] {
        let refused = store.append(batch).await;
        assert!(matches!(refused, Err(AppendError::Conflict { .. })), "{refused:?}");
    }
    let stored = store.lookup_channel(other.channel_id()).await.unwrap().unwrap();
    assert_eq!(stored.state, other.state);
}

pub async fn a_batch_with_a_moved_bot_leaves_no_trace(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let bot = log.attach();
    store.append(log.batch_of_bots(vec![BotChange::Attach(bot.clone())])).await.unwrap();
    let before = log.clone();

    // The last change of the batch is refused. Nothing of the batch is kept, and the batches around it are not
    // affected.
    let detach = log.detach(&bot.bot_id);
    let next = log.attach();
    log.join(2);
    let bots = vec![
        advance(&bot.bot_id, (3, 0), (4, 0), Some("{}")),
        detach,
        BotChange::Attach(next.clone()),
        advance(&next.bot_id, (1, 0), (2, 0), None),
    ];
    let idempotency = Some(record(&log, "s2", "key"));
    let bad = ChannelBatch { idempotency, memberships: vec![seat("bob", 2, 1)], ..log.batch_of_bots(bots) };
    let mut neighbours: Vec<_> = (2..10).map(Log::new).collect();
    let mut appends = Vec::new();
    for (place, neighbour) in neighbours.iter_mut().enumerate() {
        if place == 4 {
            appends.push(store.append(bad.clone()));
        }
        appends.push(store.append(neighbour.batch()));
    }
    let mut outcomes = join_all(appends).await;
    let refused = outcomes.remove(4);
    assert!(matches!(refused, Err(AppendError::BotMoved(bot_id)) if bot_id == next.bot_id));
    assert!(outcomes.iter().all(Result::is_ok));

    let channel_id = before.channel_id();
    assert_eq!(store.state_of(channel_id).await, Some(before.state));
    assert_eq!(store.list_entries(channel_id, 3, 10, 10_000).await.unwrap(), []);
    assert_eq!(store.find_idempotency("s2".into(), "key".into()).await.unwrap(), None);
    assert_eq!(store.list_tenures("bob".into(), channel_id).await.unwrap(), []);
    assert_eq!(store.lookup_bot(channel_id, next.bot_id).await.unwrap(), None);
    let stored = store.lookup_bot(channel_id, bot.bot_id).await.unwrap().unwrap();
    assert_eq!((stored.cursor.entry, stored.state, stored.detached), (3, None, false));
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), [channel_id]);
    for neighbour in neighbours {
        assert_eq!(store.state_of(neighbour.channel_id()).await, Some(neighbour.state));
    }
}

pub async fn a_refused_new_channel_leaves_no_trace(store: Subject) {
    let mut log = Log::new(1);
    let bot = log.attach();
    let bots = vec![BotChange::Attach(bot.clone()), advance(&bot.bot_id, (7, 0), (8, 0), None)];
    let batch = ChannelBatch { memberships: vec![creator("alice")], ..log.batch_of_bots(bots) };
    assert!(matches!(store.append(batch).await, Err(AppendError::BotMoved(_))));

    let store = store.reopen().await;
    assert_eq!(store.state_of(log.channel_id()).await, None);
    assert_eq!(store.list_entries(log.channel_id(), 0, 10, 10_000).await.unwrap(), []);
    assert_eq!(store.lookup_bot(log.channel_id(), bot.bot_id).await.unwrap(), None);
    assert_eq!(store.list_channels("alice".into(), 10).await.unwrap(), []);
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), []);
}
