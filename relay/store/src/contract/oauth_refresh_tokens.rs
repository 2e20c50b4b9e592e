use super::Subject;
use super::oauth::{
    ACCESS, REFRESH, access_hash, at, create_grant, grant, grant_id_of, listed_grants, refresh_hash, tokens,
};
use crate::{NewTokens, RefreshToken, RotationOutcome};

const GRACE: i64 = 30_000;

async fn rotate(store: &Subject, from: &str, to: &str, now: i64) -> RotationOutcome {
    store.rotate_refresh_token(refresh_hash(from), at(now - GRACE), tokens(to, now)).await.unwrap()
}

pub async fn are_replaced_by_new_tokens(store: Subject) {
    let alice = grant("g", "person:alice");
    create_grant(&store, &alice).await;
    assert_eq!(
        store.find_refresh_token(access_hash("g")).await.unwrap(),
        None,
        "an access token is not a refresh token"
    );
    assert_eq!(rotate(&store, "g", "second", ACCESS).await, RotationOutcome::Rotated);
    let store = store.reopen().await;
    assert_eq!(rotate(&store, "second", "third", 2 * ACCESS).await, RotationOutcome::Rotated);
    let expected = |replaced, expires| RefreshToken {
        grant: alice.clone(),
        revoked: false,
        replaced_at: replaced,
        expires_at: at(expires),
    };
    for (name, token) in [
        ("g", expected(Some(at(ACCESS)), REFRESH)),
        ("second", expected(Some(at(2 * ACCESS)), ACCESS + REFRESH)),
        ("third", expected(None, 2 * ACCESS + REFRESH)),
    ] {
        assert_eq!(store.find_refresh_token(refresh_hash(name)).await.unwrap(), Some(token), "{name}");
    }
    assert_eq!(grant_id_of(&store, "third", 2 * ACCESS).await.unwrap(), "g");
    assert_eq!(listed_grants(&store).await, ["g"]);
}

pub async fn may_be_replaced_by_an_access_token_alone(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    let last = NewTokens { refresh: None, ..tokens("last", 1) };
    assert_eq!(store.rotate_refresh_token(refresh_hash("g"), at(0), last).await.unwrap(), RotationOutcome::Rotated);
    assert_eq!(grant_id_of(&store, "last", 2).await.unwrap(), "g");
    assert_eq!(store.find_refresh_token(refresh_hash("last")).await.unwrap(), None);
    assert_eq!(store.find_refresh_token(refresh_hash("g")).await.unwrap().unwrap().replaced_at, Some(at(1)));
}

pub async fn can_be_used_again_within_the_grace_period(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "one", 0).await, RotationOutcome::Rotated);
    // The first and the last moment of the grace period.
    for (name, now) in [("two", 0), ("three", GRACE)] {
        assert_eq!(rotate(&store, "g", name, now).await, RotationOutcome::Rotated);
    }
    for name in ["one", "two", "three"] {
        assert_eq!(grant_id_of(&store, name, GRACE).await.unwrap(), "g");
        assert_eq!(rotate(&store, name, &format!("after {name}"), GRACE + 1).await, RotationOutcome::Rotated);
    }
    // The grace period starts at the first replacement, not at the last.
    create_grant(&store, &grant("h", "person:alice")).await;
    for (name, now) in [("h one", 0), ("h two", GRACE)] {
        assert_eq!(rotate(&store, "h", name, now).await, RotationOutcome::Rotated);
    }
    assert_eq!(rotate(&store, "h", "h three", GRACE + 1).await, RotationOutcome::Reused);
}

pub async fn have_no_grace_period_once_a_replacement_is_used(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "one", 0).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "g", "two", 0).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "one", "after one", 0).await, RotationOutcome::Rotated);
    // A replacement has a grace period of its own.
    assert_eq!(rotate(&store, "one", "after one, too", 0).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "g", "three", 0).await, RotationOutcome::Reused);
    assert_eq!(rotate(&store, "after one", "more", 0).await, RotationOutcome::Invalid);
}

pub async fn revoke_their_grant_when_reused(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    create_grant(&store, &grant("other", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "second", 10).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "second", "third", 20).await, RotationOutcome::Rotated);
    let now = GRACE + 11;
    assert_eq!(grant_id_of(&store, "g", now).await.unwrap(), "g");
    assert_eq!(rotate(&store, "g", "thief", now).await, RotationOutcome::Reused);
    let store = store.reopen().await;
    for name in ["g", "second", "third", "thief"] {
        assert_eq!(grant_id_of(&store, name, now).await, None, "{name}");
        assert_eq!(rotate(&store, name, &format!("after {name}"), now).await, RotationOutcome::Invalid);
    }
    assert!(store.find_refresh_token(refresh_hash("third")).await.unwrap().unwrap().revoked);
    assert_eq!(store.find_refresh_token(refresh_hash("thief")).await.unwrap(), None);
    assert_eq!(listed_grants(&store).await, ["other"]);
    assert_eq!(grant_id_of(&store, "other", now).await.unwrap(), "other");
}

/// A thief who refreshed before the client must lose access once the client returns, however late that is.
pub async fn revoke_their_grant_when_reused_after_they_expired(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "thief", REFRESH - 1).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "g", "client", REFRESH + GRACE).await, RotationOutcome::Reused);
    assert_eq!(rotate(&store, "thief", "thief again", REFRESH + GRACE).await, RotationOutcome::Invalid);
}

pub async fn are_invalid_when_missing_or_expired(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "none", "new", 1).await, RotationOutcome::Invalid);
    assert_eq!(rotate(&store, "g", "new", REFRESH).await, RotationOutcome::Invalid);
    assert_eq!(grant_id_of(&store, "new", REFRESH).await, None);
    assert_eq!(store.find_refresh_token(refresh_hash("g")).await.unwrap().unwrap().replaced_at, None);
    assert_eq!(rotate(&store, "g", "new", REFRESH - 1).await, RotationOutcome::Rotated);
    // Within its grace period, but expired.
    assert_eq!(rotate(&store, "g", "newer", REFRESH).await, RotationOutcome::Invalid);
    assert_eq!(grant_id_of(&store, "new", REFRESH).await.unwrap(), "g");
}

pub async fn are_revoked_with_their_grant(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    store.revoke_oauth_token(refresh_hash("g"), "another".into()).await.unwrap();
    assert_eq!(
        rotate(&store, "g", "second", 1).await,
        RotationOutcome::Rotated,
        "the token belongs to a different client"
    );
    // A token that was replaced also revokes the grant.
    store.revoke_oauth_token(refresh_hash("g"), "app".into()).await.unwrap();
    for name in ["g", "second"] {
        assert_eq!(grant_id_of(&store, name, 2).await, None);
        assert!(store.find_refresh_token(refresh_hash(name)).await.unwrap().unwrap().revoked);
    }
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}
