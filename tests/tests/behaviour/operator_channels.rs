//! The operator's commands for channels: list, show, stop, close, delete, beside a running relay.

use std::time::Duration;

use mcp_multiplayer_tests::{RelayProcess, binary};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::fixture::{TwoPlayerChannel, in_time, of_type, outcome, read_until, with_text};

/// Never returns when it is told to spin, and has a last word.
const REFEREE: &str = "
class Referee:
    def on_message(self, msg):
        if msg['body']['text'] == 'spin':
            self.ctx.post('bot', {'text': 'never said'})
            while True:
                pass
        self.ctx.post('bot', {'text': 'seen: ' + msg['body']['text']})
    def on_close(self):
        self.ctx.post('bot', {'text': 'the secret was 42'})
";

/// Runs a command of the operator. The error is its output on standard error.
async fn operator(relay: &RelayProcess, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Splits the lines of a table, after its header, into words.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test]
async fn channels_are_listed_and_shown_with_bytes_and_principals() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts(&"x".repeat(20_000)).await;
    fixture.bob.call("create_channel", json!({ "name": "Small one", "slots": ["invite:player"] })).await;
    let listed = operator(&fixture.relay, &["channel", "list"]).await.unwrap();
    let listed = rows(&listed);
    assert_eq!(listed.len(), 2, "{listed:?}");
    // The largest first: id, creation, last entry, entries, bytes, state, person, owner, name.
    let [large, small] = [&listed[0], &listed[1]];
    assert_eq!((large[0], large[5], large[6], large[7], large[8]), (&*at, "open", "-", "local", "Game"));
    assert!(large[4].parse::<u64>().unwrap() > 20_000 && small[4].parse::<u64>().unwrap() > 200, "{listed:?}");
    assert_eq!((small[3], small[6], small[8..].join(" ").as_str()), ("1", "bob", "Small one"));
    assert!(small[7].starts_with("token:"), "{listed:?}");
    let owners = operator(&fixture.relay, &["channel", "list", "--by-principal"]).await.unwrap();
    assert_eq!(rows(&owners)[0], ["1", large[4], "-", "local"]);
    assert_eq!(rows(&owners)[1], ["1", small[4], "bob", small[7]]);

    let shown = operator(&fixture.relay, &["channel", "show", &at]).await.unwrap();
    let bot_id = fixture.created["bots"][0]["bot_id"].as_str().unwrap();
    for expected in ["name         Game\n", "state        open\n", "owner        local (-)\n", "alice\n", bot_id] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let member = shown.lines().find(|line| line.starts_with("s2") && line.ends_with(small[7])).unwrap();
    assert!(member.contains("bob"), "{shown}");
    let unknown = operator(&fixture.relay, &["channel", "show", "chn_0123456789abcdef"]).await.unwrap_err();
    assert!(unknown.contains("there is no channel"), "{unknown}");
}

#[tokio::test]
async fn stop_ends_a_channel_at_once() {
    let flags = ["--bot-hook-ms", "600000", "--bot-hook-wall-ms", "600000"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({ "bot_code": REFEREE })).await;
    let at = fixture.channel_id.clone();
    let spin = fixture.bob_posts("spin").await;
    // Bob waits for whatever follows; nothing does, because the referee does not return.
    let wait = fixture.args(json!({ "cursor": spin, "timeout_ms": 45_000 }));
    let waiting = fixture.bob.send("sync_messages", wait).await.unwrap();
    operator(&fixture.relay, &["channel", "stop", &at]).await.unwrap();
    let page = in_time("the end of the wait", fixture.bob.answer(waiting)).await.unwrap();
    let log = page["messages"].as_array().unwrap();
    assert_eq!(of_type(log, "operator:stopped").len(), 1, "{log:?}");
    let post = fixture.args(json!({ "body": "one more" }));
    assert_eq!(fixture.alice.refusal("post_message", post).await, "CHANNEL_CLOSED");
    let log = fixture.bob_reads().await;
    assert!(with_text(&log, "never said").is_empty() && with_text(&log, "the secret was 42").is_empty(), "{log:?}");
    let again = operator(&fixture.relay, &["channel", "stop", &at]).await.unwrap_err();
    assert!(again.contains("is closed already"), "{again}");
}

#[tokio::test]
async fn stop_frees_the_process_of_a_bot_that_spins() {
    let flags = ["--bot-hook-ms", "600000", "--bot-hook-wall-ms", "600000", "--bot-workers", "1"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({ "bot_code": REFEREE })).await;
    let first = fixture.channel_id.clone();
    fixture.bob_posts("spin").await;
    operator(&fixture.relay, &["channel", "stop", &first]).await.unwrap();
    let create =
        json!({ "name": "Next", "slots": ["bot:referee", "invite:alice"], "join_as": "alice", "bot_code": REFEREE });
    // The process would also end by itself, after a minute of CPU time.
    let next =
        timeout(Duration::from_secs(45), fixture.alice.call("create_channel", create)).await.expect("a free worker");
    let at = next["channel_id"].as_str().unwrap();
    fixture.alice.call("post_message", json!({ "channel_id": at, "body": "hi" })).await;
    let seen = |message: &Value| message["body"]["text"] == "seen: hi";
    read_until(&mut fixture.alice, at, "the next referee", seen).await;
}

