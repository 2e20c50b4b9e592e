//! `doctor` says what works and what does not, and changes nothing.

use std::path::Path;
use std::process::{Output, Stdio};

use mcp_multiplayer_tests::{LyingRelay, RelayProcess, StdioClient, WsClient, binary};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::fixture::{TwoPlayerChannel, in_time};

const CURSOR: &str = ".cursor/mcp.json";
const REFEREE: &str = "class Referee:\n    def on_message(self, msg):\n        pass\n";

/// A person's home directory, and the token of the relay.
struct Person {
    home: TempDir,
    token: String,
}

/// Result of `doctor --json`.
#[derive(Debug)]
struct Diagnosis {
    code: i32,
    text: String,
    checks: Vec<Value>,
}

impl Person {
    fn new(token: &str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), token: token.to_owned() }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a configuration of Cursor with one server.
    fn configure(&self, server: &Value) {
        std::fs::create_dir_all(self.home().join(".cursor")).unwrap();
        let config = json!({ "mcpServers": { "multiplayer": server } });
        std::fs::write(self.home().join(CURSOR), config.to_string()).unwrap();
    }

    /// Runs `doctor`. The token is in the environment unless it is empty.
    async fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(binary("mcp-multiplayer"));
        command.arg("doctor").args(arguments).env_clear();
        command.env("HOME", self.home()).env("DATA_DIR", self.home().join("data"));
        if !self.token.is_empty() {
            command.env("MCP_MULTIPLAYER_TOKEN", &self.token);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        in_time("doctor", child.wait_with_output()).await.unwrap()
    }

    async fn diagnose(&self, arguments: &[&str]) -> Diagnosis {
        let Output { status, stdout, stderr } = self.run(&[arguments, &["--json"]].concat(), "").await;
        let text = String::from_utf8(stdout).unwrap();
        assert!(stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["ok"], status.success());
        let checks = result["checks"].as_array().unwrap().clone();
        Diagnosis { code: status.code().unwrap(), text, checks }
    }
}

impl Diagnosis {
    /// The verdict and message of the only check of a subject.
    fn of(&self, subject: &str) -> (&str, &str) {
        let mut found = self.checks.iter().filter(|check| check["subject"] == subject);
        let (Some(check), None) = (found.next(), found.next()) else { panic!("{subject}: {}", self.text) };
        (check["verdict"].as_str().unwrap(), check["message"].as_str().unwrap())
    }

    /// The subjects with this verdict.
    fn subjects(&self, verdict: &str) -> Vec<&str> {
        let found = self.checks.iter().filter(|check| check["verdict"] == verdict);
        found.map(|check| check["subject"].as_str().unwrap()).collect()
    }

    fn assert_problem(&self, subject: &str, words: &[&str]) {
        let (verdict, message) = self.of(subject);
        assert_eq!((self.code, verdict), (1, "problem"), "{}", self.text);
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} {message}");
        let problems = self.checks.iter().filter(|check| check["verdict"] == "problem");
        for problem in problems {
            assert!(problem["advice"].as_str().is_some_and(|advice| advice.len() > 10), "no advice: {problem}");
        }
    }
}

