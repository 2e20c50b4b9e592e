//! Runs bots: one for a relay that started it, or, for people, those of an exported channel again.

mod check;
mod frame;
mod interpreter;
mod lifeline;
mod play;
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
    /// Fork processes that run bots. Started by mcp-multiplayer-relay, not by hand.
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Zygote(zygote::Zygote),
    /// Tell whether a bot is fit to be attached, and what is wrong with it.
    Check(check::Check),
    /// Play with a bot in the terminal: simulated players, and no relay.
    Play(play::Play),
    /// Run the bots of an exported channel again, and hold what they do against its log.
    Replay(replay::Replay),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(serve) => serve::run(&serve),
        #[cfg(target_os = "linux")]
        Command::Zygote(zygote) => zygote::run(&zygote),
        Command::Check(check) => check::run(&check),
        Command::Play(play) => play::run(&play),
        Command::Replay(replay) => replay::run(&replay),
    }
}
