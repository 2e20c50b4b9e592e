//! `mcp-multiplayer`, the stdio MCP server: parses, wires, reports.
#![deny(clippy::print_stdout)]

use std::process::ExitCode;

use clap::Parser as _;
use mcp_multiplayer::args::Args;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

fn main() -> ExitCode {
    let args = Args::parse();
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        let (reader, writer) = rmcp::transport::io::stdio_pipes();
        mcp_multiplayer::serve(reader, writer, args.into_dialer(), asked_to_stop()).await;
    });
    // Where standard input isn't a pipe, a thread may still be blocked reading it.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

/// Warnings by default; `RUST_LOG` asks for more.
///
/// What libraries say below a warning may hold whole messages, and with them tokens and invite codes: it never gets out.
fn log_to_stderr() {
    let ours =
        |metadata: &Metadata<'_>| *metadata.level() <= Level::WARN || metadata.target().starts_with("mcp_multiplayer");
    let filter = EnvFilter::builder().with_default_directive(Level::WARN.into()).from_env_lossy();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    tracing_subscriber::registry().with(layer.with_filter(filter_fn(ours))).with(filter).init();
}

#[cfg(unix)]
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
