//! Bots' sealed secrets: the bot can use them, and nobody else can see them.

use mcp_multiplayer_tests::RelayProcess;
use serde_json::{Value, json};

use crate::table::{Table, of_type, read_until};

const SECRET: &str = "sk-5f2b-canary-91aa";

const KEEPER: &str = "
class Keeper:
    def on_message(self, msg):
        key = self.ctx.env['API_KEY']
        text = msg['body']['text']
        if text == 'length':
            print('the key is', key)
            self.ctx.post('bot', {'text': 'length', 'n': len(key)})
        elif text == 'tell':
            self.ctx.post('bot', {'text': 'it is', 'list': [{'deep': 'x' + key}]})
        elif text == 'whisper':
            self.ctx.dm('s2', 'private', key)
        else:
            raise RuntimeError('the key is ' + key)
";

async fn with_keeper(flags: &[&str]) -> Table {
    let relay = RelayProcess::start_verbose(flags).await.unwrap();
    let bot = json!({ "name": "Keeper", "inline_code": KEEPER, "env": { "API_KEY": SECRET } });
    Table::set_at(relay, json!({ "bots": [bot], "idempotency_key": "k" })).await
}

/// Posts a text as bob, and returns the message that follows it.
async fn answer(table: &mut Table, text: &str) -> Value {
    let id = table.bob_says(text).await;
    let at = table.channel_id.clone();
    let log = read_until(&mut table.bob, &at, text, move |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == id
    })
    .await;
    let from = log.iter().position(|message| message["id"] == id).unwrap();
    log[from + 1].clone()
}

#[tokio::test]
async fn only_the_bot_can_see_its_secrets() {
    let mut table = with_keeper(&[]).await;
    let answered = answer(&mut table, "length").await;
    assert_eq!(answered["body"]["n"], SECRET.len());
    for text in ["tell", "whisper"] {
        let refused = answer(&mut table, text).await;
        assert_eq!(refused["body"]["type"], "bot:error", "{refused}");
        assert!(refused["body"]["reason"].as_str().unwrap().contains("secrets (ctx.env)"), "{refused}");
    }
    let raised = answer(&mut table, "raise").await;
    assert_eq!(raised["body"]["reason"], "RuntimeError: the key is [secret]");

    // After a restart the bot still has the secret, and nothing that others can read contains it.
    table.relay.restart(None).await.unwrap();
    table.bob = table.bob_again().await;
    assert_eq!(answer(&mut table, "length").await["body"]["n"], SECRET.len());
    let bot_id = table.created["bots"][0]["bot_id"].clone();
    let code = table.here(json!({ "bot_id": bot_id }));
    let code = table.bob.call("get_bot_code", code).await;
    let info = table.bob.call("get_channel_info", table.here(json!({}))).await;
    let log = table.bob_reads().await;
    let shown = format!("{code} {info} {log:?} {}", table.created);
    assert!(!shown.contains(SECRET));
    assert!(table.relay.terminate().await.unwrap());
    for file in std::fs::read_dir(table.relay.data_dir()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "the secret is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_repeat_with_another_secret_conflicts() {
    let mut table = with_keeper(&[]).await;
    let create = |secret: &str| {
        json!({
            "name": "Table", "slots": ["bot:referee", "invite:alice", "invite:bob", "invite:carol"], "join_as": "alice",
            "bots": [{ "name": "Keeper", "inline_code": KEEPER, "env": { "API_KEY": secret } }], "idempotency_key": "k",
        })
    };
    let again = table.alice.call("create_channel", create(SECRET)).await;
    assert_eq!(again["channel_id"], table.created["channel_id"]);
    let other = table.alice.try_call("create_channel", create("sk-another-secret")).await;
    assert_eq!(other.unwrap_err().code(), "CONFLICT");
}

#[tokio::test]
async fn invalid_secrets_are_refused_without_being_shown() {
    let mut table = Table::set().await;
    let made = table.alice.call("create_channel", json!({ "name": "x", "slots": ["bot:r", "invite:a"] })).await;
    let attach =
        |env: Value| json!({ "channel_id": made["channel_id"], "name": "Keeper", "inline_code": KEEPER, "env": env });
    for env in [json!({ "API_KEY": "short7x" }), json!({ "sk-in-the-wrong-place": "12345678" })] {
        let refused = table.alice.try_call("attach_bot", attach(env)).await.unwrap_err();
        let shown = format!("{refused:?}");
        assert_eq!(refused.code(), "INVALID_REQUEST");
        assert!(!shown.contains("short7x") && !shown.contains("sk-in-the-wrong-place"), "{shown}");
    }
    let attached = table.alice.call("attach_bot", attach(json!({ "API_KEY": SECRET }))).await;
    assert_eq!(attached["bot_id"], "bot_Keeper_0");
    let log = crate::table::read(&mut table.alice, made["channel_id"].as_str().unwrap()).await;
    assert_eq!(of_type(&log, "bot:attach").len(), 1);
}
