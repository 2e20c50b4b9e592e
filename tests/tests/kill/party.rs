use std::sync::Arc;

use futures::future::join;
use serde_json::{Value, json};

use crate::player::{Door, Player};
use crate::prng::Prng;
use crate::seat::{Seat, text};
use crate::world::World;
use crate::{chat, game};

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Talk with two bots that count, one of them slow.
    Chat,
    /// Games with `GuessBot` as the referee.
    Game,
}

/// The channels in which all is said, and what was acknowledged there.
pub(crate) type Ledger = Vec<Channel>;

/// A channel, as its players know it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) bots: Vec<String>,
    pub(crate) seats: [Seat; 2],
}

const COUNTER: &str = include_str!("counter.py");
/// What the slow bot counts to in vain before it answers: some 20 to 50 ms.
const SLOW: u32 = 400_000;

/// Lets alice and bob meet in one channel after the other, until the relay's last life.
pub(crate) async fn meet(world: Arc<World>, number: usize, kind: Kind, door: Door, mut prng: Prng) -> Ledger {
    let mut ledger = vec![];
    let (mut alice, mut bob) = (world.player("alice", Door::WebSocket), world.player("bob", door));
    loop {
        let name = format!("party {number}, channel {}", ledger.len());
        let (id, bots, invites) = create(&mut alice, kind, &name, &mut prng).await;
        let (mut at_alice, mut at_bob) = (prng.fork(), prng.fork());
        let (mut first, mut second) =
            join(Seat::take(&mut alice, &invites[0], &mut at_alice), Seat::take(&mut bob, &invites[1], &mut at_bob))
                .await;
        match kind {
            Kind::Chat => {
                let talk = join(
                    chat::talk(&mut alice, &mut first, &bots, at_alice),
                    chat::talk(&mut bob, &mut second, &bots, at_bob),
                );
                talk.await;
            }
            Kind::Game => {
                let play =
                    join(game::play(&mut alice, &mut first, at_alice), game::play(&mut bob, &mut second, at_bob));
                play.await;
            }
        }
        ledger.push(Channel { kind, name, id, bots, seats: [first, second] });
        if world.is_ending() {
            return ledger;
        }
    }
}

/// Makes a channel with its bots, however often it takes; its id, its bots' and its invites.
async fn create(alice: &mut Player, kind: Kind, name: &str, prng: &mut Prng) -> (String, Vec<String>, Vec<String>) {
    let counter = |name, loops| json!({ "name": name, "inline_code": COUNTER, "params": { "loops": loops } });
    let mut args = json!({ "name": name, "idempotency_key": format!("create-{}", name.replace(' ', "-")) });
    let attach_later = prng.once_in(2);
    match kind {
        Kind::Chat => {
            args["slots"] = json!(["bot:quick", "bot:slow", "invite:alice", "invite:bob"]);
            let bots = [counter("Quick", 0), counter("Slow", SLOW)];
            args["bots"] = json!(if attach_later { &bots[..1] } else { &bots[..] });
        }
        Kind::Game => {
            args["slots"] = json!(["bot:referee", "invite:alice", "invite:bob"]);
            args["bot_preset"] = json!("GuessBot");
            args["bot_params"] = json!({ "range": game::RANGE });
        }
    }
    let created = repeatedly(alice, "create_channel", &args, prng, &["channel_id", "invites"]).await;
    assert_eq!(created["bot_errors"], Value::Null, "{created}");
    let channel_id = text(&created, "channel_id");
    let bots = created["bots"].as_array().expect("bots");
    let mut bots: Vec<String> = bots.iter().map(|bot| text(bot, "bot_id")).collect();
    if kind == Kind::Chat && attach_later {
        let mut args = counter("Slow", SLOW);
        args["channel_id"] = json!(channel_id);
        args["idempotency_key"] = json!("attach");
        bots.push(text(&repeatedly(alice, "attach_bot", &args, prng, &["bot_id", "slot_id"]).await, "bot_id"));
    }
    let listed = alice.call("list_channels", json!({})).await;
    let listed = listed["channels"].as_array().expect("channels");
    assert_eq!(listed.iter().filter(|channel| channel["name"] == name).count(), 1, "{name} was made once");
    let invites = created["invites"].as_array().expect("invites");
    (channel_id, bots, invites.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
}

/// Performs an operation whose replies get lost, and that may be repeated after a reply, too.
async fn repeatedly(player: &mut Player, op: &'static str, args: &Value, prng: &mut Prng, same: &[&str]) -> Value {
    if prng.once_in(3) {
        player.abandon(op, args.clone()).await;
    }
    let answer = player.call(op, args.clone()).await;
    if prng.once_in(3) {
        let again = player.call(op, args.clone()).await;
        for field in same {
            assert_eq!(again[field], answer[field], "{op}, repeated");
        }
    }
    answer
}
