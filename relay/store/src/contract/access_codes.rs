use super::Subject;
use super::oauth::{at, create_grant, grant, grant_id_of, hash, listed_grants, refresh_hash};
use crate::AccessCode;

fn access_code(id: &str, created: i64) -> AccessCode {
    AccessCode {
        id: id.into(),
        name: format!("{id} of Berlin"),
        principal: format!("person:{id}"),
        created_at: at(created),
    }
}

pub async fn are_found_by_hash_and_looked_up_by_id(store: Subject) {
    let (alice, bob) = (access_code("alice", 2), access_code("bob", 1));
    assert_eq!(store.list_access_codes().await.unwrap(), []);
    assert_eq!(store.find_access_code(hash("alice's")).await.unwrap(), None);
    assert_eq!(store.lookup_access_code("alice".into()).await.unwrap(), None);
    store.insert_access_code(alice.clone(), hash("alice's")).await.unwrap();
    store.insert_access_code(bob.clone(), hash("bob's")).await.unwrap();
    assert!(store.insert_access_code(alice.clone(), hash("another")).await.is_err());
    assert!(store.insert_access_code(access_code("carol", 3), hash("bob's")).await.is_err());
    let store = store.reopen().await;
    assert_eq!(store.find_access_code(hash("alice's")).await.unwrap(), Some(alice.clone()));
    assert_eq!(store.lookup_access_code("bob".into()).await.unwrap(), Some(bob.clone()));
    assert_eq!(store.list_access_codes().await.unwrap(), [bob, alice]);
}

pub async fn are_revoked_with_the_grants_of_their_principal(store: Subject) {
    for id in ["alice", "bob"] {
        store.insert_access_code(access_code(id, 0), hash(id)).await.unwrap();
    }
    for (id, principal) in
        [("one", "person:alice"), ("two", "person:alice"), ("bob's", "person:bob"), ("a client's", "client:alice")]
    {
        create_grant(&store, &grant(id, principal)).await;
    }
    assert!(!store.revoke_access_code("nobody".into()).await.unwrap());
    assert!(store.revoke_access_code("alice".into()).await.unwrap());
    assert!(!store.revoke_access_code("alice".into()).await.unwrap());
    let store = store.reopen().await;
    assert_eq!(store.find_access_code(hash("alice")).await.unwrap(), None);
    assert_eq!(store.lookup_access_code("alice".into()).await.unwrap(), None);
    assert_eq!(store.list_access_codes().await.unwrap(), [access_code("bob", 0)]);
    for id in ["one", "two"] {
        assert_eq!(grant_id_of(&store, id, 1).await, None);
        assert!(store.find_refresh_token(refresh_hash(id)).await.unwrap().unwrap().revoked);
    }
    assert_eq!(listed_grants(&store).await, ["a client's", "bob's"]);
    // An id is never reused: its new holder would get the seats of the previous one.
    assert!(store.insert_access_code(access_code("alice", 9), hash("new")).await.is_err());
}
