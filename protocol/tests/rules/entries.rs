//! Entries that are malformed or at the wrong place.

use serde_json::{Value, json};

use super::allowed::{BODIES, ENVELOPE, RULES, Vectors};
use super::good::HOOKS;
use super::log::{Log, attach, ran, with};

/// Envelopes and contents that have not the one form.
pub(super) fn envelopes(vectors: &mut Vectors<'_>) {
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
        entry["envelope"]["kind"] = json!("my move");
    });
    form("sender that is none", "sender is a slot, a bot or system", &|entry| {
        entry["envelope"]["sender"] = json!("alice");
    });
    form("slot with a leading zero", "a slot is s and a number without leading zeros", &|entry| {
        entry["envelope"]["sender"] = json!("s02");
    });
    form("field left out", "all eleven fields are there, null where they have no value", &|entry| {
        entry["envelope"].as_object_mut().expect("an object").remove("cause");
    });
    form("field too much", "there are no other fields than the eleven", &|entry| entry["envelope"]["to"] = json!("s1"));
    form("author that is none", "author is relay-attested or a hash", &|entry| {
        entry["envelope"]["author"] = json!("s2");
    });
    form("salt of 31 bytes", "a salt has 32 bytes", &|entry| entry["content"]["salt"] = json!("00".repeat(31)));
    form("body that is a text", "a body is an object", &|entry| entry["content"]["body"] = json!("Hello"));
}

/// The place of an entry after the ones before it.
pub(super) fn places(vectors: &mut Vectors<'_>) {
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

pub(super) fn forms_of_bodies(vectors: &mut Vectors<'_>) {
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
