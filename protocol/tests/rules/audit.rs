//! Entries that no hook had, hooks that were left out, and results that cannot be: the entries before decide.
//! Each entry by itself may follow the one before it.

use serde_json::{Value, json};

use super::Bad;
use super::allowed::Vectors;
use super::good::{Good, OTHER};
use super::log::{BOT, Log, attach, ran, reveal, with};

const LOG: &str = "What a log must fulfil, 2";
const BODIES: &str = "Bodies of the relay's own entries";
const PRIVATE: &str = "Hooks that a DM started";
const RECEIPTS: &str = "Receipts";

pub(super) fn bad(logs: &[Good]) -> Vec<Bad> {
    let mut vectors = Vectors { logs, bad: Vec::new() };
    order(&mut vectors);
    effects(&mut vectors);
    results(&mut vectors);
    draws(&mut vectors);
    private_results(&mut vectors);
    skipped(&mut vectors);
    bots(&mut vectors);
    ends(&mut vectors);
    bodies(&mut vectors);
    deletions(&mut vectors);
    vectors.bad
}

const INVENTED: &str = "every entry by or about a bot belongs to a hook that was due";

fn order(vectors: &mut Vectors<'_>) {
    let in_order = "the hooks of a bot run in their order, and none is left out";
    vectors.add("hook that was not due", LOG, INVENTED, ("game", 7), |log| log.ran(7, "on_message", 0));
    vectors.add("hook that ran twice", LOG, INVENTED, ("game", 10), |log| {
        log.ran(9, "on_start", 0);
        log.ran(9, "on_start", 0);
    });
    vectors.add("hook left out", LOG, in_order, ("game", 8), |log| {
        let second = log.post(1, "again");
        log.ran(second, "on_message", 0);
    });
    vectors.add("hook of another name", LOG, in_order, ("game", 8), |log| log.ran(8, "on_timer", 0));
    vectors.add("hook with another step", LOG, in_order, ("game", 8), |log| {
        log.ran_with(8, "on_message", 0, json!({ "step": 1 }));
    });
    vectors.add(
        "hook with another cause",
        LOG,
        "trigger and cause of bot:ran are the entry that started the hook",
        ("game", 8),
        |log| {
            log.relay(7, ran(8, "on_message", 0));
        },
    );
    vectors.add(
        "hook that had to be skipped for depth",
        LOG,
        "a hook is skipped for depth if eight hooks led to its trigger",
        ("two", 26),
        |log| {
            log.ran(25, "on_message", 0);
        },
    );
    vectors.add("hook of a timer that was cancelled after it had fired", LOG, STALE, ("game", 16), |log| {
        let timer = stale_timer(log);
        log.ran(timer, "on_timer", 0);
    });
}

const STALE: &str = "a hook is skipped for stale if an earlier hook cancelled its timer after it had fired";

/// A timer fires while the hook of a post is due, and this hook cancels it.
fn stale_timer(log: &mut Log) -> u64 {
    let post = log.post(1, "stop the clock");
    log.wait(60);
    let timer = log.relay(None, json!({ "type": "timer", "bot_id": BOT, "n": 1, "set_by": 5 }));
    log.ran_with(post, "on_message", 0, json!({ "timers": [{ "n": 1 }] }));
    timer
}

const TOGETHER: &str = "nothing is between the effects of a hook and its bot:ran";

