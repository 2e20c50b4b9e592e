use super::Subject;
use super::oauth::{
    ACCESS, CODE, REFRESH, access_hash, at, client, code, create_grant, grant, grant_id_of, hash, listed_grants,
    refresh_hash, tokens,
};
use crate::{Grant, NewTokens, RegisteredClient, RotationOutcome};

async fn delete_expired(store: &Subject, now: i64) {
    store.delete_expired(at(now), at(now)).await.unwrap();
}

pub async fn deletes_expired_codes(store: Subject) {
    let new = code(&grant("g", "person:alice"));
    store.insert_authorization_code(new.clone()).await.unwrap();
    delete_expired(&store, CODE).await;
    assert_eq!(store.find_authorization_code(hash("g")).await.unwrap(), Some(new.code));
    delete_expired(&store, CODE + 1).await;
    assert_eq!(store.find_authorization_code(hash("g")).await.unwrap(), None);
}

pub async fn deletes_expired_tokens_and_grants_without_tokens(store: Subject) {
    let alice = grant("g", "person:alice");
    create_grant(&store, &alice).await;
    delete_expired(&store, ACCESS + 1).await;
    // Looked up at a time when it was valid, so only the deletion can explain that it is not found.
    assert_eq!(grant_id_of(&store, "g", 1).await, None);
    let rotated = store.rotate_refresh_token(refresh_hash("g"), at(0), tokens("second", 2 * ACCESS)).await.unwrap();
    assert_eq!(rotated, RotationOutcome::Rotated);
    delete_expired(&store, REFRESH + 1).await;
    assert_eq!(store.find_refresh_token(refresh_hash("g")).await.unwrap(), None);
    assert!(store.find_refresh_token(refresh_hash("second")).await.unwrap().is_some());
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&alice));
    delete_expired(&store, 2 * ACCESS + REFRESH).await;
    assert_eq!(listed_grants(&store).await, ["g"]);
    delete_expired(&store, 2 * ACCESS + REFRESH + 1).await;
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
    assert_eq!(store.find_refresh_token(refresh_hash("second")).await.unwrap(), None);
    // The grant's row is deleted, so its id can be used again.
    create_grant(&store, &alice).await;
}

pub async fn deletes_client_credentials_grants_without_tokens(store: Subject) {
    let robot = Grant { client_id: "robot".into(), ..grant("robot", "client:robot") };
    let (first, second) = (tokens("first", 0), tokens("second", ACCESS));
    for tokens in [first, second] {
        store.insert_access_token(robot.clone(), NewTokens { refresh: None, ..tokens }).await.unwrap();
    }
    delete_expired(&store, ACCESS + 1).await;
    assert_eq!(store.find_access_token(access_hash("first"), at(1)).await.unwrap(), None);
    let (found, _) = store.find_access_token(access_hash("second"), at(1)).await.unwrap().unwrap();
    assert_eq!(found, robot);
    delete_expired(&store, 2 * ACCESS + 1).await;
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}

pub async fn keeps_revoked_grants_until_their_tokens_expire(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    store.revoke_grant("g".into()).await.unwrap();
    delete_expired(&store, REFRESH).await;
    assert!(store.find_refresh_token(refresh_hash("g")).await.unwrap().unwrap().revoked);
    delete_expired(&store, REFRESH + 1).await;
    assert_eq!(store.find_refresh_token(refresh_hash("g")).await.unwrap(), None);
}

pub async fn keeps_the_revocation_of_a_client_that_acts_for_itself(store: Subject) {
    store.insert_client(RegisteredClient { id: "robot".into(), ..client("robot", 0) }).await.unwrap();
    let robot = |id: &str| Grant { client_id: "robot".into(), ..grant(id, "client:robot") };
    let without_refresh = |name: &str, issued| NewTokens { refresh: None, ..tokens(name, issued) };
    for id in ["revoked", "other"] {
        store.insert_access_token(robot(id), without_refresh(id, 0)).await.unwrap();
    }
    assert!(store.revoke_grant("revoked".into()).await.unwrap());
    let much_later = 1_000 * REFRESH;
    delete_expired(&store, much_later).await;
    let store = store.reopen().await;
    assert!(store.lookup_client("robot".into()).await.unwrap().is_some(), "the client is told that it is revoked");
    for id in ["revoked", "other", "third"] {
        let name = format!("new {id}");
        assert!(!store.insert_access_token(robot(id), without_refresh(&name, much_later)).await.unwrap(), "{id}");
        assert_eq!(grant_id_of(&store, &name, much_later + 1).await, None, "{id}");
    }
    delete_expired(&store, 2 * much_later).await;
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}

pub async fn deletes_unused_clients(store: Subject) {
    for (id, registered) in [("unused", 0), ("young", 10), ("app", 0)] {
        store.insert_client(client(id, registered)).await.unwrap();
    }
    let coming = RegisteredClient { id: "coming".into(), ..client("coming", 0) };
    store.insert_client(coming).await.unwrap();
    create_grant(&store, &grant("g", "person:alice")).await;
    // A client with an authorization code is about to get a grant.
    store
        .insert_authorization_code(code(&Grant { client_id: "coming".into(), ..grant("code", "person:bob") }))
        .await
        .unwrap();
    let remaining = async |store: &Subject| {
        let mut remaining = Vec::new();
        for id in ["unused", "young", "app", "coming"] {
            remaining.extend(store.lookup_client(id.into()).await.unwrap().map(|client| client.id));
        }
        remaining
    };
    store.delete_expired(at(1), at(0)).await.unwrap();
    assert_eq!(remaining(&store).await, ["unused", "young", "app", "coming"]);
    store.delete_expired(at(1), at(10)).await.unwrap();
    assert_eq!(remaining(&store).await, ["young", "app", "coming"]);
    store.delete_expired(at(CODE + 1), at(10)).await.unwrap();
    assert_eq!(remaining(&store).await, ["young", "app"]);
    store.delete_expired(at(REFRESH + 1), at(11)).await.unwrap();
    assert_eq!(remaining(&store).await, Vec::<String>::new());
    // A client that uses client_credentials every few weeks has no grant in between, but its last use counts.
    store.insert_client(client("unused", 20)).await.unwrap();
    let own = Grant { client_id: "unused".into(), ..grant("own", "client:unused") };
    store.insert_access_token(own, NewTokens { refresh: None, ..tokens("own", 30) }).await.unwrap();
    store.delete_expired(at(30 + REFRESH + 1), at(30)).await.unwrap();
    assert_eq!((listed_grants(&store).await, remaining(&store).await), (vec![], vec!["unused".to_owned()]));
    store.delete_expired(at(30 + REFRESH + 1), at(31)).await.unwrap();
    assert_eq!(remaining(&store).await, Vec::<String>::new());
    let store = store.reopen().await;
    assert_eq!(remaining(&store).await, Vec::<String>::new());
}
