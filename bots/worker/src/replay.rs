//! `replay`: whether the log of a channel is what its bots do.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use mcp_multiplayer_bot_supervisor::SupervisorConfig;
use mcp_multiplayer_bot_supervisor::replay::{Export, FORMAT, Replayed, Replayer};

use crate::scratch::Scratch;

/// What to replay.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The channel, as written by `mcp-multiplayer-relay export`
    file: PathBuf,
    /// Say what was found as JSON
    #[arg(long)]
    json: bool,
    /// Start a new process for every hook
    #[arg(long)]
    fresh: bool,
}

/// Exits with 0 when everything is identical, 1 when something differs, 2 when the file is broken, and 3
/// when something could not be checked.
pub(crate) fn run(arguments: &Replay) -> ExitCode {
    match replay(arguments) {
        Ok(found) => {
            if arguments.json {
                println!("{}", serde_json::to_string(&found).expect("what was found is plain JSON"));
            } else {
                print!("{found}");
            }
            if found.differs() {
                ExitCode::from(1)
            } else if found.is_complete() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(3)
            }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn replay(arguments: &Replay) -> Result<Replayed> {
    let path = &arguments.file;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let export: Export =
        serde_json::from_str(&text).with_context(|| format!("{} is not an exported channel", path.display()))?;
    ensure!(export.format == FORMAT, "{} has the format {}, not {FORMAT}", path.display(), export.format);
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut replayer = Replayer::new(SupervisorConfig::new(std::env::current_exe()?, scratch.path()))?;
        if arguments.fresh {
            replayer = replayer.restarting(|_| true);
        }
        Ok(replayer.replay(&export).await?)
    })
}
