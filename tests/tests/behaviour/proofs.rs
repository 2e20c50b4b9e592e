//! `get_proof`: whoever holds or held a seat can check that an entry is in the log, and that the log has only grown.

use data_encoding::BASE64;
use hyper::StatusCode;
use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogOrigin};
use mcp_multiplayer_protocol::merkle::{TreeHead, verify_consistency, verify_inclusion};
use mcp_multiplayer_protocol::operation::LogProof;
use mcp_multiplayer_protocol::receipt::Receipt;
use mcp_multiplayer_protocol::{Hash, PublicKey};
use mcp_multiplayer_tests::{Failure, HttpClient, WsClient, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::TwoPlayerChannel;

/// A log's name and key, which a verifier keeps.
#[derive(Clone, Debug, PartialEq)]
struct Log {
    origin: LogOrigin,
    key: PublicKey,
}

impl Log {
    /// Reads `<name>+<key id>+<base64 of 01 ‖ public key>`.
    fn parse(verifier_key: &str) -> Self {
        let parts: Vec<&str> = verifier_key.splitn(3, '+').collect();
        let key = BASE64.decode(parts[2].as_bytes()).unwrap();
        assert_eq!(key[0], 1);
        let key = PublicKey::ed25519(&key[1..].try_into().unwrap()).unwrap();
        Self { origin: parts[0].parse().unwrap(), key }
    }

    fn verify(&self, proof: &LogProof) -> TreeHead {
        let tree = Checkpoint::verify(&proof.checkpoint, &self.origin, &self.key).unwrap().tree;
        assert_eq!(tree.size, proof.size);
        tree
    }
}

async fn prove(client: &mut WsClient, channel_id: &str, arguments: Value) -> LogProof {
    let mut arguments = arguments;
    arguments["channel_id"] = channel_id.into();
    serde_json::from_value(client.call("get_proof", arguments).await).unwrap()
}

/// The hashes of the log's leaves, computed from the receipt of its operator.
async fn leaves(fixture: &TwoPlayerChannel) -> Vec<Hash> {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(["receipt", &fixture.channel_id, "--data-dir"]).arg(fixture.relay.data_dir());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let receipt = Receipt::parse(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
    receipt.entries.iter().map(|entry| entry.envelope.leaf_hash()).collect()
}

/// Verifies the checkpoint of the last call, and returns the size of the log that it covers.
fn covered(client: &mut WsClient, log: &Log) -> u64 {
    let checkpoint = client.take_checkpoint().expect("a checkpoint");
    Checkpoint::verify(&checkpoint, &log.origin, &log.key).unwrap().tree.size
}

async fn post(fixture: &mut TwoPlayerChannel, texts: usize) {
    for n in 0..texts {
        let args = fixture.args(json!({ "body": format!("message {n}") }));
        fixture.alice.call("post_message", args).await;
    }
}

#[tokio::test]
async fn every_entry_is_proven_to_be_in_the_log() {
    let mut fixture = TwoPlayerChannel::create().await;
    post(&mut fixture, 7).await;
    let (leaves, channel_id) = (leaves(&fixture).await, fixture.channel_id.clone());
    for (id, leaf) in (1_u64..).zip(&leaves) {
        let proof = prove(&mut fixture.bob, &channel_id, json!({ "id": id })).await;
        let log = Log::parse(&proof.verifier_key);
        assert!(log.origin.as_str().ends_with(&format!("/{channel_id}")));
        assert_eq!((proof.leaf_hash, proof.size), (Some(*leaf), leaves.len() as u64));
        verify_inclusion(*leaf, id - 1, log.verify(&proof), &proof.proof).unwrap();
    }
}

#[tokio::test]
async fn the_log_only_grows_also_over_a_crash() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = fixture.channel_id.clone();
    let size = fixture.size().await;
    let first = prove(&mut fixture.alice, &channel_id, json!({ "from": size })).await;
    let log = Log::parse(&first.verifier_key);
    let old = log.verify(&first);
    assert_eq!((first.proof.len(), old.size, first.leaf_hash), (0, size, None));
    post(&mut fixture, 5).await;
    let (before, token) = (size, fixture.bob_token.clone());
    fixture.relay.kill().await.unwrap();
    fixture.relay.restart(None).await.unwrap();
    let mut bob = WsClient::connect(fixture.relay.address(), &token).await.unwrap();
    for to in before..=before + 5 {
        let proof = prove(&mut bob, &channel_id, json!({ "from": before, "to": to })).await;
        assert_eq!(Log::parse(&proof.verifier_key), log, "a restart changes neither name nor key");
        verify_consistency(old, log.verify(&proof), &proof.proof).unwrap();
        let unchanged = to == before;
        assert_eq!(proof.checkpoint == first.checkpoint, unchanged, "there is one checkpoint of each size");
    }
    let present = prove(&mut bob, &channel_id, json!({ "from": before })).await;
    assert_eq!(present.size, before + 5);
}

#[tokio::test]
async fn members_and_former_members_get_proofs_and_nobody_else() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = fixture.channel_id.clone();
    let args = fixture.args(json!({}));
    fixture.bob.call("leave_channel", args).await;
    post(&mut fixture, 3).await;
    // What came after bob left is proven to him, too.
    let leaves = leaves(&fixture).await;
    let last = leaves.len() as u64;
    let proof = prove(&mut fixture.bob, &channel_id, json!({ "id": last })).await;
    let tree = Log::parse(&proof.verifier_key).verify(&proof);
    verify_inclusion(*leaves.last().unwrap(), last - 1, tree, &proof.proof).unwrap();
    // The owner without a seat.
    let args = fixture.args(json!({}));
    fixture.alice.call("leave_channel", args).await;
    assert_eq!(prove(&mut fixture.alice, &channel_id, json!({ "id": 1 })).await.size, last + 1);

    let mut stranger = fixture.stranger().await;
    for channel_id in [&*channel_id, "chn_0123456789abcdef"] {
        let args = json!({ "channel_id": channel_id, "id": 1 });
        assert_eq!(stranger.refusal("get_proof", args).await, "NOT_MEMBER");
    }
}

