//! Nothing acknowledged is lost, and no effect happens twice, whenever the relay dies.
//!
//! The relay is killed again and again, at places and moments drawn from a seed: at every fail point
//! of a debug build (before and after hook, commit and reply), and with a plain `kill -9` after some
//! number of acknowledged operations. Meanwhile alice and bob chat with counting bots, one of them
//! slow, and play against `GuessBot`, over WebSocket and over HTTP; they lose replies on purpose and repeat
//! what they don't know to be done, under the same idempotency key. After the last restart every
//! log is read and audited, see [`audit`].
//!
//! Some kills by default. For many, and other ones:
//!
//! ```text
//! KILLS=1000 SEED=7 cargo nextest run -p mcp-multiplayer-tests --test kill --no-capture
//! ```
//!
//! The seed fixes where the blows fall and what players do, not how the processes interleave.

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
#[path = "kill/party.rs"]
mod party;
#[path = "kill/player.rs"]
mod player;
#[path = "kill/prng.rs"]
mod prng;
#[path = "kill/replay.rs"]
mod replay;
#[path = "kill/seat.rs"]
mod seat;
#[path = "kill/world.rs"]
mod world;

use party::{Kind, Ledger};
use player::Door;
use prng::Prng;
use world::World;

/// After so long without a kill the load has stalled. Far beyond what a loaded machine takes.
const STALLED: Duration = Duration::from_mins(3);

/// Where the next blow falls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// At one of the relay's fail points.
    Failpoint(String),
    /// Anywhere: the moment is counted in acknowledged operations.
    Anywhere,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failpoint(name) => f.write_str(name),
            Self::Anywhere => f.write_str("kill -9"),
        }
    }
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_happens_twice() {
    let (kills, seed) = (variable("KILLS", 25), variable("SEED", 1));
    let began = Instant::now();
    let mut no_limit = vec!["--hook-ms", "60000"];
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
        no_limit.extend([flag, "100000"]);
    }
    let mut relay = RelayProcess::start_with(&no_limit).await.unwrap();
    relay.kill().await.unwrap();
    let _reserved = timeout(STALLED, reserve(relay.address())).await.unwrap();
    let (alice, bob) = (relay.local_token().unwrap(), relay.create_token("bob").await.unwrap());
    let world = World::new(relay.address().to_owned(), [("alice", alice), ("bob", bob)]);

    let mut prng = Prng::new(seed);
    let mut parties = JoinSet::new();
    for (number, (kind, door)) in [
        (Kind::Chat, Door::WebSocket),
        (Kind::Chat, Door::WebSocket),
        (Kind::Game, Door::Http),
        (Kind::Game, Door::WebSocket),
    ]
    .into_iter()
    .enumerate()
    {
        parties.spawn(party::meet(Arc::clone(&world), number, kind, door, prng.fork()));
    }

    let tally = slay(&mut relay, &world, &mut parties, kills, &mut prng).await;
    timeout(STALLED, relay.restart(None)).await.unwrap().unwrap();
    world.announce_last();
    let mut ledger = Ledger::default();
    while let Some(party) = timeout(STALLED, parties.join_next()).await.expect("the games go on to their ends") {
        ledger.extend(party.unwrap());
    }
    let played = began.elapsed();
    let (alice, bob) = (world.player("alice", Door::WebSocket), world.player("bob", Door::WebSocket));
    let found = audit::audit(&ledger, alice, bob).await;

    println!("seed {seed}: {kills} kills in {played:.1?}, audited in {:.1?}", began.elapsed().saturating_sub(played));
    for (place, (count, early)) in &tally {
        println!("{count:6} at {place}, {early} of them before the relay listened");
    }
    println!("{:6} operations acknowledged, {} failed and repeated", world.acknowledged(), world.failed());
    println!("{found}");
}

/// Keeps others, such as a client that looks for a free port, from taking the relay's while it is dead.
///
/// On Linux a bound socket does that without keeping the relay from listening.
async fn reserve(address: &str) -> Option<TcpSocket> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("the relay does so too");
    // A child of the dead relay may listen for a moment.
    while let Err(error) = socket.bind(address.parse().expect("an address")) {
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{error}");
        yield_now().await;
    }
    Some(socket)
}

/// Kills the relay so often; says how often where, and how often of that before it listened.
async fn slay(
    relay: &mut RelayProcess,
    world: &World,
    parties: &mut JoinSet<Ledger>,
    kills: u64,
    prng: &mut Prng,
) -> BTreeMap<Place, (u64, u64)> {
    let places = places();
    let mut tally: BTreeMap<Place, (u64, u64)> = places.iter().map(|place| (place.clone(), (0, 0))).collect();
    let mut deck = vec![];
    for kill in 1..=kills {
        if kill % 100 == 0 {
            println!("kill {kill}; {} operations acknowledged", world.acknowledged());
        }
        if deck.is_empty() {
            deck.clone_from(&places);
        }
        let place = deck.swap_remove(prng.below(deck.len()));
        let count = tally.get_mut(&place).expect("all places are in the tally");
        count.0 += 1;
        let blow = async {
            match &place {
                Place::Failpoint(name) => {
                    let failpoint = format!("{name}@{}", 1 + prng.below(8));
                    if relay.restart(Some(&failpoint)).await.is_err() {
                        // It was reached by what the last life had left to do. A relay that cannot start
                        // for another reason will not start after the last kill either.
                        count.1 += 1;
                        return;
                    }
                    world.announce();
                    relay.wait_for_exit().await.expect("it was running");
                }
                Place::Anywhere => {
                    relay.restart(None).await.expect("a relay starts on whatever a kill has left");
                    let moment = world.acknowledged() + prng.below(16) as u64;
                    world.announce();
                    world.reached(moment).await;
                    relay.kill().await.expect("it was running");
                }
            }
        };
        tokio::select! {
            blow = timeout(STALLED, blow) => blow.unwrap_or_else(|_| panic!("kill {kill}, at {place}: nothing happens any more")),
            party = parties.join_next() => {
                // It ends in a panic only, before the last life is announced.
                party.expect("there are parties").expect("nothing was lost, nothing happened twice");
                panic!("kill {kill}, at {place}: a party ended early");
            }
        }
    }
    tally
}

/// All places at which the relay can be killed; every one that its source marks.
fn places() -> Vec<Place> {
    let mut places = vec![Place::Anywhere];
    if cfg!(debug_assertions) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../relay/src");
        let mut names = vec![];
        find_failpoints(&source, &mut names);
        assert!(names.len() >= 6, "there are fail points around hook, commit and reply: {names:?}");
        places.extend(names.into_iter().map(Place::Failpoint));
    }
    places.sort();
    places
}

fn find_failpoints(directory: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("the relay's source") {
        let path = entry.expect("the relay's source").path();
        if path.is_dir() {
            find_failpoints(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("the relay's source");
            let marks = text.split("failpoint::hit(\"").skip(1);
            names.extend(marks.filter_map(|mark| Some(mark.split_once('"')?.0.to_owned())));
        }
    }
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
