//! The benchmarks of `make bench`: a table of figures with their targets, from one run on one machine.
//!
//! The baseline is a minimal MCP server (rmcp, one tool that does nothing) in its own process, driven by
//! the same client. Absolute figures mean little on a machine that others use too. [`Settings`] lists the environment
//! variables; arguments select sections by name.

mod bare;
mod bots;
mod channels;
mod connections;
mod creations;
mod delivery;
mod disk;
mod load;
mod original;
mod posts;
mod process;
mod receipts;
mod row;
mod settings;
mod signed;
mod stdio;
mod timing;
mod token;
mod verified;
mod waiting;
mod workers;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use futures::FutureExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::row::Row;
use crate::settings::Settings;

/// Flags that lift the limits, which would otherwise be what is measured.
const UNLIMITED: [&str; 20] = [
    "--posts-per-second",
    "1000000",
    "--posts-burst",
    "1000000",
    "--requests-per-second",
    "1000000",
    "--requests-burst",
    "1000000",
    "--address-requests-per-second",
    "1000000",
    "--address-requests-burst",
    "1000000",
    "--channels-per-day",
    "1000000",
    "--channel-stored-bytes",
    "1000000000000",
    "--principal-stored-bytes",
    "1000000000000",
    "--connections-per-address",
    "1000000",
];

/// The parts of the benchmark, in the order of the table.
const SECTIONS: [&str; 8] =
    ["posts", "creations", "workers", "channels", "connections", "stdio", "verified", "receipts"];

#[tokio::main]
async fn main() -> Result<()> {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if chosen == ["bare"] {
        return bare::serve().await;
    }
    if let Some(unknown) = chosen.iter().find(|name| !SECTIONS.contains(&name.as_str())) {
        bail!("There is no section {unknown}. Choose from: {}.", SECTIONS.join(", "));
    }
    let settings = Settings::from_env()?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Returning from here ends all processes that the benchmark has started.
    tokio::select! {
        result = run(&settings, &chosen) => result,
        _ = interrupt.recv() => bail!("The benchmark was interrupted."),
        _ = terminate.recv() => bail!("The benchmark was terminated."),
    }
}

/// Runs the chosen sections, or all, and prints the table. A section that fails does not keep the others from running.
async fn run(settings: &Settings, chosen: &[String]) -> Result<()> {
    println!("{settings}");
    let (mut rows, mut failed) = (vec![], vec![]);
    for section in SECTIONS {
        if !chosen.is_empty() && chosen.iter().all(|name| name != section) {
            continue;
        }
        println!("{section}");
        let start = Instant::now();
        match AssertUnwindSafe(measure(section, settings)).catch_unwind().await {
            Ok(Ok(measured)) => rows.extend(measured),
            Ok(Err(error)) => {
                println!("  failed: {error:#}");
                failed.push(section);
            }
            // The panic has printed its message.
            Err(_) => failed.push(section),
        }
        println!("  {:.0} s", start.elapsed().as_secs_f64());
    }
    row::print(&rows);
    println!("{settings}");
    ensure!(failed.is_empty(), "These sections failed: {}.", failed.join(", "));
    Ok(())
}

async fn measure(section: &str, settings: &Settings) -> Result<Vec<Row>> {
    match section {
        "posts" => posts::measure(settings).await,
        "creations" => creations::measure(settings).await,
        "workers" => workers::measure().await,
        "channels" => channels::measure(settings).await,
        "connections" => connections::measure(settings).await,
        "stdio" => stdio::measure(settings).await,
        "verified" => verified::measure().await,
        _ => receipts::measure().await,
    }
}
