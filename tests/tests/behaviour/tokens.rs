//! Bearer tokens: the local one in its file, and those that an operator creates, lists and revokes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use mcp_multiplayer_tests::{RelayProcess, WsClient, binary};
use serde_json::json;
use tokio::process::Command;

async fn command(relay: &RelayProcess, args: &[&str]) -> Output {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    command.output().await.unwrap()
}

async fn list(relay: &RelayProcess) -> Vec<String> {
    let output = command(relay, &["token", "list"]).await;
    assert!(output.status.success());
    // After the header.
    String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
}

async fn is_accepted(relay: &RelayProcess, token: &str) -> bool {
    WsClient::connect(relay.address(), token).await.is_ok()
}

#[tokio::test]
async fn tokens_are_created_listed_and_revoked() {
    let mut relay = RelayProcess::start().await.unwrap();
    assert_eq!(list(&relay).await, Vec::<String>::new());
    let output = command(&relay, &["token", "create", "--name", "bob's laptop"]).await;
    let (token, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let token = token.trim();
    assert!(token.starts_with("mm_") && token.len() > 40 && !stderr.contains(token), "only stdout has it, for scripts");
    let alices = relay.create_token("alice").await.unwrap();
    let listed = list(&relay).await;
    assert_eq!(listed.len(), 2);
    let bobs = listed.iter().find(|line| line.contains("bob's laptop")).unwrap();
    assert!(listed.iter().all(|line| !line.contains(token) && !line.contains("mm_")), "{listed:?}");

    // Revoked before it was ever used.
    let id = bobs.split_whitespace().next().unwrap();
    assert!(command(&relay, &["token", "revoke", id]).await.status.success());
    assert!(!is_accepted(&relay, token).await);
    assert_eq!(list(&relay).await.len(), 1);
    let again = command(&relay, &["token", "revoke", id]).await;
    assert!(!again.status.success());
    assert!(String::from_utf8(again.stderr).unwrap().contains("token list"));

    // Revoked after it was used, when the relay may have it cached. A restart clears the cache.
    assert!(is_accepted(&relay, &alices).await);
    let id = list(&relay).await[0].split_whitespace().next().unwrap().to_owned();
    assert!(command(&relay, &["token", "revoke", &id]).await.status.success());
    relay.restart(None).await.unwrap();
    assert!(!is_accepted(&relay, &alices).await);
    assert!(is_accepted(&relay, &relay.local_token().unwrap()).await);
}

#[tokio::test]
async fn each_token_is_a_separate_principal() {
    let relay = RelayProcess::start().await.unwrap();
    let (one, other) = (relay.create_token("bob").await.unwrap(), relay.create_token("bob").await.unwrap());
    let mut bob = WsClient::connect(relay.address(), &one).await.unwrap();
    let created = bob.call("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await;
    let mut namesake = WsClient::connect(relay.address(), &other).await.unwrap();
    let args = json!({ "channel_id": created["channel_id"] });
    assert_eq!(namesake.refusal("get_channel_info", args).await, "NOT_MEMBER");
}

#[tokio::test]
async fn the_local_token_is_readable_by_its_user_only() {
    let mut relay = RelayProcess::start().await.unwrap();
    let token = relay.local_token().unwrap();
    for name in ["local-token", "relay.key", "log.key"] {
        let mode = std::fs::metadata(relay.data_dir().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    relay.restart(None).await.unwrap();
    assert_eq!(relay.local_token().unwrap(), token, "a restart keeps it");
    relay.kill().await.unwrap();
    // A relay refuses to start with a secret that other users can read.
    for name in ["local-token", "relay.key", "log.key"] {
        let path = relay.data_dir().join(name);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let output = command(&relay, &["--listen", "127.0.0.1:0"]).await;
        assert!(!output.status.success());
        assert!(String::from_utf8(output.stderr).unwrap().contains("chmod 600"), "{name}");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    relay.restart(None).await.unwrap();
    assert!(is_accepted(&relay, &token).await);
}

#[tokio::test]
async fn the_local_token_can_be_disabled() {
    let relay = RelayProcess::start_with(&["--local-token", "false"]).await.unwrap();
    assert!(relay.local_token().is_err(), "none is created");
    assert!(!is_accepted(&relay, "").await);
    assert!(is_accepted(&relay, &relay.create_token("alice").await.unwrap()).await);
}
