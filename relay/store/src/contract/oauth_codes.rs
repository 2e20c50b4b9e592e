use futures::future::join_all;

use super::Subject;
use super::oauth::{CODE, allow, at, bearer, code, grant, hash, listed, refresh, tokens};
use crate::{AccessCode, Code, Rotated};

pub(crate) async fn come_back_as_they_were_written(store: Subject) {
    let new = code(&grant("g", "person:alice"));
    assert_eq!(store.find_code(new.code_hash).await.unwrap(), None);
    store.insert_code(new.clone()).await.unwrap();
    assert!(store.insert_code(new.clone()).await.is_err());
    let store = store.reopen().await;
    assert_eq!(store.find_code(new.code_hash).await.unwrap(), Some(new.code.clone()));
    assert_eq!(listed(&store).await, Vec::<String>::new(), "it is no grant yet");
    assert!(store.redeem_code(new.code_hash, tokens("t", 1)).await.unwrap());
    let redeemed = Code { redeemed: true, ..new.code };
    assert_eq!(store.find_code(new.code_hash).await.unwrap(), Some(redeemed));
}

pub(crate) async fn become_their_grant(store: Subject) {
    let grant = grant("g", "person:alice");
    allow(&store, &grant).await;
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&grant));
    let found = store.find_refresh_token(refresh("g")).await.unwrap().unwrap();
    assert_eq!((found.grant, found.revoked, found.replaced_at), (grant, false, None));
    assert_eq!(bearer(&store, "g", 1).await.unwrap(), "g");
}

pub(crate) async fn redeemed_twice_revoke_what_was_issued(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    allow(&store, &grant("other", "person:alice")).await;
    assert_eq!(store.rotate_refresh_token(refresh("g"), at(0), tokens("later", 2)).await.unwrap(), Rotated::Done);
    // However late, and whatever came of it since.
    assert!(!store.redeem_code(hash("g"), tokens("thief", 10 * CODE)).await.unwrap());
    for name in ["g", "later", "thief"] {
        assert_eq!(bearer(&store, name, 3).await, None, "{name}");
    }
    assert_eq!(store.find_refresh_token(refresh("thief")).await.unwrap(), None);
    assert!(store.find_refresh_token(refresh("later")).await.unwrap().unwrap().revoked);
    assert_eq!(listed(&store).await, ["other"]);
    assert_eq!(bearer(&store, "other", 3).await.unwrap(), "other");
    assert!(!store.redeem_code(hash("g"), tokens("thief again", 4)).await.unwrap());
}

pub(crate) async fn let_one_of_many_redeem_and_none_keep(store: Subject) {
    store.insert_code(code(&grant("g", "person:alice"))).await.unwrap();
    let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let redeemed = join_all(names.iter().map(|name| store.redeem_code(hash("g"), tokens(name, 1)))).await;
    assert_eq!(redeemed.into_iter().filter(|redeemed| *redeemed.as_ref().unwrap()).count(), 1);
    for name in &names {
        assert_eq!(bearer(&store, name, 2).await, None);
    }
}

pub(crate) async fn are_not_redeemed_when_there_is_none_or_it_has_ended(store: Subject) {
    assert!(!store.redeem_code(hash("none"), tokens("none", 0)).await.unwrap());
    let new = code(&grant("g", "person:alice"));
    store.insert_code(new.clone()).await.unwrap();
    assert!(!store.redeem_code(hash("g"), tokens("late", CODE)).await.unwrap());
    assert_eq!(bearer(&store, "late", CODE).await, None);
    // Nothing was taken from whoever comes in time.
    assert_eq!(store.find_code(hash("g")).await.unwrap(), Some(new.code));
    assert!(store.redeem_code(hash("g"), tokens("timely", CODE - 1)).await.unwrap());
    assert_eq!(bearer(&store, "timely", CODE).await.unwrap(), "g");
}

pub(crate) async fn are_worth_nothing_once_their_person_must_stay_out(store: Subject) {
    let access_code =
        AccessCode { id: "alice".into(), name: "Alice".into(), principal: "person:alice".into(), created_at: at(0) };
    store.insert_access_code(access_code, hash("alice's")).await.unwrap();
    for id in ["before", "after"] {
        if id == "after" {
            assert!(store.revoke_access_code("alice".into()).await.unwrap());
        }
        store.insert_code(code(&grant(id, "person:alice"))).await.unwrap();
    }
    store.insert_code(code(&grant("bob's", "person:bob"))).await.unwrap();
    for (id, redeemed) in [("before", false), ("after", false), ("bob's", true)] {
        assert_eq!(store.redeem_code(hash(id), tokens(id, 1)).await.unwrap(), redeemed, "{id}");
    }
    assert_eq!(listed(&store).await, ["bob's"]);
}
