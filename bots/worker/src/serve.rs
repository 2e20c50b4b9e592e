//! `serve`: a worker in a process of its own, for platforms without a zygote.
//!
//! Its standard input is a Unix stream socket to the relay, over which it answers one request after another (see
//! `runtime`). It must never outlive the relay (see `relay_watch`), and must not have access to anything that its bot
//! should not have (see `sandbox`).

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::runtime::Runtime;
use crate::sandbox::{self, Layers, SandboxConfig, Workspace};
use crate::{frame, interpreter, relay_watch, socket};

/// Arguments that the supervisor passes.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The bot's working directory, the only one that it may write to. The path must have no symbolic links.
    #[arg(long)]
    workspace: PathBuf,

    /// Maximum memory of the process, in bytes.
    #[arg(long)]
    memory_bytes: u64,

    /// Maximum size of one file of the bot, in bytes.
    #[arg(long)]
    file_bytes: u64,

    /// The Python executable whose environment has the bot's packages.
    #[arg(long, default_value_os_t = interpreter::default_python())]
    python: PathBuf,
}

pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let socket = match socket::from_stdin() {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("mcp-multiplayer-bot serve is started by mcp-multiplayer-relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match start(arguments, &socket) {
        Ok((runtime, layers, workspace)) => match runtime.serve(socket, &layers, &workspace) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            let broken = serde_json::json!({"id": 0, "reply": {"broken": {"message": format!("{error:#}")}}});
            // Fails only if the relay has ended.
            let _ = frame::write(&mut &socket, broken.to_string().as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Serve, socket: &UnixStream) -> anyhow::Result<(Runtime, Layers, Workspace)> {
    relay_watch::start(socket)?;
    #[cfg(target_os = "linux")]
    sandbox::oom::end_first();
    let (memory_bytes, file_bytes) = (arguments.memory_bytes, arguments.file_bytes);
    let config = SandboxConfig { memory_bytes, file_bytes, disabled_layers: Vec::new() };
    let layers = sandbox::limit_resources(&config, &arguments.workspace)?;
    interpreter::initialize(&arguments.python)?;
    let runtime = Runtime::load(true, false)?;
    runtime.use_workspace(&arguments.workspace)?;
    Ok((runtime, layers, Workspace::Directory(arguments.workspace.clone())))
}
