use mcp_multiplayer_protocol::SlotId;

use super::Subject;
use super::log::{Log, creator, seat};
use crate::ChannelBatch;

pub async fn list_tenures_by_slot_without_duplicates(store: Subject) {
    let mut log = Log::new(1);
    store.append(ChannelBatch { memberships: vec![creator("alice")], ..log.batch() }).await.unwrap();
    assert_eq!(store.list_tenures("alice".into(), log.channel_id()).await.unwrap(), []);

    log.join(2);
    let memberships = vec![seat("alice", 2, 2), seat("alice", 1, 11), seat("bob", 2, 1), seat("alice", 1, 2)];
    store.append(ChannelBatch { memberships: memberships.clone(), ..log.batch() }).await.unwrap();
    log.join(1);
    store.append(ChannelBatch { memberships, ..log.batch() }).await.unwrap();

    let tenures = async |principal: &str| {
        let tenures = store.list_tenures(principal.into(), log.channel_id()).await.unwrap();
        tenures.into_iter().map(|tenure| (tenure.slot_id, tenure.number)).collect::<Vec<_>>()
    };
    let (s1, s2) = (SlotId::at(1), SlotId::at(2));
    assert_eq!(tenures("alice").await, [(s1, 2), (s1, 11), (s2, 2)]);
    assert_eq!(tenures("bob").await, [(s2, 1)]);
    assert_eq!(tenures("nobody").await, []);
    assert_eq!(store.list_tenures("alice".into(), Log::new(2).channel_id()).await.unwrap(), []);
}

pub async fn are_listed_by_channel(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let memberships = vec![creator("host"), seat("alice", 1, 1)];
    store.append(ChannelBatch { memberships: memberships.clone(), ..log.batch() }).await.unwrap();
    store.append(Log::new(2).batch()).await.unwrap();
    assert_eq!(store.list_memberships(log.channel_id()).await.unwrap(), memberships);
    assert_eq!(store.list_memberships(Log::new(3).channel_id()).await.unwrap(), []);
}

pub async fn end_memberships_of_a_slot(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let memberships = vec![creator("host"), seat("alice", 1, 1), seat("carol", 2, 1)];
    store.append(ChannelBatch { memberships, ..log.batch() }).await.unwrap();
    let tenures = async |principal: &str| {
        let tenures = store.list_tenures(principal.into(), Log::new(1).channel_id()).await.unwrap();
        tenures.into_iter().map(|tenure| (tenure.slot_id, tenure.began, tenure.ended)).collect::<Vec<_>>()
    };
    let (s1, s2) = (SlotId::at(1), SlotId::at(2));

    // The seat moves to bob, and back to alice.
    log.post(1, "from my phone");
    let ended = vec![(s1, 4)];
    store.append(ChannelBatch { ended, memberships: vec![seat("bob", 1, 1)], ..log.batch() }).await.unwrap();
    assert_eq!(tenures("alice").await, [(s1, 10, Some(4))]);
    assert_eq!(tenures("bob").await, [(s1, 10, None)]);
    log.post(1, "from my desk");
    let ended = vec![(s1, 5)];
    store.append(ChannelBatch { ended, memberships: vec![seat("alice", 1, 1)], ..log.batch() }).await.unwrap();
    assert_eq!(tenures("alice").await, [(s1, 10, None)]);
    assert_eq!(tenures("bob").await, [(s1, 10, Some(4 + 1))]);
    assert_eq!(tenures("carol").await, [(s2, 10, None)]);
}

pub async fn list_channels_the_newest_first(store: Subject) {
    // The newest channel is the one that was created last, whatever its id is.
    let mut logs = [Log::new(5), Log::new(200), Log::new(1)];
    for log in &mut logs {
        log.join(1);
        log.join(2);
        let memberships = vec![creator("alice"), seat("alice", 1, 1), seat("alice", 2, 1)];
        store.append(ChannelBatch { memberships, ..log.batch() }).await.unwrap();
    }
    let first = &mut logs[0];
    first.post(1, "the oldest is still alive");
    store.append(ChannelBatch { memberships: vec![seat("bob", 2, 1)], ..first.batch() }).await.unwrap();

    let [first, second, third] = logs.map(|log| log.state);
    let newest_first = [third, second, first.clone()];
    assert_eq!(store.list_channels("alice".into(), 10).await.unwrap(), newest_first);
    assert_eq!(store.list_channels("alice".into(), 2).await.unwrap(), newest_first[..2]);
    assert_eq!(store.list_channels("alice".into(), 0).await.unwrap(), []);
    assert_eq!(store.list_channels("bob".into(), 10).await.unwrap(), [first]);
    assert_eq!(store.list_channels("nobody".into(), 10).await.unwrap(), []);
}
