//! Entries that may not follow the log before them: the state before the entry is enough to see it.

use serde_json::{Value, json};

use super::good::Good;
use super::log::Log;
use super::{Bad, bots, entries, hooks, moderation, posts};

pub(super) const ENVELOPE: &str = "Envelope";
pub(super) const BODIES: &str = "Bodies of the relay's own entries";
pub(super) const RULES: &str = "What a log must fulfil, 1";
pub(super) const SEEDS: &str = "Bots' seeds and keystreams";
pub(super) const TERMS: &str = "Terms";

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
    pub(super) fn relay(&mut self, name: &str, section: &str, rule: &str, at: (&str, usize), body: Value) {
        self.add(name, section, rule, at, |log| log.relay(None, body));
    }
}

pub(super) fn bad(logs: &[Good]) -> Vec<Bad> {
    let mut vectors = Vectors { logs, bad: Vec::new() };
    entries::envelopes(&mut vectors);
    entries::places(&mut vectors);
    posts::posts_of_players(&mut vectors);
    posts::posts_of_bots(&mut vectors);
    posts::dms_of_bots(&mut vectors);
    entries::forms_of_bodies(&mut vectors);
    moderation::seats(&mut vectors);
    moderation::invites(&mut vectors);
    bots::bots(&mut vectors);
    bots::attached_bots(&mut vectors);
    hooks::hooks(&mut vectors);
    hooks::timers(&mut vectors);
    hooks::seeds(&mut vectors);
    moderation::terms(&mut vectors);
    moderation::ends(&mut vectors);
    moderation::deletions(&mut vectors);
    vectors.bad
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
            let attached = log.attach(0, &["on_init"], &json!({ "unseals": true }));
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