fn effects(vectors: &mut Vectors<'_>) {
    vectors.add("post that no hook had", LOG, INVENTED, ("game", 7), |log| log.bot_post(BOT, 6, "Hello"));
    vectors.add("post after its hook had ended", LOG, INVENTED, ("game", 10), |log| log.bot_post(BOT, 8, "Hello"));
    vectors.add("post with the cause of a hook that is not the next", LOG, INVENTED, ("game", 8), |log| {
        let second = log.post(1, "again");
        log.bot_post(BOT, second, "Hello");
    });
    vectors.add("hold of the seats that no hook had", LOG, INVENTED, ("game", 7), |log| {
        log.relay(6, json!({ "type": "seats:held", "bot_id": BOT, "until": "2026-11-20T13:00:00.000Z" }));
    });
    vectors.add("post of a player between effects", LOG, TOGETHER, ("game", 8), |log| {
        log.bot_post(BOT, 8, "Hello");
        log.post(1, "in between");
    });
    vectors.add("effect of another bot in between", LOG, TOGETHER, ("two", 9), |log| {
        log.bot_post(BOT, 9, "Hello");
        log.bot_post(OTHER, 9, "Hello");
    });
    vectors.add("bot:ran of another bot in between", LOG, TOGETHER, ("two", 9), |log| {
        log.bot_post(BOT, 9, "Hello");
        log.ran_with(9, "on_message", 1, json!({ "bot_id": OTHER }));
    });
    vectors.add(
        "effects counted wrong",
        BODIES,
        "effects is the number of the entries directly before bot:ran",
        ("game", 8),
        |log| {
            log.bot_post(BOT, 8, "Hello");
            log.ran(8, "on_message", 2);
        },
    );
    vectors.add(
        "effects counted that are not there",
        BODIES,
        "effects is the number of the entries directly before bot:ran",
        ("game", 8),
        |log| {
            log.ran(8, "on_message", 1);
        },
    );
    vectors.add(
        "cause of an entry that is no effect",
        "Envelope",
        "cause is for effects of hooks, null else",
        ("game", 10),
        |log| {
            log.relay(8, json!({ "type": "rename_applied", "name": "Finals", "by": "owner" }));
        },
    );
}

fn results(vectors: &mut Vectors<'_>) {
    vectors.add(
        "public hook without a result",
        BODIES,
        "result is missing exactly where a DM started the hook",
        ("game", 8),
        |log| {
            log.ran_with(8, "on_message", 0, json!({ "result": null }));
        },
    );
    let rule = "if the outcome is not ok, the only effect is a bot:error";
    let failed = json!({ "result": { "outcome": "error" } });
    vectors.add("failed hook without a bot:error", BODIES, rule, ("game", 8), |log| {
        log.ran_with(8, "on_message", 0, failed.clone());
    });
    vectors.add("failed hook with another effect", BODIES, rule, ("game", 8), |log| {
        log.error(8, "on_message");
        log.bot_post(BOT, 8, "Hello");
        log.ran_with(8, "on_message", 2, failed.clone());
    });
    vectors.add(
        "bot:error of a hook that did not fail",
        BODIES,
        "bot:error is the effect of a hook that failed",
        ("game", 8),
        |log| {
            log.error(8, "on_message");
            log.ran(8, "on_message", 1);
        },
    );
    let rule = "if the outcome is not ok, drawn and timers are missing, and nothing is undelivered";
    let mut failed = |name: &str, more: Value| {
        vectors.add(name, BODIES, rule, ("game", 8), |log| {
            log.error(8, "on_message");
            log.ran_with(8, "on_message", 1, with(json!({ "result": { "outcome": "timeout" } }), more));
        });
    };
    failed("failed hook that drew", json!({ "drawn": [{ "epoch": 0, "open": false, "from": 0, "to": 32 }] }));
    failed("failed hook that set a timer", json!({ "timers": [{ "n": 2, "after_ms": 5_000 }] }));
    vectors.add("failed hook with undelivered effects", BODIES, rule, ("game", 8), |log| {
        leave(log);
        log.error(8, "on_message");
        log.ran_with(8, "on_message", 1, json!({ "result": { "outcome": "timeout", "undelivered": [0] } }));
    });
    let rule = "undelivered numbers the hook's effects, from 0";
    let mut undelivered = |name: &str, numbers: Value| {
        vectors.add(name, BODIES, rule, ("game", 8), |log| {
            leave(log);
            log.ran_with(8, "on_message", 0, json!({ "result": { "outcome": "ok", "undelivered": numbers } }));
        });
    };
    undelivered("undelivered effect that the hook did not have", json!([1]));
    undelivered("undelivered effects in another order", json!([1, 0]));
    undelivered("undelivered effect twice", json!([0, 0]));
    let rule = "effects are undelivered only where a tenure ended while the hook ran";
    let lost = json!({ "outcome": "ok", "undelivered": [0] });
    vectors.add("undelivered effect although nobody left", BODIES, rule, ("game", 8), |log| {
        log.ran_with(8, "on_message", 0, json!({ "result": lost }));
    });
    vectors.add("undelivered private effect although nobody left", PRIVATE, rule, ("game", 13), |log| {
        log.bot_dm(1, 13, "trace", with(lost.clone(), json!({ "type": "bot:result" })));
        log.private_ran(13, 1);
    });
    vectors.add("undelivered effect of a hook although the player left before it", BODIES, rule, ("game", 20), |log| {
        log.ran_with(20, "on_message", 0, json!({ "result": lost }));
    });
    let exchanged = |more: Value| {
        let hash = mcp_multiplayer_protocol::Hash::of(&[b"record"]);
        let exchanged = with(json!({ "record_hash": hash, "hosts": ["api.example.com:443"] }), more);
        json!({ "result": { "outcome": "ok", "exchanged": exchanged } })
    };
    let rule = "exchanged is there only where the bot has an egress_hash";
    vectors.add("exchange of a bot without a network", BODIES, rule, ("game", 8), |log| {
        log.ran_with(8, "on_message", 0, exchanged(json!({})));
    });
    let rule = "a record is sealed only where the bot has secrets, env in bot:attach";
    vectors.add("sealed exchange of a bot without secrets", BODIES, rule, ("terms", 13), |log| {
        log.ran_with(13, "on_message", 0, exchanged(json!({ "sealed": true })));
    });
    vectors.add(
        "private result of a hook that no DM started",
        PRIVATE,
        "only a hook that a DM started has a private result",
        ("game", 8),
        |log| {
            log.private_result(1, 8);
        },
    );
}

