//! The verifier's judgement of genuine receipts, and of others that each break one rule.
#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

use std::path::Path;

use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogIdentity};
use mcp_multiplayer_protocol::merkle::{Frontier, Node, ProofPlan};
use mcp_multiplayer_protocol::receipt::{Later, LaterEntry, Line, Receipt, Report, Verifier};
use mcp_multiplayer_protocol::{BotId, Entry, Hash, PublicKey, Salt, SigningKey, SystemEvent};
use serde_json::json;

/// A receipt of each kind that is kept beside the tests of the whole product.
fn kept(preset: &str) -> Receipt {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/receipts");
    let mut files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let is_of_preset = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(preset);
    Receipt::parse(&std::fs::read_to_string(files.find(is_of_preset).unwrap()).unwrap()).unwrap()
}

fn verify(lines: impl IntoIterator<Item = Line>, key: Option<PublicKey>) -> Report {
    let mut verifier = Verifier::new(key);
    lines.into_iter().for_each(|line| verifier.read(&line.to_text()));
    verifier.finish()
}

/// Signs a receipt again, as a relay with another key would.
fn signed(mut receipt: Receipt) -> Receipt {
    let key = SigningKey::ed25519(&[9; 32]);
    let origin: mcp_multiplayer_protocol::checkpoint::LogOrigin = "relay.example.org".parse().unwrap();
    let identity = Some(LogIdentity { origin: origin.clone(), key: key.public() });
    let first = &mut receipt.entries[0];
    let content = first.content.as_mut().unwrap();
    let mut created: SystemEvent = content.body.parse().unwrap();
    if let SystemEvent::ChannelCreated { log, .. } = &mut created {
        log.clone_from(&identity);
    }
    content.body = created.to_body();
    first.envelope.body_hash = content.hash();
    let mut frontier = Frontier::default();
    receipt.entries.iter().for_each(|entry| frontier.push(entry.envelope.leaf_hash()));
    let checkpoint = Checkpoint { origin: origin.channel(receipt.header.channel_id), tree: frontier.tree_head() };
    receipt.checkpoint = Some(checkpoint.sign(&key));
    receipt.header.log = identity;
    receipt
}

#[track_caller]
fn refused(report: &Report, reason: &str) {
    assert!(!report.is_good(), "{report}");
    assert!(report.fails.iter().any(|sentence| sentence.contains(reason)), "{report}");
}

#[test]
fn a_genuine_receipt_is_good_and_says_whose_key_it_rests_on() {
    for preset in ["GuessBot", "TlsBot", "MemoryBot"] {
        let receipt = kept(preset);
        let (key, entries) = (receipt.header.log.as_ref().unwrap().key, receipt.entries.len() as u64);
        let report = verify(receipt.clone().into_lines(), None);
        assert!(report.is_good() && report.entries == entries, "{report}");
        assert!(report.unknown.iter().any(|sentence| sentence.starts_with("Whether this key is the relay's")));
        let report = verify(receipt.into_lines(), Some(key));
        assert!(report.holds.iter().any(|sentence| sentence.ends_with("It is the key that you know.")), "{report}");
    }
}

#[test]
fn another_relays_signature_is_good_but_not_the_known_key() {
    let genuine = kept("GuessBot");
    let key = genuine.header.log.as_ref().unwrap().key;
    let forged = signed(genuine);
    assert!(verify(forged.clone().into_lines(), None).is_good());
    refused(&verify(forged.into_lines(), Some(key)), "not the one that you know");
}

/// The receipt of somebody who left before the first seed was revealed, with that entry.
fn former() -> Receipt {
    let mut receipt = signed(kept("GuessBot"));
    let is_reveal = |entry: &Entry| entry.body().is_some_and(|body| body.as_str().contains("\"type\":\"seed:reveal\""));
    let reveal = receipt.entries.iter().position(is_reveal).unwrap();
    let trigger = receipt.entries[reveal].envelope.cause.unwrap();
    // The last result of a hook before it: the log does not end between the effects of one.
    let ran = |entry: &Entry| entry.envelope.kind.as_str() == "trace" && entry.id() < trigger;
    let left = receipt.entries.iter().filter(|entry| ran(entry)).map(Entry::id).max().unwrap();
    let mut frontier = Frontier::default();
    let stored: Vec<Vec<Hash>> =
        receipt.entries.iter().map(|entry| frontier.push_and_complete(entry.envelope.leaf_hash())).collect();
    let prove = |plan: ProofPlan| {
        let node = |node: &Node| stored[usize::try_from(node.completed_by()).unwrap() - 1][usize::from(node.level())];
        plan.prove(&plan.nodes().iter().map(node).collect::<Vec<_>>()).unwrap()
    };
    let size = frontier.size();
    let later = Later {
        checkpoint: receipt.checkpoint.take().unwrap(),
        proof: prove(ProofPlan::consistency(left, size).unwrap()),
    };
    let proof = prove(ProofPlan::inclusion(reveal as u64, size).unwrap());
    receipt.later_entries = vec![LaterEntry { entry: receipt.entries[reveal].clone(), proof }];
    receipt.entries.truncate(usize::try_from(left).unwrap());
    receipt.exchanges.clear();
    receipt = signed(receipt);
    receipt.later = Some(later);
    receipt
}

