//! `mcp-multiplayer login`, `logout` and `status`, and the link that a tool call returns without a login.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, StdioClient, binary};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::yield_now;

use crate::authorize::operator;
use crate::browser::{Browser, Page};
use crate::fixture::in_time;
use crate::tls::CertificateFiles;

const ALLOW: (&str, &str) = ("decision", "allow");
const DENY: (&str, &str) = ("decision", "deny");

/// A person's account on a machine: a data directory, and perhaps a program that opens browsers.
pub(crate) struct Person {
    home: TempDir,
}

/// A running `login`.
struct LoginProcess {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    printed: String,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary("mcp-multiplayer"));
        command.args(arguments).env("DATA_DIR", self.data_dir()).kill_on_drop(true);
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        in_time("the command", self.command(arguments).output()).await.unwrap()
    }

    /// Starts `login` where no browser can be opened.
    fn start_login(&self, address: &str) -> LoginProcess {
        LoginProcess::spawn(&mut self.command(&["login", &format!("http://{address}"), "--no-browser"]))
    }

    /// Starts `login` on a machine with a screen, whose browser writes the address that it opens to a file.
    fn start_login_with_browser(&self, address: &str) -> LoginProcess {
        let programs = self.home.path().join("bin");
        std::fs::create_dir_all(&programs).unwrap();
        let opener = programs.join("xdg-open");
        let script = format!("#!/bin/sh\nprintf %s \"$1\" > {0}.new && mv {0}.new {0}\n", self.opened_path().display());
        std::fs::write(&opener, script).unwrap();
        std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut command = self.command(&["login", &format!("http://{address}")]);
        LoginProcess::spawn(command.env("DISPLAY", ":0").env("PATH", path))
    }

    fn opened_path(&self) -> PathBuf {
        self.home.path().join("opened")
    }

    /// Waits until the browser was opened, and returns the address.
    async fn opened(&self) -> String {
        in_time("the browser", async {
            loop {
                if let Ok(opened) = std::fs::read_to_string(self.opened_path()) {
                    return opened;
                }
                yield_now().await;
            }
        })
        .await
    }

    /// Logs in with a browser elsewhere.
    pub(crate) async fn log_in(&self, address: &str) {
        let mut login = self.start_login(address);
        let link = login.link().await;
        decide(&mut Browser::at(address), &link, ALLOW).await;
        login.succeed().await;
    }

    /// Path of the only login.
    pub(crate) fn credentials_path(&self) -> PathBuf {
        let files = std::fs::read_dir(self.data_dir().join("credentials")).unwrap();
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths.remove(0)
    }

    pub(crate) fn credentials(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.credentials_path()).unwrap()).unwrap()
    }

    pub(crate) async fn launch(&self, address: &str) -> StdioClient {
        StdioClient::launch_at(address, "", &self.data_dir()).await.unwrap().0
    }
}

impl LoginProcess {
    fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout, printed: String::new() }
    }

    /// Reads the output up to the link.
    async fn link(&mut self) -> String {
        in_time("the link", async {
            loop {
                let Some(line) = self.stdout.next_line().await.unwrap() else {
                    let mut errors = String::new();
                    self.child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
                    panic!("no link: {} {errors}", self.printed);
                };
                self.printed.extend([&*line, "\n"]);
                if let Some(link) = line.strip_prefix("  http") {
                    return format!("http{link}");
                }
            }
        })
        .await
    }

    /// Waits for the end, and returns whether it succeeded, all of the output, and the errors.
    async fn end(mut self) -> (bool, String, String) {
        in_time("the end of the login", async {
            while let Some(line) = self.stdout.next_line().await.unwrap() {
                self.printed.extend([&*line, "\n"]);
            }
            let output = self.child.wait_with_output().await.unwrap();
            (output.status.success(), self.printed, String::from_utf8(output.stderr).unwrap())
        })
        .await
    }

    async fn succeed(self) -> String {
        let (succeeded, printed, errors) = self.end().await;
        assert!(succeeded, "{printed}{errors}");
        printed
    }

    async fn fail(self) -> String {
        let (succeeded, printed, errors) = self.end().await;
        assert!(!succeeded && !printed.contains("You are logged in"), "{printed}");
        errors
    }
}