fn draws(vectors: &mut Vectors<'_>) {
    let range =
        |epoch: u32, open: bool, from: u32, to: u32| json!({ "epoch": epoch, "open": open, "from": from, "to": to });
    let mut draw = |name: &str, rule: &str, (size, hook): (usize, &str), drawn: Value| {
        vectors.add(name, BODIES, rule, ("game", size), |log| {
            log.ran_with(size as u64, hook, 0, json!({ "drawn": drawn }));
        });
    };
    let rule = "a hook draws from where the bot stands in its keystream, without gaps";
    draw("draw that leaves bytes out", rule, (20, "on_message"), json!([range(0, true, 65, 96)]));
    draw("draw of bytes that were drawn", rule, (20, "on_message"), json!([range(0, true, 0, 32)]));
    draw("draw of nothing", rule, (20, "on_message"), json!([range(0, true, 64, 64)]));
    draw("draw in two parts", rule, (20, "on_message"), json!([range(0, true, 64, 65), range(0, true, 65, 66)]));
    let rule = "a hook draws from the epoch that is in force, open exactly after entropy:open";
    draw("draw from an epoch to come", rule, (20, "on_message"), json!([range(1, false, 0, 32)]));
    draw(
        "draw from the relay's own keystream after it was opened",
        rule,
        (20, "on_message"),
        json!([range(0, false, 0, 32)]),
    );
    draw("draw from an open keystream before entropy:open", rule, (8, "on_message"), json!([range(0, true, 0, 32)]));
    draw("draw from an epoch that ended", rule, (23, "on_close"), json!([range(0, true, 66, 67)]));
    vectors.add("draw from an epoch before it begins", BODIES, rule, ("game", 20), |log| {
        log.reveal(20, 0, 2);
        let drawn = json!([range(1, false, 0, 16), range(0, true, 64, 65)]);
        log.ran_with(20, "on_message", 1, json!({ "drawn": drawn }));
    });
    vectors.add("draw from the keystream that this hook opens", BODIES, rule, ("game", 9), |log| {
        log.ran_with(8, "on_message", 1, json!({ "drawn": [range(0, true, 0, 32)] }));
    });
}

/// The player in `s2` leaves.
fn leave(log: &mut Log) {
    log.relay(None, json!({ "type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2" }));
}

