use futures::future::join_all;

use super::Subject;
use super::oauth::{CODE, at, code, create_grant, grant, grant_id_of, hash, listed_grants, refresh_hash, tokens};
use crate::{AccessCode, AuthorizationCode, NewTokens, RedemptionOutcome, RotationOutcome};

async fn redeem(store: &Subject, code: &str, tokens: NewTokens) -> RedemptionOutcome {
    store.redeem_authorization_code(hash(code), tokens).await.unwrap()
}

pub async fn are_stored_as_inserted(store: Subject) {
    let new = code(&grant("g", "person:alice"));
    assert_eq!(store.find_authorization_code(new.code_hash).await.unwrap(), None);
    store.insert_authorization_code(new.clone()).await.unwrap();
    assert!(store.insert_authorization_code(new.clone()).await.is_err());
    let store = store.reopen().await;
    assert_eq!(store.find_authorization_code(new.code_hash).await.unwrap(), Some(new.code.clone()));
    assert_eq!(listed_grants(&store).await, Vec::<String>::new(), "the grant is created by redeeming the code");
    assert_eq!(redeem(&store, "g", tokens("t", 1)).await, RedemptionOutcome::Redeemed);
    let redeemed = AuthorizationCode { redeemed: true, ..new.code };
    assert_eq!(store.find_authorization_code(new.code_hash).await.unwrap(), Some(redeemed));
}

pub async fn create_their_grant_when_redeemed(store: Subject) {
    let grant = grant("g", "person:alice");
    create_grant(&store, &grant).await;
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), std::slice::from_ref(&grant));
    let found = store.find_refresh_token(refresh_hash("g")).await.unwrap().unwrap();
    assert_eq!((found.grant, found.revoked, found.replaced_at), (grant, false, None));
    assert_eq!(grant_id_of(&store, "g", 1).await.unwrap(), "g");
}

pub async fn revoke_their_grant_when_redeemed_twice(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    create_grant(&store, &grant("other", "person:alice")).await;
    assert_eq!(
        store.rotate_refresh_token(refresh_hash("g"), at(0), tokens("later", 2)).await.unwrap(),
        RotationOutcome::Rotated
    );
    // Also long after the code expired, and after its tokens were rotated.
    assert_eq!(redeem(&store, "g", tokens("thief", 10 * CODE)).await, RedemptionOutcome::AlreadyRedeemed);
    for name in ["g", "later", "thief"] {
        assert_eq!(grant_id_of(&store, name, 3).await, None, "{name}");
    }
    assert_eq!(store.find_refresh_token(refresh_hash("thief")).await.unwrap(), None);
    assert!(store.find_refresh_token(refresh_hash("later")).await.unwrap().unwrap().revoked);
    assert_eq!(listed_grants(&store).await, ["other"]);
    assert_eq!(grant_id_of(&store, "other", 3).await.unwrap(), "other");
    assert_eq!(redeem(&store, "g", tokens("thief again", 4)).await, RedemptionOutcome::AlreadyRedeemed);
}

pub async fn revoke_their_grant_when_redeemed_concurrently(store: Subject) {
    store.insert_authorization_code(code(&grant("g", "person:alice"))).await.unwrap();
    let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let outcomes = join_all(names.iter().map(|name| redeem(&store, "g", tokens(name, 1)))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == RedemptionOutcome::Redeemed).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == RedemptionOutcome::AlreadyRedeemed).count(), 9);
    for name in &names {
        assert_eq!(grant_id_of(&store, name, 2).await, None);
    }
}

pub async fn are_not_redeemed_when_missing_or_expired(store: Subject) {
    assert_eq!(redeem(&store, "none", tokens("none", 0)).await, RedemptionOutcome::Invalid);
    let new = code(&grant("g", "person:alice"));
    store.insert_authorization_code(new.clone()).await.unwrap();
    assert_eq!(redeem(&store, "g", tokens("late", CODE)).await, RedemptionOutcome::Invalid);
    assert_eq!(grant_id_of(&store, "late", CODE).await, None);
    // The late attempt did not use up the code.
    assert_eq!(store.find_authorization_code(hash("g")).await.unwrap(), Some(new.code));
    assert_eq!(redeem(&store, "g", tokens("timely", CODE - 1)).await, RedemptionOutcome::Redeemed);
    assert_eq!(grant_id_of(&store, "timely", CODE).await.unwrap(), "g");
}

pub async fn are_not_redeemed_once_the_access_code_is_revoked(store: Subject) {
    let access_code =
        AccessCode { id: "alice".into(), name: "Alice".into(), principal: "person:alice".into(), created_at: at(0) };
    store.insert_access_code(access_code, hash("alice's")).await.unwrap();
    for id in ["before", "after"] {
        if id == "after" {
            assert!(store.revoke_access_code("alice".into()).await.unwrap());
        }
        store.insert_authorization_code(code(&grant(id, "person:alice"))).await.unwrap();
    }
    store.insert_authorization_code(code(&grant("bob's", "person:bob"))).await.unwrap();
    for (id, outcome) in [
        ("before", RedemptionOutcome::Invalid),
        ("after", RedemptionOutcome::Invalid),
        ("bob's", RedemptionOutcome::Redeemed),
    ] {
        assert_eq!(redeem(&store, id, tokens(id, 1)).await, outcome, "{id}");
    }
    assert_eq!(listed_grants(&store).await, ["bob's"]);
}
