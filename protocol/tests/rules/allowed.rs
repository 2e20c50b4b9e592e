//! Entries that may not follow the log before them: the state before the entry is enough to see it.

use serde_json::{Value, json};

use super::Bad;
use super::good::{Good, HOOKS, OTHER, accept, runtime};
use super::log::{BOT, Log, attach, hex, join, ran, reveal, seed, with};

const ENVELOPE: &str = "Envelope";
const BODIES: &str = "Bodies of the relay's own entries";
const RULES: &str = "What a log must fulfil, 1";
const SEEDS: &str = "Bots' seeds and keystreams";
const TERMS: &str = "Terms";

/// Makes one vector after another.
pub(super) struct Vectors<'a> {
    pub(super) logs: &'a [Good],
    pub(super) bad: Vec<Bad>,
}

impl Vectors<'_> {
    /// Adds a vector: the log's first `size` entries, and those that `go_on` adds, of which the last one is refused.
    pub(super) fn add<R>(
        &mut self,
        name: &str,
        section: &str,
        rule: &str,
        (log, size): (&str, usize),
        go_on: impl FnOnce(&mut Log) -> R,
    ) {
        let (.., good) = self.logs.iter().find(|good| good.0 == log).expect("a good log");
        let mut after = good.beginning(size);
        go_on(&mut after);
        self.bad.push(Bad {
            name: name.to_owned(),
            section: section.to_owned(),
            rule: rule.to_owned(),
            log: log.to_owned(),
            size,
            refused_at: after.entries.len() as u64,
            entries: after.entries.split_off(size),
        });
    }

    /// Adds a vector with one entry of the relay that has no cause.
    fn relay(&mut self, name: &str, section: &str, rule: &str, at: (&str, usize), body: Value) {
        self.add(name, section, rule, at, |log| log.relay(None, body));
    }
}

pub(super) fn bad(logs: &[Good]) -> Vec<Bad> {
    let mut vectors = Vectors { logs, bad: Vec::new() };
    envelopes(&mut vectors);
    places(&mut vectors);
    posts_of_players(&mut vectors);
    posts_of_bots(&mut vectors);
    forms_of_bodies(&mut vectors);
    seats(&mut vectors);
    invites(&mut vectors);
    bots(&mut vectors);
    hooks(&mut vectors);
    timers(&mut vectors);
    seeds(&mut vectors);
    terms(&mut vectors);
    ends(&mut vectors);
    deletions(&mut vectors);
    vectors.bad
}

/// Envelopes and contents that have not the one form.
fn envelopes(vectors: &mut Vectors<'_>) {
    let mut form = |name: &str, rule: &str, alter: &dyn Fn(&mut Value)| {
        vectors.add(name, ENVELOPE, rule, ("seats", 4), |log| {
            log.post(2, "Hello");
            log.alter(|entry| alter(entry));
        });
    };
    form("time without milliseconds", "ts has milliseconds", &|entry| {
        entry["envelope"]["ts"] = json!("2026-11-20T12:00:05Z");
    });
    form("time with an offset", "ts is in UTC and ends with Z", &|entry| {
        entry["envelope"]["ts"] = json!("2026-11-20T12:00:05.000+00:00");
    });
    form("time of a day that does not exist", "ts is a time of RFC 3339", &|entry| {
        entry["envelope"]["ts"] = json!("2026-11-31T12:00:05.000Z");
    });
    form("id as text", "id is a number", &|entry| entry["envelope"]["id"] = json!("5"));
    form("hash without its prefix", "body_hash begins with sha256:", &|entry| {
        let hash = entry["envelope"]["body_hash"].as_str().expect("a text")["sha256:".len()..].to_owned();
        entry["envelope"]["body_hash"] = json!(hash);
    });
    form("hash in upper case", "the hex of a hash is in lower case", &|entry| {
        let hash = entry["envelope"]["body_hash"].as_str().expect("a text").to_ascii_uppercase();
        entry["envelope"]["body_hash"] = json!(hash.replace("SHA256", "sha256"));
    });
    form("kind of 65 characters", "kind has 1 to 64 characters", &|entry| {
        entry["envelope"]["kind"] = json!("k".repeat(65));
    });
    form("kind with a space", "kind has only A-Z a-z 0-9 _ - . :", &|entry| {
        entry["envelope"]["kind"] = json!("my move")
    });
    form("sender that is none", "sender is a slot, a bot or system", &|entry| {
        entry["envelope"]["sender"] = json!("alice")
    });
    form("slot with a leading zero", "a slot is s and a number without leading zeros", &|entry| {
        entry["envelope"]["sender"] = json!("s02");
    });
    form("field left out", "all eleven fields are there, null where they have no value", &|entry| {
        entry["envelope"].as_object_mut().expect("an object").remove("cause");
    });
    form("field too much", "there are no other fields than the eleven", &|entry| entry["envelope"]["to"] = json!("s1"));
    form("author that is none", "author is relay-attested or a hash", &|entry| {
        entry["envelope"]["author"] = json!("s2")
    });
    form("salt of 31 bytes", "a salt has 32 bytes", &|entry| entry["content"]["salt"] = json!("00".repeat(31)));
    form("body that is a text", "a body is an object", &|entry| entry["content"]["body"] = json!("Hello"));
}

