//! Replays of bots from receipts.

use std::process::Output;

use mcp_multiplayer_protocol::receipt::Receipt;
use mcp_multiplayer_protocol::{Body, Entry};
use mcp_multiplayer_tests::binary;
use serde_json::json;
use tokio::process::Command;

use crate::fixture::{TwoPlayerChannel, read_until};
use crate::receipts::operator_receipt;

/// A bot that uses everything that could differ between two runs.
const MIXED: &str = "
import datetime, random, secrets, time, uuid
class Thing:
    pass
class Mixed:
    def on_init(self):
        self.ctx.set_state({'n': 0})
        self.ctx.timer('late', 1)
    def on_join(self, player):
        self.ctx.start()
        self.ctx.post('bot', {'text': 'hello', 'entropy': secrets.token_hex(8)})
    def on_start(self, contributors, missing):
        self.ctx.post('bot', {'text': 'started', 'with': contributors, 'entropy': secrets.token_hex(8)})
    def on_message(self, msg):
        text = msg['body']['text']
        state = self.ctx.get_state()
        state['n'] += 1
        self.ctx.set_state(state)
        if text == 'fail':
            raise ValueError('as asked')
        if text == 'reveal':
            self.ctx.reveal()
        things = {Thing(), Thing(), Thing(), 'a', 'b'}
        self.ctx.post('bot', {
            'text': 'answer', 'n': state['n'], 'draws': [random.random(), random.gauss(0, 1), random.sample(range(99), 3)],
            'uuid': str(uuid.uuid4()), 'uuid1': str(uuid.uuid1()), 'now': str(datetime.datetime.now()), 'time': time.time(),
            'set': [str(thing) for thing in things], 'id': id(self), 'hash': hash('text') % 1000, 'shuffled': sorted('abc', key=lambda _: random.random()),
        })
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'private', {'text': 'psst', 'kept': self.ctx.commit(msg['text'])})
    def on_leave(self, player):
        self.ctx.post('bot', 'bye ' + player)
    def on_timer(self, name):
        self.ctx.post('bot', {'text': 'timer ' + name, 'draw': random.random()})
";

async fn replay(path: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(binary("mcp-multiplayer-bot")).arg("replay").arg(path).args(more).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// Plays in a channel with all kinds of hooks, and restarts the relay in between.
async fn played() -> TwoPlayerChannel {
    let mut fixture = TwoPlayerChannel::with_bot(MIXED).await;
    let bot_id = fixture.created["bots"][0]["bot_id"].clone();
    for text in ["one", "fail", "two", "reveal", "three"] {
        fixture.bob_posts(text).await;
        if text == "two" {
            fixture.relay.restart(None).await.unwrap();
            fixture.alice = fixture.relay.connect().await.unwrap();
            fixture.bob = fixture.bob_ws().await;
        }
        let dm = fixture.args(json!({ "bot_id": bot_id, "message": text }));
        fixture.bob.call("dm_bot", dm).await;
    }
    let leave = fixture.args(json!({}));
    let at = fixture.channel_id.clone();
    read_until(&mut fixture.bob, &at, "the timer", |message| message["body"]["text"] == "timer late").await;
    fixture.bob.call("leave_channel", leave).await;
    read_until(&mut fixture.alice, &at, "the bot's goodbye", |message| message["body"]["text"] == "bye s2").await;
    read_until(&mut fixture.alice, &at, "its trace", |message| message["body"]["hook"] == "on_leave").await;
    fixture
}

#[tokio::test]
async fn a_replay_reproduces_the_log_and_detects_alterations() {
    let fixture = played().await;
    let path = operator_receipt(&fixture, &[]).await;
    for more in [&[][..], &["--fresh"]] {
        let (code, output) = replay(&path, more).await;
        assert_eq!(code, Some(0), "{output}");
        assert_eq!(output, "bot_CustomBot_0: all 17 hooks reproduced the log exactly\n");
    }

    // What is left out of a public receipt is said to be unknown, and nothing to be different.
    let (code, output) = replay(&operator_receipt(&fixture, &["--public"]).await, &[]).await;
    assert_eq!(code, Some(3), "{output}");
    assert!(output.contains("could not be checked") && !output.contains("DIFFERENT"), "{output}");

    // A relay that alters a result together with its hash is detected.
    let text = std::fs::read_to_string(&path).unwrap();
    let mut altered = Receipt::parse(&text).unwrap();
    let is_answer = |entry: &&mut Entry| entry.body().is_some_and(|body| body.as_str().contains("\"n\":3,"));
    let answer = altered.entries.iter_mut().find(is_answer).unwrap();
    let content = answer.content.as_mut().unwrap();
    content.body = Body::from_canonical(&content.body.as_str().replace("\"n\":3,", "\"n\":30,")).unwrap();
    answer.envelope.body_hash = content.hash();
    std::fs::write(&path, altered.into_lines().map(|line| line.to_text()).collect::<String>()).unwrap();
    let (code, output) = replay(&path, &[]).await;
    assert_eq!(code, Some(1), "{output}");
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("only in the log  ") || line.contains("only in the replay  "))
        .collect();
    assert!(output.contains("DIFFERENT: on_message") && lines.len() == 2, "{output}");
    assert!(lines[0].contains("\"n\":30") && lines[1].contains("\"n\":3,"), "{output}");

    // A receipt with a wrong hash is refused without running a bot.
    let clumsy = text.replacen("\"timer late\"", "\"timer early\"", 1);
    std::fs::write(&path, clumsy).unwrap();
    let (code, output) = replay(&path, &[]).await;
    assert_eq!(code, Some(2), "{output}");
    assert!(output.contains("its body does not match the hash in the log"), "{output}");
}

#[tokio::test]
async fn code_that_does_not_match_the_log_is_not_run() {
    let fixture = played().await;
    let path = operator_receipt(&fixture, &[]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("ValueError('as asked')", "ValueError('as wished')", 1)).unwrap();
    let (code, output) = replay(&path, &[]).await;
    assert_eq!(
        (code, output.as_str()),
        (Some(2), "the source of bot_CustomBot_0 does not match its hash in the log\n")
    );
}
