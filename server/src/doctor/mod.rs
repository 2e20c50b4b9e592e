//! `doctor`: says what works, what does not, and what to do. It changes nothing, here or on the relay.

mod installed;
mod invite;
mod probe;
mod relay;
mod report;
mod settings;
mod subject;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{StringValueParser, TypedValueParser as _};
use mcp_multiplayer_protocol::operation::Health;
use mcp_multiplayer_protocol::{Error, Secret, printable_json};

use crate::{Dialer, RelayClient};
use report::Report;
use settings::{DialerWith, Settings};
use subject::Subject;

/// Say what works, what does not, and what to do
///
/// Checks this program, the clients that launch it, the relay, your token, the relay's key and, with an invite, its channel:
/// the seat, the bots and the terms. Takes no seat and changes nothing, but renews a login that has expired. Exits with 0 if there is no problem, else with 1.
#[derive(Debug, clap::Args)]
pub struct Doctor {
    /// An invite (code or link), a rejoin token, or the address of a relay; '-' reads it from standard input, so that other
    /// users of this computer do not see it
    #[arg(value_name = "INVITE_OR_URL", value_parser = StringValueParser::new().map(Secret::new))]
    subject: Option<Secret>,
    /// Address of the relay. By default that of the first client that launches this program, or the one on this computer
    #[arg(long, value_name = "URL", env = "MCP_MULTIPLAYER_RELAY")]
    relay: Option<String>,
    /// File that contains the token for the relay
    #[arg(long, value_name = "PATH", env = "MCP_MULTIPLAYER_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Allow sending the token to another machine over an unencrypted connection
    #[arg(long)]
    insecure: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Performs all checks and prints their results. `dialer_with` creates the dialer of a stdio server with these flags.
pub fn run(arguments: &Doctor, dialer_with: DialerWith) -> ExitCode {
    let subject = match read_subject(arguments) {
        Ok(subject) => subject,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(check(arguments, dialer_with, subject, &mut report)),
        Err(error) => {
            report.problem("program", format!("It cannot start: {error}."), "Close other programs, and try again.");
        }
    }
    let text = if arguments.json { format!("{}\n", printable_json(&report.to_json())) } else { report.to_string() };
    // Fails if nobody reads the output any more.
    let _ = io::stdout().write_all(text.as_bytes());
    if report.has_problem() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The subject of the checks. Errors do not repeat it, because it may be a secret.
fn read_subject(arguments: &Doctor) -> Result<Subject, String> {
    let Some(given) = &arguments.subject else { return Ok(Subject::default()) };
    let from_input = if given.expose() == "-" {
        let line = io::read_to_string(io::stdin()).map_err(|error| format!("cannot read standard input: {error}"))?;
        Some(Secret::new(line))
    } else {
        None
    };
    Subject::parse(from_input.as_ref().unwrap_or(given).expose()).ok_or_else(|| {
        "This is no invite code, invite link, rejoin token or address of a relay. Examples: inv_…, https://relay.example.com/join#inv_…, \
         wss://relay.example.com"
            .to_owned()
    })
}

async fn check(arguments: &Doctor, dialer_with: DialerWith, subject: Subject, report: &mut Report) {
    let Subject { relay, invite } = subject;
    installed::check_program(report);
    let installed = installed::check_clients(report);
    let mut settings = Settings {
        relay: relay.or_else(|| arguments.relay.clone()),
        token_file: arguments.token_file.clone(),
        insecure: arguments.insecure,
        ..Settings::default()
    };
    settings.complete(installed.iter().map(|installed| &installed.entry));
    let health = check_relay(settings.dialer(dialer_with), settings.data_dir(), report).await;
    let Some(invite) = invite else { return };
    match health {
        Some((client, health)) => invite::check(&client, &invite, &relay::identity(&health), report).await,
        None => report.unknown("invite", "The relay has to accept your token first.", None),
    }
}

async fn check_relay(
    dialer: Result<Dialer, Error>,
    data_dir: Option<PathBuf>,
    report: &mut Report,
) -> Option<(RelayClient, Health)> {
    let dialer = match dialer {
        Ok(dialer) => dialer,
        Err(error) => {
            report.error("relay", &error);
            return None;
        }
    };
    if !relay::check_reachable(&dialer, report).await {
        report.unknown("login", "The relay has to answer first.", None);
        return None;
    }
    let client = RelayClient::new(dialer.without_link());
    let health = relay::check_login(&client, report).await?;
    relay::check_log(&client, &health, data_dir, report);
    Some((client, health))
}
