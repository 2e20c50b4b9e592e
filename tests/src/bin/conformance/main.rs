//! Runs the Model Context Protocol's own conformance suite: `conformance NODE SUITE BASELINES`, with the paths of a
//! node, of the suite's program and of the folder of baselines. `make conformance` calls it.
//!
//! The suite sends no token, and most of its scenarios want tools that are made for it. So it is run twice for each
//! revision: against a relay, by way of a proxy that adds the token, and against the suite's fixtures behind the
//! very door that a relay has.

#![expect(deprecated, reason = "what the newest revision deprecates is part of older ones, and so of the suite")]

mod fixture;
mod fixture_tools;
mod proxy;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use axum::Router;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::mcp_router;
use mcp_multiplayer_tests::RelayProcess;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::fixture::Fixture;
use crate::proxy::Proxy;

const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: conformance NODE SUITE BASELINES");
    let (node, suite, baselines) = (argument()?, argument()?, argument()?);
    // A browser's page on this machine is as foreign as any other, unless the operator says otherwise.
    let (listener, proxied) = listen().await?;
    let relay = RelayProcess::start_with(&["--allowed-origins", &format!("http://{proxied}")]).await?;
    serve(listener, Proxy::to(relay.address(), &relay.local_token()?).router());
    let (listener, fixture) = listen().await?;
    let config = Config { allowed_origins: vec![format!("http://{fixture}")], ..Config::default() };
    let cut_off = StreamableHttpServerConfig::default().cancellation_token;
    serve(listener, mcp_router(Fixture::default(), &config, &cut_off));
    let mut failed = vec![];
    for revision in REVISIONS {
        for (name, address) in [("relay", &proxied), ("fixture", &fixture)] {
            println!("\n=== {name}, {revision} ===");
            let baseline = Path::new(&baselines).join(format!("{name}-{revision}.yml"));
            let status = Command::new(&node)
                .args([&suite, "server", "--requirements", revision])
                .args(["--url", &format!("http://{address}/mcp"), "--expected-failures"])
                .arg(baseline)
                .status()
                .await
                .context("cannot run the suite")?;
            if !status.success() {
                failed.push(format!("{name}, {revision}"));
            }
        }
    }
    if failed.is_empty() {
        println!("\nconformance: as expected");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nconformance: not as expected: {}", failed.join("; "));
    Ok(ExitCode::FAILURE)
}

async fn listen() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

/// Serves for as long as the program runs.
fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}
