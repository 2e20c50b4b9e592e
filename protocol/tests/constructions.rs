//! The right results in `vectors/constructions.json`, computed by the product's own code.
//!
//! The keys of keystreams are checked in `bots/supervisor`, keystreams in `bots/python`, and the hash of the rules for
//! connections in `relay`, where these are computed.

#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mcp_multiplayer_protocol::channel::{ChannelState, Draft, Terms};
use mcp_multiplayer_protocol::checkpoint::{Checkpoint, verifier_key};
use mcp_multiplayer_protocol::merkle::{Frontier, TreeHead};
use mcp_multiplayer_protocol::{
    Body, ChannelId, Content, Envelope, Hash, Kind, Salt, Sender, Timestamp, canonical_text, record_hash, seed,
};
use serde_json::Value;

/// Constructions whose tests are elsewhere.
const ELSEWHERE: [&str; 4] = ["egress_hash", "keystream_key_relay_only", "keystream_key_open", "keystream"];

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file)
}

fn constructions() -> Vec<Value> {
    let text = std::fs::read_to_string(path("constructions.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(file["constructions"].take()).unwrap()
}

/// The product's result of a construction.
fn result(name: &str, input: &Value) -> String {
    let text = |field: &str| input[field].as_str().unwrap();
    let salt = || serde_json::from_value::<Salt>(input["salt"].clone()).unwrap();
    let object = |field: &str| serde_json::from_str::<Value>(text(field)).unwrap();
    match name {
        "body_hash" => {
            let body = Body::new("body", serde_json::from_str(text("body")).unwrap()).unwrap();
            Content { salt: salt(), body }.hash().to_string()
        }
        "leaf_hash" => serde_json::from_str::<Envelope>(text("envelope")).unwrap().leaf_hash().to_string(),
        "merkle_root" => {
            let mut frontier = Frontier::default();
            let leaves: Vec<Hash> = serde_json::from_value(input["leaf_hashes"].clone()).unwrap();
            for leaf in leaves {
                frontier.push(leaf);
            }
            frontier.root().to_string()
        }
        "terms_hash" => terms_hash(input),
        "record_hash" => record_hash(&salt(), text("record")).to_string(),
        "manifest_hash" => {
            let text = canonical_text("manifest", &object("manifest")).unwrap();
            Hash::of(&[text.as_bytes()]).to_string()
        }
        "code_hash" => Hash::of(&[text("source").as_bytes()]).to_string(),
        "seed_commitment" => seed::commitment(&seed::parse(text("seed")).unwrap()).to_string(),
        "seed_of_epoch_2" => {
            let seed = seed::previous(&seed::previous(&seed::parse(text("seed_of_epoch_4")).unwrap()));
            data_encoding::HEXLOWER.encode(&seed)
        }
        "checkpoint_text" => {
            let tree = TreeHead { size: input["size"].as_u64().unwrap(), root: text("root").parse().unwrap() };
            Checkpoint { origin: text("origin").parse().unwrap(), tree }.text()
        }
        "key_id" => {
            let key = serde_json::from_value(input["key"].clone()).unwrap();
            verifier_key(&text("name").parse().unwrap(), &key).split('+').nth(1).unwrap().to_owned()
        }
        name => panic!("no test computes {name}"),
    }
}

/// The hash of the terms after these entries of the relay.
fn terms_hash(input: &Value) -> String {
    let mut state = ChannelState::empty(ChannelId::from_bytes([1; 10]));
    let attached = input["bot_attach"].as_array().unwrap();
    for fields in std::iter::once(&input["channel_created"]).chain(attached) {
        let body = Body::new("body", serde_json::from_value(fields.clone()).unwrap()).unwrap();
        let draft = Draft { sender: Sender::System, kind: Kind::SYSTEM, to_slot: None, cause: None, body };
        let entry = draft.seal(&state, Timestamp::from_millis(0), Salt([1; 32]));
        state.append(&entry).unwrap();
    }
    Terms::of(&state.composition).hash().to_string()
}

#[test]
fn right_results_are_those_of_the_product() {
    for construction in constructions() {
        let name = construction["name"].as_str().unwrap();
        if !ELSEWHERE.contains(&name) {
            assert_eq!(result(name, &construction["input"]), construction["right"], "{name}");
        }
    }
}

#[test]
fn every_construction_has_mistakes_with_results_of_their_own() {
    let constructions = constructions();
    assert!(constructions.len() >= 15);
    for construction in &constructions {
        let wrong = construction["wrong"].as_array().unwrap();
        let results: BTreeSet<_> = wrong.iter().map(|wrong| wrong["value"].as_str().unwrap()).collect();
        let right = construction["right"].as_str().unwrap();
        assert!(
            wrong.len() >= 6 && results.len() == wrong.len() && !results.contains(right),
            "{}",
            construction["name"]
        );
    }
}

/// Runs the program that computes right and wrong results, and shares no code with this crate; `None` without Python.
fn independent(options: &[&str]) -> Option<Output> {
    let program = path("constructions.py");
    let output = Command::new("python3").arg(program).args(options).arg(path("constructions.json")).output();
    if output.is_err() {
        eprintln!("skipped: python3 is not installed");
    }
    output.ok()
}

#[test]
fn an_independent_program_computes_the_same_right_and_wrong_results() {
    let Some(output) = independent(&[]) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_file_is_rewritten_on_request() {
    if std::env::var_os("MULTIPLAYER_WRITE_VECTORS").is_some() {
        let output = independent(&["--write"]).expect("python3");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
