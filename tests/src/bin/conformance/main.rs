//! Runs the Model Context Protocol's own conformance suite: `conformance NODE SUITE BASELINES`, with the paths of the
//! `node` binary, of the suite's program and of the folder of baselines. `make interop` calls it.
//!
//! The suite sends no token, and most of its scenarios call tools that are made for it. So each revision is tested
//! twice: against a relay, through a proxy that adds the token, and against a server that has the suite's tools and
//! uses the relay's own HTTP transport.

#![expect(deprecated, reason = "the suite also tests older revisions, with features that the newest one deprecates")]

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
    // The suite sends an `Origin`, and a relay accepts a page's origin, even one on loopback, only if it is allowed.
    let (listener, proxied) = listen().await?;
    let relay = RelayProcess::start_with(&["--allowed-origins", &format!("http://{proxied}")]).await?;
    serve(listener, Proxy::new(relay.address(), &relay.local_token()?).router());
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
        println!("\nconformance: all results are as expected");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nconformance: unexpected results: {}", failed.join("; "));
    Ok(ExitCode::FAILURE)
}

async fn listen() -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    Ok((listener, address))
}

/// Serves in the background for as long as the program runs.
fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}
