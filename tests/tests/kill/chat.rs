use std::collections::BTreeSet;

use crate::player::Player;
use crate::prng::Prng;
use crate::seat::{Saying, Seat};

/// How often a player speaks and hears the answers before a chat is over.
const ROUNDS: usize = 6;

/// Talks to the counting bots of a channel, and waits for their answers.
pub(crate) async fn talk(player: &mut Player, seat: &mut Seat, bots: &[String], mut prng: Prng) {
    for round in 0..ROUNDS {
        let mut sayings = vec![];
        let mut awaited = BTreeSet::new();
        for number in 0..=prng.below(3) {
            let text = format!("{}-{round}-{number}", seat.slot_id);
            let to_bot = prng.once_in(4).then(|| bots[prng.below(bots.len())].clone());
            let answering = bots.iter().filter(|bot| to_bot.as_ref().is_none_or(|to_bot| to_bot == *bot));
            awaited.extend(answering.map(|bot| (format!("bot:{bot}"), text.clone())));
            sayings.push(Saying { text, data: None, to_bot });
        }
        seat.say(player, sayings, &mut prng).await;
        while !awaited.is_empty() {
            let news = seat.sync(player).await;
            for message in seat.read[news..].iter().filter(|message| message["kind"] == "answer") {
                let of = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
                awaited.remove(&(of(&message["sender"]), of(&message["body"]["text"])));
            }
        }
    }
}
