//! The minimum level of the bot sandbox, after a restart on a platform or with a setting that no longer reaches it.

use std::path::Path;

use mcp_multiplayer_tests::RelayProcess;
use serde_json::json;

use crate::fixture::{TwoPlayerChannel, in_time, of_type, read, read_until, with_text};

const ECHO: &str = "
class Echo:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})
";

/// Line of the log about a bot whose hooks wait.
const WAITS: &str = "its hooks wait";

fn configure(file: &Path, settings: &str) {
    std::fs::write(file, settings).unwrap();
}

#[tokio::test]
async fn inline_bots_wait_after_a_restart_below_the_minimum_and_presets_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    configure(&file, "");
    let relay = RelayProcess::start_verbose(&["--config", file.to_str().unwrap()]).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({ "bot_code": ECHO })).await;
    fixture.bob_posts("first").await;
    fixture.bob_reads().await;
    let echoed = |text: &'static str| move |message: &serde_json::Value| message["body"]["text"] == text;
    read_until(&mut fixture.bob, &fixture.channel_id, "the first answer", echoed("echo first")).await;

    // The same as on a platform without any layer, and then a higher minimum than the platform reaches.
    let weaker = [
        ("bot_sandbox_disable = ['zygote']", "second"),
        ("bot_sandbox_disable = ['namespaces']\nbot_sandbox_minimum = 'full'", "third"),
    ];
    for (count, (settings, text)) in weaker.into_iter().enumerate() {
        configure(&file, settings);
        fixture.relay.restart(None).await.unwrap();
        fixture.bob = fixture.bob_ws().await;
        fixture.alice = fixture.relay.connect().await.unwrap();
        fixture.bob_posts(text).await;
        in_time("the report to the operator", async {
            loop {
                let log = fixture.bob_reads().await;
                assert_eq!(with_text(&log, &format!("echo {text}")).len(), 0, "the bot ran below the minimum");
                if fixture.relay.logged().unwrap().matches(WAITS).count() == count + 1 {
                    break;
                }
            }
        })
        .await;
        // Players see no failure, because nothing has failed.
        assert_eq!(of_type(&fixture.bob_reads().await, "bot:error").len(), 0);

        let create = json!({ "name": "G", "slots": ["bot:r", "invite:a"], "join_as": "a", "bot_preset": "GuessBot" });
        let game = fixture.alice.call("create_channel", create).await;
        let channel_id = game["channel_id"].as_str().unwrap();
        let log = read(&mut fixture.alice, channel_id).await;
        assert!(!of_type(&log, "bot:ran").is_empty(), "{log:?}");
    }
    assert!(fixture.relay.logged().unwrap().contains("bot_sandbox_minimum"));

    // No hook is lost, and the operator can lift the minimum.
    configure(&file, "bot_sandbox_disable = ['zygote']\nbot_allow_unsandboxed = true");
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    let log = read_until(&mut fixture.bob, &fixture.channel_id, "the last answer", echoed("echo third")).await;
    for text in ["echo first", "echo second", "echo third"] {
        assert_eq!(with_text(&log, text).len(), 1, "{text}");
    }
    // Players are told that another sandbox is around the bot, before the first hook that runs in it.
    let changes = of_type(&log, "bot:runtime");
    let [change] = changes[..] else { panic!("{changes:?}") };
    assert_eq!((&change["body"]["sandbox"], &change["kind"]), (&json!("process"), &json!("system")));
    assert!(change["id"].as_u64() < with_text(&log, "echo second")[0]["id"].as_u64());
}

#[tokio::test]
async fn a_channel_whose_bot_cannot_run_is_closed_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("relay.toml");
    configure(&file, "");
    let relay = RelayProcess::start_with(&["--config", file.to_str().unwrap()]).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({ "bot_code": ECHO })).await;
    configure(&file, "bot_sandbox_disable = ['zygote']");
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    fixture.alice = fixture.relay.connect().await.unwrap();
    let post = fixture.bob_posts("unheard").await;
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let closed = |message: &serde_json::Value| message["body"]["type"] == "close_applied";
    let log = read_until(&mut fixture.bob, &fixture.channel_id, "the close", closed).await;
    let skipped = of_type(&log, "bot:skipped");
    assert_eq!((&skipped[0]["body"]["trigger"], &skipped[0]["body"]["reason"]), (&json!(post), &json!("unavailable")));
}
