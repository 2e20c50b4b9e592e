//! A channel's export, and whether its bots do again what the log says.

use std::path::PathBuf;
use std::process::Output;

use mcp_multiplayer_tests::binary;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::table::{Table, read_until};

/// Uses all that could differ between two runs.
const MIXED: &str = "
import datetime, random, secrets, time, uuid
class Thing:
    pass
class Mixed:
    def on_init(self):
        self.ctx.set_state({'n': 0})
        self.ctx.timer('late', 1)
    def on_join(self, player):
        self.ctx.post('bot', {'text': 'hello', 'start': self.ctx.start(), 'entropy': secrets.token_hex(8)})
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

async fn export(table: &Table, more: &[&str]) -> PathBuf {
    let path = table.relay.data_dir().join(format!("export{}.json", more.len()));
    let output = Command::new(binary("mcp-multiplayer-relay"))
        .args(["export", &table.channel_id, "--data-dir"])
        .arg(table.relay.data_dir())
        .arg("--out")
        .arg(&path)
        .args(more)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

async fn replay(path: &std::path::Path, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(binary("mcp-multiplayer-bot")).arg("replay").arg(path).args(more).output().await.unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A channel in which everything happened, the relay restarted in the midst of it.
async fn played() -> Table {
    let mut table = Table::refereed_by(MIXED).await;
    let bot_id = table.created["bots"][0]["bot_id"].clone();
    for text in ["one", "fail", "two", "reveal", "three"] {
        table.bob_says(text).await;
        if text == "two" {
            table.relay.restart(None).await.unwrap();
            table.alice = table.relay.connect().await.unwrap();
            table.bob = table.bob_again().await;
        }
        let dm = table.here(json!({ "bot_id": bot_id, "message": text }));
        table.bob.call("dm_bot", dm).await;
    }
    let leave = table.here(json!({}));
    let at = table.channel_id.clone();
    read_until(&mut table.bob, &at, "the timer", |message| message["body"]["text"] == "timer late").await;
    table.bob.call("leave_channel", leave).await;
    read_until(&mut table.alice, &at, "the farewell", |message| message["body"]["text"] == "bye s2").await;
    read_until(&mut table.alice, &at, "its trace", |message| message["body"]["hook"] == "on_leave").await;
    table
}

#[tokio::test]
async fn a_channels_bots_do_again_what_the_log_says() {
    let table = played().await;
    let path = export(&table, &[]).await;
    for more in [&[][..], &["--fresh"]] {
        let (code, told) = replay(&path, more).await;
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(told, "bot_CustomBot_0: 15 hooks did again exactly what the log says\n");
    }

    // What is left out of a public export is said to be unknown, and nothing to be different.
    let (code, told) = replay(&export(&table, &["--public"]).await, &[]).await;
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("cannot be known") && !told.contains("DIFFERENT"), "{told}");

    // A relay that alters a result, and every hash with it, is found out.
    let text = std::fs::read_to_string(&path).unwrap();
    let mut altered: Value = serde_json::from_str(&text).unwrap();
    let entries = altered["entries"].as_array_mut().unwrap();
    let answer = entries.iter_mut().find(|entry| entry["content"]["body"]["n"] == 3).unwrap();
    answer["content"]["body"]["n"] = json!(30);
    let entry: mcp_multiplayer_protocol::Content = serde_json::from_value(answer["content"].clone()).unwrap();
    answer["envelope"]["body_hash"] = json!(entry.hash());
    std::fs::write(&path, altered.to_string()).unwrap();
    let (code, told) = replay(&path, &[]).await;
    assert_eq!(code, Some(1), "{told}");
    let lines: Vec<&str> =
        told.lines().filter(|line| line.contains("says      ") || line.contains("gives  ")).collect();
    assert!(told.contains("DIFFERENT: on_message") && lines.len() == 2, "{told}");
    assert!(lines[0].contains("\"n\":30") && lines[1].contains("\"n\":3,"), "{told}");

    // One that forgets the hash is not worth running.
    let clumsy = text.replacen("\"timer late\"", "\"timer early\"", 1);
    std::fs::write(&path, clumsy).unwrap();
    let (code, told) = replay(&path, &[]).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("its body is not the one whose hash is in the log"), "{told}");
}

#[tokio::test]
async fn other_code_than_the_logs_is_not_run() {
    let table = played().await;
    let path = export(&table, &[]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("ValueError('as asked')", "ValueError('as wished')", 1)).unwrap();
    let (code, told) = replay(&path, &[]).await;
    assert_eq!((code, told.as_str()), (Some(2), "the source of bot_CustomBot_0 is not what the log names\n"));
}
