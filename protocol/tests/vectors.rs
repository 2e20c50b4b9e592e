//! The canonical envelope, compared with the bytes that were committed when its format was frozen.
//!
//! The files under `vectors/` are rewritten only on request. If one of these tests fails, the change that broke it
//! would make older transcripts unverifiable.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::merkle::{Frontier, leaf_hash};
use mcp_multiplayer_protocol::operation::{LogEntry, Logged};
use mcp_multiplayer_protocol::{Content, Entry, Envelope, Hash, Kind, Sender, SystemEvent};
use serde::{Deserialize, Serialize};

#[path = "vectors/log.rs"]
mod log;

/// Environment variable that makes the tests rewrite the files. Use it only for a new version of the envelope, never for
/// one that is frozen.
const WRITE_VARIABLE: &str = "MULTIPLAYER_WRITE_VECTORS";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    about: String,
    entries: Vec<Vector>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// Description of the entry.
    name: String,
    envelope: Envelope,
    content: Option<Content>,
    /// Canonical bytes of the envelope, which are UTF-8.
    canonical: String,
    body_hash: Hash,
    leaf_hash: Hash,
    /// Root of the Merkle tree after this entry was appended.
    root: Hash,
}

/// Two logs. The second contains the entry types added with timers, draws and network exchanges, the first all others.
const FILES: [&str; 2] = ["envelope-v2.json", "envelope-v2-bots.json"];

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file)
}

fn vectors(file: &str) -> Vec<Vector> {
    let text = std::fs::read_to_string(path(file)).expect("the committed file");
    serde_json::from_str::<Vectors>(&text).expect("vectors").entries
}

#[test]
fn envelopes_have_the_frozen_bytes_and_hashes() {
    FILES.into_iter().for_each(check_envelopes);
}

fn check_envelopes(file: &str) {
    let mut frontier = Frontier::default();
    for vector in vectors(file) {
        let (name, envelope) = (&vector.name, &vector.envelope);
        assert_eq!(envelope.canonical_bytes(), vector.canonical.as_bytes(), "{name}");
        assert_eq!(serde_json::from_str::<Envelope>(&vector.canonical).expect("an envelope"), *envelope, "{name}");
        assert_eq!(envelope.body_hash, vector.body_hash, "{name}");
        if let Some(content) = &vector.content {
            assert_eq!(content.hash(), vector.body_hash, "{name}");
        }
        assert_eq!(envelope.leaf_hash(), vector.leaf_hash, "{name}");
        assert_eq!(leaf_hash(vector.canonical.as_bytes()), vector.leaf_hash, "{name}");
        frontier.push(vector.leaf_hash);
        assert_eq!(frontier.root(), vector.root, "{name}");
    }
}

#[test]
fn frozen_logs_still_follow_the_rules() {
    let [first, _] = FILES.map(replay_by_the_rules);
    assert!(first.composition.closed.is_some());
}

fn replay_by_the_rules(file: &str) -> ChannelState {
    let vectors = vectors(file);
    let mut state = ChannelState::empty(vectors[0].envelope.channel_id);
    for vector in vectors {
        let entry = Entry { envelope: vector.envelope, content: vector.content };
        state.append(&entry).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        assert_eq!(state.head.frontier.root(), vector.root, "{}", vector.name);
    }
    state
}

