//! Logs that break no rule. The bad vectors go on from their beginnings.

use serde_json::json;

use super::log::{BOT, Log, join, with};

/// A good log, with its name and a description.
pub(super) type Good = (&'static str, &'static str, Log);

pub(super) fn logs() -> Vec<Good> {
    vec![
        (
            "seats",
            "Seats, admins and invites, without a bot; closed, and then a post was deleted, which this file still has.",
            seats(),
        ),
        (
            "deleted",
            "Two posts were deleted, by the operator and by their author; their bodies are left out.",
            deleted(),
        ),
        ("game", "One bot with posts, DMs, timers, draws and a promised seed; closed.", game()),
        ("terms", "A channel whose players accept its terms before they post. They change once.", terms()),
        ("held", "A bot that holds the seats, and a player that is a program of the relay.", held()),
        (
            "sealed",
            "A bot that opens its DMs. Those of the second round stay private, and bodies of them are left out; the last hook fails.",
            sealed(),
        ),
        ("two", "Two bots that answer each other, until eight hooks led to a post.", two()),
        ("promise", "Two bots, of which the first reveals its seed at the close, outside of a hook.", promise()),
        (
            "failing",
            "A bot whose on_init fails, so that it is detached; the next one is stopped by the operator.",
            failing(),
        ),
    ]
}

fn seats() -> Log {
    let mut log = Log::new(1);
    let slots = [("bot", "referee"), ("invite", "alice"), ("invite", "bob"), ("invite", "spare")];
    log.create(&slots, json!({ "bots_change": "never" }));
    log.join(1, "alice");
    log.join(2, "bob");
    log.relay(None, json!({ "type": "set_admin_applied", "slot_id": "s2", "admin": true, "by": "s1" }));
    log.post(2, "Hello");
    log.relay(None, json!({ "type": "rename_applied", "name": "Finals", "by": "s2" }));
    log.relay(None, json!({ "type": "set_admin_applied", "slot_id": "s2", "admin": false, "by": "owner" }));
    log.relay(
        None,
        with(join(2, "bob"), json!({ "type": "member:rejoin", "player": super::log::player("bob's phone") })),
    );
    log.relay(None, json!({ "type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2" }));
    log.relay(None, json!({ "type": "yield_slot_applied", "slot_id": "s2", "to": "invite", "by": "s2" }));
    log.relay(None, json!({ "type": "new_invite_applied", "slot_id": "s2", "generation": 1, "by": "s2" }));
    log.join(2, "carol");
    log.post(1, "Welcome");
    log.relay(None, json!({ "type": "member:kick", "slot_id": "s2", "label": "carol", "by": "owner" }));
    log.relay(None, json!({ "type": "close_slot_applied", "slot_id": "s3", "by": "s1" }));
    log.relay(None, json!({ "type": "close_requested", "by": "owner" }));
    log.relay(None, json!({ "type": "close_applied" }));
    log.relay(None, json!({ "type": "entry:deleted", "ids": [13], "by": "s1" }));
    log
}

fn deleted() -> Log {
    let mut log = Log::new(10);
    log.create(&[("invite", "alice"), ("invite", "bob")], json!({}));
    log.join(0, "alice");
    log.join(1, "bob");
    log.post(0, "regrettable");
    log.post(1, "Hello");
    log.relay(None, json!({ "type": "entry:deleted", "ids": [5] }));
    // The owner remains an admin, also in the seat.
    log.relay(None, json!({ "type": "set_admin_applied", "slot_id": "s0", "admin": false, "by": "owner" }));
    log.relay(None, json!({ "type": "close_requested", "by": "s0" }));
    log.relay(None, json!({ "type": "close_applied" }));
    log.relay(None, json!({ "type": "entry:deleted", "ids": [4], "by": "s0" }));
    for place in [3, 4] {
        log.entries[place]["content"] = json!(null);
    }
    log
}

/// The hooks of the bot in `game`.
pub(super) const HOOKS: [&str; 6] = ["on_init", "on_start", "on_message", "on_private_message", "on_timer", "on_close"];

