use super::Subject;
use super::oauth::{ACCESS, access_hash, at, create_grant, grant, grant_id_of, listed_grants, refresh_hash, tokens};
use crate::{Grant, NewTokens};

pub async fn find_their_grant_until_they_expire(store: Subject) {
    let alice = grant("alice's", "person:alice");
    create_grant(&store, &alice).await;
    create_grant(&store, &grant("bob's", "person:bob")).await;
    assert_eq!(store.find_access_token(access_hash("nobody's"), at(1)).await.unwrap(), None);
    assert_eq!(
        store.find_access_token(refresh_hash("alice's"), at(1)).await.unwrap(),
        None,
        "a refresh token is not an access token"
    );
    let store = store.reopen().await;
    let found = store.find_access_token(access_hash("alice's"), at(ACCESS - 1)).await.unwrap();
    assert_eq!(found, Some((alice, at(ACCESS))));
    assert_eq!(store.find_access_token(access_hash("alice's"), at(ACCESS)).await.unwrap(), None);
}

/// The grant of a client that uses `client_credentials`.
fn client_credentials_grant(id: &str) -> Grant {
    Grant { client_id: id.into(), ..grant(id, &format!("client:{id}")) }
}

fn without_refresh(name: &str, issued: i64) -> NewTokens {
    NewTokens { refresh: None, ..tokens(name, issued) }
}

pub async fn of_one_client_share_one_grant(store: Subject) {
    let first = client_credentials_grant("robot");
    store.insert_access_token(first.clone(), without_refresh("one", 0)).await.unwrap();
    let again = Grant { created_at: at(5), ..first.clone() };
    store.insert_access_token(again, without_refresh("two", 5)).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&first));
    for name in ["one", "two"] {
        let (found, _) = store.find_access_token(access_hash(name), at(6)).await.unwrap().unwrap();
        assert_eq!(found, first);
    }
    assert_eq!(store.find_refresh_token(refresh_hash("one")).await.unwrap(), None);
    assert!(store.revoke_grant("robot".into()).await.unwrap());
    for name in ["one", "two"] {
        assert_eq!(grant_id_of(&store, name, 6).await, None);
    }
    // Another token request does not restore a revoked grant.
    assert!(!store.insert_access_token(first, without_refresh("three", 6)).await.unwrap());
    assert_eq!(grant_id_of(&store, "three", 7).await, None);
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}

/// Inserts a token for a client that acts for itself. Each resource has a grant of its own, named by `id`.
async fn insert_for_robot(store: &Subject, id: &str, name: &str) -> bool {
    let grant = Grant { id: id.into(), resource: id.into(), ..client_credentials_grant("robot") };
    store.insert_access_token(grant, without_refresh(name, 1)).await.unwrap()
}

pub async fn of_a_revoked_client_are_invalid_for_every_resource(store: Subject) {
    assert!(insert_for_robot(&store, "/mcp", "one").await);
    assert!(insert_for_robot(&store, "/", "two").await);
    create_grant(&store, &Grant { client_id: "robot".into(), ..grant("alice's", "person:alice") }).await;
    store.insert_access_token(client_credentials_grant("another"), without_refresh("another", 1)).await.unwrap();
    assert!(store.revoke_grant("/".into()).await.unwrap());
    assert!(!store.revoke_grant("/mcp".into()).await.unwrap(), "revoked together with the other one");
    let store = store.reopen().await;
    for id in ["/", "/mcp", "/other"] {
        assert!(!insert_for_robot(&store, id, &format!("new {id}")).await, "{id}");
    }
    for name in ["one", "two", "new /", "new /mcp", "new /other"] {
        assert_eq!(grant_id_of(&store, name, 2).await, None, "{name}");
    }
    // The revocation covers neither what the client may do for a person, nor other clients.
    assert_eq!(grant_id_of(&store, "alice's", 2).await.unwrap(), "alice's");
    assert_eq!(grant_id_of(&store, "another", 2).await.unwrap(), "another");
    assert_eq!(listed_grants(&store).await, ["another", "alice's"]);
}

pub async fn of_a_client_are_invalid_once_it_revokes_its_grant(store: Subject) {
    store.insert_access_token(client_credentials_grant("robot"), tokens("one", 0)).await.unwrap();
    assert!(insert_for_robot(&store, "/", "two").await);
    store.revoke_oauth_token(refresh_hash("one"), "robot".into()).await.unwrap();
    assert!(!insert_for_robot(&store, "/other", "three").await);
    for name in ["one", "two", "three"] {
        assert_eq!(grant_id_of(&store, name, 2).await, None, "{name}");
    }
}

/// Revoking a grant that a client has for a person leaves the person's other grants, and the client's own, as they are.
pub async fn of_a_client_outlast_the_revocation_of_a_persons_grant(store: Subject) {
    assert!(insert_for_robot(&store, "/mcp", "own").await);
    for id in ["first", "second"] {
        create_grant(&store, &Grant { client_id: "robot".into(), ..grant(id, "person:alice") }).await;
    }
    assert!(store.revoke_grant("first".into()).await.unwrap());
    assert!(insert_for_robot(&store, "/", "new").await);
    assert_eq!(grant_id_of(&store, "first", 2).await, None);
    for (name, id) in [("second", "second"), ("own", "/mcp"), ("new", "/")] {
        assert_eq!(grant_id_of(&store, name, 2).await.unwrap(), id);
    }
}

pub async fn are_not_added_to_the_grant_of_another_party(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    let of_another_client = Grant { client_id: "thief".into(), ..grant("g", "person:alice") };
    for other in [grant("g", "client:app"), of_another_client] {
        assert!(store.insert_access_token(other, without_refresh("stolen", 1)).await.is_err());
        assert_eq!(grant_id_of(&store, "stolen", 1).await, None);
    }
}

pub async fn are_revoked_without_their_grant(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    store.rotate_refresh_token(refresh_hash("g"), at(0), tokens("later", 1)).await.unwrap();
    store.revoke_oauth_token(access_hash("g"), "another".into()).await.unwrap();
    assert_eq!(grant_id_of(&store, "g", 2).await.unwrap(), "g", "the token belongs to a different client");
    store.revoke_oauth_token(access_hash("g"), "app".into()).await.unwrap();
    store.revoke_oauth_token(access_hash("g"), "app".into()).await.unwrap();
    store.revoke_oauth_token(access_hash("none"), "app".into()).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(grant_id_of(&store, "g", 2).await, None);
    assert_eq!(grant_id_of(&store, "later", 2).await.unwrap(), "g");
    assert!(!store.find_refresh_token(refresh_hash("later")).await.unwrap().unwrap().revoked);
    assert_eq!(listed_grants(&store).await, ["g"]);
}
