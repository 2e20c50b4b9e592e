//! Receipts: members, former members and the operator get one, which can be verified offline.

use std::path::PathBuf;

use hyper::Request;
use hyper::body::Bytes;
use mcp_multiplayer_protocol::Body;
use mcp_multiplayer_protocol::receipt::{Receipt, Report, Verifier};
use mcp_multiplayer_tests::{HttpClient, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::{TwoPlayerChannel, read_until};

/// Answers every DM with a secret.
const SECRETIVE: &str = "
class Secretive:
    def on_message(self, msg):
        self.ctx.post('bot', 'heard')
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'bust', {'text': 'secret of ' + slot_id})
";

/// Writes the receipt of the operator with additional flags, and returns the path of the file.
pub(crate) async fn operator_receipt(fixture: &TwoPlayerChannel, more: &[&str]) -> PathBuf {
    let path = fixture.relay.data_dir().join(format!("receipt{}.jsonl", more.len()));
    let output = Command::new(binary("mcp-multiplayer-relay"))
        .args(["receipt", &fixture.channel_id, "--data-dir"])
        .arg(fixture.relay.data_dir())
        .arg("--out")
        .arg(&path)
        .args(more)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Fetches a receipt over HTTP: status, media type and text.
async fn fetch(fixture: &TwoPlayerChannel, token: &str, query: &str) -> (u16, String, String) {
    let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
    let request = Request::get(format!("/receipt?{query}"))
        .header("host", fixture.relay.address())
        .header("authorization", format!("Bearer {token}"))
        .body(http_body_util::Full::new(Bytes::new()));
    let response = http.send(request.unwrap()).await.unwrap();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), media_type, String::from_utf8(response.body().to_vec()).unwrap())
}

async fn receipt_of(fixture: &TwoPlayerChannel, token: &str) -> (String, Receipt) {
    let (status, media_type, text) = fetch(fixture, token, &format!("channel_id={}", fixture.channel_id)).await;
    assert_eq!((status, media_type.as_str()), (200, "application/jsonl"), "{text}");
    let receipt = Receipt::parse(&text).unwrap();
    (text, receipt)
}

fn verify(text: &str) -> Report {
    let mut verifier = Verifier::new(None);
    text.lines().for_each(|line| verifier.read(line));
    verifier.finish()
}

/// The texts that a receipt opens of private entries.
fn secrets(receipt: &Receipt) -> Vec<String> {
    let private = receipt.entries.iter().filter(|entry| entry.envelope.to_slot.is_some());
    let bodies = private.filter_map(|entry| entry.message().1?.parse::<Value>().ok());
    bodies.filter_map(|body| body["text"].as_str().map(str::to_owned)).collect()
}

async fn dm(fixture: &mut TwoPlayerChannel, by_bob: bool) {
    let args = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": "tell me" }));
    let (client, seat) = if by_bob { (&mut fixture.bob, "s2") } else { (&mut fixture.alice, "s1") };
    client.call("dm_bot", args).await;
    let id = fixture.channel_id.clone();
    read_until(client, &id, "the answer", |message| message["body"]["text"] == format!("secret of {seat}")).await;
}

#[tokio::test]
async fn each_member_gets_the_whole_log_and_only_their_own_secrets() {
    let mut fixture = TwoPlayerChannel::with_bot(SECRETIVE).await;
    fixture.bob_posts("hello").await;
    dm(&mut fixture, false).await;
    dm(&mut fixture, true).await;
    let alice_token = fixture.relay.local_token().unwrap();
    let bob_token = fixture.bob_token.clone();
    let mut kept = vec![];
    for (token, own) in [(&alice_token, "s1"), (&bob_token, "s2")] {
        let (text, receipt) = receipt_of(&fixture, token).await;
        let report = verify(&text);
        assert!(report.is_good(), "{report}");
        assert_eq!(receipt.header.holder, own);
        assert_eq!(secrets(&receipt), ["tell me".to_owned(), format!("secret of {own}")]);
        assert!(!text.contains(&format!("secret of {}", if own == "s1" { "s2" } else { "s1" })));
        // The label of a DM would say what it is about.
        assert!(text.contains("bust"));
        assert!(receipt.entries.iter().all(|entry| entry.envelope.kind.as_str() != "bust"));
        assert_eq!(receipt.bots.values().next().unwrap().source, SECRETIVE);
        for secret in ["inv_", "rejoin_", alice_token.as_str(), bob_token.as_str()] {
            assert!(!text.contains(secret), "{secret}");
        }
        kept.push(receipt);
    }
    // Both hold the same signed log, although they see different parts of it.
    let envelopes = |receipt: &Receipt| receipt.entries.iter().map(|entry| entry.envelope.clone()).collect::<Vec<_>>();
    assert_eq!(envelopes(&kept[0]), envelopes(&kept[1]));
    assert_eq!(kept[0].checkpoint, kept[1].checkpoint);
}