fn private_results(vectors: &mut Vectors<'_>) {
    let counted = "effects is the number of the entries directly before bot:ran";
    vectors.add("effects of a private hook counted wrong", BODIES, counted, ("game", 13), |log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.private_result(1, 13);
        log.private_ran(13, 1);
    });
    let last = "the last effect of a hook that a DM started is its private result, for the player who sent the DM";
    vectors.add("hook of a DM without its private result", PRIVATE, last, ("game", 13), |log| log.private_ran(13, 0));
    vectors.add("hook of a DM whose last effect is another DM", PRIVATE, last, ("game", 13), |log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.private_ran(13, 1);
    });
    vectors.add("private result for another player", PRIVATE, last, ("game", 13), |log| {
        log.private_result(2, 13);
    });
    vectors.add("withheld DM to another player in place of the private result", PRIVATE, last, ("game", 13), |log| {
        log.private_result(2, 13);
        log.withhold();
        log.private_ran(13, 1);
    });
    vectors.add("private result before another effect", PRIVATE, last, ("game", 13), |log| {
        log.private_result(1, 13);
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
    });
    let rule = "the bot:ran of a hook that a DM started has no result, and there is no bot:error";
    vectors.add("public result of a hook that a DM started", PRIVATE, rule, ("game", 13), |log| {
        log.private_result(1, 13);
        log.ran(13, "on_private_message", 1);
    });
    vectors.add("bot:error of a hook that a DM started", PRIVATE, rule, ("game", 13), |log| {
        log.error(13, "on_private_message");
    });
    let rule = "if the outcome is not ok, the private result is the only effect, and says why";
    let failure = json!({ "type": "bot:result", "outcome": "error", "reason": "ValueError", "text": "Bot failed." });
    vectors.add("private failure with another effect", PRIVATE, rule, ("game", 13), |log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.bot_dm(1, 13, "control", failure.clone());
        log.private_ran(13, 2);
    });
    let rule = "if the outcome is not ok, bot:ran has no drawn and no timers, and nothing is undelivered";
    vectors.add("private failure that set a timer", PRIVATE, rule, ("game", 13), |log| {
        log.bot_dm(1, 13, "control", failure.clone());
        let more = json!({ "timers": [{ "n": 2, "after_ms": 5_000 }], "result": null });
        log.ran_with(13, "on_private_message", 1, more);
    });
    vectors.add(
        "undelivered effect that a private hook did not have",
        PRIVATE,
        "undelivered numbers the effects without the private result",
        ("game", 13),
        |log| {
            leave(log);
            log.bot_dm(1, 13, "trace", json!({ "type": "bot:result", "outcome": "ok", "undelivered": [1] }));
            log.private_ran(13, 1);
        },
    );
    let rule = "where the player's tenure has ended, the private result is left out";
    vectors.add("private result for another player after the sender left", PRIVATE, rule, ("game", 12), |log| {
        let dm = log.dm(2, 0, "my secret");
        log.relay(None, json!({ "type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2" }));
        log.private_result(1, dm);
    });
}

fn skipped(vectors: &mut Vectors<'_>) {
    vectors.add(
        "skipped hook with effects",
        LOG,
        "a hook runs or is skipped: a bot:skipped has no effects",
        ("game", 8),
        |log| {
            log.bot_post(BOT, 8, "Hello");
            log.skipped(8, "on_message", "budget");
        },
    );
    vectors
        .add("skipped hook that was not due", LOG, INVENTED, ("game", 7), |log| log.skipped(7, "on_message", "budget"));
    vectors.add(
        "skipped hook of another name",
        LOG,
        "the hooks of a bot run in their order, and none is left out",
        ("game", 8),
        |log| {
            log.skipped(8, "on_timer", "budget");
        },
    );
    let only = |reason: &str| format!("a hook is skipped for {reason} only where the rules say so");
    for (reason, rule) in [
        ("depth", only("depth")),
        ("stale", only("stale")),
        ("closing", "closing is a reason only after close_requested".to_owned()),
        ("unavailable", "unavailable is a reason only after close_requested".to_owned()),
    ] {
        vectors.add(&format!("hook skipped for {reason} without a reason"), LOG, &rule, ("game", 8), |log| {
            log.skipped(8, "on_message", reason)
        });
    }
    vectors.add("on_init skipped for budget", LOG, "budget is not for on_init and on_close", ("game", 3), |log| {
        log.skipped(2, "on_init", "budget")
    });
    vectors.add("on_close skipped for budget", LOG, "budget is not for on_init and on_close", ("game", 23), |log| {
        log.skipped(23, "on_close", "budget")
    });
    vectors.add("on_close skipped for closing", LOG, "closing is not for on_close", ("game", 23), |log| {
        log.skipped(23, "on_close", "closing")
    });
    vectors.add(
        "hook that is too deep skipped for another reason",
        LOG,
        "a hook is skipped for depth if eight hooks led to its trigger",
        ("two", 26),
        |log| {
            log.skipped(25, "on_message", "budget");
        },
    );
    vectors.add("hook of a cancelled timer skipped for another reason", LOG, STALE, ("game", 16), |log| {
        let timer = stale_timer(log);
        log.skipped(timer, "on_timer", "budget");
    });
}

