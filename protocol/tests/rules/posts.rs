//! Posts and DMs of players and bots who may not post them.

use serde_json::{Value, json};

use super::allowed::{BODIES, ENVELOPE, TERMS, Vectors};
use super::log::{BOT, Log, with};

pub(super) fn posts_of_players(vectors: &mut Vectors<'_>) {
    let rule = "the sender s1 is the player in that slot";
    vectors.add("post from an empty seat", ENVELOPE, rule, ("seats", 3), |log| log.post(3, "Hello"));
    vectors.add("post from a slot that does not exist", ENVELOPE, rule, ("seats", 3), |log| log.post(4, "Hello"));
    vectors.add("post from a bot's slot in a player's name", ENVELOPE, rule, ("game", 7), |log| log.post(0, "Hello"));
    vectors.add("post after leaving", ENVELOPE, rule, ("seats", 9), |log| log.post(2, "Hello"));
    vectors.add(
        "post of a player after the request to close",
        BODIES,
        "after close_requested, the channel accepts nothing new",
        ("seats", 16),
        |log| {
            log.post(1, "Wait");
        },
    );
    vectors.add(
        "post before the terms were accepted",
        TERMS,
        "with require_terms, players post only after they have accepted the terms",
        ("terms", 5),
        |log| {
            log.post(1, "Hello");
        },
    );
    vectors.add(
        "post after the terms changed",
        TERMS,
        "a bot:runtime that changes egress_hash voids all acceptances",
        ("terms", 10),
        |log| {
            log.post(1, "Hello");
        },
    );
    vectors.add(
        "player's post with a cause",
        ENVELOPE,
        "cause is for effects of hooks, null else",
        ("seats", 4),
        |log| {
            log.post(2, "Hello");
            log.envelope("cause", 3);
        },
    );
    let statement = mcp_multiplayer_protocol::Hash::of(&[b"a statement"]);
    vectors.add("post with a statement of its author", ENVELOPE, "author is relay-attested", ("seats", 4), |log| {
        log.post(2, "Hello");
        log.envelope("author", json!(statement));
    });
    for kind in ["system", "control", "bot", "private", "trace", "bot:status", "System"] {
        let (name, rule) = (
            format!("player's post of the kind {kind}"),
            "players cannot choose the kinds of bots and the relay, in upper or lower case",
        );
        vectors.add(&name, ENVELOPE, rule, ("seats", 4), |log| {
            log.post(2, "Hello");
            log.envelope("kind", kind);
        });
    }
    vectors.add(
        "player's DM of another kind",
        ENVELOPE,
        "an entry with to_slot has the kind private",
        ("game", 12),
        |log| {
            log.dm(1, 0, "my secret");
            log.envelope("kind", "user");
        },
    );
    let rule = "a player's DM is for a slot with a bot";
    vectors.add("player's DM to a player", ENVELOPE, rule, ("game", 12), |log| log.dm(1, 2, "psst"));
    vectors.add("player's DM to an empty slot", ENVELOPE, rule, ("seats", 4), |log| log.dm(1, 0, "psst"));
    vectors.add("player's DM to no slot", ENVELOPE, rule, ("game", 12), |log| log.dm(1, 7, "psst"));
}

pub(super) fn posts_of_bots(vectors: &mut Vectors<'_>) {
    vectors.add(
        "post of a bot that is not there",
        ENVELOPE,
        "the sender bot:<bot_id> is an attached bot",
        ("game", 8),
        |log| {
            log.bot_post("bot_Bot_1", 8, "Hello");
        },
    );
    vectors.add("post of a bot of the kind trace", BODIES, "the kind trace is the relay's own", ("game", 8), |log| {
        log.bot_post(BOT, 8, "Hello");
        log.envelope("kind", "trace");
    });
    let (text, limit) =
        ("x".repeat(32 << 10), "the body of a bot's post is at most limits.body_bytes of its bot:attach");
    vectors.add("bot's post that is too large", BODIES, limit, ("game", 8), |log| log.bot_post(BOT, 8, &text));
    vectors.add("bot's DM that is too large", BODIES, limit, ("game", 13), |log| {
        log.bot_dm(1, 13, "status", json!({ "text": text }));
    });
    let rule = "the cause of a bot's entry is the earlier entry whose hook had it as its effect";
    vectors.add("bot's post without a cause", ENVELOPE, rule, ("game", 8), |log| {
        log.bot_post(BOT, 8, "Hello");
        log.envelope("cause", Value::Null);
    });
    vectors
        .add("bot's post with itself as its cause", ENVELOPE, rule, ("game", 8), |log| log.bot_post(BOT, 9, "Hello"));
    vectors.add(
        "bot's post with a cause after the request to close",
        BODIES,
        "after close_requested, entries start no further hooks",
        ("game", 24),
        |log| {
            log.bot_post(BOT, 24, "Hello");
        },
    );
}