fn game() -> Log {
    let mut log = Log::new(2);
    log.create(&[("bot", "referee"), ("invite", "alice"), ("invite", "bob")], json!({}));
    log.attach(0, &HOOKS, &json!({ "summary": "A game", "reveal_on_close": true }));
    log.bot_post(BOT, 2, "Welcome");
    log.ran_with(2, "on_init", 1, json!({ "timers": [{ "n": 1, "after_ms": 60_000 }] }));
    log.relay(None, with(join(1, "alice"), json!({ "entropy": "four dice: 6 1 3 3" })));
    log.join(2, "bob");
    log.post(1, "begin");
    let entropy = mcp_multiplayer_protocol::Hash::of(&[b"four dice: 6 1 3 3"]);
    let given = json!([{ "slot_id": "s1", "entry": 6, "entropy": entropy }]);
    log.relay(
        8,
        json!({ "type": "entropy:open", "bot_id": BOT, "epoch": 0, "contributions": given, "missing": ["s2"] }),
    );
    log.ran(8, "on_message", 1);
    log.bot_post(BOT, 9, "Begun");
    let drawn = json!([{ "epoch": 0, "open": true, "from": 0, "to": 32 }]);
    log.ran_with(9, "on_start", 1, json!({ "drawn": drawn }));
    log.dm(1, 0, "my secret");
    log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
    log.private_result(1, 13);
    log.private_ran(13, 2);
    log.wait(60);
    log.relay(None, json!({ "type": "timer", "bot_id": BOT, "n": 1, "set_by": 5 }));
    let set = json!([{ "n": 2, "after_ms": 9_000 }, { "n": 3, "after_ms": 7_000 }]);
    let drawn = json!([{ "epoch": 0, "open": true, "from": 32, "to": 64 }]);
    log.ran_with(17, "on_timer", 0, json!({ "timers": set, "drawn": drawn }));
    log.relay(None, json!({ "type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2" }));
    log.post(1, "again");
    log.reveal(20, 0, 2);
    let drawn = json!([
        { "epoch": 0, "open": true, "from": 64, "to": 66 }, { "epoch": 1, "open": false, "from": 0, "to": 16 },
    ]);
    log.ran_with(20, "on_message", 1, json!({ "timers": [{ "n": 2 }, { "n": 3 }], "drawn": drawn }));
    log.relay(None, json!({ "type": "close_requested", "by": "owner" }));
    log.ran(23, "on_close", 0);
    log.reveal(23, 1, 20);
    log.relay(None, json!({ "type": "close_applied" }));
    log
}

fn terms() -> Log {
    let mut log = Log::new(3);
    log.create(&[("bot", "referee"), ("invite", "alice")], json!({ "require_terms": true }));
    log.attach(0, &["on_init", "on_ready", "on_message"], &json!({}));
    log.ran(2, "on_init", 0);
    log.join(1, "alice");
    accept(&mut log);
    log.ran(6, "on_ready", 0);
    log.post(1, "Hello");
    log.ran(8, "on_message", 0);
    log.relay(None, runtime());
    accept(&mut log);
    log.ran(11, "on_ready", 0);
    log.post(1, "Hello again");
    let hash = mcp_multiplayer_protocol::Hash::of(&[b"record"]);
    let exchanged = json!({ "record_hash": hash, "hosts": ["api.example.com:443"] });
    log.ran_with(13, "on_message", 0, json!({ "result": { "outcome": "ok", "exchanged": exchanged } }));
    log
}

/// The player accepts the present terms.
pub(super) fn accept(log: &mut Log) {
    let hash = mcp_multiplayer_protocol::channel::Terms::of(&log.state.composition).hash();
    log.relay(None, json!({ "type": "terms:accepted", "slot_id": "s1", "terms_hash": hash }));
}

/// A `bot:runtime` that brings rules for connections.
pub(super) fn runtime() -> serde_json::Value {
    let hash = mcp_multiplayer_protocol::Hash::of(&[b"packages"]);
    json!({
        "type": "bot:runtime", "bot_id": BOT, "sandbox": "kernel", "egress_hash": hash,
        "runtime": { "worker": "0.1.1", "python": "3.11.7", "lock_hash": hash, "memory_bytes": 1 << 28 },
    })
}

fn held() -> Log {
    let mut log = Log::new(4);
    let slots = [("bot", "referee"), ("invite", "alice"), ("invite", "bob"), ("bot", "scribe")];
    log.create(&slots, json!({}));
    log.attach(0, &["on_init", "on_message"], &json!({}));
    log.relay(2, json!({ "type": "seats:held", "bot_id": BOT, "until": "2026-11-20T13:00:00.000Z" }));
    log.ran(2, "on_init", 1);
    log.join(1, "alice");
    log.post(1, "stop");
    log.relay(7, json!({ "type": "seats:released", "bot_id": BOT }));
    log.ran(7, "on_message", 1);
    log.relay(None, json!({ "type": "close_slot_applied", "slot_id": "s3", "by": "s1" }));
    log.relay(None, with(join(2, "bob"), json!({ "program": true })));
    log
}