#[tokio::test]
async fn close_lets_the_bots_finish() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("a move").await;
    operator(&fixture.relay, &["channel", "close", &at]).await.unwrap();
    let closed = |message: &Value| message["body"]["type"] == "close_applied";
    let log = read_until(&mut fixture.bob, &at, "the end", closed).await;
    assert_eq!(with_text(&log, "seen: a move").len(), 1);
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
    assert_eq!(of_type(&log, "close_requested")[0]["body"].get("by"), None);
    let again = operator(&fixture.relay, &["channel", "close", &at]).await.unwrap_err();
    assert!(again.contains("is closed already"), "{again}");
}

#[tokio::test]
async fn a_relay_closes_at_its_start_what_the_operator_closed_before() {
    let mut fixture = TwoPlayerChannel::with_bot(REFEREE).await;
    let at = fixture.channel_id.clone();
    fixture.relay.kill().await.unwrap();
    operator(&fixture.relay, &["channel", "close", &at]).await.unwrap();
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    let closed = |message: &Value| message["body"]["type"] == "close_applied";
    let log = read_until(&mut fixture.bob, &at, "the end", closed).await;
    assert_eq!(with_text(&log, "the secret was 42").len(), 1);
}

#[tokio::test]
async fn delete_removes_a_closed_channel_and_makes_room_for_its_owner() {
    let flags = ["--principal-stored-bytes", "30000"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts(&"x".repeat(30_000)).await;
    let create = json!({ "name": "Next", "slots": ["invite:alice"] });
    assert_eq!(fixture.alice.refusal("create_channel", create.clone()).await, "QUOTA_EXCEEDED");
    let open = operator(&fixture.relay, &["channel", "delete", &at]).await.unwrap_err();
    assert!(open.contains("is open; run 'channel stop"), "{open}");

    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let end = fixture.size().await;
    let wait = fixture.args(json!({ "cursor": end, "timeout_ms": 45_000 }));
    let waiting = fixture.bob.send("sync_messages", wait).await.unwrap();
    operator(&fixture.relay, &["channel", "delete", &at]).await.unwrap();
    let waited = in_time("the end of the wait", fixture.bob.answer(waiting)).await;
    assert_eq!(outcome(waited), Err("NOT_MEMBER".to_owned()));
    let read = fixture.args(json!({ "cursor": 0 }));
    assert_eq!(fixture.alice.refusal("sync_messages", read).await, "NOT_MEMBER");
    let invite = json!({ "invite_code": fixture.created["invites"][1] });
    assert_eq!(fixture.bob.refusal("join_channel", invite).await, "INVITE_INVALID");
    assert_eq!(fixture.alice.call("list_channels", json!({})).await["channels"], json!([]));
    assert_eq!(operator(&fixture.relay, &["channel", "list"]).await.unwrap().lines().count(), 1);
    // The relay takes over what else has changed right after it woke the readers.
    in_time("room for another channel", async {
        while outcome(fixture.alice.try_call("create_channel", create.clone()).await).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_operator_and_after_the_close_the_author_destroy_what_was_said() {
    // Without a bot, which would repeat what was said.
    let mut fixture = TwoPlayerChannel::create().await;
    let at = fixture.channel_id.clone();
    let (first, second) = (fixture.bob_posts("my address is …").await, fixture.bob_posts("and my name").await);
    let own = |ids: Value| json!({ "channel_id": at, "ids": ids });
    let args = own(json!([first]));
    assert_eq!(fixture.bob.refusal("delete_entries", args.clone()).await, "BAD_OP", "the channel is open");
    assert_eq!(fixture.alice.refusal("delete_entries", args.clone()).await, "INVALID_REQUEST", "bob wrote it");
    let refused = operator(&fixture.relay, &["channel", "delete-entries", &at, "1"]).await.unwrap_err();
    assert!(refused.contains("entry 1 is the relay's own"), "{refused}");
    operator(&fixture.relay, &["channel", "delete-entries", &at, &first.to_string()]).await.unwrap();
    let text_of =
        |log: &[Value], id: u64| log.iter().find(|message| message["id"] == id).unwrap()["body"]["text"].clone();
    let is_deleted = |message: &Value| message["body"]["type"] == "entry:deleted";
    let log = read_until(&mut fixture.alice, &at, "the deletion", is_deleted).await;
    assert_eq!((text_of(&log, first), text_of(&log, second)), (Value::Null, json!("and my name")));

    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    read_until(&mut fixture.alice, &at, "the close", |message| message["body"]["type"] == "close_applied").await;
    let args = own(json!([first, second]));
    let deleted = fixture.bob.call("delete_entries", args.clone()).await;
    assert_eq!((&deleted["ok"], &deleted["deleted"]), (&json!(true), &json!(1)));
    assert_eq!(fixture.bob.call("delete_entries", args).await["deleted"], 0, "a repeat");
    let receipt = std::fs::read_to_string(crate::receipts::operator_receipt(&fixture, &[]).await).unwrap();
    assert!(!receipt.contains("my address") && !receipt.contains("and my name"), "{receipt}");
    let path = crate::receipts::operator_receipt(&fixture, &["--public"]).await;
    let output = Command::new(binary("mcp-multiplayer")).arg("verify").arg(path).output().await.unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && shown.contains("What the entries said that were deleted (2)."), "{shown}");
    let database = std::fs::read(fixture.relay.data_dir().join("relay.db")).unwrap_or_default();
    assert!(!database.windows(10).any(|bytes| bytes == b"my address"), "the database has it still");
}
