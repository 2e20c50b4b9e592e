//! Bots that nobody may attach, describe or detach so.

use serde_json::{Value, json};

use super::allowed::{BODIES, Vectors};
use super::good::{HOOKS, OTHER, runtime};
use super::log::{BOT, attach, with};

pub(super) fn bots(vectors: &mut Vectors<'_>) {
    let at = ("game", 1);
    let attached = |more: Value| with(attach(0, 0, &HOOKS, &json!({})), more);
    vectors.relay(
        "sandbox of an unknown level",
        BODIES,
        "sandbox is full, kernel or process",
        at,
        attached(json!({ "sandbox": "strong" })),
    );
    let rule = "api is 1; another version cannot be checked by this one";
    vectors.relay("bot of another API", BODIES, rule, at, attached(json!({ "api": 2 })));
    vectors.relay("bot of another policy", BODIES, "policy is 1, and no other", at, attached(json!({ "policy": 2 })));
    let rule = "whoever acts may do so: only admins and the owner change bots";
    vectors.relay("bot attached by a player", BODIES, rule, ("seats", 3), attached(json!({ "by": "s2" })));
    vectors.relay(
        "bot attached after two seats were filled",
        BODIES,
        SEALED,
        ("seats", 3),
        attached(json!({ "by": "owner" })),
    );
    vectors.relay(
        "bot attached by nobody after two seats were filled",
        BODIES,
        SEALED,
        ("seats", 3),
        attached(json!({})),
    );
    vectors.relay(
        "bot attached while the seats are held",
        BODIES,
        HELD,
        ("held", 6),
        with(attach(1, 3, &HOOKS, &json!({})), json!({ "by": "owner" })),
    );
    let rule = "a bot sits in an empty open slot of the kind bot";
    let second =
        |place: usize, more: Value| with(attach(1, place, &HOOKS, &json!({})), with(json!({ "by": "owner" }), more));
    vectors.relay("bot in a filled slot", BODIES, rule, ("game", 7), second(0, json!({})));
    vectors.relay("bot in a player's slot", BODIES, rule, at, attach(0, 1, &HOOKS, &json!({})));
    vectors.add("bot in a closed slot", BODIES, rule, ("failing", 6), |log| {
        log.relay(None, json!({ "type": "close_slot_applied", "slot_id": "s0", "by": "owner" }));
        log.relay(None, second(0, json!({})));
    });
    let rule = "slot_label is there exactly for a slot that is made for the bot, one after the last";
    vectors.relay("label for a slot that is there", BODIES, rule, at, attached(json!({ "slot_label": "referee" })));
    vectors.relay("new slot without a label", BODIES, rule, at, attach(0, 3, &HOOKS, &json!({})));
    vectors.relay(
        "new slot that leaves one out",
        BODIES,
        rule,
        at,
        with(attach(0, 4, &HOOKS, &json!({})), json!({ "slot_label": "scribe" })),
    );
    vectors.add("33rd slot, made for a bot", BODIES, "a channel has at most 32 slots", ("game", 0), |log| {
        log.create(&[("invite", "player"); 32], json!({}));
        log.relay(None, with(attach(0, 31, &HOOKS, &json!({})), json!({ "slot_id": "s32", "slot_label": "referee" })));
    });
    let rule = "bot_id consists of bot_, the name, _ and the number of bots that were ever attached";
    vectors.relay("bot with another number", BODIES, rule, at, attached(json!({ "bot_id": "bot_Bot_1" })));
    vectors.relay("bot with another name", BODIES, rule, at, attached(json!({ "bot_id": "bot_Other_0" })));
    vectors.relay("number of a bot that was detached", BODIES, rule, ("failing", 6), attach(0, 0, &HOOKS, &json!({})));
}

const SEALED: &str = "with bots_change never, bots can no longer be changed once two seats were filled";
const HELD: &str = "while a bot holds the seats, no bot is changed";

pub(super) fn attached_bots(vectors: &mut Vectors<'_>) {
    let detach = |slot: &str, by: Value| json!({ "type": "bot:detach", "bot_id": BOT, "slot_id": slot, "reason": "replaced", "by": by });
    let of_bot = "the bot is attached, in that slot";
    vectors.relay("bot detached that is not there", BODIES, of_bot, ("failing", 6), detach("s0", json!("owner")));
    vectors.relay("bot detached from another slot", BODIES, of_bot, ("game", 7), detach("s1", json!("owner")));
    vectors.relay(
        "bot detached by a player",
        BODIES,
        "whoever acts may do so: only admins and the owner change bots",
        ("game", 7),
        detach("s0", json!("s2")),
    );
    vectors.relay("bot detached while the seats are held", BODIES, HELD, ("held", 6), detach("s0", json!("owner")));
    vectors.add("bot detached after two seats were filled", BODIES, SEALED, ("seats", 1), |log| {
        log.attach(0, &["on_init"], &json!({}));
        log.ran(2, "on_init", 0);
        log.join(1, "alice");
        log.join(2, "bob");
        log.relay(None, detach("s0", json!("owner")));
    });
    vectors.add(
        "failed bot detached with another cause",
        BODIES,
        "without by, the cause of bot:detach is the bot's bot:attach",
        ("failing", 5),
        |log| {
            log.relay(1, with(detach("s0", Value::Null), json!({ "reason": "on_init failed", "by": null })));
        },
    );
    vectors.relay(
        "runtime with an unknown sandbox",
        BODIES,
        "sandbox is full, kernel or process",
        ("terms", 9),
        with(runtime(), json!({ "sandbox": "strong" })),
    );
    vectors.relay(
        "runtime of a bot that is not there",
        BODIES,
        "the bot is attached",
        ("terms", 9),
        with(runtime(), json!({ "bot_id": OTHER })),
    );
    vectors.relay(
        "manifest of a bot that is not there",
        BODIES,
        "the bot is attached",
        ("game", 2),
        json!({ "type": "bot:manifest", "bot_id": OTHER, "manifest": {} }),
    );
}
