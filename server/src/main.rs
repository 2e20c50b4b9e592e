//! `mcp-multiplayer`, the stdio MCP server: parses arguments, sets up logging and serves the client.
#![deny(clippy::print_stdout)]

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use mcp_multiplayer::args::{Args, Command};
use mcp_multiplayer::{NoRelay, Relays, data_dir};
use mcp_multiplayer_protocol::Multiplayer;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.command {
        None => {}
        Some(Command::Verify(arguments)) => return mcp_multiplayer::verify::run(arguments),
        Some(Command::Compare(arguments)) => return mcp_multiplayer::compare::run(arguments),
        Some(Command::Login(arguments)) => return mcp_multiplayer::login::command::login(arguments),
        Some(Command::Logout(arguments)) => return mcp_multiplayer::login::command::logout(arguments),
        Some(Command::Status(arguments)) => return mcp_multiplayer::login::command::status(arguments),
        Some(Command::Setup(arguments)) => return mcp_multiplayer::setup::run(arguments),
        Some(Command::Doctor(arguments)) => return mcp_multiplayer::doctor::run(arguments, Args::dialer_with),
    }
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start the async runtime");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let (reader, writer) = rmcp::transport::io::stdio_pipes();
        let relay: Arc<dyn Multiplayer> = match args.into_dialer() {
            Ok(dialer) => Arc::new(Relays::new(dialer, data_dir())),
            Err(error) => Arc::new(NoRelay::new(&error)),
        };
        mcp_multiplayer::serve(reader, writer, relay, shutdown_signal()).await;
    });
    // A thread may still be blocked reading standard input, so the runtime must not wait for it.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

/// Sends log lines to standard error: warnings by default, or those that `RUST_LOG` selects.
///
/// Libraries may log whole messages, including tokens and invite codes, at levels below warning. Such lines are always
/// dropped, whatever `RUST_LOG` says.
fn log_to_stderr() {
    let is_safe =
        |metadata: &Metadata<'_>| *metadata.level() <= Level::WARN || metadata.target().starts_with("mcp_multiplayer");
    let selected = std::env::var("RUST_LOG").ok().filter(|selected| !selected.trim().is_empty());
    // Targets and levels only, as in `warn,mcp_multiplayer=debug`: filters by span and field need regular expressions.
    let filter = selected.and_then(|selected| selected.parse().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(Level::WARN));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(layer.with_filter(filter_fn(is_safe))).with(filter).init();
}

/// Resolves when the process is asked to terminate.
#[cfg(unix)]
async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers, the signals terminate the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Resolves when the process is asked to terminate.
#[cfg(not(unix))]
async fn shutdown_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
