//! A partner in the games in which moves are sealed: `RockPaperScissorsBot`, `AuctionBot`, `BargainBot` and `TriviaBot`.

use serde_json::{Value, json};

use super::{Practice, posts_of};
use crate::fixture::of_type;

#[tokio::test]
async fn rock_paper_scissors_is_played_to_its_end() {
    let mut game = Practice::create(json!({ "bot_preset": "RockPaperScissorsBot" })).await;
    let (log, end) = game.plays_to_the_end(|_| "rock".to_owned()).await;
    assert_eq!(end["reason"], "rounds");
    for revealed in of_type(&log, "revealed") {
        let (choice, winner) = (&revealed["body"]["choices"]["s2"], &revealed["body"]["winner"]);
        let expected = match choice.as_str().unwrap() {
            "paper" => json!("s2"),
            "scissors" => json!("s1"),
            _ => Value::Null,
        };
        assert_eq!(*winner, expected, "{revealed}");
    }
    assert!(
        posts_of(&log, "s2").iter().all(|post| !post["to_slot"].is_null() || post["body"]["text"] == "start"),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_partner_bids_at_least_the_reserve_price_in_an_auction() {
    let params = json!({ "min_bid": 10, "max_bid": 500, "step": 5, "reserve": 482, "price": "first" });
    let mut game = Practice::create(json!({ "bot_preset": "AuctionBot", "bot_params": params })).await;
    let (_, end) = game.plays_to_the_end(|_| "bid 100".to_owned()).await;
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s2"), &json!("sold")), "{end}");
    let bids = end["bids"].as_array().unwrap();
    let own = bids.iter().find(|bid| bid["player"] == "s2").unwrap()["bid"].as_i64().unwrap();
    assert!((485..=500).contains(&own) && own % 5 == 0, "{end}");
    assert_eq!(end["price"], own);
}

#[tokio::test]
async fn a_partner_sells_in_an_auction() {
    let params = json!({ "max_bid": 1_000, "seller": "bob", "reserve": "sealed" });
    let mut game = Practice::create(json!({ "bot_preset": "AuctionBot", "bot_params": params })).await;
    let (_, end) = game.plays_to_the_end(|_| "bid 1000".to_owned()).await;
    assert_eq!((&end["winner"], &end["reason"]), (&json!("s1"), &json!("sold")));
    assert_eq!(end["price"], end["reserve"], "nobody else bids: {end}");
}

#[tokio::test]
async fn a_partner_makes_a_deal_in_the_middle_of_the_range() {
    for (high, other) in [("alice", "low"), ("bob", "high")] {
        let issue = json!({ "name": "price", "high": high, "min": 200, "max": 600, "step": 20 });
        let params = json!({ "issues": [issue] });
        let mut game = Practice::create(json!({ "bot_preset": "BargainBot", "bot_params": params })).await;
        let (_, end) = game.plays_to_the_end(|_| "limit 400".to_owned()).await;
        assert_eq!(end["result"], "DEAL", "{end}");
        let deal = end["deal"]["price"].as_i64().unwrap();
        assert!(if other == "low" { deal >= 400 } else { deal <= 400 }, "both gain: {end}");
    }
}

#[tokio::test]
async fn a_partner_concedes_in_the_last_of_several_rounds() {
    let issues = json!([{ "name": "price", "high": "bob" }, { "name": "days", "max": 30 }]);
    let params = json!({ "issues": issues, "rounds": 3 });
    let mut game = Practice::create(json!({ "bot_preset": "BargainBot", "bot_params": params })).await;
    let (log, end) = game.plays_to_the_end(|_| "limit price 500, days 15".to_owned()).await;
    assert_eq!((&end["result"], &end["round"]), (&json!("DEAL"), &json!(3)), "{end}");
    assert_eq!(of_type(&log, "unresolved").len(), 2);
}

#[tokio::test]
async fn a_partner_answers_trivia_where_there_are_choices() {
    let params = json!({ "pack": "geography" });
    let mut game = Practice::create(json!({ "bot_preset": "TriviaBot", "bot_params": params })).await;
    let (log, end) = game.plays_to_the_end(|_| "pass".to_owned()).await;
    assert_eq!(end["reason"], "played");
    let (questions, results) = (of_type(&log, "question"), of_type(&log, "result"));
    assert_eq!((questions.len(), results.len()), (7, 7));
    for (question, result) in questions.iter().zip(results) {
        let answer = result["body"]["answers"]["s2"].as_str().unwrap();
        let is_choice = question["body"]["choices"].is_array();
        assert!(if is_choice { ["A", "B", "C", "D"].contains(&answer) } else { answer.is_empty() }, "{result}");
    }
}
