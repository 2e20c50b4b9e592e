//! One relay that all programs of a suite meet, and what must hold beside their verdicts.
//!
//! The relay and a bot of another channel answer in time, and that bot's state is as it was. No secret is
//! found in anything that was posted: not the relay's files, not its environment, not another
//! bot's sealed secret, not what was said in another channel. An ordinary bot takes the hostile one's place
//! and plays. In the end, none of the bots' processes is left.

use std::time::Duration;

use mcp_multiplayer_tests::{Failure, RelayProcess, WsClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::Policy;
use crate::fixture::{Fixture, Verdict};
use crate::neighbour::Neighbour;
use crate::processes::Processes;
use crate::verdict;

/// Longer than anything that is waited for; only a failing test gets there.
const HANG: Duration = Duration::from_mins(1);

/// Worker processes that may be there when no hostile bot is left: the neighbour's, those that were kept
/// after an inspection or in reserve, and what starts them.
const FEW: usize = 12;

const ORDINARY: &str = "
class Ordinary:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'you said ' + msg['body']['text']})
";

pub(crate) struct Arena {
    policy: Policy,
    relay: RelayProcess,
    processes: Processes,
    neighbour: Mutex<Neighbour>,
    sandbox: Value,
    canaries: Vec<String>,
    mark: String,
    _directory: TempDir,
}

impl Arena {
    pub(crate) async fn set(policy: Policy, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().file_name().unwrap().to_str().unwrap().replace('.', "hostile-");
        let processes = Processes::of(directory.path(), &mark);
        let canary = |of: &str| format!("canary-{of}-{mark}");
        let canaries: Vec<String> = ["file", "variable", "vault", "message"].map(canary).to_vec();
        let policy_flag = if policy == Policy::On { "true" } else { "false" };
        let flags = ["--hook-ms", "2000", "--bot-worker", processes.program(), "--bot-policy", policy_flag];
        let flags = [&flags, more].concat();
        let relay = RelayProcess::start_with_env(&flags, &[("HOSTILE_CANARY", &canaries[1])]).await.unwrap();
        std::fs::write(relay.data_dir().join("canary"), &canaries[0]).unwrap();
        let neighbour = Neighbour::settle(&relay, &canaries[2], &canaries[3]).await;
        let sandbox = relay.connect().await.unwrap().call("health_check", json!({})).await;
        let neighbour = Mutex::new(neighbour);
        Self { policy, relay, processes, neighbour, sandbox, canaries, mark, _directory: directory }
    }

    /// What the relay says about the bot sandbox.
    pub(crate) fn sandbox(&self) -> &Value {
        &self.sandbox
    }

    /// Whether the kernel holds bots.
    pub(crate) fn has_process_sandbox(&self) -> bool {
        self.sandbox["sandbox"] == "full" || self.sandbox["sandbox"] == "kernel"
    }

    /// How quickly the neighbour answered.
    pub(crate) async fn pace(&self) -> String {
        self.neighbour.lock().await.pace()
    }

    /// Attaches a program, drives it, and judges what comes of it.
    pub(crate) async fn meet(&self, fixture: &Fixture) -> Result<(), String> {
        let mut alice = self.relay.connect().await.unwrap();
        let slots = ["bot:hostile", "invite:alice", "invite:bob"];
        let create = json!({ "name": fixture.name, "slots": slots, "join_as": "alice" });
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        let attach = json!({ "channel_id": channel_id, "name": fixture.class(), "params": self.targets(),
            "inline_code": fixture.program(self.policy) });
        match in_time(&fixture.name, alice.try_call("attach_bot", attach)).await {
            Err(Failure::Refused(refusal)) => verdict::of_refusal(fixture, self.policy, &refusal)?,
            Err(Failure::Lost) => return Err("the connection was lost".to_owned()),
            Ok(_) if matches!(fixture.verdict(self.policy), Verdict::Rejected(_)) => {
                return Err("it was attached".to_owned());
            }
            Ok(bot) => {
                let at = json!({ "channel_id": channel_id, "bot_id": bot["bot_id"] });
                let code = alice.call("get_bot_code", at.clone()).await;
                for said in &fixture.says {
                    let post = json!({ "channel_id": channel_id, "body": said });
                    let post = alice.call("post_message", post).await;
                    let messages = in_time(&fixture.name, ran(&mut alice, &channel_id, &post)).await;
                    verdict::of_hook(fixture, self.policy, said, &messages)?;
                }
                if alice.call("get_bot_code", at).await != code {
                    return Err("its code is another one now".to_owned());
                }
            }
        }
        self.neighbour.lock().await.count().await?;
        let log = all(&mut alice, &channel_id).await;
        if let Some(canary) = self.canaries.iter().find(|canary| log.contains(canary.as_str())) {
            return Err(format!("{canary} was posted: {log}"));
        }
        ordinary(&mut alice, &channel_id).await
    }

