use futures::future::join_all;

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

/// A client may have sent the same request several times, and does not know in which order the relay handled them.
pub async fn let_a_client_go_on_with_any_one_replacement(store: Subject) {
    for kept in ["one", "two", "three"] {
        create_grant(&store, &grant(kept, "person:alice")).await;
        let replacement = |name: &str| format!("{kept}: {name}");
        for (name, now) in [("one", 0), ("two", 1), ("three", GRACE)] {
            assert_eq!(rotate(&store, kept, &replacement(name), now).await, RotationOutcome::Rotated);
        }
        // Refreshes twice at once again, an hour later.
        assert_eq!(rotate(&store, &replacement(kept), &replacement("fourth"), ACCESS).await, RotationOutcome::Rotated);
        assert_eq!(rotate(&store, &replacement(kept), &replacement("fifth"), ACCESS).await, RotationOutcome::Rotated);
        let last = rotate(&store, &replacement("fourth"), &replacement("last"), 2 * ACCESS).await;
        assert_eq!(last, RotationOutcome::Rotated);
        assert_eq!(grant_id_of(&store, &replacement("last"), 2 * ACCESS).await.unwrap(), kept);
    }
}

pub async fn let_a_client_go_on_after_concurrent_refreshes(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    for outcome in join_all(names.iter().map(|name| rotate(&store, "g", name, 0))).await {
        assert_eq!(outcome, RotationOutcome::Rotated);
    }
    assert_eq!(rotate(&store, "7", "after 7", ACCESS).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "after 7", "last", 2 * ACCESS).await, RotationOutcome::Rotated);
    // All ten going on at once are ten parties: one is first, the next reveals it, and the rest find the grant revoked.
    create_grant(&store, &grant("h", "person:alice")).await;
    let names: Vec<_> = (0..10).map(|n| format!("h {n}")).collect();
    join_all(names.iter().map(|name| rotate(&store, "h", name, 0))).await;
    let nexts: Vec<_> = names.iter().map(|name| (name, format!("after {name}"))).collect();
    let outcomes = join_all(nexts.iter().map(|(name, next)| rotate(&store, name, next, 1))).await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!((count(RotationOutcome::Rotated), count(RotationOutcome::Reused)), (1, 1));
    assert_eq!(listed_grants(&store).await, ["g"]);
}

/// A thief who uses a stolen token within the grace period gets a replacement of its own. It must not be able to go on
/// beside the client, whichever of them refreshes first.
pub async fn revoke_their_grant_when_two_replacements_are_used(store: Subject) {
    // At once; at the end of the replacements' own grace period; and after more refreshes of the first party.
    for (case, times, now) in [("at once", 1, 0), ("later", 1, GRACE), ("after more", 3, 10 * ACCESS)] {
        for (first, second) in [("client", "thief"), ("thief", "client")] {
            let id = format!("{case}, {first} first");
            create_grant(&store, &grant(&id, "person:alice")).await;
            for party in ["client", "thief"] {
                assert_eq!(rotate(&store, &id, &format!("{id}: {party} 0"), 0).await, RotationOutcome::Rotated);
            }
            for n in 0..times {
                let (from, to) = (format!("{id}: {first} {n}"), format!("{id}: {first} {}", n + 1));
                assert_eq!(rotate(&store, &from, &to, now + n).await, RotationOutcome::Rotated, "{to}");
            }
            let outcome = rotate(&store, &format!("{id}: {second} 0"), "refused", now + times).await;
            assert_eq!(outcome, RotationOutcome::Reused, "{id}");
            for name in [format!("{id}: {first} {times}"), format!("{id}: {second} 0"), "refused".into()] {
                assert_eq!(grant_id_of(&store, &name, now + times).await, None, "{name}");
                assert_eq!(rotate(&store, &name, "none", now + times).await, RotationOutcome::Invalid, "{name}");
            }
        }
    }
    let store = store.reopen().await;
    assert_eq!(listed_grants(&store).await, Vec::<String>::new());
}

/// The client may return only after its own replacement has expired.
pub async fn revoke_their_grant_when_a_second_replacement_is_used_long_afterwards(store: Subject) {
    create_grant(&store, &grant("g", "person:alice")).await;
    for name in ["client", "thief"] {
        assert_eq!(rotate(&store, "g", name, 0).await, RotationOutcome::Rotated);
    }
    assert_eq!(rotate(&store, "thief", "thief again", REFRESH - 1).await, RotationOutcome::Rotated);
    assert_eq!(rotate(&store, "client", "client again", REFRESH + 1).await, RotationOutcome::Reused);
    assert_eq!(rotate(&store, "thief again", "more", REFRESH + 1).await, RotationOutcome::Invalid);
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
