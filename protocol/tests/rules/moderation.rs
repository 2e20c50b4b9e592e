//! Entries about seats, invites, terms and the end of the channel that nobody may bring about.

use serde_json::{Value, json};

use super::allowed::{BODIES, ENVELOPE, TERMS, Vectors};
use super::good::{OTHER, accept};
use super::log::{join, ran, with};

pub(super) fn seats(vectors: &mut Vectors<'_>) {
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
    vectors.relay(
        "seat moved to the principal who holds it",
        BODIES,
        "member:rejoin moves the seat to another principal",
        at,
        with(join(2, "bob"), json!({ "type": "member:rejoin" })),
    );
    let rule = "only who gives up a seat with member:leave yields its slot, without being an admin";
    vectors.add("slot yielded by an admin who kicked the own seat", BODIES, rule, ("seats", 4), |log| {
        log.relay(None, of("member:kick", "s2", "s2"));
        log.relay(None, json!({ "type": "yield_slot_applied", "slot_id": "s2", "to": "invite", "by": "s2" }));
    });
    vectors.relay("empty seat given up", BODIES, no_player, at, of("member:leave", "s3", "s3"));
    vectors.relay(
        "seat of another given up",
        BODIES,
        "only its player gives up a seat",
        at,
        of("member:leave", "s2", "s1"),
    );
    vectors.relay("kick by a player", BODIES, by_admins, at, of("member:kick", "s2", "s2"));
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

pub(super) fn invites(vectors: &mut Vectors<'_>) {
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
    let rule = "the invite is the last entry of a player who gives up a seat";
    let again = invited("s2", 2, "s2");
    vectors.relay("second invite by who gave up the seat", BODIES, rule, ("seats", 11), again);
    vectors.relay("slot yielded after the invite", BODIES, rule, ("seats", 11), yielded("s2", "s2"));
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

pub(super) fn terms(vectors: &mut Vectors<'_>) {
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

pub(super) fn ends(vectors: &mut Vectors<'_>) {
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

pub(super) fn deletions(vectors: &mut Vectors<'_>) {
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