pub(super) fn dms_of_bots(vectors: &mut Vectors<'_>) {
    let mut dm = |name: &str, rule: &str, at: (&str, usize), go_on: &dyn Fn(&mut Log)| {
        vectors.add(name, ENVELOPE, rule, at, |log| go_on(log));
    };
    let rule = "a bot's DM has to_slot and to_tenure, its posts have neither";
    dm("bot's DM without a tenure", rule, ("game", 13), &|log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.envelope("to_tenure", Value::Null);
    });
    dm("bot's post with a tenure", rule, ("game", 8), &|log| {
        log.bot_post(BOT, 8, "Hello");
        log.envelope("to_tenure", 6);
    });
    let rule = "to_tenure is the tenure that holds the slot";
    dm("bot's DM to another tenure", rule, ("game", 13), &|log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.envelope("to_tenure", 7);
    });
    dm("bot's DM to a player who left", rule, ("game", 20), &|log| {
        log.bot_dm(2, 20, "status", json!({ "text": "noted" }));
        log.envelope("to_tenure", 7);
    });
    dm("bot's DM to a tenure that began after its cause", "the tenure held the slot at cause", ("game", 7), &|log| {
        log.bot_dm(1, 2, "status", json!({ "text": "noted" }));
    });
    dm("bot's DM of another kind", "an entry with to_slot has the kind private", ("game", 13), &|log| {
        log.bot_dm(1, 13, "status", json!({ "text": "noted" }));
        log.envelope("kind", "status");
    });
    dm("bot's DM without its kind", r#"the body of a bot's DM is {"kind": K, "body": B}"#, ("game", 13), &|log| {
        let id = log.bot_post(BOT, 13, "noted");
        assert_eq!(id, 14);
        log.alter(|entry| {
            for (field, value) in [("kind", json!("private")), ("to_slot", json!("s1")), ("to_tenure", json!(6))] {
                entry["envelope"][field] = value;
            }
        });
    });
    let rule = "no other DM than the private result has the kind trace or the type bot:result";
    let result = json!({ "type": "bot:result", "outcome": "ok" });
    dm("DM of the kind trace that is no private result", rule, ("game", 13), &|log| {
        log.bot_dm(1, 13, "trace", json!({ "text": "noted" }));
    });
    dm("private result of a success with the kind control", rule, ("game", 13), &|log| {
        log.bot_dm(1, 13, "control", result.clone());
    });
    dm("private result of a success with a reason", rule, ("game", 13), &|log| {
        log.bot_dm(1, 13, "trace", with(result.clone(), json!({ "reason": "none", "text": "none" })));
    });
    let failure = json!({ "type": "bot:result", "outcome": "error", "reason": "ValueError", "text": "Bot failed." });
    dm(
        "private failure without its reason",
        "if the outcome is not ok, reason and text are there",
        ("game", 13),
        &|log| {
            log.bot_dm(1, 13, "trace", json!({ "type": "bot:result", "outcome": "error" }));
        },
    );
    dm(
        "private success with a reason",
        "if the outcome is ok, reason, line and text are missing",
        ("game", 13),
        &|log| {
            log.bot_dm(1, 13, "control", with(failure.clone(), json!({ "outcome": "ok" })));
        },
    );
    dm(
        "private result with an empty list",
        "fields are missing where they would be an empty list",
        ("game", 13),
        &|log| {
            log.bot_dm(1, 13, "trace", with(result.clone(), json!({ "undelivered": [] })));
        },
    );
}
