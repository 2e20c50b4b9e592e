//! `verify`: shows what a receipt proves, offline.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use mcp_multiplayer_protocol::checkpoint::Policy;
use mcp_multiplayer_protocol::receipt::{Report, Verifier};
use mcp_multiplayer_protocol::{PublicKey, printable, printable_json};
use serde::Deserialize;

/// The program that runs bots.
const BOT_PROGRAM: &str = "mcp-multiplayer-bot";

/// Longest line of a receipt, in bytes. The longest honest one is the network traffic of a hook.
const MAX_LINE: u64 = 64 << 20;

/// Show what a receipt proves: who played, what was agreed, what happened, and what of that holds
///
/// Works offline, and takes nothing on trust from the relay that made the file. Exits with 0 if nothing fails and
/// something was checked, 1 if something fails, and 2 if a file cannot be read, or is no receipt at all.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The receipt
    file: PathBuf,
    /// The relay's key, if you know it: `ed25519:` and 64 hex digits
    #[arg(long)]
    key: Option<PublicKey>,
    /// The logs and witnesses that you trust, and the quorum of cosignatures that you ask for (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Also run the bots again, in the sandbox of `mcp-multiplayer-bot`, and compare what they do with the log
    #[arg(long)]
    replay: bool,
    /// With --replay, also run bots that the relay ran without the policy, which keeps code from most of what it could do
    /// in the sandbox
    #[arg(long, requires = "replay")]
    allow_policy_off: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Verifies a receipt and prints the result.
pub fn run(arguments: &Verify) -> ExitCode {
    let mut report = match judge(arguments) {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}", printable(&error));
            return ExitCode::from(2);
        }
    };
    if arguments.replay && report.fails.is_empty() {
        add_replay(&mut report, arguments);
    }
    let text = if arguments.json {
        let json = serde_json::to_string(&report).expect("a report is plain JSON");
        format!("{}\n", printable_json(&json))
    } else {
        report.to_string()
    };
    // Fails if nobody reads the output any more.
    let _ = io::stdout().write_all(text.as_bytes());
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the files that the arguments name. Fails if one of them cannot be used at all.
fn judge(arguments: &Verify) -> Result<Report, String> {
    let policy = arguments.policy.as_deref().map(read_policy).transpose()?;
    let name = arguments.file.display();
    let verifier = Verifier::new(arguments.key).with_policy(policy);
    let report = read(&arguments.file, verifier).map_err(|error| format!("cannot read {name}: {error}"))?;
    if report.is_of_receipt() {
        Ok(report)
    } else {
        Err(format!("{name} is not a receipt. {}", report.fails.join(" ")))
    }
}

fn read_policy(path: &Path) -> Result<Policy, String> {
    let name = path.display();
    let text = std::fs::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    Policy::parse(&text).map_err(|error| format!("{name}: {error}"))
}

/// Verifies a file, line by line.
pub(crate) fn read(path: &Path, mut verifier: Verifier) -> io::Result<Report> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = io::Read::take(&mut file, MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(verifier.finish());
        }
        // What is no text, or was cut off, is no line of a receipt.
        let text = std::str::from_utf8(&line).ok().and_then(|text| text.strip_suffix('\n'));
        verifier.read(text.unwrap_or_default());
    }
}

/// The part of the result of `replay --json` that is used here.
#[derive(Deserialize)]
struct Replayed {
    bots: std::collections::BTreeMap<String, BotReplay>,
}

#[derive(Deserialize)]
struct BotReplay {
    identical: u64,
    pending: u64,
    assumed: Vec<u64>,
    differences: Vec<Difference>,
    unknown: Vec<Unchecked>,
}

#[derive(Deserialize)]
struct Difference {
    trigger: u64,
    hook: String,
}

#[derive(Deserialize)]
struct Unchecked {
    trigger: u64,
    reason: String,
}

/// Runs the bots again, and adds to the report what that shows.
fn add_replay(report: &mut Report, arguments: &Verify) {
    let mut command = Command::new(bot_program());
    command.args(["replay", "--json"]).args(arguments.allow_policy_off.then_some("--allow-policy-off"));
    let done = command.arg(&arguments.file).stdin(Stdio::null()).output();
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            report.unknown.push(format!("What a replay shows: {BOT_PROGRAM} cannot be run here ({error})."));
            return;
        }
    };
    let Ok(Replayed { bots }) = serde_json::from_slice(&done.stdout) else {
        let reason = String::from_utf8_lossy(&done.stderr);
        report.fails.push(format!("The bots cannot be run again: {}.", reason.trim().trim_end_matches('.')));
        return;
    };
    for (bot_id, bot) in bots {
        report.replayed(&bot_id);
        for Difference { trigger, hook } in &bot.differences {
            report.fails.push(format!("{hook} of {bot_id} for entry {trigger} does something else than the log says."));
        }
        for Unchecked { trigger, reason } in &bot.unknown {
            report.unknown.push(format!("Whether {bot_id} did this, from entry {trigger} on: {reason}."));
        }
        if !bot.assumed.is_empty() {
            let entries: Vec<String> = bot.assumed.iter().map(u64::to_string).collect();
            let entries = entries.join(", ");
            report.unknown.push(format!("Whether the private entries {entries} changed what {bot_id} remembers: it is assumed that they did not."));
        }
        if bot.pending > 0 {
            report.unknown.push(format!("What the last hooks of {bot_id} do ({}): they had not run yet.", bot.pending));
        }
        if bot.differences.is_empty() && bot.identical > 0 {
            let identical = bot.identical;
            report.holds.push(format!("Hooks of {bot_id} that were run again here with the source in this file ({identical}) had exactly the effects in the log."));
        }
    }
}

/// The program beside this one, or else the one on the search path.
fn bot_program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(BOT_PROGRAM));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| BOT_PROGRAM.into())
}
