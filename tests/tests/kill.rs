//! Whenever the relay is killed, nothing acknowledged is lost and no effect happens twice.
//!
//! The relay is killed again and again, at points chosen by a seeded generator: at every fail point
//! of a debug build (before and after hook, commit and reply), and with a plain `kill -9` after some
//! number of acknowledged operations. Meanwhile alice and bob chat with counting bots, one of them
//! slow, and play against `GuessBot`, over WebSocket and over HTTP. They drop replies on purpose, and
//! repeat every unacknowledged request under the same idempotency key. After the last restart every
//! log is read and audited, see [`audit`].
//!
//! By default the relay is killed 25 times. To choose the number of kills and the seed:
//!
//! ```text
//! KILLS=1000 SEED=7 cargo nextest run -p mcp-multiplayer-tests --test kill --no-capture
//! ```
//!
//! The seed determines the kill points and what players do, but not how the processes interleave.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_multiplayer_tests::RelayProcess;
use tokio::net::TcpSocket;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

#[path = "kill/audit.rs"]
mod audit;
#[path = "kill/chat.rs"]
mod chat;
#[path = "kill/game.rs"]
mod game;
#[path = "kill/player.rs"]
mod player;
#[path = "kill/replay.rs"]
mod replay;
#[path = "kill/run_state.rs"]
mod run_state;
#[path = "kill/seat.rs"]
mod seat;
#[path = "kill/workload.rs"]
mod workload;

use mcp_multiplayer_tests::SeededRandom;
use player::Transport;
use run_state::RunState;
use workload::{ChannelKind, Ledger};

/// Longest time between two kills. A loaded machine needs far less, so the test has stalled.
const STALL_TIMEOUT: Duration = Duration::from_mins(3);

/// Point at which the relay is killed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KillPoint {
    /// One of the relay's fail points.
    Failpoint(String),
    /// Any moment, given by a number of acknowledged operations.
    Anywhere,
}

impl std::fmt::Display for KillPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failpoint(name) => f.write_str(name),
            Self::Anywhere => f.write_str("kill -9"),
        }
    }
}

#[tokio::test]
async fn acknowledged_operations_survive_kills_and_take_effect_once() {
    let (kills, seed) = (number_from_env("KILLS", 25), number_from_env("SEED", 1));
    let began = Instant::now();
    let mut flags = vec!["--bot-hook-ms", "60000", "--bot-hook-wall-ms", "60000"];
    for flag in [
        "--posts-per-second",
        "--posts-burst",
        "--requests-per-second",
        "--requests-burst",
        "--address-requests-per-second",
        "--address-requests-burst",
        "--channels-per-day",
        "--connections-per-address",
    ] {
        flags.extend([flag, "100000"]);
    }
    let mut relay = RelayProcess::start_with(&flags).await.unwrap();
    relay.kill().await.unwrap();
    let _reserved = timeout(STALL_TIMEOUT, reserve_port(relay.address())).await.unwrap();
    let (alice, bob) = (relay.local_token().unwrap(), relay.create_token("bob").await.unwrap());
    let run = RunState::new(relay.address().to_owned(), [("alice", alice), ("bob", bob)]);

    let mut random = SeededRandom::new(seed);
    let mut workloads = JoinSet::new();
    for (number, (kind, transport)) in [
        (ChannelKind::Chat, Transport::WebSocket),
        (ChannelKind::Chat, Transport::WebSocket),
        (ChannelKind::Game, Transport::Http),
        (ChannelKind::Game, Transport::WebSocket),
    ]
    .into_iter()
    .enumerate()
    {
        workloads.spawn(workload::run(Arc::clone(&run), number, kind, transport, random.fork()));
    }

    let kill_counts = kill_repeatedly(&mut relay, &run, &mut workloads, kills, &mut random).await;
    timeout(STALL_TIMEOUT, relay.restart(None)).await.unwrap().unwrap();
    run.last_start();
    let mut ledger = Ledger::default();
    while let Some(played) =
        timeout(STALL_TIMEOUT, workloads.join_next()).await.expect("workloads end once the relay is no longer killed")
    {
        ledger.extend(played.unwrap());
    }
    let played = began.elapsed();
    let (alice, bob) = (run.player("alice", Transport::WebSocket), run.player("bob", Transport::WebSocket));
    let summary = audit::audit_logs(&ledger, alice, bob).await;

    println!("seed {seed}: {kills} kills in {played:.1?}, audited in {:.1?}", began.elapsed().saturating_sub(played));
    for (point, (count, early)) in &kill_counts {
        println!("{count:6} at {point}, {early} of them before the relay listened");
    }
    println!("{:6} operations acknowledged, {} failed and repeated", run.acknowledged(), run.failed());
    println!("{summary}");
}

