use serde_json::{Value, json};

use crate::player::Player;
use crate::seat::{OutgoingMessage, Seat};
use mcp_multiplayer_tests::SeededRandom;

/// Range from which `GuessBot` draws the number: large enough for about eight guesses.
pub(crate) const RANGE: [i64; 2] = [1, 200];
/// Number of games that two players play in a row.
pub(crate) const GAMES: u64 = 2;

/// A player's knowledge of the game.
#[derive(Debug)]
struct Game {
    /// The player whose turn it is and the turn's number, until that turn is judged.
    turn: Option<(String, u64)>,
    low: i64,
    high: i64,
    ended: u64,
}

/// Plays until all games have ended.
pub(crate) async fn play(player: &mut Player, seat: &mut Seat, mut random: SeededRandom) {
    let mut game = Game { turn: None, low: RANGE[0], high: RANGE[1], ended: 0 };
    let mut seen = 0;
    let mut done = None;
    while game.ended < GAMES {
        for message in &seat.received[seen..] {
            game.update(message);
        }
        seen = seat.received.len();
        let (moved, data) = match &game.turn {
            Some((player, turn)) if *player == seat.slot_id => {
                // Alice halves the remaining range, bob guesses at random.
                let span = usize::try_from(game.high - game.low + 1).expect("something is left");
                let step = if seat.player == "alice" { span / 2 } else { random.below(span) };
                let guess = game.low + i64::try_from(step).expect("within the range");
                (format!("{}-{}-guess-{turn}", seat.slot_id, game.ended), json!({ "guess": guess }))
            }
            None if (1..GAMES).contains(&game.ended) => {
                (format!("{}-{}-start", seat.slot_id, game.ended), json!({ "type": "move", "action": "start" }))
            }
            _ => (String::new(), Value::Null),
        };
        if !moved.is_empty() && done.as_ref() != Some(&moved) {
            done = Some(moved.clone());
            seat.send(player, vec![OutgoingMessage { text: moved, data: Some(data), to_bot: None }], &mut random).await;
        }
        if game.ended < GAMES {
            seat.sync(player).await;
        }
    }
}

impl Game {
    fn update(&mut self, message: &Value) {
        let body = &message["body"];
        match body["type"].as_str() {
            Some("game_start") => (self.low, self.high) = (RANGE[0], RANGE[1]),
            Some("bot:turn") => {
                let (player, turn) = (body["player"].as_str(), body["turn_id"].as_u64());
                self.turn = Some((player.expect("a player").to_owned(), turn.expect("a number")));
            }
            Some("judge") => {
                let guess = body["guess"].as_i64().expect("a number");
                match body["result"].as_str() {
                    Some("low") => self.low = guess + 1,
                    Some("high") => self.high = guess - 1,
                    result => assert_eq!(result, Some("correct"), "{message}"),
                }
                self.turn = None;
            }
            Some("game_end") => self.ended += 1,
            Some("violation") => panic!("every move followed the rules: {message}"),
            _ => {}
        }
    }
}