/// Path and query of a link to the relay.
fn path_of(link: &str) -> &str {
    let (_, rest) = link.split_once("://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

/// Opens the link of a device login, and decides.
async fn decide(browser: &mut Browser, link: &str, decision: (&str, &str)) -> Page {
    let page = browser.get(path_of(link)).await;
    assert_eq!(page.status, 200, "{page:?}");
    browser.post("/device", &[("request", &page.field()), decision]).await
}

/// Opens the link of a login on this machine, and allows access. Returns the redirect to the program.
async fn allow_in_browser(browser: &mut Browser, link: &str) -> Page {
    let page = browser.get(path_of(link)).await;
    assert_eq!(page.status, 200, "{page:?}");
    browser.post("/oauth/authorize/decision", &[("request", &page.field()), ALLOW]).await
}

/// Sends the browser to a program on this machine, and returns the status and text of the page.
async fn follow(location: &str) -> (u16, String) {
    let (_, rest) = location.split_once("://").unwrap();
    let (address, _) = rest.split_once('/').unwrap();
    let mut http = HttpClient::connect(address, "").await.unwrap();
    let request = Request::get(path_of(location)).header("host", address).body(Full::new(Bytes::new())).unwrap();
    let response = http.send(request).await.unwrap();
    (response.status().as_u16(), String::from_utf8(response.into_body().to_vec()).unwrap())
}

/// The link in an error, and the code in it.
fn link_in(error: &str) -> (String, String) {
    let (_, rest) = error.split_once("this link: ").unwrap_or_else(|| panic!("no link: {error}"));
    let link = rest.split(' ').next().unwrap().to_owned();
    let (_, code) = link.split_once("user_code=").unwrap_or_else(|| panic!("no code: {error}"));
    assert!(error.contains(&format!("the code {code}")), "{error}");
    (link.clone(), code.to_owned())
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

async fn is_accepted(relay: &RelayProcess, token: &str) -> bool {
    let mut http = HttpClient::connect(relay.address(), token).await.unwrap();
    http.call_tool("health_check", json!({})).await.is_ok()
}

#[tokio::test]
async fn a_person_logs_in_in_the_browser_and_out_again() {
    let relay = RelayProcess::start().await.unwrap();
    let alice = Person::new();
    let mut login = alice.start_login_with_browser(relay.address());
    let link = login.link().await;
    assert_eq!(alice.opened().await, link);
    let redirect = allow_in_browser(&mut Browser::new(&relay), &link).await;

    // Anybody can send the browser to the program. Only the answer with this login's state counts.
    for other in [
        redirect.header("location").replace("state=", "state=x"),
        redirect.header("location").replace("/callback", "/"),
        format!("{}?code=x", redirect.redirect_uri()),
    ] {
        let (status, text) = follow(&other).await;
        assert!(status == 404 && text.contains("no login"), "{text}");
    }
    let (status, text) = follow(redirect.header("location")).await;
    assert!(status == 200 && text.contains("You are logged in"), "{text}");
    let printed = login.succeed().await;

    let path = alice.credentials_path();
    assert!(printed.contains(&path.display().to_string()), "{printed}");
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let credentials = alice.credentials();
    let token = credentials["access_token"].as_str().unwrap();
    assert!(is_accepted(&relay, token).await);
    for secret in [token, credentials["refresh_token"].as_str().unwrap()] {
        assert!(!printed.contains(secret));
    }
    let health = alice.launch(relay.address()).await.call_tool("health_check", json!({})).await.unwrap();
    assert!(health.contains("ok"), "{health}");

    let status = alice.run(&["status", "--json"]).await;
    let listed: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(listed[0]["relay"], format!("http://{}", relay.address()));
    assert_eq!(listed[0]["file"], path.display().to_string());
    assert_eq!(listed[0]["access_token_expires_at"], credentials["access_token_expires_at"]);
    let shown = String::from_utf8(alice.run(&["status"]).await.stdout).unwrap();
    assert!(shown.starts_with(&format!("http://{}\n", relay.address())) && !shown.contains("mm"), "{shown}");

    // Any address of the relay will do.
    let out = alice.run(&["logout", &format!("ws://{}/ws", relay.address())]).await;
    assert!(out.status.success(), "{out:?}");
    assert!(!path.exists() && !is_accepted(&relay, token).await);
    assert_eq!(operator(&relay, &["grant", "list"]).await.lines().count(), 1, "a header alone");
    let shown = String::from_utf8(alice.run(&["status"]).await.stdout).unwrap();
    assert!(shown.contains("not logged in to any relay"), "{shown}");
}

#[tokio::test]
async fn an_answer_of_another_server_ends_the_login() {
    let relay = RelayProcess::start().await.unwrap();
    for (from, to, reason) in [
        ("&iss=http", "&iss=https", "another server"),
        ("&iss=", "&was=", "another server"),
        ("?code=mmc_", "?code=mmc_x", "refused"),
    ] {
        let alice = Person::new();
        let mut login = alice.start_login_with_browser(relay.address());
        let link = login.link().await;
        let redirect = allow_in_browser(&mut Browser::new(&relay), &link).await;
        let changed = redirect.header("location").replace(from, to);
        assert_ne!(changed, redirect.header("location"));
        let (_, text) = follow(&changed).await;
        assert!(text.contains("You are not logged in"), "{text}");
        let errors = login.fail().await;
        assert!(errors.contains(reason), "{errors}");
        assert!(!alice.data_dir().join("credentials").exists());
    }
}

#[tokio::test]
async fn a_person_without_a_browser_uses_a_link_and_a_code() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let access_code = operator(&relay, &["access-code", "create", "--name", "alice"]).await;
    let alice = Person::new();
    let mut login = alice.start_login(relay.address());
    let link = login.link().await;
    let (_, code) = link.split_once("user_code=").unwrap();
    assert!(login.printed.contains(&format!("the code {code}")), "{}", login.printed);
    let mut browser = Browser::new(&relay);
    let page = browser.get(path_of(&link)).await;
    assert!(page.text.contains(code) && page.text.contains("mcp-multiplayer"), "{page:?}");
    let form = [("request", &*page.field()), ALLOW, ("access_code", access_code.trim())];
    assert!(browser.post("/device", &form).await.text.contains("is connected"));
    let printed = login.succeed().await;
    assert!(printed.contains(&format!("logged in to http://{} as alice", relay.address())), "{printed}");
    let shown = String::from_utf8(alice.run(&["status"]).await.stdout).unwrap();
    assert!(shown.contains("logged in as alice at"), "{shown}");
    assert!(is_accepted(&relay, alice.credentials()["access_token"].as_str().unwrap()).await);

    // A second login replaces the first one, which is revoked.
    let first = alice.credentials()["access_token"].as_str().unwrap().to_owned();
    let mut login = alice.start_login(relay.address());
    let link = login.link().await;
    decide(&mut browser, &link, ALLOW).await;
    login.succeed().await;
    assert!(!is_accepted(&relay, &first).await);
    assert_eq!(operator(&relay, &["grant", "list"]).await.lines().count(), 2, "a header and one grant");

    let bob = Person::new();
    let mut login = bob.start_login(relay.address());
    let link = login.link().await;
    decide(&mut browser, &link, DENY).await;
    let errors = login.fail().await;
    assert!(errors.contains("denied"), "{errors}");
}

#[tokio::test]
async fn a_login_over_tls_trusts_the_machines_authorities_only() {
    let files = CertificateFiles::new(&["127.0.0.1"]);
    let relay = RelayProcess::start_with(&files.flags()).await.unwrap();
    let address = format!("https://{}", relay.address());
    let alice = Person::new();
    let mut command = alice.command(&["login", &address, "--no-browser"]);
    let mut login = LoginProcess::spawn(command.env("SSL_CERT_FILE", files.path("cert.pem")));
    assert!(login.link().await.starts_with(&format!("{address}/device?user_code=")));

    let unrelated = CertificateFiles::new(&["127.0.0.1"]);
    let mut command = alice.command(&["login", &address, "--no-browser"]);
    let output =
        in_time("the command", command.env("SSL_CERT_FILE", unrelated.path("cert.pem")).output()).await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("cannot be reached"), "{errors}");
}

#[tokio::test]
async fn a_login_says_why_it_is_impossible() {
    let closed = RelayProcess::start_with(&["--access", "closed"]).await.unwrap();
    let elsewhere = RelayProcess::start_with(&["--public-url", "https://relay.example.org"]).await.unwrap();
    let alice = Person::new();
    let at = |relay: &RelayProcess| format!("http://{}", relay.address());
    for (address, reason) in [
        (at(&closed), "or ask the operator for a token"),
        (at(&elsewhere), "calls itself https://relay.example.org"),
        ("http://127.0.0.1:1".to_owned(), "nothing is listening at this address. Check the address"),
        ("http://relay.example.org".to_owned(), "unencrypted connection"),
        ("nonsense".to_owned(), "is not the address of a relay"),
    ] {
        let output = alice.run(&["login", &address, "--no-browser"]).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(reason), "{address}: {errors}");
    }
    let output = alice.run(&["logout", &at(&closed)]).await;
    assert!(output.status.success());
    let mut client = alice.launch(closed.address()).await;
    for _ in 0..2 {
        let error = client.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
        assert!(error.contains("offers no login. Set the environment variable MCP_MULTIPLAYER_TOKEN"), "{error}");
    }
}