/// The place of an entry after the ones before it.
fn places(vectors: &mut Vectors<'_>) {
    let mut place = |name: &str, section: &str, rule: &str, field: &str, value: Value| {
        vectors.add(name, section, rule, ("seats", 4), |log| {
            log.post(2, "Hello");
            log.envelope(field, value);
        });
    };
    place("another version", ENVELOPE, "v is 2", "v", json!(1));
    place(
        "another channel",
        ENVELOPE,
        "all entries have the channel's id",
        "channel_id",
        json!("chn_0000000000000000"),
    );
    place("an id left out", RULES, "ids have no gaps", "id", json!(6));
    place("an id again", RULES, "ids have no gaps", "id", json!(4));
    place(
        "back in time",
        ENVELOPE,
        "ts is never before the entry in front of it",
        "ts",
        json!("2026-11-20T12:00:03.999Z"),
    );
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    place("another hash of the body", RULES, "bodies match their hashes", "body_hash", json!(other));
    vectors.add("another body", RULES, "bodies match their hashes", ("seats", 4), |log| {
        log.post(2, "Hello");
        log.alter(|entry| entry["content"]["body"]["text"] = json!("Hallo"));
    });
    vectors.add("another salt", RULES, "bodies match their hashes", ("seats", 4), |log| {
        log.post(2, "Hello");
        log.alter(|entry| entry["content"]["salt"] = json!("00".repeat(32)));
    });
    let rule = "to_tenure is for a bot's DM only";
    vectors.add("tenure in a player's DM", ENVELOPE, rule, ("game", 12), |log| {
        log.dm(1, 0, "my secret");
        log.envelope("to_tenure", 6);
    });
    vectors.add("tenure in an entry of the relay", ENVELOPE, rule, ("seats", 5), |log| {
        log.relay(None, json!({ "type": "rename_applied", "name": "Finals", "by": "s2" }));
        log.envelope("to_tenure", 2);
    });
}