fn sealed() -> Log {
    let mut log = Log::new(5);
    log.create(&[("bot", "auction"), ("invite", "alice"), ("invite", "bob")], json!({}));
    log.attach(0, &["on_init", "on_message", "on_private_message"], &json!({ "unseals": true }));
    log.ran(2, "on_init", 0);
    log.join(1, "alice");
    log.join(2, "bob");
    log.dm(1, 0, "I bid 7");
    log.private_result(1, 7);
    log.private_ran(7, 1);
    log.post(2, "open");
    log.relay(10, json!({ "type": "dm:unsealed", "bot_id": BOT }));
    log.ran(10, "on_message", 1);
    log.dm(1, 0, "I bid 9");
    log.private_result(1, 13);
    log.private_ran(13, 1);
    log.dm(2, 0, "I bid nothing");
    let failure = json!({ "type": "bot:result", "outcome": "error", "reason": "ValueError", "text": "Bot failed." });
    log.bot_dm(2, 16, "control", failure);
    log.private_ran(16, 1);
    for place in [12, 13] {
        log.entries[place]["content"] = json!(null);
    }
    log
}

fn two() -> Log {
    let mut log = Log::new(6);
    log.create(&[("bot", "one"), ("bot", "two"), ("invite", "alice")], json!({}));
    log.attach(0, &["on_init", "on_message"], &json!({}));
    log.ran(2, "on_init", 0);
    log.attach(1, &["on_init", "on_message"], &json!({}));
    log.ran_with(5, "on_init", 0, json!({ "bot_id": OTHER }));
    log.join(2, "alice");
    let mut trigger = log.post(2, "go");
    log.ran_with(trigger, "on_message", 0, json!({ "bot_id": OTHER }));
    for (_, bot_id) in (0..8).zip([BOT, OTHER].into_iter().cycle()) {
        let post = log.bot_post(bot_id, trigger, "your turn");
        log.ran_with(trigger, "on_message", 1, json!({ "bot_id": bot_id }));
        trigger = post;
    }
    log.skipped(trigger, "on_message", "depth");
    log
}

/// The second bot in `two`.
pub(super) const OTHER: &str = "bot_Bot_1";

fn promise() -> Log {
    let mut log = Log::new(11);
    log.create(&[("bot", "one"), ("bot", "two"), ("invite", "alice")], json!({}));
    log.attach(0, &["on_init"], &json!({ "reveal_on_close": true }));
    log.ran(2, "on_init", 0);
    log.attach(1, &["on_init", "on_close"], &json!({}));
    log.ran_with(5, "on_init", 0, json!({ "bot_id": OTHER }));
    log.relay(None, json!({ "type": "close_requested", "by": "owner" }));
    log.bot_post(OTHER, 8, "Good night");
    log.ran_with(8, "on_close", 1, json!({ "bot_id": OTHER }));
    log.reveal(8, 0, 2);
    log.relay(None, json!({ "type": "close_applied" }));
    log
}

fn failing() -> Log {
    let mut log = Log::new(7);
    log.create(&[("bot", "referee"), ("invite", "alice")], json!({}));
    log.attach(0, &["on_init", "on_message"], &json!({}));
    log.error(2, "on_init");
    log.ran_with(2, "on_init", 1, json!({ "result": { "outcome": "error" } }));
    log.relay(2, json!({ "type": "bot:detach", "bot_id": BOT, "slot_id": "s0", "reason": "on_init failed" }));
    log.attach(0, &["on_init", "on_message"], &json!({}));
    log.ran_with(7, "on_init", 0, json!({ "bot_id": OTHER }));
    log.join(1, "alice");
    log.post(1, "Hello");
    log.relay(None, json!({ "type": "operator:stopped" }));
    log
}

/// Logs that are too large for the other files.
pub(super) fn large() -> Vec<Good> {
    let mut many = Log::new(8);
    many.create(&[("bot", "referee"), ("invite", "alice")], json!({}));
    for number in 0..64 {
        let bot_id = format!("bot_Bot_{number}");
        let attached = many.attach(0, &["on_init"], &json!({ "unseals": true }));
        // The last one does it twice, which counts once.
        let times = if number < 63 { 1 } else { 2 };
        for _ in 0..times {
            many.relay(attached, json!({ "type": "dm:unsealed", "bot_id": bot_id }));
        }
        many.ran_with(attached, "on_init", times, json!({ "bot_id": bot_id }));
        let detach =
            json!({ "type": "bot:detach", "bot_id": bot_id, "slot_id": "s0", "reason": "done", "by": "owner" });
        many.relay(None, detach);
    }
    let mut hands = Log::new(9);
    hands.create(&[("bot", "referee")], json!({}));
    vec![
        ("many", "64 bots, one after another, each of which opens its DMs.", many),
        ("one bot", "A channel with a slot for a bot.", hands),
    ]
}
