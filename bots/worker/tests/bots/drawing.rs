//! Boards that workers draw.

use mcp_multiplayer_bot_supervisor::{DrawError, Drawing, Owner};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::harness::Bots;

async fn draw(bots: &Bots, board: &Value) -> Result<Drawing, String> {
    match bots.supervisor.draw(&Owner::default(), &to_raw_value(board).unwrap(), false).await {
        Ok(drawing) => Ok(Drawing::clone(&drawing)),
        Err(DrawError::Rejected(reason)) => Err(reason.as_ref().to_owned()),
        Err(DrawError::Unavailable(error)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_board_is_drawn_once_and_its_worker_ends() {
    let bots = Bots::new();
    let rows = json!({ "1": "X.O", "2": "...", "3": "..." });
    let board = json!({ "kind": "grid", "pieces": "marks", "columns": "abc", "rows": rows });
    let drawing = draw(&bots, &board).await.unwrap();
    assert_eq!(drawing.text, "1 X . O\n2 . . .\n3 . . .\n  a b c");
    assert!(drawing.svg.starts_with("<svg ") && drawing.svg_dark.starts_with("<svg "));
    assert_ne!(drawing.svg, drawing.svg_dark);
    assert!(bots.pids().is_empty(), "the worker has ended");
    assert_eq!(draw(&bots, &board).await.unwrap(), drawing);
}

#[tokio::test]
async fn what_is_no_board_is_rejected_with_the_reason() {
    let bots = Bots::new();
    for (board, reason) in [
        (json!(null), "a board is an object"),
        (json!({ "kind": "grid", "pieces": "marks", "columns": "a", "rows": { "0": "." } }), "the name of a row"),
        (json!({ "kind": "table", "columns": ["a"], "rows": vec![json!(["x"]); 65] }), "at most 64 rows"),
        (json!({ "kind": { "kind": "grid" } }), "a board is an object"),
    ] {
        let error = draw(&bots, &board).await.unwrap_err();
        assert!(error.contains(reason), "{board}: {error}");
    }
    let rows: serde_json::Map<String, Value> = (1..=26).map(|row| (row.to_string(), json!("N".repeat(26)))).collect();
    let columns = "abcdefghijklmnopqrstuvwxyz";
    let largest = json!({ "kind": "grid", "pieces": "chess", "columns": columns, "rows": rows });
    assert!(draw(&bots, &largest).await.unwrap().svg.len() > 200_000, "the largest grid can be drawn");
}