#[tokio::test]
async fn the_operators_receipt_has_everything_and_the_public_one_nothing_private() {
    let mut fixture = TwoPlayerChannel::with_bot(SECRETIVE).await;
    dm(&mut fixture, true).await;
    for (more, opened) in [(&[][..], 2), (&["--public"], 0)] {
        let text = std::fs::read_to_string(operator_receipt(&fixture, more).await).unwrap();
        let report = verify(&text);
        assert!(report.is_good(), "{report}");
        let receipt = Receipt::parse(&text).unwrap();
        assert_eq!(secrets(&receipt).len(), opened);
        assert_eq!(receipt.bots.values().all(|bot| bot.seed.is_some()), more.is_empty());
    }
}

#[tokio::test]
async fn a_former_member_gets_the_log_up_to_the_end_and_strangers_get_nothing() {
    let mut fixture = TwoPlayerChannel::with_bot(SECRETIVE).await;
    dm(&mut fixture, true).await;
    let leave = fixture.args(json!({}));
    fixture.bob.call("leave_channel", leave).await;
    let left = fixture.size().await;
    fixture.alice_posts("he is gone").await;
    let (text, receipt) = receipt_of(&fixture, &fixture.bob_token).await;
    let report = verify(&text);
    assert!(report.is_good(), "{report}");
    assert_eq!((receipt.entries.len() as u64, secrets(&receipt).len()), (left, 2));
    assert_eq!(receipt.header.holder, format!("s2, until entry {left}"));

    let stranger = fixture.relay.create_token("mallory").await.unwrap();
    let query = format!("channel_id={}", fixture.channel_id);
    for (token, query, status, code) in [
        (stranger.as_str(), query.as_str(), 403, "NOT_MEMBER"),
        (&stranger, "channel_id=chn_0000000000000000", 403, "NOT_MEMBER"),
        (&stranger, "channel=x", 400, "INVALID_REQUEST"),
        ("mm_no_token", &query, 401, "UNAUTHENTICATED"),
    ] {
        let (found, media_type, text) = fetch(&fixture, token, query).await;
        assert_eq!((found, media_type.as_str()), (status, "application/problem+json"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], code);
    }
}

/// Fails at a DM that says so, and opens all DMs at a public post.
const OPENING: &str = "
class Opening:
    def on_message(self, msg):
        self.ctx.unseal()
        self.ctx.post('bot', 'opened')
    def on_private_message(self, slot_id, msg):
        if msg['text'] == 'fail':
            raise ValueError('a secret')
        self.ctx.dm(slot_id, 'bust', {'text': 'secret of ' + slot_id})
";

async fn opening(manifest: Value) -> TwoPlayerChannel {
    let bot = json!({ "inline_code": OPENING, "name": "CustomBot", "manifest": manifest });
    TwoPlayerChannel::create_with(&[], json!({ "bots": [bot] })).await
}

#[tokio::test]
async fn only_the_sender_of_a_dm_learns_that_its_hook_failed() {
    let mut fixture = opening(json!({})).await;
    let id = fixture.channel_id.clone();
    let args = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": "fail" }));
    fixture.bob.call("dm_bot", args).await;
    let log = read_until(&mut fixture.bob, &id, "the result", |message| message["kind"] == "control").await;
    let result = &log.iter().find(|message| message["kind"] == "control").unwrap()["body"];
    assert_eq!((&result["type"], &result["outcome"]), (&json!("bot:result"), &json!("error")));
    assert_eq!(result["text"], "CustomBot failed in on_private_message: ValueError (line 8)");
    let bob_token = fixture.bob_token.clone();
    let alice_token = fixture.relay.local_token().unwrap();
    for (token, told) in [(&bob_token, true), (&alice_token, false)] {
        let (text, _) = receipt_of(&fixture, token).await;
        assert_eq!(text.contains("failed in on_private_message"), told, "{text}");
        assert!(verify(&text).is_good());
    }
}

