//! The program `mcp-multiplayer-bot`: runs a relay's bots, and offers authors `check`, `play` and `replay`.

mod arguments;
mod check;
mod frame;
mod interpreter;
mod play;
mod python_path;
mod relay_watch;
mod replay;
mod runtime;
mod sandbox;
mod scratch;
mod serve;
mod socket;
#[cfg(target_os = "linux")]
mod zygote;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Check, play and replay the bots of mcp-multiplayer, without a relay.
#[derive(Debug, Parser)]
#[command(version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one bot. Started by mcp-multiplayer-relay.
    #[command(hide = true)]
    Serve(serve::Serve),
    /// Fork processes that run bots. Started by mcp-multiplayer-relay.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Zygote(zygote::Zygote),
    /// Check a bot's source: reports why a relay would reject it, and likely mistakes.
    Check(check::Check),
    /// Play with a bot in the terminal, with simulated players.
    Play(play::Play),
    /// Replay the bots of a channel from its receipt, and compare the result with its log.
    Replay(replay::Replay),
    /// Print the PYTHONPATH with which a bot's own tests can import multiplayer.testing.
    PythonPath(python_path::PythonPath),
}

fn main() -> ExitCode {
    let code = match CommandLine::parse().command {
        Command::Serve(serve) => serve::run(&serve),
        #[cfg(target_os = "linux")]
        Command::Zygote(zygote) => zygote::run(&zygote),
        Command::Check(check) => check::run(&check),
        Command::Play(play) => play::run(&play),
        Command::Replay(replay) => replay::run(&replay),
        Command::PythonPath(python_path) => python_path::run(&python_path),
    };
    scratch::leave_exit_to_signal();
    code
}
