use mcp_multiplayer_protocol::Timestamp;

use super::Subject;
use super::log::{Log, creator};
use crate::{AcceptedTerms, ChannelBatch};

fn accepted(principal: &str, terms: &str, ts: i64) -> AcceptedTerms {
    AcceptedTerms { principal: principal.into(), terms: terms.into(), ts: Timestamp::from_millis(ts) }
}

pub async fn are_listed_by_principal_the_newest_first(store: Subject) {
    let mut log = Log::new(1);
    let terms = vec![accepted("alice", "a", 1), accepted("alice", "b", 2), accepted("bob", "a", 3)];
    let memberships = vec![creator("alice")];
    store.append(ChannelBatch { memberships, accepted: terms, ..log.batch() }).await.unwrap();
    assert_eq!(
        store.list_accepted_terms("alice".into()).await.unwrap(),
        [accepted("alice", "b", 2), accepted("alice", "a", 1)]
    );
    // Terms that are accepted once more are not listed twice.
    log.join(1);
    store.append(ChannelBatch { accepted: vec![accepted("alice", "a", 4)], ..log.batch() }).await.unwrap();
    assert_eq!(
        store.list_accepted_terms("alice".into()).await.unwrap(),
        [accepted("alice", "a", 4), accepted("alice", "b", 2)]
    );
    assert_eq!(store.list_accepted_terms("carol".into()).await.unwrap(), []);
}

pub async fn are_forgotten_beyond_the_limit(store: Subject) {
    let mut log = Log::new(1);
    let limit = i64::from(AcceptedTerms::LIMIT);
    let terms = (0..=limit).map(|ts| accepted("alice", &format!("terms {ts}"), ts)).collect();
    store.append(ChannelBatch { memberships: vec![creator("alice")], accepted: terms, ..log.batch() }).await.unwrap();
    let listed = store.list_accepted_terms("alice".into()).await.unwrap();
    let times: Vec<i64> = listed.iter().map(|accepted| accepted.ts.as_millis()).collect();
    assert_eq!(times, (1..=limit).rev().collect::<Vec<_>>());
}
