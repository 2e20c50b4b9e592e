use super::Subject;
use super::oauth::{allow, at, bearer, grant, listed, refresh, tokens};
use crate::{Grant, Rotated};

pub(crate) async fn are_listed_the_newest_first(store: Subject) {
    assert_eq!(store.list_grants().await.unwrap(), []);
    let made = |id, created| Grant { created_at: at(created), ..grant(id, "person:alice") };
    let (second, first, third) = (made("second", 2), made("first", 1), made("third", 2));
    for grant in [&second, &first, &third] {
        allow(&store, grant).await;
    }
    let store = store.reopen().await;
    assert_eq!(store.list_grants().await.unwrap(), [third, second, first]);
}

pub(crate) async fn are_revoked_with_all_their_tokens(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    allow(&store, &grant("other", "person:alice")).await;
    store.rotate_refresh_token(refresh("g"), at(0), tokens("later", 1)).await.unwrap();
    assert!(!store.revoke_grant("none".into()).await.unwrap());
    assert!(store.revoke_grant("g".into()).await.unwrap());
    assert!(!store.revoke_grant("g".into()).await.unwrap());
    let store = store.reopen().await;
    for name in ["g", "later"] {
        assert_eq!(bearer(&store, name, 2).await, None);
        assert!(store.find_refresh_token(refresh(name)).await.unwrap().unwrap().revoked);
    }
    let rotated = store.rotate_refresh_token(refresh("later"), at(0), tokens("new", 2)).await.unwrap();
    assert_eq!(rotated, Rotated::Invalid);
    assert_eq!(listed(&store).await, ["other"]);
    assert_eq!(bearer(&store, "other", 2).await.unwrap(), "other");
}
