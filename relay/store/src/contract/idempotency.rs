use super::Subject;
use super::log::{Log, record, seat};
use crate::{AppendError, ChannelBatch, IdempotencyRecord};

fn repeated(outcome: Result<impl Sized, AppendError>) -> IdempotencyRecord {
    match outcome {
        Err(AppendError::Repeated(first)) => *first,
        Err(other) => panic!("not a repeat: {other}"),
        Ok(_) => panic!("not a repeat: it was appended"),
    }
}

pub async fn records_the_first_request(store: Subject) {
    let mut log = Log::new(1);
    let first = record(&log, "alice", "make");
    assert_eq!(store.find_idempotency("alice".into(), "make".into()).await.unwrap(), None);
    store.append(ChannelBatch { idempotency: Some(first.clone()), ..log.batch() }).await.unwrap();
    assert_eq!(store.find_idempotency("alice".into(), "make".into()).await.unwrap(), Some(first));
    assert_eq!(store.find_idempotency("alice".into(), "make ".into()).await.unwrap(), None);
}

pub async fn refuses_the_whole_batch_of_a_repeat(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let first = record(&log, "s1", "key");
    store.append(ChannelBatch { idempotency: Some(first.clone()), ..log.batch() }).await.unwrap();

    let before = log.state.clone();
    log.join(2);
    let again = IdempotencyRecord { outcome: "{}".into(), ..record(&log, "s1", "key") };
    let memberships = vec![seat("bob", 2, 1)];
    let batch = ChannelBatch { idempotency: Some(again), memberships, ..log.batch() };
    assert_eq!(repeated(store.append(batch).await), first);

    assert_eq!(store.state_of(log.channel_id()).await, Some(before));
    assert_eq!(store.list_entries(log.channel_id(), 2, 10, 1_000).await.unwrap(), []);
    assert_eq!(store.list_tenures("bob".into(), log.channel_id()).await.unwrap(), []);
    assert_eq!(store.find_idempotency("s1".into(), "key".into()).await.unwrap(), Some(first));
}

pub async fn keys_are_unique_within_a_scope(store: Subject) {
    let mut log = Log::new(1);
    for scope in ["s1", "s2"] {
        log.join(if scope == "s1" { 1 } else { 2 });
        let idempotency = Some(record(&log, scope, "key"));
        store.append(ChannelBatch { idempotency, ..log.batch() }).await.unwrap();
    }
    let outcome =
        async |scope: &str| store.find_idempotency(scope.into(), "key".into()).await.unwrap().unwrap().outcome;
    assert_eq!(outcome("s1").await, r#"{"msg_id":2}"#);
    assert_eq!(outcome("s2").await, r#"{"msg_id":3}"#);
}

pub async fn recognizes_a_repeat_after_the_channel_has_grown(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    store.append(log.batch()).await.unwrap();
    let bot = log.attach();
    let first = record(&log, "s1", "key");
    let batch = ChannelBatch { idempotency: Some(first.clone()), ..log.batch() };
    // Both at once, like a client that repeats a request after its connection broke: the second conflicts with the
    // first.
    let (one, two) = futures::join!(store.append(batch.clone()), store.append(batch));
    one.unwrap();
    assert_eq!(repeated(two), first);

    log.post(1, "hi");
    let moved = super::log::advance(&bot.bot_id, (7, 0), (8, 0), None);
    let batch = ChannelBatch { idempotency: Some(record(&log, "s1", "key")), ..log.batch_of_bots(vec![moved]) };
    assert_eq!(repeated(store.append(batch).await), first);
}

pub async fn lets_one_of_two_new_channels_use_a_key(store: Subject) {
    let (mut one, mut two) = (Log::new(1), Log::new(2));
    let first = record(&one, "alice", "make");
    let batch = ChannelBatch { idempotency: Some(first.clone()), ..one.batch() };
    let repeat = ChannelBatch { idempotency: Some(record(&two, "alice", "make")), ..two.batch() };
    let (made, refused) = futures::join!(store.append(batch), store.append(repeat));
    made.unwrap();
    assert_eq!(repeated(refused), first);
    assert_eq!(store.state_of(two.channel_id()).await, None);
}
