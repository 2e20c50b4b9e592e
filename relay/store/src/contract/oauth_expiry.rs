use super::Subject;
use super::oauth::{
    ACCESS, CODE, REFRESH, access, allow, at, bearer, client, code, grant, hash, listed, refresh, tokens,
};
use crate::{Client, Grant, NewTokens, Rotated};

async fn forget(store: &Subject, now: i64) {
    store.forget_expired(at(now), at(now)).await.unwrap();
}

pub(crate) async fn takes_codes_after_their_end(store: Subject) {
    let new = code(&grant("g", "person:alice"));
    store.insert_code(new.clone()).await.unwrap();
    forget(&store, CODE).await;
    assert_eq!(store.find_code(hash("g")).await.unwrap(), Some(new.code));
    forget(&store, CODE + 1).await;
    assert_eq!(store.find_code(hash("g")).await.unwrap(), None);
}

pub(crate) async fn takes_tokens_after_their_end_and_grants_after_their_tokens(store: Subject) {
    let alice = grant("g", "person:alice");
    allow(&store, &alice).await;
    forget(&store, ACCESS + 1).await;
    // Asked as of a time when it was valid, it tells whether it is still there.
    assert_eq!(bearer(&store, "g", 1).await, None);
    let rotated = store.rotate_refresh_token(refresh("g"), at(0), tokens("second", 2 * ACCESS)).await.unwrap();
    assert_eq!(rotated, Rotated::Done);
    forget(&store, REFRESH + 1).await;
    assert_eq!(store.find_refresh_token(refresh("g")).await.unwrap(), None);
    assert!(store.find_refresh_token(refresh("second")).await.unwrap().is_some());
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&alice));
    forget(&store, 2 * ACCESS + REFRESH).await;
    assert_eq!(listed(&store).await, ["g"]);
    forget(&store, 2 * ACCESS + REFRESH + 1).await;
    assert_eq!(listed(&store).await, Vec::<String>::new());
    assert_eq!(store.find_refresh_token(refresh("second")).await.unwrap(), None);
    // Nothing of it is left: its id is free.
    allow(&store, &alice).await;
}

pub(crate) async fn takes_grants_of_clients_that_act_for_themselves(store: Subject) {
    let robot = Grant { client_id: "robot".into(), ..grant("robot", "client:robot") };
    let (first, second) = (tokens("first", 0), tokens("second", ACCESS));
    for tokens in [first, second] {
        store.insert_access_token(robot.clone(), NewTokens { refresh: None, ..tokens }).await.unwrap();
    }
    forget(&store, ACCESS + 1).await;
    assert_eq!(store.find_access_token(access("first"), at(1)).await.unwrap(), None);
    assert_eq!(store.find_access_token(access("second"), at(1)).await.unwrap(), Some(robot));
    forget(&store, 2 * ACCESS + 1).await;
    assert_eq!(listed(&store).await, Vec::<String>::new());
}

pub(crate) async fn keeps_revocations_for_as_long_as_tokens_last(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    store.revoke_grant("g".into()).await.unwrap();
    forget(&store, REFRESH).await;
    assert!(store.find_refresh_token(refresh("g")).await.unwrap().unwrap().revoked);
    forget(&store, REFRESH + 1).await;
    assert_eq!(store.find_refresh_token(refresh("g")).await.unwrap(), None);
}

pub(crate) async fn takes_clients_that_nobody_uses(store: Subject) {
    for (id, registered) in [("unused", 0), ("young", 10), ("app", 0)] {
        store.insert_client(client(id, registered)).await.unwrap();
    }
    let coming = Client { id: "coming".into(), ..client("coming", 0) };
    store.insert_client(coming).await.unwrap();
    allow(&store, &grant("g", "person:alice")).await;
    // Somebody is about to come back with it.
    store.insert_code(code(&Grant { client_id: "coming".into(), ..grant("code", "person:bob") })).await.unwrap();
    let known = async |store: &Subject| {
        let mut known = Vec::new();
        for id in ["unused", "young", "app", "coming"] {
            known.extend(store.find_client(id.into()).await.unwrap().map(|client| client.id));
        }
        known
    };
    store.forget_expired(at(1), at(0)).await.unwrap();
    assert_eq!(known(&store).await, ["unused", "young", "app", "coming"]);
    store.forget_expired(at(1), at(10)).await.unwrap();
    assert_eq!(known(&store).await, ["young", "app", "coming"]);
    store.forget_expired(at(CODE + 1), at(10)).await.unwrap();
    assert_eq!(known(&store).await, ["young", "app"]);
    store.forget_expired(at(REFRESH + 1), at(11)).await.unwrap();
    assert_eq!(known(&store).await, Vec::<String>::new());
    // One that comes every few weeks, with its own credentials, leaves no grant between.
    store.insert_client(client("unused", 20)).await.unwrap();
    let own = Grant { client_id: "unused".into(), ..grant("own", "client:unused") };
    store.insert_access_token(own, NewTokens { refresh: None, ..tokens("own", 30) }).await.unwrap();
    store.forget_expired(at(30 + REFRESH + 1), at(30)).await.unwrap();
    assert_eq!((listed(&store).await, known(&store).await), (vec![], vec!["unused".to_owned()]));
    store.forget_expired(at(30 + REFRESH + 1), at(31)).await.unwrap();
    assert_eq!(known(&store).await, Vec::<String>::new());
    let store = store.reopen().await;
    assert_eq!(known(&store).await, Vec::<String>::new());
}
