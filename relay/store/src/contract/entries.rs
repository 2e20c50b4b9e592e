use std::sync::Arc;

use mcp_multiplayer_protocol::channel::Draft;
use mcp_multiplayer_protocol::{Author, Entry, Envelope, Hash, Kind, Sender, SlotId, limits};

use super::Subject;
use super::log::{Log, body};

pub async fn are_read_as_they_were_written(store: Subject) {
    let mut log = Log::new(1);
    let bot = log.attach();
    log.join(1);
    let post = log.post(1, "text with \"quotes\", \u{1}, é, 😀 and \u{2028}");
    let public = |sender, kind, text: &str| Draft { sender, kind, to_slot: None, cause: None, body: body(text) };
    log.append(Draft { cause: Some(post.id()), ..public(Sender::Bot(bot.bot_id), Kind::USER, "") });
    let alice = Sender::Slot(SlotId::at(1));
    let to_slot = Some(SlotId::at(0));
    log.append(Draft { to_slot, ..public(alice.clone(), Kind::PRIVATE, "for the bot's eyes") });
    log.append(public(alice, "move:e2-e4.".parse().unwrap(), &"x".repeat(limits::BODY_BYTES)));
    let content = post.content.clone();
    let ts = log.state.head.ts;
    let envelope = |log: &Log| Envelope { id: log.state.size() + 1, ts, ..post.envelope.clone() };
    // One entry that its author signed, and one whose content was deleted.
    let signed = Envelope { author: Author::Statement(Hash::of(&[b"statement"])), ..envelope(&log) };
    log.push_unchecked(Entry { envelope: signed, content });
    log.push_unchecked(Entry { envelope: envelope(&log), content: None });
    store.append(log.batch()).await.unwrap();

    let entries = store.list_entries(log.channel_id(), 0, 100, usize::MAX).await.unwrap();
    assert_eq!(entries.len(), log.entries.len());
    for (read, written) in entries.iter().zip(&log.entries) {
        assert_eq!(read, &**written);
        assert_eq!(read.envelope.canonical_bytes(), written.envelope.canonical_bytes());
    }
    assert_eq!(entries.last().unwrap().content, None);
}

pub async fn are_listed_in_pages(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    while log.entries.len() < 100 {
        log.post(1, "hello");
    }
    store.append(log.batch()).await.unwrap();
    let ids = async |after, limit| {
        let entries = store.list_entries(log.channel_id(), after, limit, usize::MAX).await.unwrap();
        entries.iter().map(Entry::id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, 3).await, [1, 2, 3]);
    assert_eq!(ids(3, 2).await, [4, 5]);
    assert_eq!(ids(97, 50).await, [98, 99, 100]);
    assert_eq!(ids(0, 1_000).await, (1..=100).collect::<Vec<_>>());
    for (after, limit) in [(100, 10), (101, 10), (u64::MAX, 10), (0, 0)] {
        assert!(ids(after, limit).await.is_empty());
    }
}

pub async fn are_listed_at_least_one_at_a_time(store: Subject) {
    let mut log = Log::new(1);
    log.join(1);
    let post: Arc<Entry> = log.post(1, &"x".repeat(88));
    for _ in 0..9 {
        log.post(1, &"x".repeat(88));
    }
    store.append(log.batch()).await.unwrap();
    let bytes = post.body().unwrap().as_str().len();
    let ids = async |max_bytes| {
        let entries = store.list_entries(log.channel_id(), post.id() - 1, 5, max_bytes).await.unwrap();
        entries.iter().map(Entry::id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0).await, [3]);
    assert_eq!(ids(bytes - 1).await, [3]);
    assert_eq!(ids(bytes).await, [3]);
    assert_eq!(ids(3 * bytes - 1).await, [3, 4]);
    assert_eq!(ids(3 * bytes).await, [3, 4, 5]);
    assert_eq!(ids(100 * bytes).await, [3, 4, 5, 6, 7]);
}

pub async fn are_listed_by_channel(store: Subject) {
    let mut logs = [Log::new(1), Log::new(2), Log::new(3)];
    for log in &mut logs {
        log.join(1);
        store.append(log.batch()).await.unwrap();
    }
    for log in logs {
        let entries = store.list_entries(log.channel_id(), 0, 10, usize::MAX).await.unwrap();
        let written: Vec<_> = log.entries.iter().map(|entry| (**entry).clone()).collect();
        assert_eq!(entries, written);
    }
}
