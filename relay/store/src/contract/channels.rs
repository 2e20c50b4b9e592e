use futures::future::join_all;
use mcp_multiplayer_protocol::ChannelId;
use mcp_multiplayer_protocol::merkle::Frontier;

use super::Subject;
use super::log::{Log, creator, record, seat};
use crate::{AppendError, ChannelBatch};

pub async fn are_unknown_until_created(store: Subject) {
    let channel_id = ChannelId::from_bytes([9; 10]);
    assert_eq!(store.state_of(channel_id).await, None);
    assert_eq!(store.list_entries(channel_id, 0, 10, 1_000).await.unwrap(), []);
    assert_eq!(store.list_tenures("alice".into(), channel_id).await.unwrap(), []);
    assert_eq!(store.list_channels("alice".into(), 10).await.unwrap(), []);
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), []);
}

pub async fn are_looked_up_as_last_appended(store: Subject) {
    let mut log = Log::new(1);
    let appended = store.append(log.batch()).await.unwrap();
    assert_eq!(appended.tree, log.state.head.frontier.tree_head());
    assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));

    // An entry that changes the composition, then entries that only move the head.
    log.join(1);
    store.append(log.batch()).await.unwrap();
    assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));
    for n in 0..20 {
        log.post(1, &format!("message {n}"));
        let appended = store.append(log.batch()).await.unwrap();
        assert_eq!(appended.tree, log.state.head.frontier.tree_head());
        assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));
    }
}

pub async fn cannot_be_created_twice(store: Subject) {
    let mut log = Log::new(1);
    let batch = log.batch();
    store.append(batch.clone()).await.unwrap();
    assert!(matches!(store.append(batch).await, Err(AppendError::Conflict { size: 1 })));
    assert_eq!(store.state_of(log.channel_id()).await, Some(log.state));
}

pub async fn grow_at_their_end_only(store: Subject) {
    let mut log = Log::new(1);
    store.append(log.batch()).await.unwrap();
    log.join(1);
    let (mut early, mut late) = (log.clone(), log.clone());
    store.append(log.batch()).await.unwrap();

    early.post(1, "prepared before the join was appended");
    assert!(matches!(store.append(early.batch()).await, Err(AppendError::Conflict { size: 2 })));
    late.batch();
    late.post(1, "first");
    late.batch();
    late.post(1, "prepared against a first one that nobody appended");
    assert!(matches!(store.append(late.batch()).await, Err(AppendError::Conflict { size: 2 })));
    let mut elsewhere = Log::new(2);
    elsewhere.batch();
    elsewhere.join(1);
    assert!(matches!(store.append(elsewhere.batch()).await, Err(AppendError::Conflict { size: 0 })));

    assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));
    assert_eq!(store.state_of(elsewhere.channel_id()).await, None);
    assert_eq!(store.list_entries(log.channel_id(), 0, 10, 100_000).await.unwrap().len(), 2);
}

pub async fn let_one_of_several_writers_win(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    store.append(log.batch()).await.unwrap();
    for round in 3..6 {
        let mut logs: Vec<_> = (0..16).map(|_| log.clone()).collect();
        let append = |(writer, log): (usize, &mut Log)| {
            log.post(1, &format!("writer {writer}"));
            store.append(log.batch())
        };
        let outcomes = join_all(logs.iter_mut().enumerate().map(append)).await;
        let winners: Vec<_> = (0..outcomes.len()).filter(|place| outcomes[*place].is_ok()).collect();
        let conflicts = outcomes.iter().filter(|o| matches!(o, Err(AppendError::Conflict { size }) if *size == round));
        assert_eq!((winners.len(), conflicts.count()), (1, 15));
        log = logs.swap_remove(winners[0]);
        assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));
        let entries = store.list_entries(log.channel_id(), round - 1, 10, 10_000).await.unwrap();
        assert_eq!(entries, [(**log.entries.last().unwrap()).clone()]);
    }
}

pub async fn take_batches_in_the_order_of_the_calls(store: Subject) {
    let mut logs: Vec<_> = (0..8).map(Log::new).collect();
    let mut appends = Vec::new();
    for round in 0..40 {
        for log in &mut logs {
            match round {
                0 => {}
                1 => drop(log.join(1)),
                _ => drop(log.post(1, &format!("message {round}"))),
            }
            appends.push(store.append(log.batch()));
        }
    }
    for appended in join_all(appends).await {
        appended.unwrap();
    }
    for log in logs {
        assert_eq!(store.state_of(log.channel_id()).await, Some(log.state));
    }
}

pub async fn append_even_if_the_future_is_dropped(store: Subject) {
    let mut log = Log::new(1);
    drop(store.append(log.batch()));
    log.join(1);
    store.append(log.batch()).await.unwrap();
    log.post(1, "bye");
    drop(store.append(log.batch()));

    let store = store.reopen().await;
    assert_eq!(store.state_of(log.channel_id()).await, Some(log.state));
}

pub async fn survive_a_reopen(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    log.join(2);
    let memberships = vec![creator("host"), seat("alice", 1, 1), seat("bob", 2, 1)];
    let idempotency = Some(record(&log, "alice", "make"));
    store.append(ChannelBatch { idempotency, memberships, ..log.batch() }).await.unwrap();
    for n in 0..50 {
        log.post(1 + n % 2, &format!("message {n}"));
        store.append(log.batch()).await.unwrap();
    }

    let store = store.reopen().await;
    let state = store.state_of(log.channel_id()).await.unwrap();
    assert_eq!(state, log.state);
    let mut frontier = Frontier::default();
    for entry in store.list_entries(log.channel_id(), 0, 1_000, 1_000_000).await.unwrap() {
        assert_eq!(entry.content.as_ref().unwrap().hash(), entry.envelope.body_hash);
        frontier.push(entry.envelope.leaf_hash());
    }
    assert_eq!(frontier.root(), state.head.frontier.root());
    assert_eq!(store.list_channels("bob".into(), 10).await.unwrap(), [state]);
    assert!(store.find_idempotency("alice".into(), "make".into()).await.unwrap().is_some());

    log.post(1, "and on it goes");
    let appended = store.append(log.batch()).await.unwrap();
    assert_eq!(appended.tree, log.state.head.frontier.tree_head());
}

pub async fn are_listed_the_largest_first(store: Subject) {
    let mut logs = [Log::new(1), Log::new(2), Log::new(3)];
    for (log, length) in logs.iter_mut().zip([10, 1_000, 100]) {
        log.join(1);
        log.post(1, &"x".repeat(length));
        store.append(log.batch()).await.unwrap();
    }
    let listed = store.list_all_channels().await.unwrap();
    let ids: Vec<_> = listed.iter().map(|channel| channel.state.composition.channel_id).collect();
    assert_eq!(ids, [&logs[1], &logs[2], &logs[0]].map(Log::channel_id));
    assert_eq!(listed[0], store.lookup_channel(ids[0]).await.unwrap().unwrap());
    let unknown = Log::new(9).channel_id();
    assert_eq!(store.channel_sizes(vec![ids[0], unknown, ids[1]]).await.unwrap(), [3, 0, 3]);
    assert!(store.channel_sizes(vec![]).await.unwrap().is_empty());
}

pub async fn pass_a_check(store: Subject) {
    store.check().await.unwrap();
    store.append(Log::new(1).batch()).await.unwrap();
    store.check().await.unwrap();
}
