use super::Subject;
use super::oauth::{ACCESS, access, allow, at, bearer, grant, listed, refresh, tokens};
use crate::{Grant, NewTokens};

pub(crate) async fn stand_for_their_grant_until_they_end(store: Subject) {
    let alice = grant("alice's", "person:alice");
    allow(&store, &alice).await;
    allow(&store, &grant("bob's", "person:bob")).await;
    assert_eq!(store.find_access_token(access("nobody's"), at(1)).await.unwrap(), None);
    assert_eq!(store.find_access_token(refresh("alice's"), at(1)).await.unwrap(), None, "a refresh token is none");
    let store = store.reopen().await;
    assert_eq!(store.find_access_token(access("alice's"), at(ACCESS - 1)).await.unwrap(), Some(alice));
    assert_eq!(store.find_access_token(access("alice's"), at(ACCESS)).await.unwrap(), None);
}

/// One of a client that acts for itself.
fn of_client(id: &str) -> Grant {
    Grant { client_id: id.into(), ..grant(id, &format!("client:{id}")) }
}

fn without_refresh(name: &str, issued: i64) -> NewTokens {
    NewTokens { refresh: None, ..tokens(name, issued) }
}

pub(crate) async fn of_a_client_make_their_grant_once(store: Subject) {
    let first = of_client("robot");
    store.insert_access_token(first.clone(), without_refresh("one", 0)).await.unwrap();
    let again = Grant { created_at: at(5), ..first.clone() };
    store.insert_access_token(again, without_refresh("two", 5)).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&first));
    for name in ["one", "two"] {
        assert_eq!(store.find_access_token(access(name), at(6)).await.unwrap(), Some(first.clone()));
    }
    assert_eq!(store.find_refresh_token(refresh("one")).await.unwrap(), None);
    assert!(store.revoke_grant("robot".into()).await.unwrap());
    for name in ["one", "two"] {
        assert_eq!(bearer(&store, name, 6).await, None);
    }
    // What was revoked does not come back by asking again.
    store.insert_access_token(first, without_refresh("three", 6)).await.unwrap();
    assert_eq!(bearer(&store, "three", 7).await, None);
    assert_eq!(listed(&store).await, Vec::<String>::new());
}

pub(crate) async fn are_not_added_to_the_grant_of_another(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    let of_another_client = Grant { client_id: "thief".into(), ..grant("g", "person:alice") };
    for other in [grant("g", "client:app"), of_another_client] {
        assert!(store.insert_access_token(other, without_refresh("stolen", 1)).await.is_err());
        assert_eq!(bearer(&store, "stolen", 1).await, None);
    }
}

pub(crate) async fn are_revoked_alone(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    store.rotate_refresh_token(refresh("g"), at(0), tokens("later", 1)).await.unwrap();
    store.revoke_oauth_token(access("g"), "another".into()).await.unwrap();
    assert_eq!(bearer(&store, "g", 2).await.unwrap(), "g", "it is not a token of that client");
    store.revoke_oauth_token(access("g"), "app".into()).await.unwrap();
    store.revoke_oauth_token(access("g"), "app".into()).await.unwrap();
    store.revoke_oauth_token(access("none"), "app".into()).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(bearer(&store, "g", 2).await, None);
    assert_eq!(bearer(&store, "later", 2).await.unwrap(), "g");
    assert!(!store.find_refresh_token(refresh("later")).await.unwrap().unwrap().revoked);
    assert_eq!(listed(&store).await, ["g"]);
}
