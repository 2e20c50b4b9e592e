//! The commands for people: `login`, `logout`, `status`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use mcp_multiplayer_protocol::printable;
use serde_json::{Value, json};

use super::code_flow::CodeFlow;
use super::credential_store::{CredentialStore, StoredLogin};
use super::credentials::Credentials;
use super::device_flow::DeviceFlow;
use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::revocation::revoke;
use crate::{RelayUrl, data_dir};

/// Log in to a relay, with your permission in a browser
///
/// Opens a page of the relay in your browser or, where there is none, shows a link and a code for a browser elsewhere. The
/// login is stored in the data directory, for all MCP servers of yours that use this relay.
#[derive(Debug, clap::Args)]
pub struct LoginCommand {
    /// Address of the relay, such as <https://relay.example.com>
    relay: RelayUrl,
    /// Show a link and a code to open in any browser, instead of opening one here
    #[arg(long)]
    no_browser: bool,
    /// Allow the login over an unencrypted connection to another machine
    #[arg(long)]
    insecure: bool,
}

/// Log out of a relay: revoke the login there, and delete it here
#[derive(Debug, clap::Args)]
pub struct LogoutCommand {
    /// Address of the relay
    relay: RelayUrl,
}

/// List the relays that you are logged in to
#[derive(Debug, clap::Args)]
pub struct StatusCommand {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `login`.
pub fn login(command: &LoginCommand) -> ExitCode {
    run(async {
        let relay = &command.relay;
        if !relay.is_encrypted() && !relay.is_loopback() && !command.insecure {
            return Err(LoginError::Unencrypted(relay.base()));
        }
        let store = store()?;
        let http = HttpClient::new(relay.clone());
        let server = AuthorizationServer::discover(&http).await?;
        let uses_browser = !command.no_browser && has_display();
        let credentials = if uses_browser || server.device_authorization_endpoint.is_none() {
            let flow = CodeFlow::start(&http, server).await?;
            print(&format!("Log in to {} on this page:\n\n  {}\n\n", relay.base(), flow.link()));
            if uses_browser {
                print(match open::that_detached(flow.link()) {
                    Ok(()) => "It has been opened in your browser. Waiting for your decision there.\n",
                    Err(_) => "No browser could be opened here: open the page yourself, on this machine.\n",
                });
            } else {
                print("Open it in a browser on this machine. Waiting for your decision there.\n");
            }
            flow.finish(&http).await?
        } else {
            let flow = DeviceFlow::start(&http, server).await?;
            print(&format!(
                "Log in to {}: open this page in any browser, check that it shows the code {}, and allow the access.\n\n  \
                 {}\n\nWaiting for your decision there.\n",
                relay.base(),
                flow.user_code(),
                flow.link(),
            ));
            flow.finish(&http).await?
        };
        store.store_login(&http, &credentials).await?;
        print(&format!(
            "You are logged in to {}{}. The login is stored in {}, which only you can read.\n",
            relay.base(),
            as_whom(&credentials),
            store.path(relay).display(),
        ));
        Ok(())
    })
}

/// Runs `logout`.
pub fn logout(command: &LogoutCommand) -> ExitCode {
    run(async {
        let (store, relay) = (store()?, &command.relay);
        let locked = store.lock(relay).await?;
        let credentials = locked.read();
        if let Ok(None) = credentials {
            print(&format!("You are not logged in to {}.\n", relay.base()));
            return Ok(());
        }
        let http = HttpClient::new(relay.clone());
        let revoked = match credentials {
            Ok(Some(credentials)) => revoke(&http, &credentials).await.map_err(|error| error.to_string()),
            _ => Err("Its file was damaged.".to_owned()),
        };
        locked.remove()?;
        print(&format!("The login at {} was deleted from this machine.\n", relay.base()));
        revoked.map_err(|reason| LoginError::NotRevoked { relay: relay.base(), reason })
    })
}

/// Runs `status`.
pub fn status(command: &StatusCommand) -> ExitCode {
    run(async {
        let logins = store()?.list()?;
        if command.json {
            let logins: Vec<_> = logins.iter().map(to_json).collect();
            print(&format!("{}\n", json!(logins)));
            return Ok(());
        }
        if logins.is_empty() {
            print("You are not logged in to any relay. To log in, run `mcp-multiplayer login URL`.\n");
        }
        for login in &logins {
            print(&match &login.credentials {
                Ok(credentials) => describe(credentials, &login.path),
                Err(error) => format!("{error}\n"),
            });
        }
        Ok(())
    })
}

fn to_json(login: &StoredLogin) -> Value {
    match &login.credentials {
        Ok(credentials) => json!({
            "relay": credentials.relay,
            "name": credentials.name,
            "logged_in_at": credentials.logged_in_at,
            "access_token_expires_at": credentials.access_token_expires_at,
            "file": login.path,
        }),
        Err(error) => json!({ "file": login.path, "problem": error.to_string() }),
    }
}

fn describe(login: &Credentials, path: &Path) -> String {
    let expiry = if login.is_valid() { "valid until" } else { "expired at" };
    format!(
        "{}\n  logged in{} at {}\n  access token {expiry} {}, refreshed when it is used\n  stored in {}\n",
        printable(&login.relay),
        as_whom(login),
        login.logged_in_at,
        login.access_token_expires_at,
        path.display(),
    )
}

/// Says who is logged in, if the relay told it.
fn as_whom(login: &Credentials) -> String {
    login.name.as_ref().map(|name| format!(" as {}", printable(name))).unwrap_or_default()
}

fn store() -> Result<CredentialStore, LoginError> {
    data_dir().map(|directory| CredentialStore::in_data_dir(&directory)).ok_or(LoginError::NoDirectory)
}

/// Returns whether a browser can be opened for the person at this machine.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(target_os = "macos", windows)) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

fn print(text: &str) {
    // Fails if nobody reads the output any more.
    let mut stdout = io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn run(command: impl Future<Output = Result<(), LoginError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command).map_err(|error| match error {
            LoginError::Unreachable { .. } => format!("{error} Check the address and your network connection."),
            error => error.to_string(),
        }),
        Err(error) => Err(format!("The program cannot start: {error}.")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
