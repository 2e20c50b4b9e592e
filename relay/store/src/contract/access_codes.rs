use super::Subject;
use super::oauth::{allow, at, bearer, grant, hash, listed, refresh};
use crate::AccessCode;

fn access_code(id: &str, created: i64) -> AccessCode {
    AccessCode {
        id: id.into(),
        name: format!("{id} of Berlin"),
        principal: format!("person:{id}"),
        created_at: at(created),
    }
}

pub(crate) async fn are_found_by_their_hash_and_their_id(store: Subject) {
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

pub(crate) async fn are_revoked_with_the_grants_of_their_person(store: Subject) {
    for id in ["alice", "bob"] {
        store.insert_access_code(access_code(id, 0), hash(id)).await.unwrap();
    }
    for (id, principal) in
        [("one", "person:alice"), ("two", "person:alice"), ("bob's", "person:bob"), ("a client's", "client:alice")]
    {
        allow(&store, &grant(id, principal)).await;
    }
    assert!(!store.revoke_access_code("nobody".into()).await.unwrap());
    assert!(store.revoke_access_code("alice".into()).await.unwrap());
    assert!(!store.revoke_access_code("alice".into()).await.unwrap());
    let store = store.reopen().await;
    assert_eq!(store.find_access_code(hash("alice")).await.unwrap(), None);
    assert_eq!(store.lookup_access_code("alice".into()).await.unwrap(), None);
    assert_eq!(store.list_access_codes().await.unwrap(), [access_code("bob", 0)]);
    for id in ["one", "two"] {
        assert_eq!(bearer(&store, id, 1).await, None);
        assert!(store.find_refresh_token(refresh(id)).await.unwrap().unwrap().revoked);
    }
    assert_eq!(listed(&store).await, ["a client's", "bob's"]);
    // Nobody gets the id, and with it the seats, of somebody else.
    assert!(store.insert_access_code(access_code("alice", 9), hash("new")).await.is_err());
}
