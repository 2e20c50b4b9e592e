use std::collections::BTreeSet;

use crate::player::Player;
use crate::seat::{OutgoingMessage, Seat};
use mcp_multiplayer_tests::SeededRandom;

/// Number of times a player sends messages and waits for the replies before a chat is over.
const ROUNDS: usize = 6;

/// Talks to the counting bots of a channel, and waits for their answers.
pub(crate) async fn talk(player: &mut Player, seat: &mut Seat, bots: &[String], mut random: SeededRandom) {
    for round in 0..ROUNDS {
        let mut messages = vec![];
        let mut awaited = BTreeSet::new();
        for number in 0..=random.below(3) {
            let text = format!("{}-{round}-{number}", seat.slot_id);
            let to_bot = random.one_in(4).then(|| bots[random.below(bots.len())].clone());
            let answering = bots.iter().filter(|bot| to_bot.as_ref().is_none_or(|to_bot| to_bot == *bot));
            awaited.extend(answering.map(|bot| (format!("bot:{bot}"), text.clone())));
            messages.push(OutgoingMessage { text, data: None, to_bot });
        }
        seat.send(player, messages, &mut random).await;
        while !awaited.is_empty() {
            let first_new = seat.sync(player).await;
            for message in seat.received[first_new..].iter().filter(|message| message["kind"] == "answer") {
                let of = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
                awaited.remove(&(of(&message["sender"]), of(&message["body"]["text"])));
            }
        }
    }
}
