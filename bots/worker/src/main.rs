//! The process that runs one bot, for a relay that started it.
//!
//! Its standard input is a Unix stream socket to the relay, over which it answers one request after
//! another: see [`runtime`]. It must never outlive the relay, nor hold anything that its bot should
//! not have: see [`sandbox`].

mod frame;
mod interpreter;
mod lifeline;
mod runtime;
mod sandbox;
mod socket;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::runtime::Runtime;
use crate::sandbox::Allowance;

/// Runs one bot. Started by mcp-multiplayer-relay, not by hand.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The bot's working directory, the one place that it may write to.
    #[arg(long)]
    workspace: PathBuf,

    /// Bytes of memory that the process may use.
    #[arg(long)]
    memory_bytes: u64,

    /// Bytes that one file of the bot may grow to.
    #[arg(long)]
    file_bytes: u64,

    /// The Python executable whose environment holds the bot's packages.
    #[arg(long, default_value = env!("MCP_MULTIPLAYER_BOT_PYTHON"))]
    python: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let socket = match socket::from_stdin() {
        Ok(socket) => Arc::new(socket),
        Err(error) => {
            eprintln!("mcp-multiplayer-bot is started by mcp-multiplayer-relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match start(&arguments, &socket) {
        Ok(runtime) => match runtime.serve(&socket) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            let broken = serde_json::json!({"id": 0, "reply": {"broken": {"message": format!("{error:#}")}}});
            // If the relay is gone there is nobody left to tell.
            let _ = frame::write(&mut &*socket, broken.to_string().as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments, socket: &Arc<UnixStream>) -> anyhow::Result<Runtime> {
    lifeline::hold(socket)?;
    let wall = sandbox::enter(&Allowance {
        memory_bytes: arguments.memory_bytes,
        file_bytes: arguments.file_bytes,
        workspace: &arguments.workspace,
    })?;
    interpreter::initialize(&arguments.python)?;
    Runtime::load(&arguments.workspace, socket, wall)
}
