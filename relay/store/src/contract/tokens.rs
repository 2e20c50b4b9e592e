use mcp_multiplayer_protocol::{Hash, Timestamp};

use super::Subject;
use crate::{NewToken, Token};

fn new_token(id: &str, created_at: i64) -> NewToken {
    let created_at = Timestamp::from_millis(created_at);
    NewToken { id: id.into(), token_hash: Hash::of(&[id.as_bytes()]), name: format!("{id}'s laptop"), created_at }
}

fn token(new: &NewToken) -> Token {
    Token { id: new.id.clone(), name: new.name.clone(), created_at: new.created_at }
}

pub async fn are_found_by_hash(store: Subject) {
    let (alice, bob) = (new_token("alice", 2_000), new_token("bob", 1_000));
    assert_eq!(store.find_token(alice.token_hash).await.unwrap(), None);
    assert_eq!(store.list_tokens().await.unwrap(), []);
    store.insert_token(alice.clone()).await.unwrap();
    store.insert_token(bob.clone()).await.unwrap();
    assert_eq!(store.find_token(alice.token_hash).await.unwrap(), Some(token(&alice)));
    assert_eq!(store.find_token(bob.token_hash).await.unwrap(), Some(token(&bob)));
    assert_eq!(store.list_tokens().await.unwrap(), [token(&bob), token(&alice)]);
    assert!(store.insert_token(alice).await.is_err());
}

pub async fn are_not_found_once_revoked(store: Subject) {
    let (alice, bob) = (new_token("alice", 1_000), new_token("bob", 1_000));
    store.insert_token(alice.clone()).await.unwrap();
    store.insert_token(bob.clone()).await.unwrap();
    assert!(!store.revoke_token("nobody".into()).await.unwrap());
    assert!(store.revoke_token("alice".into()).await.unwrap());
    assert!(!store.revoke_token("alice".into()).await.unwrap());
    assert_eq!(store.find_token(alice.token_hash).await.unwrap(), None);
    assert_eq!(store.list_tokens().await.unwrap(), [token(&bob)]);
}

pub async fn persist_when_the_store_is_reopened(store: Subject) {
    let (alice, bob) = (new_token("alice", 1_000), new_token("bob", 2_000));
    store.insert_token(alice.clone()).await.unwrap();
    store.insert_token(bob.clone()).await.unwrap();
    store.revoke_token("bob".into()).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.list_tokens().await.unwrap(), [token(&alice)]);
    assert_eq!(store.find_token(bob.token_hash).await.unwrap(), None);
}