fn bots(vectors: &mut Vectors<'_>) {
    let failed = "a bot whose on_init did not end with ok is detached by the next entry";
    vectors.add("bot that goes on after its on_init failed", LOG, failed, ("failing", 5), |log| log.join(1, "alice"));
    let detach = json!({ "type": "bot:detach", "bot_id": BOT, "slot_id": "s0", "reason": "on_init failed" });
    vectors.add("failed bot detached by its owner", LOG, failed, ("failing", 5), |log| {
        log.relay(None, with(detach.clone(), json!({ "by": "owner" })));
    });
    vectors.add(
        "bot detached by nobody",
        LOG,
        "without by, a bot is detached only because its on_init failed",
        ("game", 5),
        |log| log.relay(2, detach),
    );
    let next = "the entry after each bot:attach is the bot:manifest of this bot";
    vectors.add("another entry in place of the manifest", LOG, next, ("game", 2), |log| {
        log.relay(None, json!({ "type": "rename_applied", "name": "Finals", "by": "owner" }));
    });
    vectors.add("manifest of another bot", LOG, next, ("two", 4), |log| {
        log.relay(None, attach(1, 1, &["on_init"], &json!({})));
        log.relay(None, json!({ "type": "bot:manifest", "bot_id": BOT, "manifest": {} }));
    });
    vectors.add("manifest later", LOG, "there is no other bot:manifest", ("terms", 9), |log| {
        log.relay(None, json!({ "type": "bot:manifest", "bot_id": BOT, "manifest": {} }));
    });
    vectors.add(
        "manifest with another hash",
        LOG,
        "the manifest has the hash that bot:attach says",
        ("terms", 2),
        |log| {
            log.relay(None, json!({ "type": "bot:manifest", "bot_id": BOT, "manifest": { "summary": "fair" } }));
        },
    );
    let rule = "the manifest has unseals: true exactly where bot:attach has unseals";
    let manifest = |log: &mut Log, manifest: Value| {
        log.relay(None, json!({ "type": "bot:manifest", "bot_id": BOT, "manifest": manifest }))
    };
    vectors.add("manifest that unseals, unlike bot:attach", LOG, rule, ("game", 1), |log| {
        let unseals = json!({ "unseals": true });
        log.relay(None, with(attach(0, 0, &["on_init"], &unseals), json!({ "unseals": null })));
        manifest(log, unseals);
    });
    vectors.add("bot:attach that unseals, unlike the manifest", LOG, rule, ("game", 1), |log| {
        log.relay(None, with(attach(0, 0, &["on_init"], &json!({})), json!({ "unseals": true })));
        manifest(log, json!({}));
    });
}

