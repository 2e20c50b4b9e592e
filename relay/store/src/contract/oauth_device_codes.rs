use mcp_multiplayer_protocol::Hash;

use super::Subject;
use super::oauth::{CODE, at, client, grant_id_of, hash, listed_grants, refresh_hash, tokens};
use crate::{AccessCode, DeviceCode, DeviceCodeState, NewDeviceCode, NewTokens, RedemptionOutcome, RegisteredClient};

/// A pending request, whose codes are named by the id of its grant.
fn pending(id: &str) -> NewDeviceCode {
    let code = DeviceCode {
        grant_id: id.into(),
        client_id: "app".into(),
        client_name: "An app".into(),
        scope: "multiplayer offline_access".into(),
        resource: "https://relay.example".into(),
        created_at: at(0),
        expires_at: at(CODE),
        state: DeviceCodeState::Pending,
    };
    NewDeviceCode { device_code_hash: device(id), user_code_hash: user(id), code }
}

fn device(id: &str) -> Hash {
    hash(&format!("{id}'s device code"))
}

fn user(id: &str) -> Hash {
    hash(&format!("{id}'s user code"))
}

async fn insert(store: &Subject, id: &str) {
    assert!(store.insert_device_code(pending(id)).await.unwrap());
}

async fn decide(store: &Subject, id: &str, principal: Option<&str>, now: i64) -> bool {
    store.decide_device_code(user(id), principal.map(str::to_owned), at(now)).await.unwrap()
}

async fn redeem(store: &Subject, id: &str, tokens: NewTokens) -> RedemptionOutcome {
    store.redeem_device_code(device(id), tokens).await.unwrap()
}

async fn state(store: &Subject, id: &str) -> Option<DeviceCodeState> {
    store.find_device_code(device(id)).await.unwrap().map(|code| code.state)
}

pub async fn are_stored_as_inserted(store: Subject) {
    insert(&store, "g").await;
    insert(&store, "other").await;
    let store = store.reopen().await;
    assert_eq!(store.find_device_code(device("g")).await.unwrap(), Some(pending("g").code));
    assert_eq!(store.find_pending_device_code(user("g"), at(CODE - 1)).await.unwrap(), Some(pending("g").code));
    assert_eq!(store.find_pending_device_code(user("g"), at(CODE)).await.unwrap(), None, "it has expired");
    assert_eq!(store.find_device_code(user("g")).await.unwrap(), None, "a user code is not a device code");
    assert_eq!(store.find_pending_device_code(device("g"), at(1)).await.unwrap(), None);
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}

pub async fn have_user_codes_of_their_own(store: Subject) {
    insert(&store, "g").await;
    let other = NewDeviceCode { user_code_hash: user("g"), ..pending("other") };
    assert!(!store.insert_device_code(other).await.unwrap());
    assert_eq!(state(&store, "other").await, None);
    assert!(store.find_pending_device_code(user("g"), at(1)).await.unwrap().is_some());
}

pub async fn create_their_grant_when_approved_and_redeemed(store: Subject) {
    insert(&store, "g").await;
    assert!(decide(&store, "g", Some("person:alice"), 1).await);
    let store = store.reopen().await;
    assert_eq!(state(&store, "g").await, Some(DeviceCodeState::Approved("person:alice".into())));
    assert_eq!(listed_grants(&store).await, Vec::<String>::new(), "the grant is created by redeeming the code");
    assert_eq!(redeem(&store, "g", tokens("t", 2)).await, RedemptionOutcome::Redeemed);
    assert_eq!(grant_id_of(&store, "t", 3).await.unwrap(), "g");
    let grant = store.list_grants().await.unwrap().remove(0);
    let DeviceCode { grant_id, client_id, client_name, scope, resource, created_at, .. } = pending("g").code;
    assert_eq!((grant.id, grant.principal, grant.client_id), (grant_id, "person:alice".into(), client_id));
    assert_eq!((grant.client_name, grant.scope, grant.resource), (client_name, scope, resource));
    assert_eq!(grant.created_at, created_at);
    assert!(store.find_refresh_token(refresh_hash("t")).await.unwrap().is_some());
}

pub async fn are_decided_on_once(store: Subject) {
    for id in ["approved", "denied"] {
        insert(&store, id).await;
        let principal = (id == "approved").then_some("person:alice");
        assert!(decide(&store, id, principal, 1).await);
        assert_eq!(store.find_pending_device_code(user(id), at(1)).await.unwrap(), None);
        for other in [Some("person:mallory"), None] {
            assert!(!decide(&store, id, other, 2).await);
        }
    }
    assert_eq!(state(&store, "approved").await, Some(DeviceCodeState::Approved("person:alice".into())));
    assert_eq!(state(&store, "denied").await, Some(DeviceCodeState::Denied));
    insert(&store, "late").await;
    assert!(!decide(&store, "late", Some("person:alice"), CODE).await, "it has expired");
    assert!(!decide(&store, "none", Some("person:alice"), 1).await);
}

pub async fn are_not_redeemed_unless_approved_in_time(store: Subject) {
    for id in ["pending", "denied", "late"] {
        insert(&store, id).await;
    }
    decide(&store, "denied", None, 1).await;
    decide(&store, "late", Some("person:alice"), 1).await;
    for (id, now) in [("pending", 2), ("denied", 2), ("late", CODE), ("none", 2)] {
        assert_eq!(redeem(&store, id, tokens(id, now)).await, RedemptionOutcome::Invalid, "{id}");
        assert_eq!(grant_id_of(&store, id, now).await, None, "{id}");
    }
    assert_eq!(redeem(&store, "late", tokens("timely", CODE - 1)).await, RedemptionOutcome::Redeemed);
}

pub async fn are_not_redeemed_once_the_access_code_is_revoked(store: Subject) {
    let access_code =
        AccessCode { id: "alice".into(), name: "Alice".into(), principal: "person:alice".into(), created_at: at(0) };
    store.insert_access_code(access_code, hash("alice's")).await.unwrap();
    insert(&store, "g").await;
    decide(&store, "g", Some("person:alice"), 1).await;
    assert!(store.revoke_access_code("alice".into()).await.unwrap());
    assert_eq!(redeem(&store, "g", tokens("t", 2)).await, RedemptionOutcome::Invalid);
}

pub async fn revoke_their_grant_when_redeemed_twice(store: Subject) {
    insert(&store, "g").await;
    decide(&store, "g", Some("person:alice"), 1).await;
    assert_eq!(redeem(&store, "g", tokens("first", 2)).await, RedemptionOutcome::Redeemed);
    assert_eq!(state(&store, "g").await, Some(DeviceCodeState::Redeemed("person:alice".into())));
    assert_eq!(redeem(&store, "g", tokens("second", 3)).await, RedemptionOutcome::AlreadyRedeemed);
    for name in ["first", "second"] {
        assert_eq!(grant_id_of(&store, name, 4).await, None, "{name}");
    }
}

pub async fn are_deleted_with_unused_clients_once_expired(store: Subject) {
    store.insert_client(RegisteredClient { id: "app".into(), ..client("app", 0) }).await.unwrap();
    insert(&store, "g").await;
    store.delete_expired(at(CODE), at(CODE)).await.unwrap();
    assert!(state(&store, "g").await.is_some());
    assert!(store.lookup_client("app".into()).await.unwrap().is_some(), "it may be about to get a grant");
    store.delete_expired(at(CODE + 1), at(CODE)).await.unwrap();
    assert_eq!(state(&store, "g").await, None);
    assert!(store.lookup_client("app".into()).await.unwrap().is_none());
}
