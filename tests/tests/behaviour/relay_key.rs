//! The relay's key and its database belong together: with another key every code would be invalid, and bots would reveal
//! seeds that contradict their commitments.

use std::path::Path;
use std::process::Output;

use mcp_multiplayer_tests::{RelayProcess, binary};
use serde_json::json;
use tokio::process::Command;

/// Runs a relay that is expected to end by itself, or an operator's command.
async fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(arguments).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    command.kill_on_drop(true).output().await.unwrap()
}

#[tokio::test]
async fn a_database_is_refused_without_its_key_and_with_another_one() {
    let mut relay = RelayProcess::start().await.unwrap();
    let mut other = RelayProcess::start().await.unwrap();
    let create = json!({ "name": "Game", "slots": ["bot:r", "invite:a", "invite:b"], "bot_preset": "GuessBot" });
    let created = relay.connect().await.unwrap().call("create_channel", create).await;
    let channel_id = created["channel_id"].as_str().unwrap();
    relay.kill().await.unwrap();
    other.kill().await.unwrap();
    let (key, saved) = (relay.data_dir().join("relay.key"), relay.data_dir().join("saved.key"));
    std::fs::rename(&key, &saved).unwrap();

    for (state, reason) in [("missing", "is missing"), ("another one", "is not the key of the database")] {
        if state == "another one" {
            std::fs::copy(other.data_dir().join("relay.key"), &key).unwrap();
        }
        for arguments in [&["serve"][..], &["receipt", channel_id]] {
            let output = run(relay.data_dir(), arguments).await;
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && output.stdout.is_empty(), "{state}: {arguments:?}");
            assert!(error.contains(reason) && error.contains("relay.key") && error.contains("backup"), "{error}");
        }
        assert_eq!(key.exists(), state == "another one", "no key is created beside a database that has one");
    }

    std::fs::rename(&saved, &key).unwrap();
    relay.restart(None).await.unwrap();
    let join = json!({ "invite_code": created["invites"][0] });
    let joined = relay.connect().await.unwrap().call("join_channel", join).await;
    assert_eq!(joined["channel_id"], channel_id);
}

#[tokio::test]
async fn tokens_can_be_created_before_the_first_start() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["token", "create", "--name", "alice"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!directory.path().join("relay.key").exists());
}
