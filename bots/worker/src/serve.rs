//! One bot's process, as a relay's supervisor starts it.
//!
//! Its standard input is a Unix stream socket to the relay, over which it answers one request after
//! another: see `runtime`. It must never outlive the relay, nor hold anything that its
//! bot should not have: see `sandbox`.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::runtime::{Package, Runtime};
use crate::sandbox::{self, Allowance};
use crate::{frame, interpreter, lifeline, socket};

/// What the supervisor tells.
#[derive(Debug, Args)]
pub(crate) struct Serve {
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

pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let socket = match socket::from_stdin() {
        Ok(socket) => Arc::new(socket),
        Err(error) => {
            eprintln!("mcp-multiplayer-bot serve is started by mcp-multiplayer-relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match start(arguments, &socket) {
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

fn start(arguments: &Serve, socket: &Arc<UnixStream>) -> anyhow::Result<Runtime> {
    lifeline::hold(socket)?;
    let (memory_bytes, file_bytes) = (arguments.memory_bytes, arguments.file_bytes);
    let sandbox = sandbox::limit(&Allowance { memory_bytes, file_bytes, refuse: Vec::new() }, &arguments.workspace)?;
    interpreter::initialize(&arguments.python)?;
    Runtime::start(&Package::load(false)?, &arguments.workspace, socket, &sandbox)
}
