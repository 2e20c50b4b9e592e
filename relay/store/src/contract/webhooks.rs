use mcp_multiplayer_protocol::Timestamp;

use super::Subject;
use crate::{Webhook, WebhookCount, WebhookFailure, WebhookProgress};

const LIMIT: u32 = 2;
const URL: &str = "https://app.example/hook";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

fn webhook(id: &str, principal: &str) -> Webhook {
    Webhook {
        id: id.into(),
        principal: principal.into(),
        credential: b"credential".into(),
        url: URL.into(),
        sealed_secrets: b"sealed".into(),
        name: "channel.message".into(),
        arguments: r#"{"channel_id":"chn_0123456789abcdef"}"#.into(),
        expires_at: at(1_000),
        progress: WebhookProgress { cursor: 7, ..WebhookProgress::default() },
    }
}

fn failed(cursor: u64, retry_at: Option<Timestamp>) -> WebhookProgress {
    let failure = WebhookFailure { attempts: 3, since: at(5), retry_at, error: "http_5xx".into() };
    WebhookProgress { cursor, delivered_at: Some(at(4)), failure: Some(failure) }
}

pub async fn are_refreshed_under_the_same_id(store: Subject) {
    let first = webhook("one", "alice");
    assert_eq!(store.put_webhook(first.clone(), LIMIT, at(0)).await.unwrap(), Some(first.clone()));
    store.record_webhook_progress("one".into(), failed(9, None)).await.unwrap();
    let refreshed = Webhook {
        credential: b"another".into(),
        sealed_secrets: b"rotated".into(),
        expires_at: at(2_000),
        progress: WebhookProgress::default(),
        ..first
    };
    let progress = WebhookProgress { cursor: 9, delivered_at: Some(at(4)), failure: None };
    let expected = Webhook { progress, ..refreshed.clone() };
    assert_eq!(store.put_webhook(refreshed, LIMIT, at(999)).await.unwrap(), Some(expected.clone()));
    assert_eq!(store.list_webhooks().await.unwrap(), [expected]);
}

pub async fn are_limited_for_each_principal(store: Subject) {
    for id in ["one", "two"] {
        assert!(store.put_webhook(webhook(id, "alice"), LIMIT, at(0)).await.unwrap().is_some());
    }
    assert_eq!(store.put_webhook(webhook("three", "alice"), LIMIT, at(0)).await.unwrap(), None);
    assert_eq!(store.lookup_webhook("three".into()).await.unwrap(), None);
    assert!(store.put_webhook(webhook("two", "alice"), LIMIT, at(0)).await.unwrap().is_some(), "a refresh");
    assert!(store.put_webhook(webhook("three", "bob"), LIMIT, at(0)).await.unwrap().is_some());
    // The first two have expired.
    assert!(store.put_webhook(webhook("four", "alice"), LIMIT, at(1_000)).await.unwrap().is_some());
    assert_eq!(store.lookup_webhook("one".into()).await.unwrap(), None);
}

pub async fn expire(store: Subject) {
    store.put_webhook(webhook("one", "alice"), LIMIT, at(0)).await.unwrap();
    store.record_webhook_progress("one".into(), failed(9, None)).await.unwrap();
    let count = async |principal: &str, url: &str, now| {
        store.count_webhooks(principal.into(), url.into(), at(now)).await.unwrap()
    };
    assert_eq!(count("alice", URL, 999).await, WebhookCount { all: 1, has_url: true });
    assert_eq!(count("alice", "https://app.example/other", 999).await, WebhookCount { all: 1, has_url: false });
    assert_eq!(count("bob", URL, 999).await, WebhookCount { all: 0, has_url: false });
    assert_eq!(count("alice", URL, 1_000).await, WebhookCount { all: 0, has_url: false });
    // One that has expired is not refreshed: it begins where the new one does.
    let again = store.put_webhook(webhook("one", "alice"), LIMIT, at(1_000)).await.unwrap().unwrap();
    assert_eq!(again.progress, WebhookProgress { cursor: 7, ..WebhookProgress::default() });
}

pub async fn keep_their_progress_when_the_store_is_reopened(store: Subject) {
    for (id, progress) in [
        ("delivered", WebhookProgress { cursor: 8, delivered_at: Some(at(3)), failure: None }),
        ("failing", failed(9, Some(at(20)))),
        ("suspended", failed(10, None)),
    ] {
        store.put_webhook(webhook(id, id), LIMIT, at(0)).await.unwrap();
        store.record_webhook_progress(id.into(), progress).await.unwrap();
    }
    store.record_webhook_progress("nobody".into(), failed(1, None)).await.unwrap();
    let store = store.reopen().await;
    let stored: Vec<_> = store.list_webhooks().await.unwrap().into_iter().map(|webhook| webhook.progress).collect();
    let delivered = WebhookProgress { cursor: 8, delivered_at: Some(at(3)), failure: None };
    assert_eq!(stored, [delivered, failed(9, Some(at(20))), failed(10, None)]);
}

pub async fn are_deleted(store: Subject) {
    store.put_webhook(webhook("one", "alice"), LIMIT, at(0)).await.unwrap();
    assert!(store.delete_webhook("one".into()).await.unwrap());
    assert!(!store.delete_webhook("one".into()).await.unwrap());
    assert_eq!(store.list_webhooks().await.unwrap(), []);
}
