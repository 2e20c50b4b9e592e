use std::sync::Arc;

use mcp_multiplayer_protocol::{Author, Entry, Envelope, Hash, Kind, Sender, SlotId, limits};

use super::Subject;
use super::log::{Log, body};

pub(crate) async fn come_back_as_they_were_written(store: Subject) {
    let mut log = Log::new(1);
    let bot = log.attach();
    log.join(1);
    let post = log.post(1, "text with \"quotes\", \u{1}, é, 😀 and \u{2028}");
    log.say(Sender::Bot(bot.bot_id), Kind::USER, None, Some(post.id()), body(""));
    log.say(Sender::Slot(SlotId::at(1)), Kind::PRIVATE, Some(SlotId::at(0)), None, body("for the bot's eyes"));
    log.say(
        Sender::Slot(SlotId::at(1)),
        "move:e2-e4.".parse().unwrap(),
        None,
        None,
        body(&"x".repeat(limits::BODY_BYTES)),
    );
    let content = post.content.clone();
    let ts = log.state.head.ts;
    let envelope = |log: &Log| Envelope { id: log.state.size() + 1, ts, ..post.envelope.clone() };
    // One that its author signed, and one of which only the envelope is left.
    let signed = Envelope { author: Author::Statement(Hash::of(&[b"statement"])), ..envelope(&log) };
    log.push(Entry { envelope: signed, content });
    log.push(Entry { envelope: envelope(&log), content: None });
    store.append(log.batch()).await.unwrap();

    let entries = store.list_entries(log.channel_id(), 0, 100, usize::MAX).await.unwrap();
    assert_eq!(entries.len(), log.entries.len());
    for (read, written) in entries.iter().zip(&log.entries) {
        assert_eq!(read, &**written);
        assert_eq!(read.envelope.canonical_bytes(), written.envelope.canonical_bytes());
    }
    assert_eq!(entries.last().unwrap().content, None);
}

pub(crate) async fn come_in_pages(store: Subject) {
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

pub(crate) async fn come_at_least_one_at_a_time(store: Subject) {
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

pub(crate) async fn are_of_one_channel(store: Subject) {
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
