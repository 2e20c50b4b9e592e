//! The benchmarks of `make bench`: ratios of measurements from one run on one machine.
//!
//! The baseline is a minimal MCP server (rmcp, one tool that does nothing) in its own process, driven by
//! the same client. Absolute figures mean little on a machine that others use too.

mod bare;
mod bots;
mod channels;
mod connections;
mod http;
mod load;
mod stdio;
mod workers;

use anyhow::Result;
use mcp_multiplayer_tests::RelayProcess;

use crate::load::{Load, Timing};

/// Flags that lift the rate limits, which would otherwise be what is measured.
const UNLIMITED: [&str; 16] = [
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
    "--connections-per-address",
    "10000",
];

/// Number of turns in which the loads are measured.
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return bare::serve().await;
    }
    if std::env::args().nth(1).as_deref() == Some("workers") {
        return workers::measure().await;
    }
    if std::env::args().nth(1).as_deref() == Some("connections") {
        return connections::measure().await;
    }
    let seconds: f64 = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    println!("each load runs {seconds} s (BENCH_SECONDS); latencies in µs; targets in brackets\n");
    let sync = load::fdatasync()?;
    println!("fdatasync, overwriting 4 KiB             p50 {:>7.0}", sync.p50());

    let bare = bare::BareServer::start().await?;
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let token = http::oauth_token(relay.address()).await?;
    let (mut baseline, mut health) = (Load::default(), Load::default());
    let (mut posts, mut keyed) = (Load::default(), Load::default());
    // The loads take turns, so that other activity on the machine affects all of them alike.
    for _ in 0..ROUNDS {
        let seconds = seconds / f64::from(ROUNDS);
        baseline.add(http::measure(&bare.address, "", "nothing", seconds).await?);
        health.add(http::measure(relay.address(), &token, "health_check", seconds).await?);
        posts.add(http::measure_posts(relay.address(), &token, seconds, false).await?);
        keyed.add(http::measure_posts(relay.address(), &token, seconds, true).await?);
    }
    baseline.print("bare rmcp, one empty tool");
    health.print("relay, health_check, with OAuth");
    posts.print("relay, post_message");
    keyed.print("relay, post_message with a key");
    println!();
    ratio("health_check/s / bare tool", health.rate() / baseline.rate(), ">= 0.80");
    ratio("durable post_message/s / bare tool", posts.rate() / baseline.rate(), ">= 0.45");
    ratio("the same with an idempotency key", keyed.rate() / baseline.rate(), ">= 0.45");
    let allowed = baseline.single.p50() + 3.0 * sync.p50();
    ratio("post p50 / (bare p50 + 3 fdatasync)", posts.single.p50() / allowed, "<= 1.00");
    ratio("post p99 over one connection / bare p99", posts.single.p99() / baseline.single.p99(), "<= 6.00");
    ratio("post p99 over 32 connections / bare p99", posts.many.p99() / baseline.many.p99(), "<= 6.00");
    println!();

    let post_p50 = posts.single.p50();
    let (delivery, calls) = http::measure_peer(&relay, seconds).await?;
    line("post to waiting peer", &delivery);
    ratio("post to waiting peer / post p50", delivery.p50() / post_p50, "<= 1.50");
    ratio("sync calls per message", calls, "= 1.00");
    bots::measure(&relay, seconds, post_p50).await?;
    println!();
    stdio::measure(&relay).await?;
    println!();
    drop(relay);
    workers::measure().await?;
    println!();
    channels::measure().await?;
    println!();
    connections::measure().await
}

fn ratio(label: &str, value: f64, target: &str) {
    println!("{label:<48} {value:>7.2}   [{target}]");
}

fn line(label: &str, timing: &Timing) {
    println!("{label:<40} p50 {:>7.0}   p99 {:>7.0}", timing.p50(), timing.p99());
}
