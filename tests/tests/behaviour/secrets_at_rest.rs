//! Neither the relay's log at its most verbose level nor its database contains secrets.

use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

use crate::table::{Table, with};
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
    let more = json!({ "bot_code": KEEPER, "bot_params": { "word": "opal-in-the-params" }, "mutable": true });
    let mut table = Table::set_at(relay, more).await;
    let mut secrets = vec![table.bob_token.clone(), table.relay.local_token().unwrap()];
    secrets.push(std::fs::read_to_string(table.relay.data_dir().join("relay.key")).unwrap().trim().to_owned());
    collect_secrets(&table.created, &mut secrets);
    collect_secrets(&table.joined, &mut secrets);

    let args = table.here(json!({ "bot_id": "bot_CustomBot_0", "message": "beryl-in-a-whisper" }));
    table.bob.call("dm_bot", args).await;
    let updated = table.update(json!([{ "type": "new_invite", "slot_id": "s3" }])).await.unwrap();
    collect_secrets(&updated, &mut secrets);
    let rejoin = &table.joined["rejoin_token"];
    for transport in Transport::ALL {
        // Correct calls, and calls with secrets in the wrong place: another argument, a wrong type, an unknown name.
        let post = with(table.here(json!({ "body": "topaz-in-a-post" })), json!({ "data": { "token": rejoin } }));
        for (op, args) in [
            ("post_message", post.to_string()),
            ("join_channel", json!({ "invite_code": rejoin }).to_string()),
            ("join_channel", json!({ "invite_code": [rejoin] }).to_string()),
            ("join_channel", json!({ "invite_code": updated["invites"][0], "token": table.bob_token }).to_string()),
            ("join_channel", json!({ "invite_code": table.created["invites"][0] }).to_string()),
            ("join_channel", json!({ "invite_code": table.bob_token }).to_string()),
            ("leave_channel", json!({ "channel_id": rejoin }).to_string()),
            ("sync_messages", json!({ "channel_id": table.channel_id, "cursor": rejoin }).to_string()),
            ("post_message", format!(r#"{{"body":{rejoin},"n":1e400}}"#)),
            (rejoin.as_str().unwrap(), "{}".to_owned()),
        ] {
            transport.call(&table.relay, &table.bob_token, op, &args).await;
        }
    }
    for path in ["/mcp", "/", "/ws", "/nowhere"] {
        let mut http = HttpClient::connect(table.relay.address(), &table.bob_token).await.unwrap();
        http.post(&format!("{path}?token={}", table.bob_token), &[], "{".into()).await.unwrap();
        let mut http = HttpClient::connect(table.relay.address(), &format!("{}x", table.bob_token)).await.unwrap();
        http.post(path, &[("cookie", &table.bob_token)], "{".into()).await.unwrap();
    }
    table.relay.terminate().await.unwrap();
    let log = table.relay.logged().unwrap();
    assert!(log.contains("post_message") && log.contains("DEBUG"), "the log is verbose: {log}");
    assert!(secrets.len() >= 8, "{}", secrets.len());
    secrets.extend(["quartz", "garnet", "opal", "beryl", "topaz", "class Keeper"].map(str::to_owned));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}

#[tokio::test]
async fn the_database_contains_no_tokens_and_codes() {
    let mut table = Table::set().await;
    let mut secrets = vec![table.bob_token.clone(), table.relay.local_token().unwrap()];
    collect_secrets(&table.created, &mut secrets);
    collect_secrets(&table.joined, &mut secrets);
    let join = json!({ "invite_code": table.created["invites"][1], "idempotency_key": "k1" });
    collect_secrets(&table.bob.call("join_channel", join).await, &mut secrets);
    table.relay.terminate().await.unwrap();
    let mut bytes = vec![];
    for name in ["relay.db", "relay.db-wal"] {
        bytes.extend(std::fs::read(table.relay.data_dir().join(name)).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("member:join"), "it is the database");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the database");
    }
}