#[tokio::test]
async fn a_client_that_is_set_up_well_has_no_problem() {
    let relay = RelayProcess::start().await.unwrap();
    let token = relay.create_token("bob").await.unwrap();
    let address = format!("http://{}", relay.address());
    let person = Person::new("");
    // Address and token are in the client's configuration only.
    let program = binary("mcp-multiplayer");
    person.configure(
        &json!({ "command": program, "args": ["--relay", address], "env": { "MCP_MULTIPLAYER_TOKEN": token } }),
    );
    let diagnosis = person.diagnose(&[]).await;
    assert_eq!(diagnosis.code, 0, "{}", diagnosis.text);
    assert_eq!(diagnosis.subjects("ok"), ["program", "clients", "relay", "clock", "login", "bots", "log"]);
    assert!(diagnosis.of("program").1.contains(env!("CARGO_PKG_VERSION")));
    assert!(diagnosis.of("clients").1.contains("Cursor launches") && diagnosis.of("clients").1.contains(&address));
    let mut bob = WsClient::connect(relay.address(), &token).await.unwrap();
    let health = bob.call("health_check", json!({})).await;
    assert!(diagnosis.of("log").1.contains(health["log_key"].as_str().unwrap()), "{}", diagnosis.text);
    assert!(diagnosis.of("bots").1.contains(health["sandbox"].as_str().unwrap()), "{}", diagnosis.text);
    assert!(!diagnosis.text.contains(&token));
    assert!(!person.home().join("data").exists(), "nothing is kept");

    let output = person.run(&[], "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.starts_with("ok  ")), "{text}");
}

#[tokio::test]
async fn each_problem_is_named_with_what_to_do() {
    let mut relay = RelayProcess::start().await.unwrap();
    let address = format!("http://{}", relay.address());
    // The program was moved.
    let mut person = Person::new(&relay.local_token().unwrap());
    person.configure(&json!({ "command": "/nowhere/mcp-multiplayer" }));
    let diagnosis = person.diagnose(&[&address]).await;
    diagnosis.assert_problem("clients", &["Cursor", "/nowhere/mcp-multiplayer"]);
    assert!(diagnosis.text.contains("mcp-multiplayer setup cursor"), "{}", diagnosis.text);
    // The file is damaged.
    std::fs::write(person.home().join(CURSOR), "{\n  \"mcpServers\": SECRET }").unwrap();
    let diagnosis = person.diagnose(&[&address]).await;
    diagnosis.assert_problem("clients", &["Cursor", "line 2, column 17"]);
    assert!(!diagnosis.text.contains("SECRET"), "{}", diagnosis.text);
    assert_eq!(diagnosis.of("login").0, "ok", "the other checks go on");
    // No client has an entry, which is no problem for those who use others.
    std::fs::remove_file(person.home().join(CURSOR)).unwrap();
    let diagnosis = person.diagnose(&[&address]).await;
    assert_eq!((diagnosis.code, diagnosis.of("clients").0), (0, "unknown"));

    person.token = "mm_wrong".to_owned();
    let diagnosis = person.diagnose(&[&address]).await;
    diagnosis.assert_problem("login", &["did not accept the token", "MCP_MULTIPLAYER_TOKEN"]);
    assert_eq!(diagnosis.of("relay").0, "ok");
    assert!(!diagnosis.text.contains("mm_wrong"));

    // Nobody would wait for the use of a link, and the relay is not to be changed.
    person.token = String::new();
    let diagnosis = person.diagnose(&[&address]).await;
    diagnosis.assert_problem("login", &["You are not logged in"]);
    assert!(diagnosis.text.contains(&format!("`mcp-multiplayer login {address}`")), "{}", diagnosis.text);
    assert!(!diagnosis.text.contains("/device"), "{}", diagnosis.text);

    relay.kill().await.unwrap();
    let diagnosis = person.diagnose(&[&address]).await;
    diagnosis.assert_problem("relay", &["cannot be reached: nothing is listening at this address"]);
    assert_eq!(diagnosis.of("login").0, "unknown");
    let diagnosis = person.diagnose(&["https://relay.invalid"]).await;
    diagnosis.assert_problem("relay", &["cannot be reached: the name of its host cannot be found"]);
    let diagnosis = person.diagnose(&["--relay", "relay.example"]).await;
    diagnosis.assert_problem("relay", &["not the address of a relay"]);
}

/// A server that has a description with this title, says that it is 1994, and lets nobody in. Returns its address.
async fn impostor(title: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let body = json!({ "info": { "title": title, "version": "0.0.1" } }).to_string();
            let status =
                if request[..length].starts_with(b"GET /openapi.json ") { "200 OK" } else { "401 Unauthorized" };
            let response = format!(
                "HTTP/1.1 {status}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    });
    (address, serving)
}

#[tokio::test]
async fn another_server_and_a_wrong_clock_are_noticed() {
    let person = Person::new("mm_x");
    let (address, serving) = impostor("MCP Multiplayer").await;
    let diagnosis = person.diagnose(&[&address]).await;
    assert_eq!(diagnosis.of("relay").0, "ok");
    assert!(diagnosis.of("relay").1.contains("0.0.1"), "{}", diagnosis.text);
    diagnosis.assert_problem("clock", &["ahead of the relay's"]);
    diagnosis.assert_problem("login", &["did not accept"]);
    serving.abort();
    let (address, serving) = impostor("Pet Store").await;
    person.diagnose(&[&address]).await.assert_problem("relay", &["no multiplayer relay"]);
    serving.abort();
}

#[tokio::test]
async fn an_invite_is_looked_at_and_stays_as_it_is() {
    let channel = TwoPlayerChannel::create_with(&[], json!({ "bot_code": REFEREE, "require_terms": true })).await;
    let carol = channel.relay.create_token("carol").await.unwrap();
    let person = Person::new(&carol);
    let relay = format!("http://{}", channel.relay.address());
    let (code, link) = (&channel.created["invites"][1], &channel.created["invite_links"][1]);
    let (code, link) = (code.as_str().unwrap(), link.as_str().unwrap());
    let size = channel.size().await;

    let diagnosis = person.diagnose(&["--relay", &relay, code]).await;
    assert_eq!(diagnosis.code, 0, "{}", diagnosis.text);
    let expected = ["program", "relay", "clock", "login", "bots", "log", "invite", "referee", "terms"];
    assert_eq!(diagnosis.subjects("ok"), expected);
    assert!(diagnosis.of("invite").1.contains("s3 (carol)") && diagnosis.of("invite").1.contains("free"));
    let hash = channel.created["bots"][0]["code_hash"].as_str().unwrap();
    assert!(
        diagnosis.of("referee").1.contains(hash) && diagnosis.of("referee").1.contains("CustomBot"),
        "{}",
        diagnosis.text
    );
    let terms = diagnosis.of("terms").1;
    assert!(terms.contains(channel.created["terms_hash"].as_str().unwrap()), "{terms}");
    assert!(
        terms.contains("must accept") && terms.contains("Accepted by: alice.") && terms.contains("You have not"),
        "{terms}"
    );
    assert!(!diagnosis.text.contains("inv_") && !diagnosis.text.contains(&carol), "{}", diagnosis.text);

    // The link names the relay itself. Standard input keeps it out of the list of processes.
    let piped = person.run(&["-"], &format!("{link}\n")).await;
    assert!(piped.status.success(), "{}", String::from_utf8_lossy(&piped.stdout));
    assert_eq!(channel.size().await, size, "nothing is added to the log");
    let mut ws = WsClient::connect(channel.relay.address(), &carol).await.unwrap();
    let accepted = json!({ "invite_code": code, "terms_hash": channel.created["terms_hash"] });
    ws.call("join_channel", accepted).await;

    let diagnosis = person.diagnose(&["--relay", &relay, code]).await;
    assert!(diagnosis.of("invite").1.contains("taken") && diagnosis.code == 0, "{}", diagnosis.text);
    let terms = diagnosis.of("terms").1;
    assert!(terms.contains("alice, carol") && terms.contains("You accepted exactly these terms"), "{terms}");
    // For everybody else it is used up.
    let stranger = Person::new(&channel.relay.create_token("mallory").await.unwrap());
    let diagnosis = stranger.diagnose(&["--relay", &relay, code]).await;
    diagnosis.assert_problem("invite", &["already used"]);
    assert!(!diagnosis.text.contains(code));

    let wrong = person.run(&["invite_abc"], "").await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(!String::from_utf8_lossy(&wrong.stderr).contains("abc"), "it may be a mistyped secret");
}

#[tokio::test]
async fn a_relay_that_shows_other_code_or_has_another_key_is_noticed() {
    let channel = TwoPlayerChannel::with_bot(REFEREE).await;
    let relay = LyingRelay::start(channel.relay.address()).await.unwrap();
    let address = format!("http://{}", relay.address());
    let person = Person::new(&channel.bob_token);
    let invite = channel.created["invites"][1].as_str().unwrap();
    let arguments = ["--relay", address.as_str(), invite];
    assert_eq!(person.diagnose(&arguments).await.code, 0);

    relay.lie(|operation, result| {
        if operation == "get_bot_code" {
            result["inline_code"] = json!("class Referee:\n    pass\n");
        }
    });
    person.diagnose(&arguments).await.assert_problem("referee", &["has another one"]);
    // A hash that fits the code is not the one in the terms.
    let other = "class Referee:\n    pass\n";
    let other_hash = mcp_multiplayer_protocol::Hash::of(&[other.as_bytes()]);
    relay.lie(move |operation, result| {
        if operation == "get_bot_code" {
            (result["inline_code"], result["code_hash"]) = (json!(other), json!(other_hash));
        } else if operation == "join_channel" {
            result["bots"][0]["code_hash"] = json!(other_hash);
        }
    });
    person.diagnose(&arguments).await.assert_problem("referee", &["do not match the terms"]);
    relay.be_honest();

    // Bob's client has used the relay, and remembers its key.
    let data_dir = person.home().join("data");
    let (mut client, _) = StdioClient::launch_at(relay.address(), &channel.bob_token, &data_dir).await.unwrap();
    client.call_tool("get_channel_info", channel.args(json!({}))).await.unwrap();
    let diagnosis = person.diagnose(&arguments).await;
    assert!(diagnosis.of("log").1.contains("same key as before") && diagnosis.code == 0, "{}", diagnosis.text);
    let key = mcp_multiplayer_protocol::SigningKey::ed25519(&[7; 32]).public();
    relay.lie(move |operation, result| {
        if operation == "health_check" {
            result["log_key"] = json!(key);
        }
    });
    let diagnosis = person.diagnose(&arguments).await;
    diagnosis.assert_problem("log", &["before"]);
    assert!(diagnosis.text.contains(data_dir.join("verified/relays").to_str().unwrap()), "{}", diagnosis.text);
    diagnosis.of("invite");
    relay.be_honest();
    assert_eq!(person.diagnose(&arguments).await.code, 0, "it has kept nothing of that");
}
