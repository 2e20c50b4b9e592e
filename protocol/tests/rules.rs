//! Golden vectors for the rules of a log: good logs, and bad ones that each break one rule.
//!
//! `vectors/README.md` describes the files, for people who write another implementation. They are written by
//! `make vectors`.

#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mcp_multiplayer_protocol::channel::{Audit, ChannelState};
use mcp_multiplayer_protocol::{ChannelId, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[path = "rules/allowed.rs"]
mod allowed;
#[path = "rules/audit.rs"]
mod audit;
#[path = "rules/bots.rs"]
mod bots;
#[path = "rules/entries.rs"]
mod entries;
#[path = "rules/good.rs"]
mod good;
#[path = "rules/hooks.rs"]
mod hooks;
#[path = "rules/log.rs"]
mod log;
#[path = "rules/moderation.rs"]
mod moderation;
#[path = "rules/posts.rs"]
mod posts;
#[path = "rules/reasons.rs"]
mod reasons;

/// A file of vectors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    about: String,
    logs: Vec<Good>,
    bad: Vec<Bad>,
}

/// A log that breaks no rule.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    name: String,
    about: String,
    entries: Vec<Value>,
}

/// A log that breaks one rule: the beginning of a good one, and some entries of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    name: String,
    /// The section of docs/PROTOCOL.md that states the rule.
    section: String,
    rule: String,
    /// Name of the good log.
    log: String,
    /// Number of its entries that the bad log begins with.
    size: usize,
    entries: Vec<Value>,
    /// The entry that breaks the rule.
    refused_at: u64,
}

/// The files, with the layer of checking that finds what is wrong.
const FILES: [(&str, Layer); 3] =
    [("allowed.json", Layer::Allowed), ("allowed-large.json", Layer::Allowed), ("audit.json", Layer::Audit)];

#[derive(Clone, Copy, PartialEq)]
enum Layer {
    /// The state before an entry decides about it.
    Allowed,
    /// The whole log before an entry decides about it.
    Audit,
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file)
}

fn read(file: &str) -> Vectors {
    let vectors: Vectors = serde_json::from_str(&std::fs::read_to_string(path(file)).unwrap()).unwrap();
    assert!(vectors.about.contains("README.md"), "{file}");
    vectors
}

impl Vectors {
    /// The entries of a bad log.
    fn entries(&self, bad: &Bad) -> Vec<Value> {
        let good = self.logs.iter().find(|good| good.name == bad.log).unwrap();
        [&good.entries[..bad.size], &bad.entries].concat()
    }
}

/// Reads an entry from the text that a receipt would have.
fn entry(value: &Value) -> Result<Entry, serde_json::Error> {
    serde_json::from_str(&value.to_string())
}

fn channel_of(entries: &[Value]) -> ChannelId {
    entries[0]["envelope"]["channel_id"].as_str().unwrap().parse().unwrap()
}

/// The entry at which the first layer stops, with its reason.
fn refused_by_rules(entries: &[Value]) -> Option<(u64, String)> {
    let mut state = ChannelState::empty(channel_of(entries));
    for (id, value) in (1..).zip(entries) {
        let appended = entry(value).map_err(|error| error.to_string());
        let appended = appended.and_then(|entry| state.append(&entry).map_err(|error| error.message.into_owned()));
        if let Err(reason) = appended {
            return Some((id, reason));
        }
    }
    None
}

/// The entry at which both layers together stop, with the reason.
fn refused_by_audit(entries: &[Value]) -> Option<(u64, String)> {
    let mut audit = Audit::new(ChannelState::empty(channel_of(entries)));
    for (id, value) in (1..).zip(entries) {
        let Ok(entry) = entry(value) else { return Some((id, "malformed".to_owned())) };
        if let Err(violation) = audit.append(&entry) {
            return Some((violation.entry, violation.reason));
        }
    }
    audit.missing_body().map(|violation| (violation.entry, violation.reason))
}

#[test]
fn good_logs_break_no_rule() {
    for (file, _) in FILES {
        for good in read(file).logs {
            assert_eq!(refused_by_rules(&good.entries), None, "{file}, {}", good.name);
            assert_eq!(refused_by_audit(&good.entries), None, "{file}, {}", good.name);
        }
    }
}

