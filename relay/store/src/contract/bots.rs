use mcp_multiplayer_protocol::BotId;

use super::Subject;
use super::log::{Log, advance};
use crate::{AppendError, BotChange, BotCursor, NewBot, StoredBot};

/// Creates a channel with a player, in which entry 3 attaches a bot.
async fn with_bot(store: &Subject, number: u8) -> (Log, NewBot) {
    let mut log = Log::new(number);
    log.join(1);
    let bot = log.attach();
    assert_eq!(bot.attached, 3);
    store.append(log.batch_of_bots(vec![BotChange::Attach(bot.clone())])).await.unwrap();
    (log, bot)
}

async fn lookup(store: &Subject, log: &Log, bot_id: &BotId) -> StoredBot {
    store.lookup_bot(log.channel_id(), bot_id.clone()).await.unwrap().unwrap()
}

fn is_bot_moved(outcome: Result<impl Sized, AppendError>, bot_id: &BotId) -> bool {
    matches!(outcome, Err(AppendError::BotMoved(moved)) if moved == *bot_id)
}

pub async fn start_at_the_entry_that_attached_them(store: Subject) {
    let (log, bot) = with_bot(&store, 1).await;
    let cursor = BotCursor { entry: 3, step: 0 };
    let stored = StoredBot { bot: bot.clone(), cursor, state: None, detached: false };
    assert_eq!(store.lookup_bot(log.channel_id(), bot.bot_id.clone()).await.unwrap(), Some(stored));
    assert_eq!(store.lookup_bot(log.channel_id(), BotId::new("Other", 0)).await.unwrap(), None);
    assert_eq!(store.lookup_bot(Log::new(2).channel_id(), bot.bot_id).await.unwrap(), None);

    let mut log = Log::new(2);
    let inline = NewBot { code_ref: None, source: "# é\n".repeat(60_000).into(), ..log.attach() };
    store.append(log.batch_of_bots(vec![BotChange::Attach(inline.clone())])).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(lookup(&store, &log, &inline.bot_id).await.bot, inline);
}

pub async fn keep_their_state_until_they_change_it(store: Subject) {
    let (mut log, bot) = with_bot(&store, 1).await;
    let bot_id = &bot.bot_id;
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20));
    let changes = [
        advance(bot_id, (3, 0), (3, 1), Some(r#"{"n":1}"#)),
        advance(bot_id, (3, 1), (4, 0), None),
        advance(bot_id, (4, 0), (5, 0), Some(&large)),
        advance(bot_id, (5, 0), (6, 0), None),
    ];
    let states = [r#"{"n":1}"#, r#"{"n":1}"#, &large, &large];
    for (change, state) in changes.into_iter().zip(states) {
        let BotChange::Advance { to, .. } = change else { unreachable!("all of them advance") };
        log.ran(bot_id, 3);
        store.append(log.batch_of_bots(vec![change])).await.unwrap();
        let stored = lookup(&store, &log, bot_id).await;
        assert_eq!((stored.cursor, stored.state.as_deref()), (to, Some(state)));
    }
    let store = store.reopen().await;
    let stored = lookup(&store, &log, bot_id).await;
    assert_eq!((stored.cursor.entry, stored.state), (6, Some(large)));
}

pub async fn move_only_from_their_stored_cursor(store: Subject) {
    let (mut log, bot) = with_bot(&store, 1).await;
    let bot_id = &bot.bot_id;
    let before = log.state.clone();
    for from in [(2, 0), (3, 1), (4, 0)] {
        let mut log = log.clone();
        log.ran(bot_id, 3);
        let refused = store.append(log.batch_of_bots(vec![advance(bot_id, from, (9, 0), Some("{}"))])).await;
        assert!(is_bot_moved(refused, bot_id));
    }
    let stranger = BotId::new("Other", 0);
    let refused = store.append(log.clone().batch_of_bots(vec![advance(&stranger, (3, 0), (4, 0), None)])).await;
    assert!(is_bot_moved(refused, &stranger));
    let refused = store.append(log.clone().batch_of_bots(vec![BotChange::Detach(stranger.clone())])).await;
    assert!(is_bot_moved(refused, &stranger));
    let refused = store.append(log.clone().batch_of_bots(vec![BotChange::Attach(bot.clone())])).await;
    assert!(is_bot_moved(refused, bot_id));
    assert_eq!(store.state_of(log.channel_id()).await, Some(before));
    let stored = lookup(&store, &log, bot_id).await;
    assert_eq!((stored.cursor, stored.state), (BotCursor { entry: 3, step: 0 }, None));

    // Of two workers that ran the same hook, one commits.
    log.ran(bot_id, 3);
    let batch = log.batch_of_bots(vec![advance(bot_id, (3, 0), (4, 0), None)]);
    log.ran(bot_id, 3);
    let again = log.batch_of_bots(vec![advance(bot_id, (3, 0), (4, 0), None)]);
    let (one, two) = futures::join!(store.append(batch), store.append(again));
    one.unwrap();
    assert!(is_bot_moved(two, bot_id));
}

pub async fn do_not_move_after_they_were_detached(store: Subject) {
    let (mut log, bot) = with_bot(&store, 1).await;
    let bot_id = &bot.bot_id;
    log.ran(bot_id, 3);
    store.append(log.batch_of_bots(vec![advance(bot_id, (3, 0), (4, 0), Some("{}"))])).await.unwrap();
    let change = log.detach(bot_id);
    store.append(log.batch_of_bots(vec![change.clone()])).await.unwrap();

    let refused = store.append(log.clone().batch_of_bots(vec![advance(bot_id, (4, 0), (5, 0), None)])).await;
    assert!(is_bot_moved(refused, bot_id));
    assert!(is_bot_moved(store.append(log.clone().batch_of_bots(vec![change])).await, bot_id));
    let refused = store.append(log.clone().batch_of_bots(vec![BotChange::Attach(bot.clone())])).await;
    assert!(is_bot_moved(refused, bot_id));

    let store = store.reopen().await;
    let cursor = BotCursor { entry: 4, step: 0 };
    let stored = StoredBot { bot: bot.clone(), cursor, state: Some("{}".into()), detached: true };
    assert_eq!(lookup(&store, &log, bot_id).await, stored);

    let next = log.attach();
    assert_ne!(next.bot_id, bot.bot_id);
    store.append(log.batch_of_bots(vec![BotChange::Attach(next.clone())])).await.unwrap();
    assert_eq!(lookup(&store, &log, &next.bot_id).await.bot, next);
    assert_eq!(lookup(&store, &log, bot_id).await, stored);
}

pub async fn may_be_attached_and_detached_in_one_batch(store: Subject) {
    let mut log = Log::new(1);
    let bot = log.attach();
    let (attach, detach) = (BotChange::Attach(bot.clone()), log.detach(&bot.bot_id));
    let ran = advance(&bot.bot_id, (bot.attached, 0), (bot.attached, 1), Some("{}"));
    store.append(log.batch_of_bots(vec![attach, ran, detach])).await.unwrap();
    let stored = lookup(&store, &log, &bot.bot_id).await;
    assert_eq!((stored.cursor, stored.detached), (BotCursor { entry: 2, step: 1 }, true));
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), []);
}

