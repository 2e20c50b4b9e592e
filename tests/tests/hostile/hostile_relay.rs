//! The relay that all hostile programs of a test run on, and the checks beside their verdicts.
//!
//! The relay and a bot in another channel answer in time, and that bot's state is unchanged. No secret is
//! found in anything that was posted: not the relay's files, not its environment, not another bot's
//! secret, not the messages of another channel. An ordinary bot can replace the hostile one and works.
//! In the end, none of the bots' processes is left.

use std::time::Duration;

use mcp_multiplayer_tests::{Failure, RelayProcess, WsClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::Policy;
use crate::bystander::Bystander;
use crate::fixture::{Fixture, Verdict};
use crate::processes::Processes;
use crate::verdict;

/// Longer than any expected wait. Only a failing test reaches it.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum number of bot processes when no hostile bot is left: the bystander's, those kept after an inspection or as
/// spares, and the zygote with its parent.
const MAX_IDLE_PROCESSES: usize = 12;

const ORDINARY: &str = "
class Ordinary:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'you said ' + msg['body']['text']})
";

/// A relay with a bystander's channel and planted secrets.
pub(crate) struct HostileRelay {
    policy: Policy,
    relay: RelayProcess,
    processes: Processes,
    bystander: Mutex<Bystander>,
    health: Value,
    canaries: Vec<String>,
    mark: String,
    _directory: TempDir,
}

impl HostileRelay {
    pub(crate) async fn start(policy: Policy, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mark = directory.path().file_name().unwrap().to_str().unwrap().replace('.', "hostile-");
        let processes = Processes::new(directory.path(), &mark);
        let canary = |of: &str| format!("canary-{of}-{mark}");
        let canaries: Vec<String> = ["file", "variable", "vault", "message"].map(canary).to_vec();
        let policy_flag = if policy == Policy::On { "true" } else { "false" };
        let limits = ["--bot-hook-ms", "1000", "--bot-hook-wall-ms", "4000"];
        let flags = ["--bot-worker", processes.program(), "--bot-policy", policy_flag];
        let flags = [&limits, &flags, more].concat();
        let relay = RelayProcess::start_with_env(&flags, &[("HOSTILE_CANARY", &canaries[1])]).await.unwrap();
        std::fs::write(relay.data_dir().join("canary"), &canaries[0]).unwrap();
        let bystander = Bystander::create(&relay, &canaries[2], &canaries[3]).await;
        let health = relay.connect().await.unwrap().call("health_check", json!({})).await;
        let bystander = Mutex::new(bystander);
        Self { policy, relay, processes, bystander, health, canaries, mark, _directory: directory }
    }

    /// The relay's health report, which describes the sandbox.
    pub(crate) fn health(&self) -> &Value {
        &self.health
    }

    /// Returns whether the kernel enforces the sandbox around bots.
    pub(crate) fn has_process_sandbox(&self) -> bool {
        self.health["sandbox"] == "full" || self.health["sandbox"] == "kernel"
    }

    /// Summary of the bystander's response times.
    pub(crate) async fn round_trips(&self) -> String {
        self.bystander.lock().await.round_trips()
    }

    /// Attaches a program, runs its attempts, and checks the outcome.
    pub(crate) async fn run(&self, fixture: &Fixture) -> Result<(), String> {
        let mut alice = self.relay.connect().await.unwrap();
        let slots = ["bot:hostile", "invite:alice", "invite:bob"];
        let create = json!({ "name": fixture.name, "slots": slots, "join_as": "alice" });
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        let attach = json!({ "channel_id": channel_id, "name": fixture.class(), "params": self.targets(),
            "inline_code": fixture.program(self.policy) });
        match with_timeout(&fixture.name, alice.try_call("attach_bot", attach)).await {
            Err(Failure::Refused(refusal)) => verdict::check_refusal(fixture, self.policy, &refusal)?,
            Err(Failure::Lost) => return Err("the connection was lost".to_owned()),
            Ok(_) if matches!(fixture.verdict(self.policy), Verdict::Rejected(_)) => {
                return Err("it was attached".to_owned());
            }
            Ok(bot) => {
                let at = json!({ "channel_id": channel_id, "bot_id": bot["bot_id"] });
                let code = alice.call("get_bot_code", at.clone()).await;
                for text in &fixture.says {
                    let post = json!({ "channel_id": channel_id, "body": text });
                    let post = alice.call("post_message", post).await;
                    let messages =
                        with_timeout(&fixture.name, read_until_hook_ran(&mut alice, &channel_id, &post)).await;
                    verdict::check_hook(fixture, self.policy, text, &messages)?;
                }
                if alice.call("get_bot_code", at).await != code {
                    return Err("its code has changed".to_owned());
                }
            }
        }
        self.bystander.lock().await.count().await?;
        let log = read_all(&mut alice, &channel_id).await;
        if let Some(canary) = self.canaries.iter().find(|canary| log.contains(canary.as_str())) {
            return Err(format!("{canary} was posted: {log}"));
        }
        check_ordinary_bot(&mut alice, &channel_id).await
    }

