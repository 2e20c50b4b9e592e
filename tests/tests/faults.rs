//! Whatever the network does between the stdio server and the relay: no post is lost or doubled, no call hangs, and the
//! session goes on.
//!
//! Each schedule is a client that posts through a proxy, whose connections are closed, reset, stalled, cut without a word,
//! slowed down or fed bytes twice, at places that a seeded generator chooses. Schedules run side by side, because most of
//! their time is spent waiting. To choose their number and the seed:
//!
//! ```text
//! SCHEDULES=1000 SEED=7 cargo nextest run --workspace -E 'binary(faults)' --no-capture
//! ```

#![cfg(test)]

#[path = "faults/proxy.rs"]
mod proxy;

use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use mcp_multiplayer_tests::{RelayProcess, SeededRandom, StdioClient, WsClient};
use serde_json::json;
use tokio::task::yield_now;
use tokio::time::timeout;

use self::proxy::{Fault, FaultProxy};

/// Posts of each schedule.
const POSTS: usize = 8;
/// Most faults of a schedule.
const FAULTS: usize = 5;
/// Number of schedules that run at the same time.
const AT_ONCE: usize = 40;
/// Longest time of any call, in which the connection may have died unnoticed twice.
const CALL_TIMEOUT: Duration = Duration::from_secs(50);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// A player of a schedule, and what became of the posts.
struct Schedule {
    channel_id: String,
    acknowledged: Vec<String>,
    failed: Vec<String>,
}

/// Posts through a proxy with faults. Returns what was acknowledged.
async fn run(relay: &RelayProcess, seed: u64) -> Schedule {
    let mut random = SeededRandom::new(seed);
    let faults = (0..=random.below(FAULTS)).map(|_| Fault::random(&mut random)).collect::<Vec<_>>();
    let shown = format!("schedule {seed}: {faults:?}");
    let mut direct = relay.connect().await.unwrap();
    let name: String = shown.chars().take(100).collect();
    let arguments = json!({ "name": name, "slots": ["invite:alice"], "join_as": "alice" });
    let created = direct.call("create_channel", arguments).await;
    let channel_id = created["channel_id"].as_str().unwrap().to_owned();
    let proxy = FaultProxy::start(relay.address(), faults).await.unwrap();
    let data_dir = tempfile::tempdir().unwrap();
    let token = relay.local_token().unwrap();
    let (mut client, _) = StdioClient::launch_at(&proxy.address(), &token, data_dir.path()).await.unwrap();
    let mut schedule = Schedule { channel_id, acknowledged: vec![], failed: vec![] };
    for number in 0..POSTS {
        let text = format!("{seed} {number}");
        let arguments = json!({ "channel_id": schedule.channel_id, "body": text });
        let posted = timeout(CALL_TIMEOUT, client.call_tool("post_message", arguments)).await;
        match posted.unwrap_or_else(|_| panic!("post {number} hangs; {shown}")) {
            Ok(_) => schedule.acknowledged.push(text),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("RELAY_UNREACHABLE") && error.contains("hint"), "{error}; {shown}");
                schedule.failed.push(text);
            }
        }
    }
    // The network has recovered, and so does the session.
    proxy.heal();
    let arguments = json!({ "channel_id": schedule.channel_id, "cursor": 0, "timeout_ms": 0, "include_own": true });
    let read = timeout(CALL_TIMEOUT, client.call_tool("sync_messages", arguments)).await;
    let read =
        read.unwrap_or_else(|_| panic!("reading hangs; {shown}")).unwrap_or_else(|error| panic!("{error}; {shown}"));
    for text in &schedule.acknowledged {
        assert_eq!(read.matches(&format!("\"{text}\"")).count(), 1, "{text}: {read}; {shown}");
    }
    schedule
}

/// Compares a channel's log with what its player knows.
async fn audit(relay: &mut WsClient, schedule: &Schedule) {
    let args = json!({ "channel_id": schedule.channel_id, "cursor": 0, "timeout_ms": 0 });
    let read = relay.call("sync_messages", args).await;
    let texts = read["messages"].as_array().unwrap().iter().filter_map(|message| message["body"]["text"].as_str());
    let texts: Vec<&str> = texts.collect();
    let posted: Vec<&&str> =
        texts.iter().filter(|text| !schedule.failed.iter().any(|failed| failed == *text)).collect();
    assert_eq!(posted, schedule.acknowledged.iter().collect::<Vec<_>>(), "{}: {texts:?}", schedule.channel_id);
    for failed in &schedule.failed {
        assert!(texts.iter().filter(|text| *text == failed).count() <= 1, "{failed}: {texts:?}");
    }
}

/// Number of files and sockets that the relay has open.
fn open_files(relay: &RelayProcess) -> usize {
    let pid = relay.pid().expect("the relay runs");
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_neither_lost_nor_doubled_whatever_the_network_does() {
    let (count, seed) = (number("SCHEDULES", 200), number("SEED", 1));
    let relay = RelayProcess::start_with(&["--channels-per-day", "100000"]).await.unwrap();
    let mut direct = relay.connect().await.unwrap();
    let schedules = stream::iter(seed..seed + count).map(|seed| run(&relay, seed)).buffer_unordered(AT_ONCE);
    let open = open_files(&relay);
    let schedules: Vec<Schedule> = schedules.collect().await;
    for schedule in &schedules {
        audit(&mut direct, schedule).await;
    }
    let of =
        |texts: fn(&Schedule) -> &Vec<String>| schedules.iter().map(|schedule| texts(schedule).len()).sum::<usize>();
    let (acknowledged, failed) = (of(|schedule| &schedule.acknowledged), of(|schedule| &schedule.failed));
    println!("{count} schedules: {acknowledged} posts acknowledged, {failed} failed with an error");
    assert!(acknowledged > 3 * failed, "most posts succeed");
    let closed = async {
        // The database may have opened a few files more.
        while open_files(&relay) > open + AT_ONCE / 2 {
            yield_now().await;
        }
    };
    assert!(timeout(CALL_TIMEOUT, closed).await.is_ok(), "{} files are open, {open} were", open_files(&relay));
}