#[test]
fn bad_logs_are_refused_at_the_entry_that_breaks_the_rule() {
    for (file, layer) in FILES {
        let vectors = read(file);
        for bad in &vectors.bad {
            let (name, entries) = (&bad.name, vectors.entries(bad));
            let refused = refused_by_rules(&entries).map(|(id, _)| id);
            assert_eq!(refused, (layer == Layer::Allowed).then_some(bad.refused_at), "{file}, {name}: by its rules");
            assert_eq!(refused_by_audit(&entries).map(|(id, _)| id), Some(bad.refused_at), "{file}, {name}: by audit");
        }
    }
}

/// Each vector is right but for the rule that it breaks, so the entries before the refused one are a good beginning, and
/// no two vectors have one name.
#[test]
fn names_are_unique_and_sections_exist() {
    let protocol = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    let protocol = std::fs::read_to_string(protocol).unwrap();
    for (file, _) in FILES {
        let mut names = BTreeSet::new();
        for Bad { name, section, rule, .. } in read(file).bad {
            assert!(!rule.is_empty() && names.insert(name.clone()), "{file}, {name}");
            let heading = section.split(", ").next().unwrap();
            let is_there =
                protocol.contains(&format!("# {heading}\n")) || protocol.contains(&format!("**{heading}.**"));
            assert!(is_there, "{file}, {name}: docs/PROTOCOL.md has no section {section}");
        }
    }
}

#[test]
fn every_reason_to_refuse_an_entry_has_a_vector() {
    let mut given = BTreeSet::new();
    for (file, _) in FILES {
        let vectors = read(file);
        for bad in &vectors.bad {
            let entries = vectors.entries(bad);
            given.extend(
                [refused_by_rules(&entries), refused_by_audit(&entries)]
                    .into_iter()
                    .flatten()
                    .map(|(_, reason)| reason),
            );
        }
    }
    let all = reasons::all();
    assert!(all.len() > 60, "{all:#?}");
    let without: Vec<_> = all.iter().filter(|reason| !given.iter().any(|text| reasons::is(reason, text))).collect();
    assert!(without.is_empty(), "no vector is refused for these reasons: {without:#?}");
    let unknown: Vec<_> = given.iter().filter(|text| !all.iter().any(|reason| reasons::is(reason, text))).collect();
    assert!(unknown.len() < 20, "the source is read wrongly: {unknown:#?}");
}

#[test]
fn vector_files_are_rewritten_on_request() {
    if std::env::var_os("MULTIPLAYER_WRITE_VECTORS").is_none() {
        return;
    }
    let (logs, large) = (good::logs(), good::large());
    let about = "Logs and bad continuations of them, for the rules that the state before an entry decides. README.md describes the format.";
    write("allowed.json", about, &logs, &allowed::bad(&logs));
    let about = "As allowed.json, for limits that need many or large entries. README.md describes the format.";
    write("allowed-large.json", about, &large, &allowed::large(&large));
    let about = "Logs and bad continuations of them, for the rules that concern a log as a whole. README.md describes the format.";
    write("audit.json", about, &logs, &audit::bad(&logs));
}

/// Writes a file with one line for each entry.
fn write(file: &str, about: &str, logs: &[good::Good], bad: &[Bad]) {
    let lines = |entries: &[Value]| {
        let lines: Vec<String> = entries.iter().map(|entry| format!("\n        {entry}")).collect();
        format!("[{}]", lines.join(","))
    };
    let mut text = format!("{{\n  \"about\": {},\n  \"logs\": [", json!(about));
    for (place, (name, about, log)) in logs.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let (name, about, entries) = (json!(name), json!(about), lines(&log.entries));
        write!(
            text,
            "{comma}\n    {{\n      \"name\": {name},\n      \"about\": {about},\n      \"entries\": {entries}\n    }}"
        )
        .unwrap();
    }
    text += "\n  ],\n  \"bad\": [";
    for (place, bad) in bad.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let fields = [
            ("name", json!(bad.name)),
            ("section", json!(bad.section)),
            ("rule", json!(bad.rule)),
            ("log", json!(bad.log)),
            ("size", json!(bad.size)),
            ("refused_at", json!(bad.refused_at)),
        ];
        let fields = fields.map(|(name, value)| format!("\n      \"{name}\": {value},")).concat();
        write!(text, "{comma}\n    {{{fields}\n      \"entries\": {}\n    }}", lines(&bad.entries)).unwrap();
    }
    text += "\n  ]\n}\n";
    std::fs::write(path(file), text).unwrap();
}