#[tokio::test]
async fn dms_that_a_bot_unseals_are_in_everybodys_receipt_and_can_be_replayed() {
    let mut fixture = opening(json!({ "unseals": true })).await;
    let id = fixture.channel_id.clone();
    let alice_token = fixture.relay.local_token().unwrap();
    dm(&mut fixture, true).await;
    assert!(secrets(&receipt_of(&fixture, &alice_token).await.1).is_empty(), "before the bot opens them");
    fixture.alice_posts("open").await;
    read_until(&mut fixture.alice, &id, "the bot", |message| message["body"]["text"] == "opened").await;
    // What comes later stays private.
    dm(&mut fixture, true).await;
    let (text, receipt) = receipt_of(&fixture, &alice_token).await;
    assert_eq!(secrets(&receipt), ["tell me", "secret of s2"]);
    let report = verify(&text);
    assert!(report.is_good(), "{report}");

    let path = operator_receipt(&fixture, &["--public"]).await;
    let output =
        Command::new(binary("mcp-multiplayer")).args(["verify", "--replay"]).arg(&path).output().await.unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("with the source in this file (2)"), "the hook of the first DM and the public one: {shown}");

    // A receipt that leaves one of them out is not complete.
    let is_opened = |line: &str| line.contains("secret of s2");
    let text: String = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if is_opened(&line.to_string()) && line["entry"]["envelope"]["kind"] == "private" {
            line["entry"]["content"] = Value::Null;
        }
        line.to_string() + "\n"
    });
    let report = verify(&lines.collect::<String>());
    assert!(report.fails[0].contains("the body of a DM is missing, although the bot has unsealed it"), "{report}");
}

#[tokio::test]
async fn a_bot_whose_manifest_does_not_say_so_cannot_unseal() {
    let mut fixture = opening(json!({})).await;
    let id = fixture.channel_id.clone();
    dm(&mut fixture, true).await;
    fixture.alice_posts("open").await;
    let failed = |message: &Value| message["body"]["type"] == "bot:error";
    let log = read_until(&mut fixture.alice, &id, "the failure", failed).await;
    let failed = log.iter().find(|message| failed(message)).unwrap();
    assert!(failed["body"]["text"].as_str().unwrap().contains("RuntimeError"), "{failed}");
    assert!(secrets(&receipt_of(&fixture, &fixture.relay.local_token().unwrap()).await.1).is_empty());
}

/// Draws a number, and reveals it when it is asked to.
const DRAWING: &str = "
import random
class Drawing:
    def on_message(self, msg):
        text = msg['body']['text']
        if text == 'draw':
            self.ctx.post('bot', {'text': 'drew', 'n': random.random()})
        if text == 'reveal':
            self.ctx.reveal()
";

#[tokio::test]
async fn a_former_member_can_replay_a_game_whose_seed_was_revealed_later() {
    let mut fixture = TwoPlayerChannel::with_bot(DRAWING).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("draw").await;
    read_until(&mut fixture.bob, &at, "the draw", |message| message["body"]["text"] == "drew").await;
    let leave = fixture.args(json!({}));
    fixture.bob.call("leave_channel", leave).await;
    let left = fixture.size().await;
    // Bob gets the seed of his own game, not that of the next one, and none of what others say.
    for text in ["not for bob", "reveal", "draw", "reveal"] {
        fixture.alice_posts(text).await;
    }
    let second = |message: &Value| message["body"]["type"] == "seed:reveal" && message["body"]["epoch"] == 1;
    read_until(&mut fixture.alice, &at, "the second reveal", second).await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.alice, &at, "the close", |message| message["body"]["type"] == "close_applied").await;

    let (text, receipt) = receipt_of(&fixture, &fixture.bob_token).await;
    let report = verify(&text);
    assert!(report.is_good(), "{report}");
    assert_eq!(receipt.entries.len() as u64, left);
    let types: Vec<Value> = receipt
        .later_entries
        .iter()
        .map(|later| later.entry.body().unwrap().parse::<Value>().unwrap()["type"].clone())
        .collect();
    assert_eq!(types, ["seed:reveal", "close_requested", "close_applied"]);
    assert!(!text.contains("not for bob"));
    for sentence in ["The log went on to entry", "reveals the seed of bot_CustomBot_0", "closes the channel"] {
        assert!(report.holds.iter().any(|holds| holds.contains(sentence)), "{report}");
    }

    let path = fixture.relay.data_dir().join("bob.jsonl");
    let replay = async |receipt: Receipt| {
        let text: String = receipt.into_lines().map(|line| line.to_text()).collect();
        std::fs::write(&path, text).unwrap();
        let output = Command::new(binary("mcp-multiplayer-bot")).arg("replay").arg(&path).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = replay(receipt.clone()).await;
    assert_eq!((code, said.as_str()), (Some(0), "bot_CustomBot_0: 1 hook reproduced the log exactly\n"));
    let (code, said) = replay(Receipt { later_entries: vec![], ..receipt }).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("was not revealed"), "{said}");
}

