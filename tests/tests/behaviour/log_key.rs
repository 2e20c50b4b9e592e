//! The key that signs checkpoints, the name of the log, and the database belong together: with another key or name, an honest
//! relay would contradict what players have seen.

use std::process::Output;

use mcp_multiplayer_tests::{RelayProcess, binary};
use tokio::process::Command;

/// Runs a relay that is expected to end by itself, and returns what it says.
async fn refusal(relay: &RelayProcess, arguments: &[&str]) -> String {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(arguments).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(relay.data_dir());
    let Output { status, stderr, .. } = command.kill_on_drop(true).output().await.unwrap();
    assert!(!status.success(), "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[tokio::test]
async fn a_database_is_refused_without_its_log_key_and_with_another_one() {
    let mut relay = RelayProcess::start().await.unwrap();
    let mut other = RelayProcess::start().await.unwrap();
    relay.kill().await.unwrap();
    other.kill().await.unwrap();
    let (key, saved) = (relay.data_dir().join("log.key"), relay.data_dir().join("saved.key"));
    std::fs::rename(&key, &saved).unwrap();

    let error = refusal(&relay, &[]).await;
    assert!(error.contains("log.key is missing") && error.contains("backup"), "{error}");
    assert!(!key.exists(), "no key is created beside a database that has one");
    // The file of the relay's other key has the same form.
    for wrong in [other.data_dir().join("log.key"), relay.data_dir().join("relay.key")] {
        std::fs::copy(wrong, &key).unwrap();
        let error = refusal(&relay, &[]).await;
        assert!(error.contains("log.key is not the key that signed") && error.contains("backup"), "{error}");
    }
    std::fs::write(&key, "no key").unwrap();
    assert!(refusal(&relay, &[]).await.contains("does not contain a log key"));

    std::fs::rename(&saved, &key).unwrap();
    relay.restart(None).await.unwrap();
}

#[tokio::test]
async fn a_database_is_refused_under_another_name() {
    let mut relay = RelayProcess::start_with(&["--log-origin", "relay.example.org/games"]).await.unwrap();
    relay.kill().await.unwrap();
    let error = refusal(&relay, &["--log-origin", "other.example.org"]).await;
    assert!(error.contains("--log-origin relay.example.org/games"), "{error}");
    let error = refusal(&relay, &["--log-origin", "a name"]).await;
    assert!(error.contains("without spaces"), "{error}");
    relay.restart(None).await.unwrap();
}
