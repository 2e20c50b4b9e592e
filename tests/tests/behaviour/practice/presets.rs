//! A partner in the games of `GuessBot`, `TicTacToeBot`, `BlackjackBot`, `ContractBot` and `MemoryBot`.

use std::collections::BTreeSet;

use mcp_multiplayer_tests::RelayProcess;
use serde_json::{Value, json};

use super::{Practice, assert_no_violation, assert_one_move_per_turn, posts_of, verify_with_replay};
use crate::fixture::{in_time, of_type, read};

#[tokio::test]
async fn a_whole_guessing_game_is_played_against_a_partner_and_then_another() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.http().await.unwrap();
    let slots = ["bot:referee", "invite:alice", "practice:bob"];
    let create = json!({ "name": "Guess", "slots": slots, "join_as": "alice", "bot_preset": "GuessBot" });
    let created = alice.call_tool_as_model("create_channel", create).await.unwrap();
    assert_eq!(created["invites"], json!([]), "the partner needs no invite");
    assert_eq!(
        created["view"]["slots"][2],
        json!({ "slot_id": "s2", "kind": "invite", "label": "bob", "filled_by": "program" })
    );
    let channel_id = created["channel_id"].clone();
    let (mut cursor, mut games) = (json!(0), 0);
    let mut log: Vec<Value> = vec![];
    in_time("two games", async {
        loop {
            let sync =
                json!({ "channel_id": channel_id, "cursor": cursor, "wait_for": "my_turn", "include_own": true });
            let page = alice.call_tool_as_model("sync_messages", sync).await.unwrap();
            cursor = page["cursor"].clone();
            let new = page["messages"].as_array().unwrap().clone();
            for message in &new {
                let data = &message["data"];
                let text = match data["type"].as_str() {
                    // Alice says something each time, which is no move, and guesses the highest number.
                    Some("bot:turn") if data["player"] == "s1" => "guess 100",
                    Some("game_end") if games == 0 => {
                        games += 1;
                        "start"
                    }
                    Some("game_end") => {
                        log.extend(new);
                        return;
                    }
                    _ => continue,
                };
                let chat = json!({ "channel_id": channel_id, "body": "What do you think, bob?" });
                alice.call_tool_as_model("post_message", chat).await.unwrap();
                let post = json!({ "channel_id": channel_id, "body": text });
                alice.call_tool_as_model("post_message", post).await.unwrap();
            }
            log.extend(new);
        }
    })
    .await;
    let of = |type_: &str| log.iter().filter(|message| message["data"]["type"] == type_).collect::<Vec<_>>();
    let guesses = of("judge").into_iter().filter(|judge| judge["data"]["player"] == "s2").count();
    assert!(guesses <= 14, "it halves the range: {log:#?}");
    let moves: Vec<_> = log.iter().filter(|message| message["sender"] == "s2").collect();
    assert_eq!(
        moves.len(),
        guesses + 1,
        "a move for each turn and the start of the second game, nothing else: {log:#?}"
    );
    assert!(of("violation").is_empty(), "{log:#?}");
    assert_eq!(of("game_end").len(), 2);

    let mut whole = relay.connect().await.unwrap();
    let log = read(&mut whole, channel_id.as_str().unwrap()).await;
    let joins = of_type(&log, "member:join");
    let programs: Vec<_> = joins.iter().map(|join| (&join["body"]["slot_id"], &join["body"]["program"])).collect();
    assert_eq!(programs, [(&json!("s2"), &json!(true)), (&json!("s1"), &Value::Null)]);
    assert_one_move_per_turn(&log, "s2");
    let report = verify_with_replay(&relay, channel_id.as_str().unwrap()).await;
    assert!(report.contains("s2  bob") && report.contains("; the relay's own program\n"), "{report}");
    assert!(report.contains("were run again here"), "{report}");
}