    /// Parameters of hostile programs: everything that an attacker could know about the relay and its machine.
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

    /// Ends the relay. Returns what is wrong: processes and files that are left, or a changed bystander.
    pub(crate) async fn shut_down(mut self) -> Vec<String> {
        let mut wrong: Vec<String> = self.bystander.lock().await.check_code().await.err().into_iter().collect();
        let mut alice = self.relay.connect().await.unwrap();
        let left = tokio::time::timeout(TIMEOUT / 4, async {
            while self.processes.workers() > MAX_IDLE_PROCESSES {
                alice.call("health_check", json!({})).await;
            }
        });
        if left.await.is_err() {
            wrong.push(format!("{} bot processes are left", self.processes.workers()));
        }
        for planted in [self.relay.data_dir().join("planted"), format!("/tmp/{}", self.mark).into()] {
            if planted.exists() {
                wrong.push(format!("{} was written", planted.display()));
            }
        }
        self.relay.kill().await.unwrap();
        let gone = tokio::time::timeout(TIMEOUT / 4, async {
            while self.processes.workers() + self.processes.started() > 0 {
                tokio::task::yield_now().await;
            }
        });
        if gone.await.is_err() {
            let (workers, started) = (self.processes.workers(), self.processes.started());
            wrong.push(format!(
                "{workers} bot processes and {started} programs that they started have outlived the relay"
            ));
        }
        wrong
    }
}

/// Checks that an ordinary bot can replace the channel's bot, and answers.
async fn check_ordinary_bot(alice: &mut WsClient, channel_id: &str) -> Result<(), String> {
    let bot = json!({ "name": "Ordinary", "inline_code": ORDINARY });
    let ops = json!([{ "type": "set_bot", "slot_id": "s0", "bot": bot }]);
    let update = json!({ "channel_id": channel_id, "ops": ops });
    if let Err(failure) = alice.try_call("update_channel", update).await {
        return Err(format!("an ordinary bot could not be attached: {failure:?}"));
    }
    let post = alice.call("post_message", json!({ "channel_id": channel_id, "body": "good day" })).await;
    let messages = with_timeout("the ordinary bot", read_until_hook_ran(alice, channel_id, &post)).await;
    alice
        .call("update_channel", json!({ "channel_id": channel_id, "ops": [{ "type": "remove_bot", "slot_id": "s0" }] }))
        .await;
    let answered = messages.iter().any(|message| message["body"]["text"] == "you said good day");
    if answered { Ok(()) } else { Err(format!("an ordinary bot does not answer: {messages:?}")) }
}

/// Awaits a future, and panics if it takes longer than [`TIMEOUT`].
pub(crate) async fn with_timeout<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}

/// Reads the messages after a post, until the hook that it triggers has run.
pub(crate) async fn read_until_hook_ran(client: &mut WsClient, channel_id: &str, post: &Value) -> Vec<Value> {
    let (mut messages, mut cursor) = (vec![], post["msg_id"].clone());
    loop {
        let args = json!({ "channel_id": channel_id, "cursor": cursor, "include_trace": true });
        let page = client.call("sync_messages", args).await;
        messages.extend(page["messages"].as_array().unwrap().iter().cloned());
        cursor = page["cursor"].clone();
        let is_end =
            |message: &Value| message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == post["msg_id"];
        if messages.iter().any(is_end) {
            return messages;
        }
    }
}

/// Reads all that a member can see of a channel, as one text.
async fn read_all(client: &mut WsClient, channel_id: &str) -> String {
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
