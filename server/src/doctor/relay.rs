//! Checks of a relay: reachable, clock, token, sandbox, and the key of its log.

use std::path::PathBuf;
use std::time::Duration;

use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::operation::{ChannelList, Health, HealthCheck, ListChannels};
use mcp_multiplayer_protocol::{Error, ErrorCode, Reply, Request};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::probe::probe;
use super::report::Report;
use crate::reading::{KeptLog, kept_log};
use crate::{Dialer, RelayClient};

/// Longest time for one operation.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Largest difference of two clocks that is not worth a word, in seconds.
const MAX_CLOCK_DIFFERENCE: u64 = 60;

/// Checks the relay as far as it answers without a token. Returns whether one is there.
pub(super) async fn check_reachable(dialer: &Dialer, report: &mut Report) -> bool {
    let answer = match probe(dialer).await {
        Ok(answer) => answer,
        Err(error) => {
            report.error("relay", &error);
            return false;
        }
    };
    let own = env!("CARGO_PKG_VERSION");
    let version = if answer.version == own { String::new() } else { format!(" (this program is {own})") };
    report.ok("relay", format!("{} answers, with version {}{version}.", answer.relay, answer.version));
    match answer.clock_ahead {
        None => report.unknown("clock", "The relay does not say what time it is.", None),
        Some(seconds) if seconds.unsigned_abs() <= MAX_CLOCK_DIFFERENCE => {
            report.ok("clock", "The clocks of the relay and of this computer agree to the minute.");
        }
        Some(seconds) => {
            let direction = if seconds > 0 { "behind" } else { "ahead of" };
            report.problem(
                "clock",
                format!("The clock of this computer is {} s {direction} the relay's.", seconds.unsigned_abs()),
                "Let this computer set its clock from the network. If it does, tell the relay's operator.",
            );
        }
    }
    true
}

/// Checks that the relay accepts the token, and what it says about itself then.
pub(super) async fn check_login(client: &RelayClient, report: &mut Report) -> Option<Health> {
    let health = match perform::<Health>(client, &HealthCheck {}.into()).await {
        Ok(health) => health,
        Err(error) => {
            report.error("login", &error);
            return None;
        }
    };
    let channels = perform::<ChannelList>(client, &ListChannels {}.into()).await;
    let yours =
        channels.map_or(String::new(), |list| format!(" You have {} there.", count(list.total_channels, "channel")));
    report.ok("login", format!("The relay accepts your token, over {}.{yours}", health.protocol));
    match health.sandbox.as_str() {
        "none" => report.problem(
            "bots",
            "The relay runs no bots: its sandbox does not work.",
            "Ask the relay's operator to look at its log. Channels without bots work.",
        ),
        level => report.ok("bots", format!("The relay runs bots in a sandbox of the level '{level}'.")),
    }
    Some(health)
}

/// Checks that the log of the relay is the one that was seen at its first use.
pub(super) fn check_log(client: &RelayClient, health: &Health, data_dir: Option<PathBuf>, report: &mut Report) {
    let key = &health.log_key;
    let kept = data_dir.ok_or_else(|| std::io::Error::other("the data directory is unknown"));
    match kept.and_then(|directory| kept_log(&directory, client.destination())) {
        Ok(KeptLog::Nothing) => report.ok(
            "log",
            format!("The relay signs with {key}. It is remembered at the first use; compare it with the key that the operator publishes."),
        ),
        Ok(KeptLog::Identity(kept, _)) if kept == identity(health) => {
            report.ok("log", format!("The relay signs with the same key as before, {key}."));
        }
        Ok(KeptLog::Identity(LogIdentity { origin, key: kept }, folder)) => report.problem(
            "log",
            format!("The relay signs with {key} as {}, but it signed with {kept} as {origin} before.", health.log_origin),
            format!(
                "Rely on nothing from this relay, and ask its operator for the reason. Only if it is your own, and you \
                 deleted its data, remove the folder {}.",
                folder.display()
            ),
        ),
        Ok(KeptLog::Contradicted(error)) => report.error("log", &error),
        Err(error) => report.unknown("log", format!("What is known of the relay cannot be read: {error}."), None),
    }
}

/// The log that a relay states.
pub(super) fn identity(health: &Health) -> LogIdentity {
    LogIdentity { origin: health.log_origin.clone(), key: health.log_key }
}

/// Performs an operation, and reads its result.
async fn perform<T: DeserializeOwned>(client: &RelayClient, request: &Request) -> Result<T, Error> {
    read(client, &in_time(client, client.submit(request, None)).await?)
}

/// Awaits an answer of the relay, but not for ever.
pub(super) async fn in_time(
    client: &RelayClient,
    answer: impl Future<Output = Result<Reply, Error>>,
) -> Result<Reply, Error> {
    timeout(TIMEOUT, answer).await.unwrap_or_else(|_| Err(unusable(client, "does not answer in time")))
}

pub(super) fn read<T: DeserializeOwned>(client: &RelayClient, reply: &Reply) -> Result<T, Error> {
    serde_json::from_str(reply.get())
        .map_err(|_| unusable(client, "answers with something that this version does not know"))
}

fn unusable(client: &RelayClient, what: &str) -> Error {
    Error::new(
        ErrorCode::RelayUnreachable,
        format!("The {} {what}.", client.destination()),
        "Try again. If that does not help, compare the versions of relay and program.",
    )
}

pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
