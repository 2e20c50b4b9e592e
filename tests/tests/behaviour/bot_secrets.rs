//! Bots' sealed secrets: the bot can use them, and nobody else can see them.

use mcp_multiplayer_tests::RelayProcess;
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, read_until};

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
        elif text == 'dm':
            self.ctx.dm('s2', 'private', key)
        else:
            raise RuntimeError('the key is ' + key)
";

async fn with_keeper(flags: &[&str]) -> TwoPlayerChannel {
    let relay = RelayProcess::start_verbose(flags).await.unwrap();
    let bot = json!({ "name": "Keeper", "inline_code": KEEPER, "env": { "API_KEY": SECRET } });
    TwoPlayerChannel::create_on(relay, json!({ "bots": [bot], "idempotency_key": "k" })).await
}

/// Posts a text as bob, and returns the message that follows it.
async fn answer(fixture: &mut TwoPlayerChannel, text: &str) -> Value {
    let id = fixture.bob_posts(text).await;
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, text, move |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == id
    })
    .await;
    let from = log.iter().position(|message| message["id"] == id).unwrap();
    log[from + 1].clone()
}

#[tokio::test]
async fn only_the_bot_can_see_its_secrets() {
    let mut fixture = with_keeper(&[]).await;
    let answered = answer(&mut fixture, "length").await;
    assert_eq!(answered["body"]["n"], SECRET.len());
    for text in ["tell", "dm"] {
        let refused = answer(&mut fixture, text).await;
        assert_eq!(refused["body"]["type"], "bot:error", "{refused}");
        assert!(refused["body"]["reason"].as_str().unwrap().contains("secrets (ctx.env)"), "{refused}");
    }
    let raised = answer(&mut fixture, "raise").await;
    assert_eq!(raised["body"]["reason"], "RuntimeError");
    assert!(fixture.relay.logged().unwrap().contains("RuntimeError: the key is [secret]"));

    // After a restart the bot still has the secret, and nothing that others can read contains it.
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    assert_eq!(answer(&mut fixture, "length").await["body"]["n"], SECRET.len());
    let bot_id = fixture.created["bots"][0]["bot_id"].clone();
    let code = fixture.args(json!({ "bot_id": bot_id }));
    let code = fixture.bob.call("get_bot_code", code).await;
    let info = fixture.bob.call("get_channel_info", fixture.args(json!({}))).await;
    let log = fixture.bob_reads().await;
    let shown = format!("{code} {info} {log:?} {}", fixture.created);
    assert!(!shown.contains(SECRET));
    assert!(fixture.relay.terminate().await.unwrap());
    for file in std::fs::read_dir(fixture.relay.data_dir()).unwrap() {
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
    let mut fixture = with_keeper(&[]).await;
    let create = |secret: &str| {
        json!({
            "name": "Game", "slots": ["bot:referee", "invite:alice", "invite:bob", "invite:carol"], "join_as": "alice",
            "bots": [{ "name": "Keeper", "inline_code": KEEPER, "env": { "API_KEY": secret } }], "idempotency_key": "k",
        })
    };
    let again = fixture.alice.call("create_channel", create(SECRET)).await;
    assert_eq!(again["channel_id"], fixture.created["channel_id"]);
    let other = fixture.alice.try_call("create_channel", create("sk-another-secret")).await;
    assert_eq!(other.unwrap_err().code(), "CONFLICT");
}

#[tokio::test]
async fn invalid_secrets_are_refused_without_being_shown() {
    let mut fixture = TwoPlayerChannel::create().await;
    let made = fixture.alice.call("create_channel", json!({ "name": "x", "slots": ["bot:r", "invite:a"] })).await;
    let attach =
        |env: Value| json!({ "channel_id": made["channel_id"], "name": "Keeper", "inline_code": KEEPER, "env": env });
    for env in [json!({ "API_KEY": "short7x" }), json!({ "sk-in-the-wrong-place": "12345678" })] {
        let refused = fixture.alice.try_call("attach_bot", attach(env)).await.unwrap_err();
        let shown = format!("{refused:?}");
        assert_eq!(refused.code(), "INVALID_REQUEST");
        assert!(!shown.contains("short7x") && !shown.contains("sk-in-the-wrong-place"), "{shown}");
    }
    let attached = fixture.alice.call("attach_bot", attach(json!({ "API_KEY": SECRET }))).await;
    assert_eq!(attached["bot_id"], "bot_Keeper_0");
    let log = crate::fixture::read(&mut fixture.alice, made["channel_id"].as_str().unwrap()).await;
    assert_eq!(of_type(&log, "bot:attach").len(), 1);
}
