//! Neither the relay's log at its most verbose level nor its database contains secrets.

use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, with};
use crate::transport::Transport;

const KEEPER: &str = "
class Keeper:
    def on_init(self):
        self.ctx.set_state({'word': 'quartz-in-the-state'})
    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'secret', {'text': 'garnet-in-an-answer'})
        raise ValueError('no')
";

fn collect_secrets(value: &Value, secrets: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("inv_") || text.contains("rejoin_") => {
            secrets.push(text.rsplit('#').next().unwrap().to_owned());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_secrets(item, secrets)),
        Value::Object(fields) => fields.values().for_each(|item| collect_secrets(item, secrets)),
        _ => {}
    }
}

#[tokio::test]
async fn the_log_contains_no_secrets() {
    let relay = RelayProcess::start_verbose(&[]).await.unwrap();
    let more = json!({ "bot_code": KEEPER, "bot_params": { "word": "opal-in-the-params" }, "bots_change": "owner" });
    let mut fixture = TwoPlayerChannel::create_on(relay, more).await;
    let mut secrets = vec![fixture.bob_token.clone(), fixture.relay.local_token().unwrap()];
    for name in ["relay.key", "log.key"] {
        secrets.push(std::fs::read_to_string(fixture.relay.data_dir().join(name)).unwrap().trim().to_owned());
    }
    collect_secrets(&fixture.created, &mut secrets);
    collect_secrets(&fixture.joined, &mut secrets);

    let args = fixture.args(json!({ "bot_id": "bot_CustomBot_0", "message": "beryl-in-a-dm" }));
    fixture.bob.call("dm_bot", args).await;
    let updated = fixture.update(json!([{ "type": "new_invite", "slot_id": "s3" }])).await.unwrap();
    collect_secrets(&updated, &mut secrets);
    let rejoin = &fixture.joined["rejoin_token"];
    for transport in Transport::ALL {
        // Correct calls, and calls with secrets in the wrong place: another argument, a wrong type, an unknown name.
        let post = with(fixture.args(json!({ "body": "topaz-in-a-post" })), json!({ "data": { "token": rejoin } }));
        for (op, args) in [
            ("post_message", post.to_string()),
            ("join_channel", json!({ "invite_code": rejoin }).to_string()),
            ("join_channel", json!({ "invite_code": [rejoin] }).to_string()),
            ("join_channel", json!({ "invite_code": updated["invites"][0], "token": fixture.bob_token }).to_string()),
            ("join_channel", json!({ "invite_code": fixture.created["invites"][0] }).to_string()),
            ("join_channel", json!({ "invite_code": fixture.bob_token }).to_string()),
            ("leave_channel", json!({ "channel_id": rejoin }).to_string()),
            ("sync_messages", json!({ "channel_id": fixture.channel_id, "cursor": rejoin }).to_string()),
            ("post_message", format!(r#"{{"body":{rejoin},"n":1e400}}"#)),
            (rejoin.as_str().unwrap(), "{}".to_owned()),
        ] {
            transport.call(&fixture.relay, &fixture.bob_token, op, &args).await;
        }
    }
    for path in ["/mcp", "/", "/ws", "/nowhere"] {
        let mut http = HttpClient::connect(fixture.relay.address(), &fixture.bob_token).await.unwrap();
        http.post(&format!("{path}?token={}", fixture.bob_token), &[], "{".into()).await.unwrap();
        let mut http = HttpClient::connect(fixture.relay.address(), &format!("{}x", fixture.bob_token)).await.unwrap();
        http.post(path, &[("cookie", &fixture.bob_token)], "{".into()).await.unwrap();
    }
    fixture.relay.terminate().await.unwrap();
    let log = fixture.relay.logged().unwrap();
    assert!(log.contains("post_message") && log.contains("DEBUG"), "the log is verbose: {log}");
    assert!(secrets.len() >= 8, "{}", secrets.len());
    secrets.extend(["quartz", "garnet", "opal", "beryl", "topaz", "class Keeper"].map(str::to_owned));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn the_database_contains_no_tokens_and_codes() {
    let mut fixture = TwoPlayerChannel::create().await;
    let mut secrets = vec![fixture.bob_token.clone(), fixture.relay.local_token().unwrap()];
    collect_secrets(&fixture.created, &mut secrets);
    collect_secrets(&fixture.joined, &mut secrets);
    let join = json!({ "invite_code": fixture.created["invites"][1], "idempotency_key": "k1" });
    collect_secrets(&fixture.bob.call("join_channel", join).await, &mut secrets);
    fixture.relay.terminate().await.unwrap();
    let mut bytes = vec![];
    for name in ["relay.db", "relay.db-wal"] {
        bytes.extend(std::fs::read(fixture.relay.data_dir().join(name)).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("member:join"), "it is the database");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the database");
    }
}