fn ends(vectors: &mut Vectors<'_>) {
    vectors.add(
        "channel closed while a hook was due",
        LOG,
        "when a channel is closed, no hook is due any more",
        ("game", 23),
        |log| {
            log.relay(None, json!({ "type": "close_applied" }));
        },
    );
    vectors.add(
        "channel closed without the promised seed",
        LOG,
        "a bot with reveal_on_close reveals its seed before close_applied",
        ("game", 24),
        |log| {
            log.relay(None, json!({ "type": "close_applied" }));
        },
    );
    let outside = "no other entry of a bot is outside of a hook";
    vectors.add("seed revealed at the close without a promise", LOG, outside, ("terms", 14), |log| {
        let close = log.relay(None, json!({ "type": "close_requested", "by": "owner" }));
        log.reveal(close, 0, 2);
    });
    vectors.add("promised seed before the close", LOG, outside, ("promise", 7), |log| log.relay(None, reveal(0, 2)));
    vectors.add("promised seed with another cause", LOG, outside, ("promise", 10), |log| log.reveal(2, 0, 2));
    vectors.add("promised seed between the effects of another bot", LOG, TOGETHER, ("promise", 9), |log| {
        log.reveal(8, 0, 2);
    });
    let rule = "a bot with reveal_on_close reveals its seed between its last hook and close_applied";
    vectors.add("promised seed as an effect of the last hook", LOG, rule, ("game", 23), |log| {
        log.reveal(23, 1, 20);
        log.ran(23, "on_close", 1);
        log.relay(None, json!({ "type": "close_applied" }));
    });
    vectors.add("seed revealed at the close twice", LOG, outside, ("game", 25), |log| {
        log.reveal(23, 2, 23);
    });
    vectors.add(
        "promised seed before the last hook",
        LOG,
        "the seed is revealed between the bot's last hook and close_applied",
        ("game", 23),
        |log| {
            log.reveal(23, 1, 20);
            log.relay(None, json!({ "type": "close_applied" }));
        },
    );
}

/// Bodies that are missing. The entry that is refused is the one without its body.
fn bodies(vectors: &mut Vectors<'_>) {
    let public = "an entry without content that has no to_slot is an error, unless an entry:deleted names it";
    vectors.add("player's post without its body", RECEIPTS, public, ("seats", 4), |log| {
        log.post(2, "Hello");
        log.withhold();
    });
    vectors.add("bot's post without its body", RECEIPTS, public, ("game", 8), |log| {
        log.bot_post(BOT, 8, "Hello");
        log.withhold();
    });
    let unsealed = "an entry without content that was unsealed is an error, unless an entry:deleted names it";
    vectors.add("DM to a bot without its body after it was unsealed", RECEIPTS, unsealed, ("sealed", 6), |log| {
        log.dm(1, 0, "I bid 7");
        log.withhold();
        log.private_result(1, 7);
        log.private_ran(7, 1);
        log.post(2, "open");
        log.relay(10, json!({ "type": "dm:unsealed", "bot_id": BOT }));
        log.ran(10, "on_message", 1);
    });
    vectors.bad.last_mut().expect("a vector").refused_at = 7;
    vectors.add("DM of the hook that unseals without its body", RECEIPTS, unsealed, ("sealed", 11), |log| {
        log.bot_dm(1, 10, "status", json!({ "text": "sold" }));
        log.withhold();
    });
}

fn deletions(vectors: &mut Vectors<'_>) {
    let deleted = |ids: Value, more: Value| with(json!({ "type": "entry:deleted", "ids": ids }), more);
    vectors.add(
        "entry of the relay deleted",
        BODIES,
        "the deleted entries are those of players and bots",
        ("seats", 17),
        |log| {
            log.relay(None, deleted(json!([6]), json!({})));
        },
    );
    let own = "players delete what they wrote, in the present tenure";
    vectors.add("post of another player deleted", BODIES, own, ("seats", 17), |log| {
        log.relay(None, deleted(json!([5]), json!({ "by": "s1" })))
    });
    vectors.add("post of a bot deleted by a player", BODIES, own, ("game", 26), |log| {
        log.relay(None, deleted(json!([4]), json!({ "by": "s1" })))
    });
    vectors.add("post of a former tenure deleted", BODIES, own, ("seats", 13), |log| {
        log.relay(None, json!({ "type": "close_requested", "by": "owner" }));
        log.relay(None, json!({ "type": "close_applied" }));
        log.relay(None, deleted(json!([5]), json!({ "by": "s2" })));
    });
    let rule = "DMs to and from a bot with unseals are deleted only after the close";
    vectors.add("DM to a bot that unseals deleted before the close", BODIES, rule, ("sealed", 9), |log| {
        log.relay(None, deleted(json!([7]), json!({})))
    });
    vectors.add("DM of a bot that unseals deleted before the close", BODIES, rule, ("sealed", 9), |log| {
        log.relay(None, deleted(json!([8]), json!({})))
    });
}