#[tokio::test]
async fn code_that_the_relay_ran_without_the_policy_runs_only_on_request() {
    let source = "
class Careless:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'heard', 'n': len(self.__class__.__name__)})
";
    let more = json!({ "bot_code": source });
    let mut fixture = TwoPlayerChannel::create_with(&["--bot-policy", "false"], more).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("hello").await;
    read_until(&mut fixture.bob, &at, "the answer", |message| message["body"]["text"] == "heard").await;
    let path = operator_receipt(&fixture, &[]).await;
    let run = async |more: &[&str]| {
        let output =
            Command::new(binary("mcp-multiplayer")).arg("verify").arg(&path).args(more).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&["--replay"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("it was not run here; --allow-policy-off runs it"), "{text}");
    assert!(!text.contains("had exactly the effects in the log"), "{text}");
    let (code, text) = run(&["--replay", "--allow-policy-off"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Hooks of bot_CustomBot_0 that were run again here"), "{text}");

    // A relay that hides that it ran the bot without the policy changes nothing about the verifier's own.
    let text = std::fs::read_to_string(&path).unwrap();
    let mut hidden = Receipt::parse(&text).unwrap();
    let attach =
        hidden.entries.iter_mut().find(|entry| entry.body().is_some_and(|body| body.as_str().contains("bot:attach")));
    let attach = attach.unwrap();
    let content = attach.content.as_mut().unwrap();
    content.body =
        Body::from_canonical(&content.body.as_str().replace("\"runtime\":", "\"policy\":1,\"runtime\":")).unwrap();
    attach.envelope.body_hash = content.hash();
    std::fs::write(&path, hidden.into_lines().map(|line| line.to_text()).collect::<String>()).unwrap();
    let output = Command::new(binary("mcp-multiplayer-bot")).arg("replay").arg(&path).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("its source is rejected here"), "{said}");
}

#[tokio::test]
async fn the_program_judges_a_receipt_and_runs_the_bots_again() {
    let mut fixture = TwoPlayerChannel::with_bot(SECRETIVE).await;
    let id = fixture.channel_id.clone();
    fixture.bob_posts("hello").await;
    read_until(&mut fixture.bob, &id, "the answer", |message| message["body"]["text"] == "heard").await;
    let path = operator_receipt(&fixture, &[]).await;
    let run = async |more: &[&str]| {
        let output =
            Command::new(binary("mcp-multiplayer")).arg("verify").arg(&path).args(more).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = run(&["--replay"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("Hooks of bot_CustomBot_0 that were run again here with the source in this file (1)"),
        "{text}"
    );
    let (code, text) = run(&["--replay", "--json"]).await;
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, report["fails"].as_array().map(Vec::len)), (Some(0), Some(0)), "{text}");
    let key = Receipt::parse(&std::fs::read_to_string(&path).unwrap()).unwrap().header.log.unwrap().key.to_string();
    assert!(run(&["--key", &key]).await.1.contains("It is the key that you know."));

    // Other code under the same hash is found by the hash; under another hash, by the signature.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("'heard'", "'ignored'")).unwrap();
    let (code, text) = run(&["--replay"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("is not the one whose hash is in the log"), "{text}");
    // What is no receipt at all is not judged.
    for text in ["", "{}\n", "a letter\n"] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(run(&[]).await.0, Some(2), "{text}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(run(&[]).await.0, Some(2));
}
