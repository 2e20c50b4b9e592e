//! The relay's settings and their sources: flags take precedence over variables, variables over the file, the file over
//! defaults.

use std::collections::HashMap;
use std::path::Path;
use std::process::Output;

use mcp_multiplayer_tests::binary;
use tempfile::TempDir;
use tokio::process::Command;

async fn config(directory: &Path, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.arg("config").args(args).env_clear().env("HOME", "/home/alice").envs(environment.iter().copied());
    command.current_dir(directory).output().await.unwrap()
}

/// Value and source of each setting, as `config` prints them: `name = value # source`, or `# name = # source` for a setting
/// without a value.
async fn settings(directory: &Path, args: &[&str], environment: &[(&str, &str)]) -> HashMap<String, (String, String)> {
    let output = config(directory, args, environment).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = |line: &str| {
        let (name, rest) = line.split_once('=').unwrap();
        let (value, source) = rest.rsplit_once('#').unwrap();
        (name.trim().to_owned(), (value.trim().to_owned(), source.trim().to_owned()))
    };
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_start_matches("# ")).filter(|line| line.contains('=')).map(line).collect()
}

fn setting<'a>(settings: &'a HashMap<String, (String, String)>, name: &str) -> (&'a str, &'a str) {
    let (value, source) = &settings[name];
    (value, source)
}

