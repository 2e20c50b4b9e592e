//! Effects of hooks that the state before them rules out: timers, seeds, and those of a bot that is not there.

use serde_json::{Value, json};

use super::allowed::{BODIES, RULES, SEEDS, Vectors};
use super::good::OTHER;
use super::log::{BOT, hex, ran, reveal, seed, with};

pub(super) fn hooks(vectors: &mut Vectors<'_>) {
    let mut unknown = |body: Value| {
        let name = format!("{} of a bot that is not there", body["type"].as_str().expect("a type"));
        vectors.add(&name, BODIES, "the bot is attached", ("game", 8), |log| {
            log.relay(8, with(body, json!({ "bot_id": OTHER })))
        });
    };
    unknown(ran(8, "on_message", 0));
    unknown(json!({ "type": "bot:skipped", "trigger": 8, "step": 0, "hook": "on_message", "reason": "budget" }));
    unknown(json!({ "type": "bot:error", "hook": "on_message", "reason": "ValueError", "text": "Bot failed." }));
    unknown(json!({ "type": "seats:held", "until": "2026-11-20T13:00:00.000Z" }));
    unknown(json!({ "type": "seats:released" }));
    unknown(json!({ "type": "dm:unsealed" }));
    unknown(json!({ "type": "entropy:open", "epoch": 0, "contributions": [] }));
    unknown(reveal(0, 2));
    vectors.add(
        "seats held for more than a day",
        BODIES,
        "seats are held at most 24 hours ahead",
        ("held", 3),
        |log| {
            log.relay(2, json!({ "type": "seats:held", "bot_id": BOT, "until": "2026-11-21T12:00:04.001Z" }));
        },
    );
    vectors.add(
        "seats held until a time before the channel began",
        BODIES,
        "until is not before the first entry",
        ("held", 3),
        |log| {
            log.relay(2, json!({ "type": "seats:held", "bot_id": BOT, "until": "0000-01-01T00:00:00.000Z" }));
        },
    );
    vectors.add(
        "DMs opened without permission",
        "Unsealing",
        "only a bot whose bot:attach has unseals may have this effect",
        ("game", 8),
        |log| {
            log.relay(8, json!({ "type": "dm:unsealed", "bot_id": BOT }));
        },
    );
    vectors.relay(
        "DMs opened outside of a hook",
        "Unsealing",
        "dm:unsealed is the effect of a hook",
        ("sealed", 9),
        json!({ "type": "dm:unsealed", "bot_id": BOT }),
    );
    vectors.add("keystream opened in another epoch", SEEDS, "entropy:open is for the epoch that is in force", ("game", 8), |log| {
        log.relay(8, json!({ "type": "entropy:open", "bot_id": BOT, "epoch": 1, "contributions": [], "missing": ["s1", "s2"] }));
    });
}

pub(super) fn timers(vectors: &mut Vectors<'_>) {
    let due = "timers that are due come before the next entry of a member";
    vectors.add("post before a timer that was due", RULES, due, ("game", 16), |log| {
        log.wait(60);
        log.post(1, "just in time");
    });
    vectors.add("member's wish before a timer that was due", RULES, due, ("game", 16), |log| {
        log.wait(60);
        log.relay(None, json!({ "type": "member:leave", "slot_id": "s2", "label": "bob", "by": "s2" }));
    });
    vectors.add("operator's close before a timer that was due", RULES, due, ("game", 16), |log| {
        log.wait(60);
        log.relay(None, json!({ "type": "close_requested" }));
    });
    let timer = |n: u32, set_by: u64| json!({ "type": "timer", "bot_id": BOT, "n": n, "set_by": set_by });
    let mut fire = |name: &str, rule: &str, size: usize, seconds: i64, body: Value| {
        vectors.add(name, BODIES, rule, ("game", size), |log| {
            log.wait(seconds);
            log.relay(None, body);
        });
    };
    fire("timer too early", "a timer fires when it is due", 16, 0, timer(1, 5));
    fire("timer that was not set", "a timer fires that is set", 16, 60, timer(2, 5));
    fire("timer set by another entry", "set_by is the bot:ran that set the timer", 16, 60, timer(1, 10));
    fire("timer twice", "a timer fires once", 17, 60, timer(1, 5));
    fire("timer that was cancelled", "a cancelled timer does not fire", 22, 60, timer(2, 18));
    fire(
        "timers in the order of their numbers",
        "timers fire in the order in which they are due",
        18,
        60,
        timer(2, 18),
    );
    fire(
        "timer of a bot that is not there",
        "the bot is attached",
        16,
        60,
        with(timer(1, 5), json!({ "bot_id": OTHER })),
    );
    let mut set = |name: &str, rule: &str, timers: Value| {
        vectors
            .add(name, BODIES, rule, ("game", 8), |log| log.ran_with(8, "on_message", 0, json!({ "timers": timers })));
    };
    let rule = "timers are numbered 1, 2, 3, … for each bot";
    set("timer whose number leaves one out", rule, json!([{ "n": 3, "after_ms": 5_000 }]));
    set("timer whose number was used", rule, json!([{ "n": 1, "after_ms": 5_000 }]));
    set("timer of less than a second", "a timer runs for 1 second to 30 days", json!([{ "n": 2, "after_ms": 999 }]));
    set(
        "timer of more than 30 days",
        "a timer runs for 1 second to 30 days",
        json!([{ "n": 2, "after_ms": 2_592_000_001_u64 }]),
    );
    set("timer cancelled that was not set", "a bot cancels only timers that it set", json!([{ "n": 2 }]));
    let many: Vec<Value> = (2..=17).map(|n| json!({ "n": n, "after_ms": 5_000 })).collect();
    set("17 timers", "a bot has at most 16 timers at a time", json!(many));
}

pub(super) fn seeds(vectors: &mut Vectors<'_>) {
    let mut show = |name: &str, rule: &str, (size, cause): (usize, u64), body: Value| {
        vectors.add(name, SEEDS, rule, ("game", size), |log| log.relay(cause, body));
    };
    let first = reveal(0, 2);
    let zeros = "00".repeat(32);
    show(
        "seed that nobody committed to",
        "a revealed seed fits the commitment to it",
        (20, 20),
        with(first.clone(), json!({ "seed": zeros })),
    );
    show(
        "seed of 31 bytes",
        "a seed is 64 hex digits in lower case",
        (20, 20),
        with(first.clone(), json!({ "seed": "00".repeat(31) })),
    );
    show(
        "seed in upper case",
        "a seed is 64 hex digits in lower case",
        (23, 23),
        with(reveal(1, 20), json!({ "seed": hex(&seed(1)).to_ascii_uppercase() })),
    );
    show("seed of an epoch to come", "the seed is that of the epoch that is in force", (20, 20), reveal(1, 2));
    show("seed of an epoch that ended", "the seed is that of the epoch that is in force", (23, 23), reveal(0, 20));
    show("epoch that began elsewhere", "began is the entry that began the epoch", (20, 20), reveal(0, 8));
    let own = [3; 32];
    let rule = "each seed is the hash of the next one, so that the first commitment settles all of them";
    vectors.add("seed that fits its commitment but not the chain", SEEDS, rule, ("game", 20), |log| {
        let next = mcp_multiplayer_protocol::seed::commitment(&own);
        log.relay(20, with(first, json!({ "next_commitment": next })));
        log.ran(20, "on_message", 1);
        let post = log.post(1, "again");
        log.relay(post, with(reveal(1, 20), json!({ "seed": hex(&own) })));
    });
}