#[test]
fn later_entries_hold_with_their_proofs_only() {
    let report = verify(former().into_lines(), None);
    assert!(report.is_good(), "{report}");
    assert!(report.holds.iter().any(|sentence| sentence.contains("reveals the seed of bot_GuessBot_0")), "{report}");
    let with = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = former();
        change(&mut receipt);
        verify(receipt.into_lines(), None)
    };
    refused(
        &with(&|receipt| receipt.later.as_mut().unwrap().proof.truncate(1)),
        "are not the beginning of the later log",
    );
    refused(&with(&|receipt| receipt.later = None), "a receipt consists of");
    refused(&with(&|receipt| receipt.later_entries[0].proof.reverse()), "is not in the later log");
    refused(&with(&|receipt| receipt.later_entries[0].entry.content = None), "its body is not the one in the log");
    refused(&with(&|receipt| receipt.later_entries.push(receipt.later_entries[0].clone())), "does not come after");
    refused(
        &with(&|receipt| receipt.header.log = None),
        "The header names another relay, or another key, than entry 1",
    );
    let own = |receipt: &mut Receipt| receipt.later.as_mut().unwrap().checkpoint = receipt.checkpoint.clone().unwrap();
    refused(&with(&own), "are not the beginning of the later log");
}

#[test]
fn each_broken_rule_is_named() {
    let with = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = kept("TlsBot");
        change(&mut receipt);
        verify(receipt.into_lines(), None)
    };
    refused(&with(&|receipt| receipt.checkpoint = None), "The file is cut off after entry");
    let mut short = kept("GuessBot");
    short.entries.pop();
    refused(&verify(short.into_lines(), None), "The signature is for a log of");
    refused(&with(&|receipt| drop(receipt.entries.remove(3))), "Entry 4: the entry does not follow");
    refused(&with(&|receipt| receipt.entries[0].content = None), "Entry 1:");
    refused(
        &with(&|receipt| {
            let place = receipt.entries.iter().position(|entry| entry.envelope.sender.to_string() == "s1").unwrap();
            receipt.entries[place].content = None;
        }),
        "the body of a public entry is missing",
    );
    refused(
        &with(&|receipt| receipt.entries[2].content.as_mut().unwrap().salt = Salt([1; 32])),
        "Entry 3: its body does not match the hash in the log",
    );
    let other_relay = "The header names another relay, or another key, than entry 1";
    refused(&with(&|receipt| receipt.header.log = None), other_relay);
    refused(
        &with(&|receipt| receipt.header.log.as_mut().unwrap().origin = "other.example.org".parse().unwrap()),
        other_relay,
    );
    refused(
        &with(&|receipt| receipt.checkpoint = Some(receipt.checkpoint.take().unwrap().replacen("\n\n", "\n1\n\n", 1))),
        "The signature under the log does not hold",
    );
    refused(
        &with(&|receipt| receipt.bots.values_mut().for_each(|bot| bot.source.push('#'))),
        "is not the one whose hash is in the log",
    );
    refused(
        &with(&|receipt| {
            receipt.bots.values_mut().for_each(|bot| drop(bot.params.insert("generous".to_owned(), json!(true))));
        }),
        "are not those whose hash is in the log",
    );
    refused(
        &with(&|receipt| receipt.bots.values_mut().for_each(|bot| bot.bot_id = BotId::new("Other", 7))),
        "that was never attached",
    );
    refused(&with(&|receipt| receipt.exchanges[0].salt = Salt([1; 32])), "The network traffic of");
    refused(&with(&|receipt| receipt.exchanges[0].step += 1), "The network traffic of");
    refused(&with(&|receipt| receipt.exchanges.push(receipt.exchanges[0].clone())), "The network traffic of");
    // A salt of an envelope is not shown, so a changed envelope is still a log: not the signed one.
    let mut other = kept("TlsBot");
    let content = other.entries[2].content.as_mut().unwrap();
    content.salt = Salt([1; 32]);
    other.entries[2].envelope.body_hash = other.entries[2].content.as_ref().unwrap().hash();
    refused(&verify(other.into_lines(), None), "these are not the entries that the relay signed");
}

#[test]
fn lines_in_another_order_and_unknown_fields_are_refused() {
    let lines: Vec<String> = kept("TlsBot").into_lines().map(|line| line.to_text()).collect();
    let judge = |lines: &[String]| {
        let mut verifier = Verifier::new(None);
        for line in lines {
            verifier.read(line);
        }
        verifier.finish()
    };
    assert!(judge(&lines).is_good());
    refused(&judge(&[]), "The file is empty");
    refused(&judge(&lines[1..]), "Line 1 of the file: a receipt consists of");
    let mut twice = lines.clone();
    twice.insert(0, lines[0].clone());
    refused(&judge(&twice), "Line 2 of the file: a receipt consists of");
    let mut last = lines.clone();
    last.push(lines[1].clone());
    refused(&judge(&last), "a receipt consists of");
    let mut unknown = lines.clone();
    unknown[0] = lines[0].replacen("\"holder\"", "\"trust\":\"me\",\"holder\"", 1);
    refused(&judge(&unknown), "Line 1 of the file: not a line of a receipt");
    let mut version = lines.clone();
    version[0] = lines[0].replacen("receipt/v2", "receipt/v3", 1);
    refused(&judge(&version), "the format is not mcp-multiplayer/receipt/v2");
    // What comes after the first fault is not believed, however good it looks.
    let mut early = lines;
    early[2] = "{}\n".to_owned();
    let report = judge(&early);
    assert_eq!((report.entries, report.fails.len()), (1, 1), "{report}");
    assert!(report.unknown.iter().any(|sentence| sentence.contains("not read any further")), "{report}");
}

#[test]
fn texts_of_a_log_do_not_control_the_terminal() {
    let mut receipt = kept("TlsBot");
    receipt.header.holder = "\u{1b}[2J\u{202e}nobody".to_owned();
    let text = verify(receipt.into_lines(), None).to_string();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
}