fn posts_of_players(vectors: &mut Vectors<'_>) {
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

fn posts_of_bots(vectors: &mut Vectors<'_>) {
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

fn forms_of_bodies(vectors: &mut Vectors<'_>) {
    let at = ("seats", 5);
    let rename = json!({ "type": "rename_applied", "name": "Finals", "by": "s2" });
    let altered = |more: Value| with(rename.clone(), more);
    vectors.relay(
        "type that does not exist",
        BODIES,
        "each entry of the relay has a type of the table",
        at,
        json!({ "type": "renamed" }),
    );
    vectors.relay(
        "entry of the relay without a type",
        BODIES,
        "each entry of the relay has a type of the table",
        at,
        json!({ "text": "Hello" }),
    );
    let rule = "fields that are not in the table are errors";
    vectors.relay("field that is not in the table", BODIES, rule, at, altered(json!({ "note": "as agreed" })));
    vectors.relay(
        "field of the table left out",
        BODIES,
        "fields without ? are there",
        at,
        json!({ "type": "rename_applied", "name": "Finals" }),
    );
    vectors.relay(
        "number as text",
        BODIES,
        "fields have the form that the table says",
        at,
        json!({ "type": "new_invite_applied", "slot_id": "s2", "generation": "1", "by": "s2" }),
    );
    let rule = "a field marked ? is missing where it would be null, false or an empty list";
    vectors.add("null instead of a missing field", BODIES, rule, ("seats", 15), |log| {
        log.relay(None, with(json!({ "type": "close_requested" }), json!({})));
        rewrite(log, |body| body["by"] = Value::Null);
    });
    vectors.relay(
        "false instead of a missing field",
        BODIES,
        rule,
        ("game", 1),
        with(attach(0, 0, &HOOKS, &json!({})), json!({ "unseals": false })),
    );
    vectors.relay(
        "empty list instead of a missing field",
        BODIES,
        rule,
        ("game", 1),
        with(attach(0, 0, &HOOKS, &json!({})), json!({ "env": [] })),
    );
    let rule = "kind is system unless the table says otherwise";
    vectors.add("entry of the relay with another kind", BODIES, rule, at, |log| {
        log.relay(None, rename.clone());
        log.envelope("kind", "user");
    });
    vectors.add("bot:ran with the kind system", BODIES, rule, ("game", 8), |log| {
        log.relay(8, ran(8, "on_message", 0));
        log.envelope("kind", "system");
    });
    vectors.add("entry of the relay for one slot", BODIES, "entries of the relay are public", at, |log| {
        log.relay(None, rename.clone());
        log.envelope("to_slot", "s1");
    });
    let rule = "channel:created is the first entry, and only the first";
    vectors.add("log without channel:created", BODIES, rule, ("seats", 0), |log| {
        log.relay(None, json!({ "type": "bots_announced", "bots": [] }));
    });
    vectors.add("channel:created again", BODIES, rule, ("seats", 1), |log| log.create(&[], json!({})));
    vectors.add(
        "other rules",
        BODIES,
        "rules is 2; another version cannot be checked by this one",
        ("seats", 0),
        |log| {
            log.create(&[("bot", "referee")], json!({ "rules": 3 }));
        },
    );
    vectors.add("33 slots", BODIES, "a channel has at most 32 slots", ("seats", 0), |log| {
        log.create(&[("invite", "player"); 33], json!({}));
    });
}

/// Changes the body of the last entry, and its hash.
fn rewrite(log: &mut Log, change: impl FnOnce(&mut Value)) {
    log.alter(|entry| {
        change(&mut entry["content"]["body"]);
        let content: mcp_multiplayer_protocol::Content =
            serde_json::from_str(&entry["content"].to_string()).expect("content");
        entry["envelope"]["body_hash"] = json!(content.hash());
    });
}

fn seats(vectors: &mut Vectors<'_>) {
    let by_admins = "whoever acts may do so: only admins and the owner";
    let no_player = "the slot has a player";
    let at = ("seats", 3);
    let of = |kind: &str, slot: &str, by: &str| json!({ "type": kind, "slot_id": slot, "label": "bob", "by": by });
    vectors.relay("seat taken twice", BODIES, "a seat is taken by one player at a time", at, join(2, "carol"));
    vectors.relay("seat taken in a bot's slot", BODIES, "players take slots of the kind invite", at, join(0, "carol"));
    vectors.relay(
        "seat taken in a slot that does not exist",
        BODIES,
        "players take slots of the kind invite",
        at,
        join(9, "carol"),
    );
    vectors.relay(
        "seat taken with a used invite",
        BODIES,
        "each invite code fills its slot once",
        ("seats", 9),
        join(2, "carol"),
    );
    vectors.relay(
        "seat taken in a closed slot",
        BODIES,
        "a closed slot can no longer be filled",
        ("seats", 15),
        join(3, "dave"),
    );
    let rejoin = with(join(3, "dave"), json!({ "type": "member:rejoin" }));
    vectors.relay("empty seat moved", BODIES, no_player, at, rejoin);
    vectors.relay("empty seat given up", BODIES, no_player, at, of("member:leave", "s3", "s3"));
    vectors.relay(
        "seat of another given up",
        BODIES,
        "only its player gives up a seat",
        at,
        of("member:leave", "s2", "s1"),
    );
    vectors.relay("kick by a player", BODIES, by_admins, at, of("member:kick", "s1", "s2"));
    vectors.relay("kick of an empty seat", BODIES, no_player, at, of("member:kick", "s3", "owner"));
    let rule = "only the owner does this to the owner's seat";
    vectors.relay("owner kicked by an admin", BODIES, rule, ("seats", 4), of("member:kick", "s1", "s2"));
    vectors.relay(
        "kick while the seats are held",
        BODIES,
        "while a bot holds the seats, nobody is kicked",
        ("held", 6),
        of("member:kick", "s1", "owner"),
    );
    let admin =
        |slot: &str, by: &str| json!({ "type": "set_admin_applied", "slot_id": slot, "admin": false, "by": by });
    vectors.relay("admin made by a player", BODIES, by_admins, at, with(admin("s2", "s2"), json!({ "admin": true })));
    vectors.relay("admin made of an empty seat", BODIES, no_player, at, admin("s3", "owner"));
    vectors.relay("owner demoted by an admin", BODIES, rule, ("seats", 4), admin("s1", "s2"));
    let rename = |by: &str| json!({ "type": "rename_applied", "name": "Finals", "by": by });
    vectors.relay("rename by a player", BODIES, by_admins, at, rename("s2"));
    vectors.relay("rename by an empty seat", BODIES, by_admins, at, rename("s3"));
    vectors.relay("rename by an admin whose tenure ended", BODIES, by_admins, ("seats", 9), rename("s2"));
    vectors.relay(
        "close requested by a player",
        BODIES,
        by_admins,
        at,
        json!({ "type": "close_requested", "by": "s2" }),
    );
}

fn invites(vectors: &mut Vectors<'_>) {
    let by_admins = "whoever acts may do so: only admins and the owner";
    let held = "while a bot holds the seats, yield_slot, close_slot and new_invite are refused";
    let yielded =
        |slot: &str, by: &str| json!({ "type": "yield_slot_applied", "slot_id": slot, "to": "bot", "by": by });
    let closed = |slot: &str, by: &str| json!({ "type": "close_slot_applied", "slot_id": slot, "by": by });
    let invited = |slot: &str, generation: u32, by: &str| json!({ "type": "new_invite_applied", "slot_id": slot, "generation": generation, "by": by });
    let at = ("seats", 3);
    vectors.relay("filled slot yielded", BODIES, "a slot that is yielded is empty", at, yielded("s2", "owner"));
    vectors.relay(
        "closed slot yielded",
        BODIES,
        "a closed slot can no longer be filled",
        ("seats", 15),
        yielded("s3", "owner"),
    );
    vectors.relay("slot yielded by a player", BODIES, by_admins, at, yielded("s3", "s2"));
    vectors.add(
        "slot yielded by its former player, too late",
        BODIES,
        "whoever gives up a seat may yield it directly after the member:leave only",
        ("seats", 9),
        |log| {
            log.post(1, "Bye");
            log.relay(None, yielded("s2", "s2"));
        },
    );
    vectors.relay("slot yielded while the seats are held", BODIES, held, ("held", 6), yielded("s2", "owner"));
    vectors.relay(
        "invite for a bot's slot",
        BODIES,
        "invites are for open slots of players",
        at,
        invited("s0", 1, "owner"),
    );
    vectors.relay(
        "invite for a closed slot",
        BODIES,
        "invites are for open slots of players",
        ("seats", 15),
        invited("s3", 1, "owner"),
    );
    vectors.relay("invite by a player", BODIES, by_admins, at, invited("s3", 1, "s2"));
    vectors.relay(
        "invite for a filled slot",
        BODIES,
        "a slot that gets a new invite is empty",
        at,
        invited("s2", 1, "owner"),
    );
    vectors.relay(
        "invites that are not counted",
        BODIES,
        "generation counts the invites of a slot",
        at,
        invited("s3", 2, "owner"),
    );
    vectors.relay(
        "the first invite again",
        BODIES,
        "generation counts the invites of a slot",
        at,
        invited("s3", 0, "owner"),
    );
    vectors.relay("invite while the seats are held", BODIES, held, ("held", 6), invited("s2", 1, "owner"));
    vectors.relay("filled slot closed", BODIES, "a slot that is closed is empty", at, closed("s2", "owner"));
    vectors.relay(
        "slot closed twice",
        BODIES,
        "a closed slot is not closed again",
        ("seats", 15),
        closed("s3", "owner"),
    );
    vectors.relay("slot closed by a player", BODIES, by_admins, at, closed("s3", "s2"));
    vectors.relay("slot closed while the seats are held", BODIES, held, ("held", 6), closed("s2", "owner"));
}

fn bots(vectors: &mut Vectors<'_>) {
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
    let sealed = "with bots_change never, bots can no longer be changed once two seats were filled";
    vectors.relay(
        "bot attached after two seats were filled",
        BODIES,
        sealed,
        ("seats", 3),
        attached(json!({ "by": "owner" })),
    );
    vectors.relay(
        "bot attached by nobody after two seats were filled",
        BODIES,
        sealed,
        ("seats", 3),
        attached(json!({})),
    );
    let held = "while a bot holds the seats, no bot is changed";
    vectors.relay(
        "bot attached while the seats are held",
        BODIES,
        held,
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
    let rule = "bot_id consists of bot_, the name, _ and the number of bots that were ever attached";
    vectors.relay("bot with another number", BODIES, rule, at, attached(json!({ "bot_id": "bot_Bot_1" })));
    vectors.relay("bot with another name", BODIES, rule, at, attached(json!({ "bot_id": "bot_Other_0" })));
    vectors.relay("number of a bot that was detached", BODIES, rule, ("failing", 6), attach(0, 0, &HOOKS, &json!({})));
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
    vectors.relay("bot detached while the seats are held", BODIES, held, ("held", 6), detach("s0", json!("owner")));
    vectors.add("bot detached after two seats were filled", BODIES, sealed, ("seats", 1), |log| {
        log.attach(0, &["on_init"], json!({}));
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

fn hooks(vectors: &mut Vectors<'_>) {
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

fn timers(vectors: &mut Vectors<'_>) {
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

fn seeds(vectors: &mut Vectors<'_>) {
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

fn terms(vectors: &mut Vectors<'_>) {
    let accepted = |slot: &str, hash: Value| json!({ "type": "terms:accepted", "slot_id": slot, "terms_hash": hash });
    let zeros = json!("sha256:0000000000000000000000000000000000000000000000000000000000000000");
    vectors.relay(
        "other terms accepted",
        TERMS,
        "the hash is that of the present terms",
        ("terms", 5),
        accepted("s1", zeros.clone()),
    );
    vectors.add("former terms accepted", TERMS, "the hash is that of the present terms", ("terms", 10), |log| {
        let former = log.entries[5]["content"]["body"]["terms_hash"].clone();
        log.relay(None, accepted("s1", former));
    });
    vectors.add("terms accepted for an empty seat", TERMS, "a player accepts", ("terms", 4), accept);
}

fn ends(vectors: &mut Vectors<'_>) {
    let closed = "only entry:deleted can follow close_applied and operator:stopped";
    vectors.add("post after the close", BODIES, closed, ("seats", 17), |log| log.post(1, "One more thing"));
    vectors.relay(
        "rename after the close",
        BODIES,
        closed,
        ("seats", 17),
        json!({ "type": "rename_applied", "name": "Finals", "by": "owner" }),
    );
    vectors.relay("close after the close", BODIES, closed, ("seats", 17), json!({ "type": "close_applied" }));
    vectors.relay(
        "close after the operator stopped the channel",
        BODIES,
        closed,
        ("failing", 12),
        json!({ "type": "close_applied" }),
    );
    vectors.add("bot's post after the operator stopped the channel", BODIES, closed, ("failing", 12), |log| {
        log.bot_post(OTHER, 11, "Hello")
    });
    let closing = "after close_requested, the channel accepts nothing new";
    vectors.relay(
        "rename after the request to close",
        BODIES,
        closing,
        ("seats", 16),
        json!({ "type": "rename_applied", "name": "Finals", "by": "owner" }),
    );
    vectors.relay(
        "leave after the request to close",
        BODIES,
        closing,
        ("seats", 16),
        json!({ "type": "member:leave", "slot_id": "s1", "label": "alice", "by": "s1" }),
    );
    vectors.relay(
        "second request to close",
        BODIES,
        closing,
        ("seats", 16),
        json!({ "type": "close_requested", "by": "owner" }),
    );
    vectors.add(
        "hook of an entry after the request to close",
        BODIES,
        "after close_requested, entries start no further hooks",
        ("game", 24),
        |log| {
            log.relay(24, ran(24, "on_message", 0));
        },
    );
    vectors.relay(
        "close without a request",
        BODIES,
        "close_applied follows close_requested",
        ("seats", 15),
        json!({ "type": "close_applied" }),
    );
}

fn deletions(vectors: &mut Vectors<'_>) {
    let deleted = |ids: Value, more: Value| with(json!({ "type": "entry:deleted", "ids": ids }), more);
    let rule = "ids are those of earlier entries, in ascending order";
    let at = ("seats", 17);
    vectors.relay("no ids", BODIES, rule, at, deleted(json!([]), json!({})));
    vectors.relay("ids in descending order", BODIES, rule, at, deleted(json!([13, 5]), json!({})));
    vectors.relay("an id twice", BODIES, rule, at, deleted(json!([5, 5]), json!({})));
    vectors.relay("the id 0", BODIES, rule, at, deleted(json!([0]), json!({})));
    vectors.relay("the id of the deletion itself", BODIES, rule, at, deleted(json!([18]), json!({})));
    vectors.add("deletion with a cause", ENVELOPE, "cause is for effects of hooks, null else", at, |log| {
        log.relay(5, deleted(json!([5]), json!({})));
    });
    vectors.relay(
        "deletion while the channel is closing",
        BODIES,
        "nothing is deleted while the channel is closing",
        ("seats", 16),
        deleted(json!([5]), json!({})),
    );
    let rule = "players delete what they wrote only after the close";
    vectors.relay(
        "player's deletion before the close",
        BODIES,
        rule,
        ("seats", 13),
        deleted(json!([13]), json!({ "by": "s1" })),
    );
    vectors.relay(
        "deletion by an empty seat",
        BODIES,
        "by is the player in that seat",
        at,
        deleted(json!([5]), json!({ "by": "s2" })),
    );
}

/// Vectors that are too large for the other file.
pub(super) fn large(logs: &[Good]) -> Vec<Bad> {
    let mut vectors = Vectors { logs, bad: Vec::new() };
    let size = logs[0].2.entries.len();
    vectors.add(
        "65th bot that opens its DMs",
        "Unsealing",
        "at most 64 bots of a channel ever open their DMs",
        ("many", size),
        |log| {
            let attached = log.attach(0, &["on_init"], json!({ "unseals": true }));
            log.relay(attached, json!({ "type": "dm:unsealed", "bot_id": "bot_Bot_64" }));
        },
    );
    let name = "x".repeat(64 * 1024);
    let announced = json!({ "type": "bots_announced", "bots": [{ "slot_id": "s0", "name": "Bot", "version": "1.0", "summary": name }] });
    vectors.relay(
        "entry of the relay of more than 64 KiB",
        ENVELOPE,
        "a body of the relay's own entries has at most 64 KiB",
        ("one bot", 1),
        announced,
    );
    vectors.bad
}
