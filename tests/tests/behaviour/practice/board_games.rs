//! A partner in the games of `ChessBot` and `ConnectFourBot`.

use serde_json::{Value, json};

use super::{Practice, assert_one_move_per_turn};
use crate::fixture::of_type;

/// The moves in `actions`, in UCI notation, without draws and the like.
fn chess_moves(offer: &Value) -> Vec<&str> {
    let texts = offer["actions"].as_array().unwrap().iter().filter_map(Value::as_str);
    let is_cell = |text: &str| matches!(text.as_bytes(), [b'a'..=b'h', b'1'..=b'8']);
    texts.filter(|text| matches!(text.len(), 4 | 5) && is_cell(&text[..2]) && is_cell(&text[2..4])).collect()
}

/// The moves of a game of chess, in UCI notation.
fn moved(log: &[Value]) -> Vec<&str> {
    of_type(log, "moved").iter().map(|moved| moved["body"]["uci"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_partner_mates_a_person_who_plays_chess_without_a_plan() {
    let mut game = Practice::create(json!({ "bot_preset": "ChessBot" })).await;
    let mut number = 0;
    let choose = |offer: &Value| {
        number += 7;
        let moves = chess_moves(offer);
        moves[number % moves.len()].to_owned()
    };
    let (log, end) = game.plays_to_the_end(choose).await;
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s2"), &json!("checkmate")), "{:?}", moved(&log));
    assert_one_move_per_turn(&log, "s2");
}

#[tokio::test]
async fn a_partner_takes_a_queen_that_a_person_leaves_to_it() {
    // The partner has White, because it took its seat first. Black is to move.
    let fen = "rnbqkbnr/pppp1ppp/8/4p3/4P3/3P4/PPP2PPP/RNBQKBNR b KQkq - 0 2";
    let mut game = Practice::create(json!({ "bot_preset": "ChessBot", "bot_params": { "fen": fen } })).await;
    let mut texts = ["d8g5", "resign"].into_iter();
    let (log, end) = game.plays_to_the_end(|_| texts.next().unwrap().to_owned()).await;
    assert_eq!(moved(&log), ["d8g5", "c1g5"]);
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s2"), &json!("resign")));
}

#[tokio::test]
async fn a_partner_agrees_to_a_draw_only_if_it_is_not_ahead() {
    for (position, move_, is_agreed) in
        [("4k3/q7/7r/8/8/8/8/4K3 b", "a7b7", true), ("4k3/8/8/8/8/8/Q7/4K2R b", "e8d8", false)]
    {
        let fen = format!("{position} - - 0 60");
        let mut game = Practice::create(json!({ "bot_preset": "ChessBot", "bot_params": { "fen": fen } })).await;
        game.posts(json!({ "body": "offer draw" })).await;
        game.reads_until("the offer", |message| message["body"]["type"] == "draw_offer").await;
        let mut texts = [move_, "resign"].into_iter();
        let (_, end) = game.plays_to_the_end(|_| texts.next().unwrap().to_owned()).await;
        assert_eq!(end["reason"], if is_agreed { "agreement" } else { "resign" }, "{end}");
    }
}

#[tokio::test]
async fn connect_four_is_won_against_a_person_who_does_not_look() {
    let mut game = Practice::create(json!({ "bot_preset": "ConnectFourBot" })).await;
    let last = |offer: &Value| offer["actions"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    let (log, end) = game.plays_to_the_end(last).await;
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s2"), &json!("line")));
    assert_one_move_per_turn(&log, "s2");
}

#[tokio::test]
async fn a_partner_blocks_a_line_of_four() {
    let mut game = Practice::create(json!({ "bot_preset": "ConnectFourBot" })).await;
    // Alice prevents the partner's line in the middle, and then builds her own on the edge.
    let mut columns = ["a", "d", "a", "a"].into_iter();
    let choose = |_: &Value| columns.next().unwrap_or("concede").to_owned();
    let (log, end) = game.plays_to_the_end(choose).await;
    let cells: Vec<_> = of_type(&log, "dropped").iter().map(|drop| drop["body"]["cell"].as_str().unwrap()).collect();
    assert!(cells.ends_with(&["a3", "a4"]), "{cells:?}");
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s2"), &json!("concede")), "{cells:?}");
}
