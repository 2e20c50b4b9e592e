use super::Subject;
use super::oauth::{ACCESS, REFRESH, access, allow, at, bearer, grant, listed, refresh, tokens};
use crate::{NewTokens, RefreshToken, Rotated};

const GRACE: i64 = 30_000;

async fn rotate(store: &Subject, from: &str, to: &str, now: i64) -> Rotated {
    store.rotate_refresh_token(refresh(from), at(now - GRACE), tokens(to, now)).await.unwrap()
}

pub(crate) async fn are_replaced_by_new_tokens(store: Subject) {
    let alice = grant("g", "person:alice");
    allow(&store, &alice).await;
    assert_eq!(store.find_refresh_token(access("g")).await.unwrap(), None, "an access token is none");
    assert_eq!(rotate(&store, "g", "second", ACCESS).await, Rotated::Done);
    let store = store.reopen().await;
    assert_eq!(rotate(&store, "second", "third", 2 * ACCESS).await, Rotated::Done);
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
        assert_eq!(store.find_refresh_token(refresh(name)).await.unwrap(), Some(token), "{name}");
    }
    assert_eq!(bearer(&store, "third", 2 * ACCESS).await.unwrap(), "g");
    assert_eq!(listed(&store).await, ["g"]);
}

pub(crate) async fn may_be_replaced_by_nothing(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    let last = NewTokens { refresh: None, ..tokens("last", 1) };
    assert_eq!(store.rotate_refresh_token(refresh("g"), at(0), last).await.unwrap(), Rotated::Done);
    assert_eq!(bearer(&store, "last", 2).await.unwrap(), "g");
    assert_eq!(store.find_refresh_token(refresh("last")).await.unwrap(), None);
    assert_eq!(store.find_refresh_token(refresh("g")).await.unwrap().unwrap().replaced_at, Some(at(1)));
}

pub(crate) async fn serve_two_refreshes_under_way(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "one", 0).await, Rotated::Done);
    // The first moment and the last of the grace.
    for (name, now) in [("two", 0), ("three", GRACE)] {
        assert_eq!(rotate(&store, "g", name, now).await, Rotated::Done);
    }
    for name in ["one", "two", "three"] {
        assert_eq!(bearer(&store, name, GRACE).await.unwrap(), "g");
        assert_eq!(rotate(&store, name, &format!("after {name}"), GRACE + 1).await, Rotated::Done);
    }
    // The grace counts from the first replacement, not from the last.
    allow(&store, &grant("h", "person:alice")).await;
    for (name, now) in [("h one", 0), ("h two", GRACE)] {
        assert_eq!(rotate(&store, "h", name, now).await, Rotated::Done);
    }
    assert_eq!(rotate(&store, "h", "h three", GRACE + 1).await, Rotated::Reused);
}

pub(crate) async fn have_no_grace_once_their_replacement_was_used(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "one", 0).await, Rotated::Done);
    assert_eq!(rotate(&store, "g", "two", 0).await, Rotated::Done);
    assert_eq!(rotate(&store, "one", "after one", 0).await, Rotated::Done);
    // Two refreshes of a replacement are under way, too.
    assert_eq!(rotate(&store, "one", "after one, too", 0).await, Rotated::Done);
    assert_eq!(rotate(&store, "g", "three", 0).await, Rotated::Reused);
    assert_eq!(rotate(&store, "after one", "more", 0).await, Rotated::Invalid);
}

pub(crate) async fn used_again_revoke_all_of_their_grant(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    allow(&store, &grant("other", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "second", 10).await, Rotated::Done);
    assert_eq!(rotate(&store, "second", "third", 20).await, Rotated::Done);
    let now = GRACE + 11;
    assert_eq!(bearer(&store, "g", now).await.unwrap(), "g");
    assert_eq!(rotate(&store, "g", "thief", now).await, Rotated::Reused);
    let store = store.reopen().await;
    for name in ["g", "second", "third", "thief"] {
        assert_eq!(bearer(&store, name, now).await, None, "{name}");
        assert_eq!(rotate(&store, name, &format!("after {name}"), now).await, Rotated::Invalid);
    }
    assert!(store.find_refresh_token(refresh("third")).await.unwrap().unwrap().revoked);
    assert_eq!(store.find_refresh_token(refresh("thief")).await.unwrap(), None);
    assert_eq!(listed(&store).await, ["other"]);
    assert_eq!(bearer(&store, "other", now).await.unwrap(), "other");
}

/// A thief who was quicker than the client must not go on once the client comes back, however late.
pub(crate) async fn used_again_after_their_end_revoke_all_the_same(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "g", "thief", REFRESH - 1).await, Rotated::Done);
    assert_eq!(rotate(&store, "g", "client", REFRESH + GRACE).await, Rotated::Reused);
    assert_eq!(rotate(&store, "thief", "thief again", REFRESH + GRACE).await, Rotated::Invalid);
}

pub(crate) async fn are_invalid_when_there_is_none_or_it_has_ended(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    assert_eq!(rotate(&store, "none", "new", 1).await, Rotated::Invalid);
    assert_eq!(rotate(&store, "g", "new", REFRESH).await, Rotated::Invalid);
    assert_eq!(bearer(&store, "new", REFRESH).await, None);
    assert_eq!(store.find_refresh_token(refresh("g")).await.unwrap().unwrap().replaced_at, None);
    assert_eq!(rotate(&store, "g", "new", REFRESH - 1).await, Rotated::Done);
    // Within its grace, but ended.
    assert_eq!(rotate(&store, "g", "newer", REFRESH).await, Rotated::Invalid);
    assert_eq!(bearer(&store, "new", REFRESH).await.unwrap(), "g");
}

pub(crate) async fn are_revoked_with_their_grant(store: Subject) {
    allow(&store, &grant("g", "person:alice")).await;
    store.revoke_oauth_token(refresh("g"), "another".into()).await.unwrap();
    assert_eq!(rotate(&store, "g", "second", 1).await, Rotated::Done, "it was not a token of that client");
    // One that was replaced revokes it as well.
    store.revoke_oauth_token(refresh("g"), "app".into()).await.unwrap();
    for name in ["g", "second"] {
        assert_eq!(bearer(&store, name, 2).await, None);
        assert!(store.find_refresh_token(refresh(name)).await.unwrap().unwrap().revoked);
    }
    assert_eq!(listed(&store).await, Vec::<String>::new());
}
