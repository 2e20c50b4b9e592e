//! The presets satisfy the policy that applies to all bots.

use mcp_multiplayer_bot_supervisor::Hook;
use serde_json::{Value, json};

use crate::harness::{Bots, ReportExt, call, on_init};

const GUESS_BOT: &str = include_str!("../../../python/presets/guess_bot.py");

#[tokio::test]
async fn guess_bot_commits_under_the_policy() {
    let bots = Bots::new();
    let inspected = bots.inspect(&no_limit(GUESS_BOT)).await.unwrap();
    assert_eq!(inspected.class_name, "GuessBot");
    assert!(inspected.hooks.contains(&Hook::OnMessage));

    let mut state = None;
    let mut posted = Vec::new();
    let joins = ["s1", "s2"].map(|slot| call(Hook::OnJoin, vec![json!(slot)]));
    let starts = [call(Hook::OnReady, vec![]), call(Hook::OnStart, vec![json!(["s1", "s2"]), json!([])])];
    for mut hook in [vec![on_init()], joins.to_vec(), starts.to_vec()].concat() {
        hook.state.clone_from(&state);
        let report = bots.run(&no_limit(GUESS_BOT), hook).await;
        posted.extend(report.bodies());
        state = report.state().map(str::to_owned).or(state);
    }
    let committed = posted.iter().find_map(|body| body.get("commitment_hash").and_then(Value::as_str));
    assert_eq!(committed.unwrap().len(), 64, "{posted:?}");
}

/// The harness's params are not this bot's.
fn no_limit(source: &str) -> String {
    source.replace("self.read_params(params or {})", "self.read_params({})")
}