#[tokio::test]
async fn tic_tac_toe_is_played_to_its_end() {
    let mut game = Practice::create(json!({ "bot_preset": "TicTacToeBot", "require_terms": true })).await;
    assert_eq!(game.created["view"]["slots"][2]["accepted"], true);
    let last = |offer: &Value| offer["actions"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    let log = game.plays_until("game_end", last).await;
    let end = of_type(&log, "game_end")[0];
    assert_eq!((&end["body"]["winner"], &end["body"]["reason"]), (&json!("s2"), &json!("line")), "{log:#?}");
    assert_no_violation(&log, "s2");
    assert_one_move_per_turn(&log, "s2");

    // In a rematch the other player begins.
    game.posts(json!({ "body": "rematch" })).await;
    let is_second = |message: &Value| message["body"]["type"] == "game_start" && message["body"]["game"] == 2;
    let log = game.reads_until("the second game", is_second).await;
    assert_eq!(log.iter().find(|message| is_second(message)).unwrap()["body"]["players"], json!(["s1", "s2"]));
}

#[tokio::test]
async fn a_round_of_blackjack_is_played_after_a_person_has_bet() {
    let mut game = Practice::create(json!({ "bot_preset": "BlackjackBot" })).await;
    let choose = |offer: &Value| {
        let actions = offer["actions"].as_array().unwrap();
        if actions.contains(&json!("stand")) { "stand" } else { "bet 50" }.to_owned()
    };
    let log = game.plays_until("round_end", choose).await;
    let bets: Vec<_> = of_type(&log, "bet").iter().map(|bet| &bet["body"]["player"]).cloned().collect();
    assert_eq!(bets, ["s1", "s2"]);
    let end = of_type(&log, "round_end")[0];
    let players: BTreeSet<_> =
        end["body"]["results"].as_array().unwrap().iter().map(|each| &each["player"]).map(Value::to_string).collect();
    assert_eq!(players.len(), 2, "{end}");
    assert_no_violation(&log, "s2");
    assert_one_move_per_turn(&log, "s2");
}

#[tokio::test]
async fn a_partner_accepts_a_contract_and_claims_nothing() {
    let obligation = json!({ "id": "deliver", "by": "bob", "to": "alice", "deadline_seconds": 1 });
    let terms = json!({ "text": "bob delivers", "parties": ["alice", "bob"], "obligations": [obligation] });
    let mut game = Practice::create(json!({ "bot_preset": "ContractBot", "bot_params": { "terms": terms } })).await;
    let log = game.reads_until("the terms", |message| message["body"]["type"] == "terms").await;
    let hash = of_type(&log, "terms")[0]["body"]["terms_hash"].as_str().unwrap().to_owned();
    game.posts(json!({ "body": format!("accept {hash}") })).await;
    let log = game.reads_until("the settlement", |message| message["body"]["type"] == "settled").await;
    assert_eq!(of_type(&log, "settled")[0]["body"]["outcomes"], json!({ "deliver": "breached" }));
    assert_eq!(posts_of(&log, "s2").len(), 1, "{log:#?}");
}

#[tokio::test]
async fn a_partner_opts_in_consents_and_remembers_nothing() {
    let mut game = Practice::create(json!({ "bot_preset": "MemoryBot" })).await;
    game.posts(json!({ "body": "opt in" })).await;
    let opted = |message: &Value| message["body"]["type"] == "opted_in" && message["body"]["player"] == "s2";
    game.reads_until("the partner's consent to be asked", opted).await;
    let ask = json!({ "bot_id": game.created["bots"][0]["bot_id"], "message": "ask bob: what is my favourite dish?" });
    let ask = game.args(ask);
    game.alice.call("dm_bot", ask).await;
    let log = game.reads_until("the answer", |message| message["body"]["type"] == "answer").await;
    let answer = of_type(&log, "answer")[0]["body"]["answer"].as_str().unwrap();
    assert!(answer.contains("remember nothing"), "{answer}");
}
