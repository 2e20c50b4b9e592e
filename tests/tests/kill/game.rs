use serde_json::{Value, json};

use crate::player::Player;
use crate::prng::Prng;
use crate::seat::{Saying, Seat};

/// The numbers among which GuessBot draws: enough for some eight guesses.
pub(crate) const RANGE: [i64; 2] = [1, 200];
/// How many games two players play in a row.
pub(crate) const GAMES: u64 = 2;

/// How a player sees the game.
#[derive(Debug)]
struct Game {
    /// Whose turn it is, and which one, until that was judged.
    turn: Option<(String, u64)>,
    low: i64,
    high: i64,
    ended: u64,
}

/// Plays, from one turn to the next, until all games have ended.
pub(crate) async fn play(player: &mut Player, seat: &mut Seat, mut prng: Prng) {
    let mut game = Game { turn: None, low: RANGE[0], high: RANGE[1], ended: 0 };
    let mut seen = 0;
    let mut done = None;
    while game.ended < GAMES {
        for message in &seat.read[seen..] {
            game.follow(message);
        }
        seen = seat.read.len();
        let (moved, data) = match &game.turn {
            Some((player, turn)) if *player == seat.slot_id => {
                // alice halves what is left, bob trusts his luck.
                let span = usize::try_from(game.high - game.low + 1).expect("something is left");
                let step = if seat.player == "alice" { span / 2 } else { prng.below(span) };
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
            seat.say(player, vec![Saying { text: moved, data: Some(data), to_bot: None }], &mut prng).await;
        }
        if game.ended < GAMES {
            seat.sync(player).await;
        }
    }
}

impl Game {
    fn follow(&mut self, message: &Value) {
        let body = &message["body"];
        match body["type"].as_str() {
            Some("game_start") => (self.low, self.high) = (RANGE[0], RANGE[1]),
            Some("bot:turn") => {
                let (player, turn) = (body["player"].as_str(), body["turn_number"].as_u64());
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
            Some("violation") => panic!("every move was a fair one: {message}"),
            _ => {}
        }
    }
}
