//! `make bench`: the figures, measured here and now, as ratios within one run.
//!
//! The yardstick is a bare MCP server (rmcp, one tool that does nothing) in a process of its own,
//! driven by the same client on the same machine. Absolute figures of a shared machine say little.

mod bare;
mod bots;
mod channels;
mod http;
mod load;
mod stdio;
mod workers;

use anyhow::Result;
use mcp_multiplayer_tests::RelayProcess;

use crate::load::{Load, Timing};

/// Everything is done as fast as it goes; limits would measure themselves.
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

/// In how many turns the loads are measured.
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return bare::serve().await;
    }
    if std::env::args().nth(1).as_deref() == Some("workers") {
        return workers::measure().await;
    }
    let seconds: f64 = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    println!("each load runs {seconds} s (BENCH_SECONDS); latencies in µs; targets in brackets\n");
    let sync = load::fdatasync()?;
    println!("fdatasync, overwriting 4 KiB             p50 {:>7.0}", sync.p50());

    let bare = bare::Bare::start().await?;
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let token = http::oauth_token(relay.address()).await?;
    let (mut yardstick, mut health) = (Load::default(), Load::default());
    let (mut posts, mut keyed) = (Load::default(), Load::default());
    // By turns: what else the machine does comes and goes.
    for _ in 0..ROUNDS {
        let seconds = seconds / f64::from(ROUNDS);
        yardstick.add(http::measure(&bare.address, "", "nothing", seconds).await?);
        health.add(http::measure(relay.address(), &token, "health_check", seconds).await?);
        posts.add(http::measure_posts(relay.address(), &token, seconds, false).await?);
        keyed.add(http::measure_posts(relay.address(), &token, seconds, true).await?);
    }
    yardstick.print("bare rmcp, one empty tool");
    health.print("relay, health_check, with OAuth");
    posts.print("relay, post_message");
    keyed.print("relay, post_message with a key");
    println!();
    ratio("health_check/s, of the bare tool's", health.rate() / yardstick.rate(), ">= 0.80");
    ratio("durable post_message/s, of the bare tool's", posts.rate() / yardstick.rate(), ">= 0.45");
    ratio("the same with an idempotency key", keyed.rate() / yardstick.rate(), ">= 0.45");
    let allowed = yardstick.single.p50() + 3.0 * sync.p50();
    ratio("post p50, of bare p50 + 3 fdatasync", posts.single.p50() / allowed, "<= 1.00");
    ratio("post p99 at one connection, of bare p99", posts.single.p99() / yardstick.single.p99(), "<= 6.00");
    ratio("post p99 at 32 connections, of bare p99", posts.many.p99() / yardstick.many.p99(), "<= 6.00");
    println!();

    let post_p50 = posts.single.p50();
    let (seen, calls) = http::measure_peer(&relay, seconds).await?;
    line("post to waiting peer", &seen);
    ratio("post to waiting peer, of the post's own p50", seen.p50() / post_p50, "<= 1.50");
    ratio("sync calls per message", calls, "= 1.00");
    bots::measure(&relay, seconds, post_p50).await?;
    println!();
    stdio::measure(&relay).await?;
    println!();
    drop(relay);
    workers::measure().await?;
    println!();
    channels::measure().await
}

fn ratio(what: &str, value: f64, target: &str) {
    println!("{what:<48} {value:>7.2}   [{target}]");
}

fn line(what: &str, timing: &Timing) {
    println!("{what:<40} p50 {:>7.0}   p99 {:>7.0}", timing.p50(), timing.p99());
}