#[test]
fn every_entry_type_has_a_vector() {
    /// The match is exhaustive, so a new kind of event must be named here; the test then fails until a file contains it.
    const fn name(event: &SystemEvent) -> &'static str {
        match event {
            SystemEvent::ChannelCreated { .. } => "channel:created",
            SystemEvent::BotsAnnounced { .. } => "bots_announced",
            SystemEvent::BotAttach { .. } => "bot:attach",
            SystemEvent::BotManifest { .. } => "bot:manifest",
            SystemEvent::BotDetach { .. } => "bot:detach",
            SystemEvent::MemberJoin { .. } => "member:join",
            SystemEvent::TermsAccepted { .. } => "terms:accepted",
            SystemEvent::MemberRejoin { .. } => "member:rejoin",
            SystemEvent::MemberLeave { .. } => "member:leave",
            SystemEvent::MemberKick { .. } => "member:kick",
            SystemEvent::BotRan { .. } => "bot:ran",
            SystemEvent::BotError { .. } => "bot:error",
            SystemEvent::DmUnsealed { .. } => "dm:unsealed",
            SystemEvent::EntriesDeleted { .. } => "entry:deleted",
            SystemEvent::EntropyOpened { .. } => "entropy:open",
            SystemEvent::SeedRevealed { .. } => "seed:reveal",
            SystemEvent::Timer { .. } => "timer",
            SystemEvent::Renamed { .. } => "rename_applied",
            SystemEvent::AdminSet { .. } => "set_admin_applied",
            SystemEvent::SlotYielded { .. } => "yield_slot_applied",
            SystemEvent::InviteIssued { .. } => "new_invite_applied",
            SystemEvent::SlotClosed { .. } => "close_slot_applied",
            SystemEvent::BotSkipped { .. } => "bot:skipped",
            SystemEvent::BotRuntime { .. } => "bot:runtime",
            SystemEvent::SeatsHeld { .. } => "seats:held",
            SystemEvent::SeatsReleased { .. } => "seats:released",
            SystemEvent::CloseRequested { .. } => "close_requested",
            SystemEvent::Closed {} => "close_applied",
            SystemEvent::OperatorStopped {} => "operator:stopped",
        }
    }
    let expected = [
        "bot's DM",
        "bot's post",
        "bot:attach",
        "bot:detach",
        "bot:error",
        "bot:manifest",
        "bot:ran",
        "bot:runtime",
        "bot:skipped",
        "bots_announced",
        "channel:created",
        "close_applied",
        "close_requested",
        "close_slot_applied",
        "deleted",
        "dm:unsealed",
        "entropy:open",
        "entry:deleted",
        "member:join",
        "member:kick",
        "member:leave",
        "member:rejoin",
        "new_invite_applied",
        "operator:stopped",
        "player's DM",
        "player's own label",
        "player's post",
        "rename_applied",
        "seats:held",
        "seats:released",
        "seed:reveal",
        "set_admin_applied",
        "terms:accepted",
        "timer",
        "yield_slot_applied",
    ];
    let mut seen = BTreeSet::new();
    for Vector { envelope, content, .. } in FILES.map(vectors).into_iter().flatten() {
        let private = envelope.to_slot.is_some();
        seen.insert(match (&envelope.sender, &content) {
            (_, None) => "deleted",
            (Sender::System, Some(content)) => name(&content.body.parse().unwrap()),
            (Sender::Bot(_), _) if private => "bot's DM",
            (Sender::Bot(_), _) => "bot's post",
            (Sender::Slot(_), _) if private => "player's DM",
            _ if envelope.kind == Kind::USER => "player's post",
            _ => "player's own label",
        });
    }
    let types: BTreeSet<&str> = SystemEvent::TYPES.iter().copied().collect();
    assert!(types.is_subset(&seen), "{types:?}");
    assert_eq!(types.len() + 6, seen.len(), "all but the entries of players and bots");
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}

/// Checks the same files with a program that shares no code with this crate.
#[test]
fn an_independent_program_computes_the_same_hashes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_vectors.py");
    for file in FILES {
        let Ok(output) = Command::new("python3").arg(&script).arg(path(file)).output() else {
            eprintln!("skipped: python3 is not installed");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let altered = std::fs::read_to_string(path(FILES[0])).unwrap().replacen("guess 42", "guess 43", 1);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("altered-vectors.json");
    std::fs::write(&copy, altered).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify_vectors.py");
    let output = Command::new("python3").arg(script).arg(copy).output().unwrap();
    assert!(!output.status.success(), "the program accepted an altered body");
}

#[test]
fn vector_files_are_rewritten_on_request() {
    if std::env::var_os(WRITE_VARIABLE).is_none() {
        return;
    }
    for (file, entries) in FILES.into_iter().zip([log::entries(), log::entries_of_bots()]) {
        write(file, entries);
    }
}

fn write(file: &str, entries: Vec<(&'static str, Entry)>) {
    let mut frontier = Frontier::default();
    let entries = entries.into_iter().map(|(name, Entry { envelope, content })| {
        frontier.push(envelope.leaf_hash());
        Vector {
            name: name.to_owned(),
            canonical: String::from_utf8(envelope.canonical_bytes()).expect("UTF-8"),
            body_hash: envelope.body_hash,
            leaf_hash: envelope.leaf_hash(),
            root: frontier.root(),
            envelope,
            content,
        }
    });
    let about = "Envelope v2: canonical is RFC 8785 JSON of envelope; body_hash is SHA-256(\"mcp-multiplayer/body/v2\" || 0x00 || salt || \
                 RFC 8785 JSON of body); leaf_hash is SHA-256(0x00 || canonical); root is that of RFC 6962, section 2.1, over \
                 the entries so far. Not frozen yet.";
    let vectors = Vectors { about: about.to_owned(), entries: entries.collect() };
    let text = serde_json::to_string_pretty(&vectors).expect("plain JSON") + "\n";
    std::fs::write(path(file), text).expect("a file that can be written");
}

#[test]
fn entries_are_the_same_after_their_way_to_a_reader() {
    for (description, entry) in log::entries().into_iter().chain(log::entries_of_bots()) {
        let (channel_id, id) = (entry.envelope.channel_id, entry.id());
        for may_read in [true, false] {
            let text = serde_json::to_string(&LogEntry::of(&entry, may_read)).unwrap();
            assert!(!text.contains(&channel_id.to_string()) || may_read, "{description}: {text}");
            let sent: LogEntry = serde_json::from_str(&text).unwrap();
            let expected = Entry { content: entry.content.clone().filter(|_| may_read), ..entry.clone() };
            assert_eq!(sent.restore(channel_id, id), Ok(Logged::Entry(expected)), "{description}: {text}");
        }
        let leaf = LogEntry::leaf_of(&entry).restore(channel_id, id);
        assert_eq!(leaf, Ok(Logged::Leaf(entry.envelope.leaf_hash())), "{description}");
    }
}
