use super::Subject;
use super::oauth::{at, create_grant, grant, grant_id_of, listed_grants, refresh_hash, tokens};
use crate::{Grant, RotationOutcome};

pub async fn are_listed_newest_first(store: Subject) {
    assert_eq!(store.list_grants().await.unwrap(), []);
    let made = |id, created| Grant { created_at: at(created), ..grant(id, "person:alice") };
    let (second, first, third) = (made("second", 2), made("first", 1), made("third", 2));
    for grant in [&second, &first, &third] {
        create_grant(&store, grant).await;
    }
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), [third, second, first]);
}

pub async fn are_revoked_with_all_their_tokens(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    create_grant(&store, &grant("other", "person:alice")).await;
    store.rotate_refresh_token(refresh_hash("g"), at(0), tokens("later", 1)).await.unwrap();
    assert!(!store.revoke_grant("none".into()).await.unwrap());
    assert!(store.revoke_grant("g".into()).await.unwrap());
    assert!(!store.revoke_grant("g".into()).await.unwrap());
    let store = store.reopen().await;
    assert_eq!(store.lookup_grant("g".into()).await.unwrap(), None);
    assert_eq!(store.lookup_grant("other".into()).await.unwrap(), Some(grant("other", "person:alice")));
    for name in ["g", "later"] {
        assert_eq!(grant_id_of(&store, name, 2).await, None);
        assert!(store.find_refresh_token(refresh_hash(name)).await.unwrap().unwrap().revoked);
    }
    let rotated = store.rotate_refresh_token(refresh_hash("later"), at(0), tokens("new", 2)).await.unwrap();
    assert_eq!(rotated, RotationOutcome::Invalid);
    assert_eq!(listed_grants(&store).await, ["other"]);
    assert_eq!(grant_id_of(&store, "other", 2).await.unwrap(), "other");
}