#[tokio::test]
async fn arguments_that_name_no_part_of_the_log_are_refused() {
    let mut fixture = TwoPlayerChannel::create().await;
    let size = fixture.size().await;
    for args in [
        json!({}),
        json!({ "to": 1 }),
        json!({ "id": 1, "from": 1 }),
        json!({ "id": 1, "to": 1 }),
        json!({ "id": 0 }),
        json!({ "id": size + 1 }),
        json!({ "id": u64::MAX }),
        json!({ "from": 0 }),
        json!({ "from": 0, "to": 0 }),
        json!({ "from": 2, "to": 1 }),
        json!({ "from": 1, "to": size + 1 }),
        json!({ "from": size + 1 }),
        json!({ "from": u64::MAX, "to": u64::MAX }),
        json!({ "id": "1" }),
        json!({ "id": -1 }),
    ] {
        let call = fixture.args(args.clone());
        let Failure::Refused(error) = fixture.bob.try_call("get_proof", call).await.unwrap_err() else {
            panic!("{args}: the connection was lost");
        };
        assert_eq!(error["code"], "INVALID_REQUEST", "{args}");
        assert!(!error["hint"].as_str().unwrap().is_empty(), "{args}");
    }
}

#[tokio::test]
async fn proofs_are_for_programs_over_rest_and_websockets() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = fixture.channel_id.clone();
    let over_websocket = prove(&mut fixture.bob, &channel_id, json!({ "id": 1 })).await;
    let mut http = HttpClient::connect(fixture.relay.address(), &fixture.bob_token).await.unwrap();
    let json = [("content-type", "application/json")];
    let response = http.post("/get_proof", &json, fixture.args(json!({ "id": 1 })).to_string().into()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(serde_json::from_slice::<LogProof>(response.body()).unwrap(), over_websocket);
    let error = http.call_tool("get_proof", fixture.args(json!({ "id": 1 }))).await.unwrap_err().to_string();
    assert!(error.contains("Unknown tool"), "{error}");
}

#[tokio::test]
async fn replies_over_websockets_carry_a_checkpoint_that_covers_them() {
    let mut fixture = TwoPlayerChannel::create().await;
    let channel_id = fixture.channel_id.clone();
    let proof = prove(&mut fixture.bob, &channel_id, json!({ "id": 1 })).await;
    let log = Log::parse(&proof.verifier_key);
    // The last calls of the fixture were create_channel and join_channel.
    assert!(covered(&mut fixture.alice, &log) > 0);
    assert_eq!(covered(&mut fixture.bob, &log), fixture.size().await);
    for n in 0..3 {
        let args = fixture.args(json!({ "body": format!("message {n}"), "idempotency_key": format!("{n}") }));
        let posted = fixture.bob.call("post_message", args.clone()).await;
        let size = covered(&mut fixture.bob, &log);
        assert!(size >= posted["msg_id"].as_u64().unwrap());
        // A repeat acknowledges the same post.
        assert_eq!(fixture.bob.call("post_message", args).await, posted);
        assert_eq!(covered(&mut fixture.bob, &log), size);
        let args = fixture.args(json!({ "cursor": 0, "timeout_ms": 0 }));
        let synced = fixture.alice.call("sync_messages", args).await;
        assert!(covered(&mut fixture.alice, &log) >= synced["cursor"].as_u64().unwrap());
    }
    let ops = fixture.args(json!({ "ops": [{ "type": "rename", "name": "Finals" }] }));
    fixture.alice.call("update_channel", ops).await;
    covered(&mut fixture.alice, &log);
    let invite = json!({ "invite_code": fixture.created["invites"][1], "preview": true });
    let mut carol = fixture.stranger().await;
    carol.call("join_channel", invite).await;
    covered(&mut carol, &log);
    let args = fixture.args(json!({}));
    fixture.bob.call("get_channel_info", args.clone()).await;
    assert_eq!(fixture.bob.take_checkpoint(), None, "what only looks at the present channel carries none");
    fixture.bob.call("leave_channel", args.clone()).await;
    covered(&mut fixture.bob, &log);
    // A refusal acknowledges nothing, and HTTP is unchanged.
    fixture.bob.refusal("post_message", fixture.args(json!({ "body": "too late" }))).await;
    assert_eq!(fixture.bob.take_checkpoint(), None);
    let mut http = fixture.relay.http().await.unwrap();
    let posted = http.call_tool("post_message", fixture.args(json!({ "body": "over HTTP" }))).await.unwrap();
    assert!(posted.get("checkpoint").is_none(), "{posted}");
}
