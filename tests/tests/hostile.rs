//! Runs every hostile bot in `tests/hostile` on a relay, and checks that it is stopped.
//!
//! A program's head says what it tries, which barriers must stop it, and what that looks like: once with the
//! policy on, as relays run by default, and once with the policy off, when the program is plain Python and only
//! the process sandbox protects the machine. The relay and its other bots must be unaffected in any case: see
//! [`hostile_relay`] for the checks beside a program's own verdict.
//!
//! To run some of the programs, give the beginnings of their names:
//!
//! ```text
//! HOSTILE=forged_,workspace_ cargo nextest run -p mcp-multiplayer-tests --test hostile --no-capture
//! ```

#![cfg(test)]

#[path = "hostile/bystander.rs"]
mod bystander;
#[path = "hostile/fixture.rs"]
mod fixture;
#[path = "hostile/hostile_relay.rs"]
mod hostile_relay;
#[path = "hostile/processes.rs"]
mod processes;
#[path = "hostile/verdict.rs"]
mod verdict;

use std::time::Instant;

use futures::{StreamExt as _, stream};

use fixture::Fixture;
use hostile_relay::HostileRelay;

/// Number of programs that run at the same time.
const CONCURRENCY: usize = 4;

/// State of the relay's policy for inline sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    On,
    Off,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_with_the_policy_on() {
    all_are_stopped(Policy::On, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_by_the_process_sandbox_alone() {
    all_are_stopped(Policy::Off, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_where_the_platform_has_no_namespaces() {
    all_are_stopped(Policy::Off, &["--bot-sandbox-disable", "namespaces"]).await;
}

async fn all_are_stopped(policy: Policy, flags: &[&str]) {
    let fixtures = Fixture::all();
    let relay = HostileRelay::start(policy, flags).await;
    if policy == Policy::Off && !relay.has_process_sandbox() {
        eprintln!("NOT RUN: this platform has no process sandbox: {}", relay.health());
        return;
    }
    let began = Instant::now();
    let total = fixtures.len();
    let results: Vec<(Fixture, Result<(), String>)> = stream::iter(fixtures)
        .map(async |fixture| {
            let result = relay.run(&fixture).await;
            (fixture, result)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let failure = |(fixture, result): &(Fixture, Result<(), String>)| {
        Some(format!("{}: {}", fixture.name, result.as_ref().err()?))
    };
    let mut failures: Vec<String> = results.iter().filter_map(failure).collect();
    println!("{total} programs in {:?}; the bystander's round trips: {}", began.elapsed(), relay.round_trips().await);
    failures.extend(relay.shut_down().await);
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {total} programs were not stopped as they should be:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