pub async fn are_due_until_they_have_passed_their_last_trigger(store: Subject) {
    let due = async || {
        let mut channels = store.list_channels_with_due_bots().await.unwrap();
        channels.sort();
        channels
    };
    let mut quiet = Log::new(3);
    quiet.join(1);
    quiet.post(1, "nobody referees here");
    store.append(quiet.batch()).await.unwrap();
    assert_eq!(due().await, []);

    let (mut one, bot) = with_bot(&store, 1).await;
    let (mut two, _) = with_bot(&store, 2).await;
    let bot_id = &bot.bot_id;
    assert_eq!(due().await, [one.channel_id(), two.channel_id()]);
    one.ran(bot_id, 3);
    store.append(one.batch_of_bots(vec![advance(bot_id, (3, 0), (3, 1), None)])).await.unwrap();
    assert_eq!(due().await, [one.channel_id(), two.channel_id()]);
    one.ran(bot_id, 3);
    store.append(one.batch_of_bots(vec![advance(bot_id, (3, 1), (4, 0), None)])).await.unwrap();
    assert_eq!(due().await, [two.channel_id()]);

    // A message starts a hook. A trace entry does not, nor does a join, as this bot has no on_join.
    one.join(2);
    store.append(one.batch()).await.unwrap();
    assert_eq!(due().await, [two.channel_id()]);
    let post = one.post(1, "hi");
    store.append(one.batch()).await.unwrap();
    assert_eq!(due().await, [one.channel_id(), two.channel_id()]);
    one.ran(bot_id, post.id());
    let passed = (post.id() + 1, 0);
    store.append(one.batch_of_bots(vec![advance(bot_id, (4, 0), passed, None)])).await.unwrap();
    assert_eq!(due().await, [two.channel_id()]);

    let detach = two.detach(bot_id);
    store.append(two.batch_of_bots(vec![detach])).await.unwrap();
    assert_eq!(due().await, []);
    one.post(1, "again");
    store.append(one.batch()).await.unwrap();
    let store = store.reopen().await;
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), [one.channel_id()]);
}

pub async fn may_move_without_an_entry(store: Subject) {
    let (mut log, bot) = with_bot(&store, 1).await;
    let passed = advance(&bot.bot_id, (3, 0), (4, 0), None);
    let appended = store.append(log.batch_of_bots(vec![passed.clone()])).await.unwrap();
    assert_eq!(appended.tree.size, 3);
    assert_eq!(store.list_channels_with_due_bots().await.unwrap(), []);
    assert_eq!(store.state_of(log.channel_id()).await.as_ref(), Some(&log.state));
    assert!(is_bot_moved(store.append(log.batch_of_bots(vec![passed])).await, &bot.bot_id));
}
