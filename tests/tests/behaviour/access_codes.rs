//! Access codes and grants, which the operator creates, lists and revokes while the relay runs.

use std::process::Output;

use mcp_multiplayer_tests::{RelayProcess, WsClient, binary};
use tokio::process::Command;

async fn command(relay: &RelayProcess, args: &[&str]) -> Output {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    command.output().await.unwrap()
}

/// Runs a command that prints a table, and returns the lines after its header.
async fn lines(relay: &RelayProcess, args: &[&str]) -> Vec<String> {
    let output = command(relay, args).await;
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn create(relay: &RelayProcess, name: &str) -> String {
    let output = command(relay, &["access-code", "create", "--name", name]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let code = String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned();
    assert!(!stderr(&output).contains(&code), "only stdout has it, for scripts");
    code
}

#[tokio::test]
async fn access_codes_are_created_listed_and_revoked() {
    let mut relay = RelayProcess::start().await.unwrap();
    assert_eq!(lines(&relay, &["access-code", "list"]).await, Vec::<String>::new());
    let (alices, bobs) = (create(&relay, "alice").await, create(&relay, "Bob's friends").await);
    for code in [&alices, &bobs] {
        let random = code.strip_prefix("mmp_").unwrap();
        assert_eq!(random.len(), 48, "30 bytes in base32");
        assert!(random.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7' | b'0'..=b'9')), "{random}");
    }
    assert_ne!(alices, bobs);
    relay.restart(None).await.unwrap();
    let listed = lines(&relay, &["access-code", "list"]).await;
    assert_eq!(listed.len(), 2);
    assert!(listed[0].ends_with("  alice") && listed[1].ends_with("  Bob's friends"), "{listed:?}");
    assert!(listed.iter().all(|line| !line.contains("mmp_")), "{listed:?}");

    let id = listed[1].split_whitespace().next().unwrap();
    assert!(command(&relay, &["access-code", "revoke", id]).await.status.success());
    assert_eq!(lines(&relay, &["access-code", "list"]).await, listed[..1]);
    let again = command(&relay, &["access-code", "revoke", id]).await;
    assert!(!again.status.success() && stderr(&again).contains("access-code list"), "{}", stderr(&again));
}

#[tokio::test]
async fn the_database_does_not_contain_access_codes() {
    let mut relay = RelayProcess::start().await.unwrap();
    let code = create(&relay, "alice").await;
    assert!(relay.terminate().await.unwrap());
    for file in std::fs::read_dir(relay.data_dir()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let random = code.strip_prefix("mmp_").unwrap().as_bytes();
            assert!(!bytes.windows(random.len()).any(|window| window == random), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn an_access_code_is_not_a_token() {
    let relay = RelayProcess::start().await.unwrap();
    let code = create(&relay, "alice").await;
    assert!(WsClient::connect(relay.address(), &code).await.is_err());
}

#[tokio::test]
async fn names_must_be_printable_and_short() {
    let relay = RelayProcess::start().await.unwrap();
    let long = "a".repeat(101);
    for noun in ["access-code", "token"] {
        for name in ["", " ", "alice\nbob", "\u{1b}[2Jalice", &long] {
            let output = command(&relay, &[noun, "create", "--name", name]).await;
            assert!(!output.status.success() && output.stdout.is_empty(), "{name:?}");
            assert!(stderr(&output).contains("1 to 100 printable characters"), "{}", stderr(&output));
        }
        assert_eq!(lines(&relay, &[noun, "list"]).await, Vec::<String>::new());
    }
    // Characters that change the direction of text are escaped.
    create(&relay, "alice\u{202e}bob").await;
    let listed = lines(&relay, &["access-code", "list"]).await;
    assert!(listed[0].ends_with(r"  alice\u{202e}bob"), "{listed:?}");
}

#[tokio::test]
async fn an_unknown_grant_cannot_be_revoked() {
    let relay = RelayProcess::start().await.unwrap();
    assert_eq!(lines(&relay, &["grant", "list"]).await, Vec::<String>::new());
    let output = command(&relay, &["grant", "revoke", "none\u{1b}[2J"]).await;
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains(r"there is no grant none\u{1b}[2J; list them with 'grant list'"),
        "{}",
        stderr(&output)
    );
}
