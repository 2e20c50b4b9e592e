//! Mistakes of operators: a wrong data directory, files with wrong owners or modes, addresses that nobody can reach.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use mcp_multiplayer_tests::{RelayProcess, binary};
use tempfile::TempDir;
use tokio::process::Command;

use crate::browser::{Browser, authorization_query, redeem, register};

const APP: &str = "https://app.example/callback";

/// Runs a relay that is expected to end by itself, or an operator's command.
async fn run(data_dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(arguments).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    command.kill_on_drop(true).output().await.unwrap()
}

/// Runs a command that must fail, and returns its error.
async fn failure(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments).await;
    assert!(!output.status.success(), "{arguments:?} succeeded: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Runs a command that must succeed, and returns its output and what it tells the operator.
async fn success(data_dir: &Path, arguments: &[&str]) -> (String, String) {
    let output = run(data_dir, arguments).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

#[tokio::test]
async fn only_the_relay_and_create_commands_create_a_database() {
    let directory = TempDir::new().unwrap();
    let mistyped = directory.path().join("mistyped");
    for arguments in [
        &["token", "list"][..],
        &["token", "revoke", "x"],
        &["access-code", "list"],
        &["access-code", "revoke", "x"],
        &["grant", "list"],
        &["grant", "revoke", "x"],
        &["receipt", "chn_aaaaaaaaaaaaaaaa"],
    ] {
        for data_dir in [directory.path(), &mistyped] {
            let error = failure(data_dir, arguments).await;
            assert!(error.contains("there is no database at") && error.contains("--data-dir"), "{error}");
            assert!(error.contains(data_dir.join("relay.db").to_str().unwrap()), "{error}");
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?} created something");
    }
    for noun in ["token", "access-code"] {
        let data_dir = directory.path().join(noun);
        let (_, told) = success(&data_dir, &[noun, "create", "--name", "alice"]).await;
        assert!(told.contains(data_dir.to_str().unwrap()) && told.contains("new database"), "{told}");
        let (_, told) = success(&data_dir, &[noun, "create", "--name", "bob"]).await;
        assert!(told.contains(data_dir.to_str().unwrap()) && !told.contains("new database"), "{told}");
        let (listed, _) = success(&data_dir, &[noun, "list"]).await;
        assert_eq!(listed.lines().count(), 3, "{listed}");
    }
}

#[tokio::test]
async fn lists_have_headers_and_grants_name_their_person() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    for (noun, header) in [
        ("token", "ID  CREATED  NAME"),
        ("access-code", "ID  CREATED  NAME"),
        ("grant", "ID  CREATED  PERSON  PRINCIPAL  CLIENT ID  SCOPE  CLIENT NAME"),
    ] {
        let (listed, _) = success(relay.data_dir(), &[noun, "list"]).await;
        assert_eq!(listed.trim_end(), header, "an empty list has a header, too");
    }
    let (code, _) = success(relay.data_dir(), &["access-code", "create", "--name", "Alice Ndiaye"]).await;
    let client = register(&relay, "My app", &[APP]).await;
    let mut alice = Browser::new(&relay);
    let answer = [("decision", "allow"), ("access_code", code.trim())];
    let page = alice.decide(&authorization_query(&client, APP), &answer).await;
    redeem(&relay, &client, APP, &page.parameter("code").unwrap()).await;
    let (listed, _) = success(relay.data_dir(), &["grant", "list"]).await;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    for (title, value) in [("PERSON", "Alice Ndiaye"), ("CLIENT ID", &client), ("CLIENT NAME", "My app")] {
        let column = lines[0].find(title).unwrap();
        assert!(lines[1][column..].starts_with(value), "{title}: {listed}");
    }
}

#[tokio::test]
async fn the_help_of_a_command_begins_with_its_own_options() {
    let directory = TempDir::new().unwrap();
    for (arguments, own) in [
        (&["token", "create", "--help"][..], &["--name"][..]),
        (&["access-code", "create", "--help"], &["--name"]),
        (&["receipt", "--help"], &["--out", "--public"]),
    ] {
        let (help, _) = success(directory.path(), arguments).await;
        let at = |option: &str| help.find(&format!(" {option}")).unwrap_or_else(|| panic!("{option}: {help}"));
        assert!(own.iter().all(|own| at(own) < at("--config")), "{help}");
    }
}

#[tokio::test]
async fn a_database_that_other_users_can_read_is_refused() {
    let mut relay = RelayProcess::start().await.unwrap();
    assert!(relay.terminate().await.unwrap());
    let database = relay.data_dir().join("relay.db");
    std::fs::set_permissions(&database, Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["serve"][..], &["token", "list"], &["token", "create", "--name", "bob"]] {
        let error = failure(relay.data_dir(), arguments).await;
        let remedy = format!("chmod 600 {}", database.display());
        assert!(error.contains("other users") && error.contains(&remedy), "{error}");
    }
    std::fs::set_permissions(&database, Permissions::from_mode(0o600)).unwrap();
    relay.restart(None).await.unwrap();
}

#[tokio::test]
async fn a_relay_warns_of_addresses_without_tls_and_of_an_unreachable_public_url() {
    let (plain, unreachable) = ("without TLS", "public_url");
    for (flags, warnings) in [
        (&[][..], &[][..]),
        (&["--also-listen", "0.0.0.0:0"], &[plain, unreachable]),
        (&["--also-listen", "0.0.0.0:0", "--public-url", "http://relay.example.org"], &[plain]),
        (&["--also-listen", "[::]:0", "--public-url", "http://[::]:443"], &[plain, unreachable]),
        // The proxy that the operator trusts speaks TLS.
        (
            &[
                "--also-listen",
                "0.0.0.0:0",
                "--public-url",
                "https://relay.example.org",
                "--trusted-proxies",
                "10.0.0.0/8",
            ],
            &[],
        ),
    ] {
        let relay = RelayProcess::start_verbose(flags).await.unwrap();
        let log = relay.logged().unwrap();
        for warning in [plain, unreachable] {
            let lines = log.lines().filter(|line| line.contains("WARN") && line.contains(warning)).count();
            assert_eq!(lines, usize::from(warnings.contains(&warning)), "{flags:?} {warning}: {log}");
        }
    }
}

/// Runs a command as a user who is not root, because root may write everywhere.
async fn failure_as_user(data_dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(arguments).args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let output = command.kill_on_drop(true).output().await.unwrap();
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn errors_of_files_name_the_path_and_the_remedy() {
    let directory = TempDir::new().unwrap();
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    // A directory in which nothing can be created.
    for arguments in [&["serve"][..], &["token", "create", "--name", "bob"]] {
        for data_dir in [&closed, &closed.join("new")] {
            let error = failure_as_user(data_dir, arguments).await;
            assert!(error.contains(data_dir.to_str().unwrap()), "{error}");
            assert!(error.contains("as the user who owns"), "{error}");
        }
    }
    // Files that this user can read but not write.
    let data_dir = directory.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    success(&data_dir, &["token", "create", "--name", "bob"]).await;
    std::fs::set_permissions(&data_dir, Permissions::from_mode(0o755)).unwrap();
    let database = data_dir.join("relay.db");
    for mode in [0o400, 0o444] {
        std::fs::set_permissions(&database, Permissions::from_mode(mode)).unwrap();
        for arguments in [&["serve"][..], &["token", "create", "--name", "bob"]] {
            let error = failure_as_user(&data_dir, arguments).await;
            assert!(error.contains(data_dir.to_str().unwrap()), "{error}");
            assert!(error.contains("as the user who owns"), "{mode:o}: {error}");
        }
    }
    // A key of another user, in a directory of this one.
    std::fs::set_permissions(&closed, Permissions::from_mode(0o777)).unwrap();
    let key = closed.join("relay.key");
    std::fs::write(&key, "").unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o000)).unwrap();
    let error = failure_as_user(&closed, &["serve"]).await;
    assert!(error.contains(key.to_str().unwrap()) && error.contains("as the user who owns"), "{error}");
}
