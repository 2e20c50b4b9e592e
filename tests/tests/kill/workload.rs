use std::sync::Arc;

use futures::future::join;
use serde_json::{Value, json};

use crate::player::{Player, Transport};
use crate::run_state::RunState;
use crate::seat::{Seat, text};
use crate::{chat, game};
use mcp_multiplayer_tests::SeededRandom;

/// Kind of workload in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelKind {
    /// Messages to two bots that count, one of them slow.
    Chat,
    /// Games with `GuessBot` as the referee.
    Game,
}

/// Channels of the workloads, with everything that was acknowledged there.
pub(crate) type Ledger = Vec<Channel>;

/// A channel as its players know it from the relay's responses.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) kind: ChannelKind,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) bots: Vec<String>,
    pub(crate) seats: [Seat; 2],
}

const COUNTER: &str = include_str!("counter.py");
/// Iterations of an empty loop that delay the slow bot's reply by some 20 to 50 ms.
const SLOW_LOOPS: u32 = 400_000;

/// Runs a workload of alice and bob in one channel after the other, until the relay is not killed any more.
pub(crate) async fn run(
    run: Arc<RunState>,
    number: usize,
    kind: ChannelKind,
    transport: Transport,
    mut random: SeededRandom,
) -> Ledger {
    let mut ledger = vec![];
    let (mut alice, mut bob) = (run.player("alice", Transport::WebSocket), run.player("bob", transport));
    loop {
        let name = format!("workload {number}, channel {}", ledger.len());
        let (id, bots, invites) = create(&mut alice, kind, &name, &mut random).await;
        let (mut alice_random, mut bob_random) = (random.fork(), random.fork());
        let (mut first, mut second) = join(
            Seat::join(&mut alice, &invites[0], &mut alice_random),
            Seat::join(&mut bob, &invites[1], &mut bob_random),
        )
        .await;
        match kind {
            ChannelKind::Chat => {
                let talk = join(
                    chat::talk(&mut alice, &mut first, &bots, alice_random),
                    chat::talk(&mut bob, &mut second, &bots, bob_random),
                );
                talk.await;
            }
            ChannelKind::Game => {
                let play = join(
                    game::play(&mut alice, &mut first, alice_random),
                    game::play(&mut bob, &mut second, bob_random),
                );
                play.await;
            }
        }
        ledger.push(Channel { kind, name, id, bots, seats: [first, second] });
        if run.is_ending() {
            return ledger;
        }
    }
}

/// Creates a channel with its bots, repeating requests as needed. Returns its id, its bots' ids and its invite codes.
async fn create(
    alice: &mut Player,
    kind: ChannelKind,
    name: &str,
    random: &mut SeededRandom,
) -> (String, Vec<String>, Vec<String>) {
    let counter = |name, loops| json!({ "name": name, "inline_code": COUNTER, "params": { "loops": loops } });
    let mut args = json!({ "name": name, "idempotency_key": format!("create-{}", name.replace(' ', "-")) });
    let attach_later = random.one_in(2);
    match kind {
        ChannelKind::Chat => {
            args["slots"] = json!(["bot:quick", "bot:slow", "invite:alice", "invite:bob"]);
            let bots = [counter("Quick", 0), counter("Slow", SLOW_LOOPS)];
            args["bots"] = json!(if attach_later { &bots[..1] } else { &bots[..] });
        }
        ChannelKind::Game => {
            args["slots"] = json!(["bot:referee", "invite:alice", "invite:bob"]);
            args["bot_preset"] = json!("GuessBot");
            args["bot_params"] = json!({ "range": game::RANGE });
        }
    }
    let created = with_repeats(alice, "create_channel", &args, random, &["channel_id", "invites"]).await;
    assert_eq!(created["bot_errors"], Value::Null, "{created}");
    let channel_id = text(&created, "channel_id");
    let bots = created["bots"].as_array().expect("bots");
    let mut bots: Vec<String> = bots.iter().map(|bot| text(bot, "bot_id")).collect();
    if kind == ChannelKind::Chat && attach_later {
        let mut args = counter("Slow", SLOW_LOOPS);
        args["channel_id"] = json!(channel_id);
        args["idempotency_key"] = json!("attach");
        bots.push(text(&with_repeats(alice, "attach_bot", &args, random, &["bot_id", "slot_id"]).await, "bot_id"));
    }
    let listed = alice.call("list_channels", json!({})).await;
    let listed = listed["channels"].as_array().expect("channels");
    assert_eq!(listed.iter().filter(|channel| channel["name"] == name).count(), 1, "{name} was created once");
    let invites = created["invites"].as_array().expect("invites");
    (channel_id, bots, invites.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
}

/// Performs an operation, sometimes dropping its reply first, and sometimes repeating it after the reply.
async fn with_repeats(
    player: &mut Player,
    op: &'static str,
    args: &Value,
    random: &mut SeededRandom,
    same: &[&str],
) -> Value {
    if random.one_in(3) {
        player.abandon(op, args.clone()).await;
    }
    let answer = player.call(op, args.clone()).await;
    if random.one_in(3) {
        let again = player.call(op, args.clone()).await;
        for field in same {
            assert_eq!(again[field], answer[field], "{op}, repeated");
        }
    }
    answer
}