#[tokio::test]
async fn a_tool_call_without_a_login_returns_a_link_with_which_the_next_call_succeeds() {
    let relay = RelayProcess::start().await.unwrap();
    let alice = Person::new();
    let mut client = alice.launch(relay.address()).await;
    let mut browser = Browser::new(&relay);
    let error = client.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
    assert!(error.contains("UNAUTHENTICATED") && error.contains("not logged in"), "{error}");
    assert!(error.contains(&format!("mcp-multiplayer login http://{}", relay.address())), "{error}");
    let (link, _) = link_in(&error);
    let again = client.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
    assert_eq!(link_in(&again).0, link, "one link at a time");

    decide(&mut browser, &link, ALLOW).await;
    in_time("the login", async { while client.call_tool("list_channels", json!({})).await.is_err() {} }).await;
    client.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await.unwrap();

    // The operator ends it. The link was used, so there is another one at once.
    let listed = operator(&relay, &["grant", "list"]).await;
    let id = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    operator(&relay, &["grant", "revoke", &id]).await;
    let error = in_time("the revocation", async {
        loop {
            if let Err(error) = client.call_tool("list_channels", json!({})).await {
                return error.to_string();
            }
        }
    })
    .await;
    assert!(error.contains("not logged in") && error.contains("any more"), "{error}");
    let second = in_time("another link", async {
        loop {
            let error = client.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
            // Right after a login, the call is only to be repeated.
            if !error.contains("completed just now") {
                return link_in(&error).0;
            }
        }
    })
    .await;
    assert_ne!(second, link);

    // Whoever denies is not asked again soon.
    decide(&mut browser, &second, DENY).await;
    let error = in_time("the denial", async {
        loop {
            let error = client.call_tool("list_channels", json!({})).await.unwrap_err().to_string();
            if !error.contains("user_code") {
                return error;
            }
        }
    })
    .await;
    assert!(error.contains("mcp-multiplayer login"), "{error}");
}
