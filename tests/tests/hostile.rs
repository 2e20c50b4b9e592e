//! What hostile bots come to: each program in `tests/hostile` meets a relay.
//!
//! A program's head says what it tries, which wall must stop it and how that looks: once with the
//! policy on, as relays run by default, and once with the policy off, when it is plain Python and the
//! process wall alone stands between it and the machine. Whatever comes of it, the relay goes on as
//! if nothing had been: see [`arena`] for what must hold beside a program's own verdict.
//!
//! One or some of them, by name:
//!
//! ```text
//! HOSTILE=forged_,workspace_ cargo nextest run -p mcp-multiplayer-tests --test hostile --no-capture
//! ```

#![cfg(test)]

#[path = "hostile/arena.rs"]
mod arena;
#[path = "hostile/fixture.rs"]
mod fixture;
#[path = "hostile/neighbour.rs"]
mod neighbour;
#[path = "hostile/processes.rs"]
mod processes;
#[path = "hostile/verdict.rs"]
mod verdict;

use std::time::Instant;

use futures::{StreamExt as _, stream};

use arena::Arena;
use fixture::Fixture;

/// Programs at a time.
const ABREAST: usize = 4;

/// Whether inline sources are held to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    On,
    Off,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_with_the_policy_on() {
    stopped(Policy::On, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_by_the_process_wall_alone() {
    stopped(Policy::Off, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_programs_are_stopped_where_the_platform_has_no_namespaces() {
    stopped(Policy::Off, &["--sandbox-disable", "namespaces"]).await;
}

async fn stopped(policy: Policy, flags: &[&str]) {
    let fixtures = Fixture::all();
    let arena = Arena::set(policy, flags).await;
    if policy == Policy::Off && !arena.has_process_sandbox() {
        eprintln!("NOT RUN: this platform gives no sandbox around processes: {}", arena.sandbox());
        return;
    }
    let began = Instant::now();
    let total = fixtures.len();
    let met: Vec<(Fixture, Result<(), String>)> = stream::iter(fixtures)
        .map(async |fixture| {
            let met = arena.meet(&fixture).await;
            (fixture, met)
        })
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let mut broken: Vec<String> =
        met.iter().filter_map(|(fixture, met)| Some(format!("{}: {}", fixture.name, met.as_ref().err()?))).collect();
    println!("{total} programs in {:?}; the neighbour's round trips: {}", began.elapsed(), arena.pace().await);
    broken.extend(arena.close().await);
    broken.sort();
    assert!(
        broken.is_empty(),
        "{} of {total} programs were not stopped as they should be:\n{}",
        broken.len(),
        broken.join("\n")
    );
}