/// Reserves the relay's port, so that no other program takes it while the relay is down.
///
/// On Linux a bound socket that does not listen does that, and the relay can still listen.
async fn reserve_port(address: &str) -> Option<TcpSocket> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR can be set");
    // A child that the dead relay had just forked may hold the listening socket for a moment.
    while let Err(error) = socket.bind(address.parse().expect("an address")) {
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        yield_now().await;
    }
    Some(socket)
}

/// Kills the relay `kills` times. Returns the number of kills at each point, and how many of them came before the relay
/// listened.
async fn kill_repeatedly(
    relay: &mut RelayProcess,
    run: &RunState,
    workloads: &mut JoinSet<Ledger>,
    kills: u64,
    random: &mut SeededRandom,
) -> BTreeMap<KillPoint, (u64, u64)> {
    let points = kill_points();
    let mut counts: BTreeMap<KillPoint, (u64, u64)> = points.iter().map(|point| (point.clone(), (0, 0))).collect();
    let mut remaining = vec![];
    for kill in 1..=kills {
        if kill % 100 == 0 {
            println!("kill {kill}; {} operations acknowledged", run.acknowledged());
        }
        if remaining.is_empty() {
            remaining.clone_from(&points);
        }
        let point = remaining.swap_remove(random.below(remaining.len()));
        let count = counts.get_mut(&point).expect("every kill point has a count");
        count.0 += 1;
        let kill_once = async {
            match &point {
                KillPoint::Failpoint(name) => {
                    let failpoint = format!("{name}@{}", 1 + random.below(8));
                    if relay.restart(Some(&failpoint)).await.is_err() {
                        // The fail point was reached during start-up, by work that the previous process had left.
                        // A relay that fails to start for another reason also fails to start after the last kill.
                        count.1 += 1;
                        return;
                    }
                    run.relay_started();
                    relay.wait_for_exit().await.expect("it was running");
                }
                KillPoint::Anywhere => {
                    relay.restart(None).await.expect("a relay starts on the data that a kill has left");
                    let target = run.acknowledged() + random.below(16) as u64;
                    run.relay_started();
                    run.acknowledged_at_least(target).await;
                    relay.kill().await.expect("it was running");
                }
            }
        };
        tokio::select! {
            killed = timeout(STALL_TIMEOUT, kill_once) => killed.unwrap_or_else(|_| panic!("kill {kill}, at {point}: the test has stalled")),
            ended = workloads.join_next() => {
                // Before the last start of the relay is announced, a workload ends only by a panic.
                ended.expect("there are workloads").expect("nothing was lost, nothing happened twice");
                panic!("kill {kill}, at {point}: a workload ended early");
            }
        }
    }
    counts
}

/// Lists all points at which the relay can be killed: any moment, and every fail point in its source.
fn kill_points() -> Vec<KillPoint> {
    let mut points = vec![KillPoint::Anywhere];
    if cfg!(debug_assertions) {
        let relay = Path::new(env!("CARGO_MANIFEST_DIR")).join("../relay");
        let mut names = vec![];
        for source in ["src", "store/src"] {
            find_failpoints(&relay.join(source), &mut names);
        }
        assert!(names.len() >= 6, "there are fail points around hook, commit and reply: {names:?}");
        points.extend(names.into_iter().map(KillPoint::Failpoint));
    }
    points.sort();
    points
}

fn find_failpoints(directory: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("the relay's source") {
        let path = entry.expect("the relay's source").path();
        if path.is_dir() {
            find_failpoints(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("the relay's source");
            let passed = text.split("failpoint::hit(\"").skip(1);
            names.extend(passed.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
}

fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
