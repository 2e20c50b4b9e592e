use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_bot_supervisor::{
    BotKey, Hook, HookRequest, Outcome, Program, Stream, Supervisor, SupervisorConfig,
};
use mcp_multiplayer_protocol::{BotLimits, Secret};
use mcp_multiplayer_tests::binary;
use serde_json::json;
use tokio::time::sleep;

use crate::row::Row;
use crate::settings::ROUNDS;
use crate::timing::{Timing, median, micros};

const ECHO: &str = "
class EchoBot:
    def on_message(self, msg):
        self.ctx.set_state({'n': self.ctx.get_state().get('n', 0) + 1})
        self.ctx.post('bot', {'echo': msg['body']['text']})
";

/// New bots of a round. They stay below the number of workers that may live at the same time.
const BOTS: usize = 40;

struct Round {
    spare: Timing,
    cold: Timing,
}

/// Measures the first hook of a new bot, when a warm spare worker is ready and when there is none.
pub(crate) async fn measure() -> Result<Vec<Row>> {
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let round = Round { spare: first_hooks(2).await?, cold: first_hooks(0).await? };
        println!("  round {number}: warm spare {:.0} µs, cold {:.0} µs", round.spare.p50(), round.cold.p50());
        rounds.push(round);
    }
    let how = "on_message of new sources in the supervisor, sandboxed";
    Ok(vec![
        Row::at_most("first hook of a new bot p50, warm spare", median(&rounds, |of| of.spare.p50()) / 1e3, 2.0, "ms")
            .how(how),
        Row::at_most("first hook of a new bot p50, cold", median(&rounds, |of| of.cold.p50()) / 1e3, 6.0, "ms")
            .how("the same without spare workers"),
    ])
}

/// Runs one hook of each of many new bots.
async fn first_hooks(spares: usize) -> Result<Timing> {
    let directory = tempfile::tempdir()?;
    let mut config = SupervisorConfig::new(binary("mcp-multiplayer-bot"), directory.path().join("workspaces"));
    config.spares = spares;
    let supervisor = Supervisor::new(config).context("a supervisor")?;
    supervisor.sandbox().await?;
    let mut latencies = vec![];
    for number in 0..BOTS {
        let (key, program) = (BotKey::new("chn_1", &format!("bot_{number}")), program(number));
        // New bots do not arrive all at once in practice. The pause lets a spare worker be prepared.
        sleep(Duration::from_millis(30)).await;
        // In a task, as in the relay. Awaited here, each reply would reach the main thread through another one.
        let supervisor = supervisor.clone();
        let latency = tokio::spawn(async move {
            let start = Instant::now();
            run(&supervisor, &key, &program).await.map(|()| micros(start))
        });
        latencies.push(latency.await??);
    }
    Ok(Timing::new(latencies))
}

fn program(number: usize) -> Arc<Program> {
    let source = format!("{ECHO}\n# {number}\n").into();
    Arc::new(Program {
        name: "EchoBot".to_owned(),
        source,
        params: json!({}),
        policy: true,
        limits: BotLimits::default(),
    })
}

async fn run(supervisor: &Supervisor, key: &BotKey, program: &Arc<Program>) -> Result<()> {
    let report = supervisor.run(key, program, call()).await?;
    ensure!(matches!(report.outcome, Outcome::Completed(_)), "{:?}", report.outcome);
    Ok(())
}

fn call() -> HookRequest {
    let key = || Secret::new("11".repeat(32));
    HookRequest {
        hook: Hook::OnMessage,
        channel_id: "chn_1".to_owned(),
        bot_id: "bot_1".to_owned(),
        now_ms: 1_700_000_000_000,
        state: Some(r#"{"n":41}"#.to_owned()),
        seats: "{}".to_owned(),
        may_hold_seats: false,
        may_unseal: false,
        commitments: None,
        players: vec![],
        relay: None,
        slots: vec![],
        stream: Stream {
            epoch: 0,
            last: false,
            open: false,
            starting: false,
            position: 0,
            key: Some(key()),
            next_key: Some(key()),
        },
        env: std::collections::BTreeMap::new(),
        args: vec![json!({ "id": 7, "sender": "s1", "kind": "user", "body": { "text": "hello" } })],
    }
}
