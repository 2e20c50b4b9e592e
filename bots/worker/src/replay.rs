//! `replay`: runs the bots of a channel again, from its receipt, and compares the result with its log.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use mcp_multiplayer_bot_supervisor::SupervisorConfig;
use mcp_multiplayer_bot_supervisor::replay::{Replayed, Replayer};
use mcp_multiplayer_protocol::receipt::Receipt;
use mcp_multiplayer_protocol::{printable, printable_json};

use crate::scratch::Scratch;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The receipt of a channel, from a relay, or written by `save` in `play`
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Run every hook in a new process
    #[arg(long)]
    fresh: bool,
    /// Also run bots that the relay ran without the policy
    #[arg(long)]
    allow_policy_off: bool,
}

/// Exits with 0 if all hooks reproduced the log, 1 if one did not, 2 if the file cannot be replayed, and 3 if a hook
/// could not be checked.
pub(crate) fn run(arguments: &Replay) -> ExitCode {
    match replay(arguments) {
        Ok(result) => {
            if arguments.json {
                let json = serde_json::to_string(&result).expect("the result is plain JSON");
                println!("{}", printable_json(&json));
            } else {
                print!("{result}");
            }
            if result.differs() {
                ExitCode::from(1)
            } else if result.is_complete() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(3)
            }
        }
        Err(error) => {
            eprintln!("{}", printable(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn replay(arguments: &Replay) -> Result<Replayed> {
    let path = &arguments.file;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let receipt = Receipt::parse(&text).with_context(|| format!("{} is not a receipt", path.display()))?;
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut replayer = Replayer::new(SupervisorConfig::new(std::env::current_exe()?, scratch.path()))?;
        if arguments.fresh {
            replayer = replayer.restarting(|_| true);
        }
        if arguments.allow_policy_off {
            replayer = replayer.allowing_policy_off();
        }
        Ok(replayer.replay(&receipt).await?)
    })
}