    /// Where there would be something to be had: hostile programs know all that they could know.
    fn targets(&self) -> Value {
        let (directory, pid) = (self.relay.data_dir(), self.relay.pid());
        let address: std::net::SocketAddr = self.relay.address().parse().unwrap();
        json!({
            "data_dir": directory,
            "key": directory.join("relay.key"),
            "database": directory.join("relay.db"),
            "canary": directory.join("canary"),
            "workspaces": directory.join("workspaces").join(format!("relay-{}", pid.unwrap())),
            "pid": pid,
            "port": address.port(),
            "mark": self.mark,
            "policy": self.policy == Policy::On,
        })
    }

    /// Ends it all, and says what is left that should not be.
    pub(crate) async fn close(mut self) -> Vec<String> {
        let mut wrong: Vec<String> = self.neighbour.lock().await.unchanged().await.err().into_iter().collect();
        let mut alice = self.relay.connect().await.unwrap();
        let left = tokio::time::timeout(HANG / 4, async {
            while self.processes.workers() > FEW {
                alice.call("health_check", json!({})).await;
            }
        });
        if left.await.is_err() {
            wrong.push(format!("{} processes of bots are left over", self.processes.workers()));
        }
        for planted in [self.relay.data_dir().join("planted"), format!("/tmp/{}", self.mark).into()] {
            if planted.exists() {
                wrong.push(format!("{} was written", planted.display()));
            }
        }
        self.relay.kill().await.unwrap();
        let gone = tokio::time::timeout(HANG / 4, async {
            while self.processes.workers() + self.processes.started() > 0 {
                tokio::task::yield_now().await;
            }
        });
        if gone.await.is_err() {
            let (workers, started) = (self.processes.workers(), self.processes.started());
            wrong.push(format!("{workers} processes of bots and {started} of theirs have outlived the relay"));
        }
        wrong
    }
}

/// Has an ordinary bot take the place of whatever bot is there, and answer.
async fn ordinary(alice: &mut WsClient, channel_id: &str) -> Result<(), String> {
    let bot = json!({ "name": "Ordinary", "inline_code": ORDINARY });
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": bot }]);
    let update = json!({ "channel_id": channel_id, "ops": ops });
    if let Err(failure) = alice.try_call("update_channel", update).await {
        return Err(format!("an ordinary bot could not be attached: {failure:?}"));
    }
    let post = alice.call("post_message", json!({ "channel_id": channel_id, "body": "good day" })).await;
    let messages = in_time("the ordinary bot", ran(alice, channel_id, &post)).await;
    alice
        .call("update_channel", json!({ "channel_id": channel_id, "ops": [{ "type": "remove_bot", "slot_id": "s0" }] }))
        .await;
    let plays = messages.iter().any(|message| message["body"]["text"] == "you said good day");
    if plays { Ok(()) } else { Err(format!("an ordinary bot does not play: {messages:?}")) }
}

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// What is posted from a post on until the hook that it triggered has run.
pub(crate) async fn ran(client: &mut WsClient, channel_id: &str, post: &Value) -> Vec<Value> {
    let (mut messages, mut cursor) = (vec![], post["msg_id"].clone());
    loop {
        let args = json!({ "channel_id": channel_id, "cursor": cursor, "include_trace": true });
        let page = client.call("sync_messages", args).await;
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        cursor = page["cursor"].clone();
        let over =
            |message: &Value| message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == post["msg_id"];
        if messages.iter().any(over) {
            return messages;
        }
    }
}

/// All that a member reads of a channel, as one text.
async fn all(client: &mut WsClient, channel_id: &str) -> String {
    let (mut text, mut cursor) = (String::new(), json!(0));
    loop {
        let args = json!({ "channel_id": channel_id, "cursor": cursor, "timeout_ms": 0, "include_trace": true });
        let page = client.call("sync_messages", args).await;
        text.push_str(&page["messages"].to_string());
        cursor = page["cursor"].clone();
        if page["has_more"] == false {
            return text;
        }
    }
}