#[tokio::test]
async fn every_setting_has_a_default() {
    let directory = TempDir::new().unwrap();
    let output = config(directory.path(), &[], &[]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    #[cfg(target_os = "linux")]
    insta::assert_snapshot!(text);
    let mut settings = text.lines().filter(|line| line.contains('='));
    assert!(settings.all(|line| line.ends_with("# default") || line.contains("# default: ")), "{text}");
}

#[tokio::test]
async fn flags_take_precedence_over_variables_and_variables_over_the_file() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    std::fs::write(&file, "bot_hook_ms = 1\nbody_bytes = 2\nwait_ms = 3\nallowed_hosts = [\"a\", \"b\"]\n").unwrap();
    let file = file.to_str().unwrap();
    let environment = [("MCP_MULTIPLAYER_BOT_HOOK_MS", "10"), ("MCP_MULTIPLAYER_BODY_BYTES", "20")];
    let found = settings(directory.path(), &["--config", file, "--bot-hook-ms", "100"], &environment).await;
    assert_eq!(setting(&found, "bot_hook_ms"), ("100", "flag --bot-hook-ms"));
    assert_eq!(setting(&found, "body_bytes"), ("20", "variable MCP_MULTIPLAYER_BODY_BYTES"));
    assert_eq!(setting(&found, "wait_ms"), ("3", &*format!("file {file}")));
    assert_eq!(setting(&found, "allowed_hosts").0, r#"["a","b"]"#);
    assert_eq!(setting(&found, "posts_burst"), ("60", "default"));
    // A variable can name the file, too.
    let found = settings(directory.path(), &[], &[("MCP_MULTIPLAYER_CONFIG", file)]).await;
    assert_eq!(setting(&found, "bot_hook_ms").0, "1");
}

#[tokio::test]
async fn the_public_url_follows_from_the_addresses_and_the_certificate() {
    let directory = TempDir::new().unwrap();
    let found = settings(directory.path(), &["--listen", "0.0.0.0:9000"], &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""http://127.0.0.1:9000""#, "default, from listen"));
    let tls = ["--tls-cert", "c.pem", "--tls-key", "k.pem"];
    let found = settings(directory.path(), &tls, &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""https://127.0.0.1:8100""#, "default, from tls_cert"));
    let found = settings(directory.path(), &[&tls[..], &["--listen", "0.0.0.0:443"]].concat(), &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""https://127.0.0.1:443""#, "default, from listen"));
    let found = settings(directory.path(), &["--listen", "[::]:443"], &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""http://[::1]:443""#, "default, from listen"));
    let args = ["--listen", "0.0.0.0:443", "--acme-domain", "relay.example.org"];
    let found = settings(directory.path(), &args, &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""https://relay.example.org""#, "default, from acme_domain"));
    let args = ["--listen", "0.0.0.0:9000", "--public-url", "https://relay.example.org"];
    let found = settings(directory.path(), &args, &[]).await;
    assert_eq!(setting(&found, "public_url"), (r#""https://relay.example.org""#, "flag --public-url"));
}

#[tokio::test]
async fn variables_of_the_original_system_are_understood() {
    let directory = TempDir::new().unwrap();
    std::fs::write(
        directory.path().join(".env"),
        "DOMAIN=play.example\nUSE_SSL=true\nPROXY_PORT=9100\nMCP_PORT=9201\nDATA_DIR=/srv/play\n",
    )
    .unwrap();
    let found = settings(directory.path(), &[], &[("PROXY_HOST", "0.0.0.0")]).await;
    assert_eq!(setting(&found, "listen").0, r#""0.0.0.0:9100""#);
    assert_eq!(setting(&found, "also_listen").0, r#""127.0.0.1:9201""#);
    assert_eq!(setting(&found, "public_url").0, r#""https://play.example""#);
    assert_eq!(setting(&found, "data_dir").0, r#""/srv/play""#);
    assert_eq!(setting(&found, "listen").1, "original system's PROXY_HOST, PROXY_PORT");
    let found = settings(directory.path(), &["--listen", "127.0.0.1:1"], &[]).await;
    assert_eq!(setting(&found, "listen"), (r#""127.0.0.1:1""#, "flag --listen"));
}

#[tokio::test]
async fn errors_name_the_setting_and_its_source() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("relay.toml");
    let path = file.to_str().unwrap().to_owned();
    for (text, args, environment, words) in [
        ("bot_hook_ms = \"soon\"", vec!["--config", &path], vec![], vec!["bot_hook_ms", "relay.toml"]),
        ("no_such_setting = 1", vec!["--config", &path], vec![], vec!["no_such_setting", "relay.toml"]),
        ("bot_hook_ms = = 1", vec!["--config", &path], vec![], vec!["relay.toml", "not a valid configuration"]),
        ("bot_hook_ms = 0", vec!["--config", &path], vec![], vec!["bot_hook_ms", "at least 1"]),
        ("", vec!["--config", "/nowhere/relay.toml"], vec![], vec!["/nowhere/relay.toml"]),
        ("", vec!["--listen", "here"], vec![], vec!["--listen", "here"]),
        ("", vec!["--public-url", "relay.example.org"], vec![], vec!["public_url", "https://"]),
        ("", vec!["--no-such-flag"], vec![], vec!["--no-such-flag"]),
        ("", vec!["--tls-cert", "a.pem"], vec![], vec!["tls_cert", "without tls_key"]),
        ("", vec!["--tls-key", "a.pem"], vec![], vec!["tls_key", "without tls_cert"]),
        (
            "tls_key = \"k.pem\"",
            vec!["--config", &path, "--tls-cert", "c.pem", "--acme-domain", "relay.example.org"],
            vec![],
            vec!["tls_cert", "acme_domain", "choose"],
        ),
        ("", vec!["--acme-directory", "http://ca.example"], vec![], vec!["acme_directory", "https://"]),
        ("", vec!["--trusted-proxies", "127.0.0.1,proxy"], vec![], vec!["trusted_proxies", "`proxy`"]),
        ("", vec!["--requests-burst", "0"], vec![], vec!["requests_burst", "at least 1"]),
        ("", vec!["--connections", "0"], vec![], vec!["connections", "at least 1"]),
        ("", vec![], vec![("MCP_MULTIPLAYER_BOT_HOOK_MS", "soon")], vec!["MCP_MULTIPLAYER_BOT_HOOK_MS", "soon"]),
        (
            "database = \"postgres://db/x\"",
            vec!["--config", &path],
            vec![],
            vec!["database", "relay.toml", "sqlite:PATH"],
        ),
        ("", vec!["--database", "relay.db"], vec![], vec!["--database", "sqlite:PATH"]),
        ("", vec![], vec![("PROXY_PORT", "many")], vec!["listen", "original"]),
        ("", vec![], vec![("PROXY_HOST", "relay.example.org")], vec!["listen", "PROXY_HOST"]),
        ("", vec![], vec![("MCP_PORT", "many")], vec!["also_listen", "MCP_PORT"]),
        ("", vec![], vec![("USE_SSL", "maybe")], vec!["USE_SSL", "`maybe`", "true"]),
        ("", vec![], vec![("DOMAIN", "http://play.example")], vec!["DOMAIN", "http://play.example"]),
        ("", vec![], vec![("DOMAIN", "play example")], vec!["DOMAIN", "play example"]),
        ("access = \"opne\"", vec!["--config", &path], vec![], vec!["access", "relay.toml", "opne", "`invite`"]),
        ("log_format = \"xml\"", vec!["--config", &path], vec![], vec!["log_format", "xml", "`json`"]),
        ("local_token = \"yes\"", vec!["--config", &path], vec![], vec!["local_token", "relay.toml"]),
        ("", vec!["--access", "opne"], vec![], vec!["--access", "opne", "`invite`"]),
        ("", vec![], vec![("MCP_MULTIPLAYER_ACCESS", "opne")], vec!["MCP_MULTIPLAYER_ACCESS", "opne", "`invite`"]),
        ("", vec![], vec![("MCP_MULTIPLAYER_ACESS", "closed")], vec!["MCP_MULTIPLAYER_ACESS", "no setting"]),
        ("", vec!["--log", "debg"], vec![], vec!["log", "debg", "debug"]),
        ("", vec!["--log", "info,security=loud"], vec![], vec!["log", "loud", "debug"]),
        ("", vec!["--bot-sandbox-disable", "secomp"], vec![], vec!["bot_sandbox_disable", "secomp", "seccomp"]),
        ("", vec!["--allowed-origins", "play.example.org"], vec![], vec!["allowed_origins", "play.example.org"]),
        ("", vec!["--allowed-hosts", "https://a.example"], vec![], vec!["allowed_hosts", "https://a.example"]),
        ("", vec!["--bot-network-deny", "a b"], vec![], vec!["bot_network_deny", "a b"]),
        ("", vec!["--public-url", "http://"], vec![], vec!["public_url", "https://"]),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = config(directory.path(), &args, &environment).await;
        assert!(!output.status.success(), "{text} {args:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        for word in words {
            assert!(stderr.contains(word), "{text} {args:?} {environment:?}: {stderr}");
        }
    }
}
