//! Runs bots: one for a relay that started it, or, for people, those of an exported channel again.

mod frame;
mod interpreter;
mod lifeline;
mod replay;
mod runtime;
mod sandbox;
mod serve;
mod socket;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs bots of mcp-multiplayer, and shows what they do.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one bot. Started by mcp-multiplayer-relay, not by hand.
    #[command(hide = true)]
    Serve(serve::Serve),
    /// Run the bots of an exported channel again, and hold what they do against its log.
    Replay(replay::Replay),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Replay(replay) => replay::run(&replay),
    }
}
