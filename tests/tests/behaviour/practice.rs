//! Practice partners: programs of the relay in `practice:label` slots.

use std::collections::BTreeSet;
use std::path::Path;

use mcp_multiplayer_tests::{RelayProcess, StdioClient, WsClient, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::fixture::{in_time, of_type, outcome, read, read_until, with};

/// A channel of alice, who has seat `s1`, and a practice partner in seat `s2`.
struct Practice {
    relay: RelayProcess,
    alice: WsClient,
    channel_id: String,
    created: Value,
}

impl Practice {
    async fn create(more: Value) -> Self {
        let relay = RelayProcess::start().await.unwrap();
        let mut alice = relay.connect().await.unwrap();
        let slots = ["bot:referee", "invite:alice", "practice:bob"];
        let create = with(json!({ "name": "Practice", "slots": slots, "join_as": "alice" }), more);
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        Self { relay, alice, channel_id, created }
    }

    fn args(&self, args: Value) -> Value {
        with(json!({ "channel_id": self.channel_id }), args)
    }

    async fn posts(&mut self, args: Value) {
        let args = self.args(args);
        self.alice.call("post_message", args).await;
    }

    async fn reads(&mut self) -> Vec<Value> {
        read(&mut self.alice, &self.channel_id).await
    }

    async fn reads_until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        read_until(&mut self.alice, &self.channel_id, what, wanted).await
    }

    /// Plays as alice, who answers each turn that she is offered, until a message is of this type.
    async fn plays_until(&mut self, end: &str, choose: impl Fn(&Value) -> String) -> Vec<Value> {
        let (mut log, mut answered) = (self.reads().await, 0);
        in_time(end, async {
            while of_type(&log, end).is_empty() {
                if let Some(offer) = open_turn(&log, "s1").filter(|offer| offer["id"].as_u64() > Some(answered)) {
                    answered = offer["id"].as_u64().unwrap();
                    let text = choose(&offer["body"]);
                    self.posts(json!({ "body": text, "data": { "turn_id": offer["body"]["turn_id"] } })).await;
                }
                let cursor = log.last().unwrap()["id"].clone();
                let args = self.args(json!({ "cursor": cursor, "include_trace": true }));
                let page = self.alice.call("sync_messages", args).await;
                log.extend(page["messages"].as_array().unwrap().iter().cloned());
            }
        })
        .await;
        log
    }
}

/// The last post with a turn, if it offers it to this slot.
fn open_turn<'a>(log: &'a [Value], slot_id: &str) -> Option<&'a Value> {
    let is_bots = |message: &&Value| message["sender"].as_str().unwrap().starts_with("bot:");
    let last = log.iter().filter(is_bots).rfind(|message| message["body"]["turn"].is_array())?;
    last["body"]["turn"].as_array().unwrap().contains(&json!(slot_id)).then_some(last)
}

fn posts_of<'a>(log: &'a [Value], sender: &str) -> Vec<&'a Value> {
    log.iter().filter(|message| message["sender"] == sender).collect()
}

/// Checks that no two moves of this slot name the same turn.
fn assert_one_move_per_turn(log: &[Value], slot_id: &str) {
    let mut turns = BTreeSet::new();
    for message in posts_of(log, slot_id) {
        if let Some(turn_id) = message["body"]["turn_id"].as_u64() {
            assert!(turns.insert(turn_id), "turn {turn_id} twice: {log:#?}");
        }
    }
    assert!(!turns.is_empty());
}

fn assert_no_violation(log: &[Value], slot_id: &str) {
    let violations = of_type(log, "violation");
    assert!(violations.iter().all(|violation| violation["body"]["player"] != slot_id), "{violations:#?}");
}

/// Saves the operator's receipt, verifies it with a replay of its bots, and returns what `verify` prints.
async fn verify_with_replay(relay: &RelayProcess, channel_id: &str) -> String {
    let path = relay.data_dir().join("practice.jsonl");
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(["receipt", channel_id, "--data-dir"]).arg(relay.data_dir()).arg("--out").arg(&path);
    let receipt = command.output().await.unwrap();
    assert!(receipt.status.success(), "{}", String::from_utf8_lossy(&receipt.stderr));
    verify(&path).await
}

async fn verify(path: &Path) -> String {
    let output =
        Command::new(binary("mcp-multiplayer")).arg("verify").arg("--replay").arg(path).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

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
async fn the_stdio_server_verifies_a_log_with_a_partner() {
    let relay = RelayProcess::start().await.unwrap();
    let (mut alice, _) = StdioClient::launch(&relay, &relay.local_token().unwrap()).await.unwrap();
    let slots = ["bot:referee", "invite:alice", "practice:bob"];
    let create = json!({ "name": "Guess", "slots": slots, "join_as": "alice", "bot_preset": "GuessBot" });
    let created: Value = serde_json::from_str(&alice.call_tool("create_channel", create).await.unwrap()).unwrap();
    assert_eq!(created["view"]["slots"][2]["filled_by"], "program", "{created}");
    let channel_id = &created["channel_id"];
    let mut page = json!({ "cursor": 0 });
    in_time("the partner's first guess", async {
        while !page.to_string().contains("bob guessed 50") {
            let sync = json!({ "channel_id": channel_id, "cursor": page["cursor"] });
            page = serde_json::from_str(&alice.call_tool("sync_messages", sync).await.unwrap()).unwrap();
        }
    })
    .await;
    let receipt = alice.call_tool("get_receipt", json!({ "channel_id": channel_id })).await.unwrap();
    let summary: Value = serde_json::from_str(&receipt).unwrap();
    assert_eq!(summary["fails"], json!([]), "{summary}");
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

/// Offers texts in the first turn, in private, a JSON Schema in the second, and refuses the first answer to it.
const OFFERING: &str = "
SCHEMA = {'type': 'object', 'required': ['cell'], 'additionalProperties': False,
          'properties': {'cell': {'type': 'integer', 'minimum': 1, 'maximum': 9}, 'note': {'type': 'string'}}}
class Offering:
    def on_ready(self):
        self.ctx.post('bot', {'type': 'turn', 'turn': ['s2'], 'turn_id': 7})
        self.ctx.dm('s2', 'private', {'actions': ['left', 'right']})
    def offer(self, actions):
        self.ctx.post('bot', {'type': 'turn', 'turn': ['s2'], 'actions': actions})
    def on_message(self, msg):
        body, state = msg['body'], self.ctx.get_state() or {'n': 0}
        if msg['sender'] != 's2':
            return
        state['n'] += 1
        self.ctx.set_state(state)
        if state['n'] == 1:
            assert body['text'] in ('left', 'right') and body['turn_id'] == 7
            self.offer(SCHEMA)
        elif state['n'] == 2:
            assert set(body) == {'text', 'cell'} and 1 <= body['cell'] <= 9
            self.ctx.post('control', {'type': 'violation', 'player': 's2', 'reason': 'BAD_MOVE', 'text': 'not that one'})
        else:
            self.ctx.post('bot', {'type': 'game_end', 'text': 'done', 'turn': []})
";

#[tokio::test]
async fn a_partner_plays_any_bot_by_the_moves_that_it_offers() {
    let mut game = Practice::create(json!({ "bot_code": OFFERING })).await;
    let log = game.reads_until("the end", |message| message["body"]["type"] == "game_end").await;
    let moves = posts_of(&log, "s2");
    assert_eq!(moves.len(), 3, "{log:#?}");
    assert_ne!(moves[1]["body"]["cell"], moves[2]["body"]["cell"], "another move after the violation");
}

#[tokio::test]
async fn a_partner_goes_on_after_kill_9_without_a_doubled_move() {
    let mut game =
        Practice::create(json!({ "bot_preset": "GuessBot", "bot_params": { "range": [1, 1_000_000] } })).await;
    // At these points the relay dies: before, while and after the referee judges alice's guess, and after the partner's
    // answer is durable (the second reply; the first one is for alice).
    for (n, failpoint) in
        ["bot.before_hook@1", "bot.after_hook@1", "bot.after_commit@1", "reply@2"].into_iter().enumerate()
    {
        game.reads_until("alice's turn", |message| {
            message["body"]["player"] == "s1" && message["body"]["turn_id"] == json!(2 * n + 2)
        })
        .await;
        game.relay.restart(Some(failpoint)).await.unwrap();
        game.alice = game.relay.connect().await.unwrap();
        let guess =
            json!({ "body": "guess 1", "data": { "turn_id": 2 * n + 2 }, "idempotency_key": format!("alice-{n}") });
        let guess = game.args(guess);
        // The reply may or may not come before the end.
        let _ = game.alice.try_call("post_message", guess.clone()).await;
        in_time(failpoint, game.relay.wait_for_exit()).await.unwrap();
        game.relay.restart(None).await.unwrap();
        game.alice = game.relay.connect().await.unwrap();
        game.alice.call("post_message", guess).await;
    }
    let log = game.plays_until("game_end", |_| "guess 1".to_owned()).await;
    assert_eq!(of_type(&log, "game_end")[0]["body"]["winner"], "s2");
    assert_no_violation(&log, "s2");
    assert_one_move_per_turn(&log, "s2");
    let report = verify_with_replay(&game.relay, &game.channel_id).await;
    assert!(report.contains("were run again here"), "{report}");
}

/// Takes about a second of computing to judge a move.
const SLOW: &str = "
class Slow:
    def on_message(self, msg):
        if msg['sender'] == 's1':
            self.ctx.post('bot', {'turn': ['s2'], 'turn_id': 1, 'actions': ['go']})
        else:
            self.ctx.post('bot', {'type': 'judged', 'total': sum(number % 7 for number in range(8_000_000))})
";

#[tokio::test]
async fn a_partner_does_not_repeat_a_move_that_is_not_judged_yet() {
    let mut game = Practice::create(json!({ "bot_code": SLOW })).await;
    // The relay dies when the partner's move is durable: the first reply is for alice.
    game.relay.restart(Some("reply@2")).await.unwrap();
    game.alice = game.relay.connect().await.unwrap();
    let begin = game.args(json!({ "body": "begin" }));
    let _ = game.alice.try_call("post_message", begin).await;
    in_time("the end of the relay", game.relay.wait_for_exit()).await.unwrap();
    game.relay.restart(None).await.unwrap();
    game.alice = game.relay.connect().await.unwrap();
    let log = game.reads_until("the judgement", |message| message["body"]["type"] == "judged").await;
    assert_eq!(posts_of(&log, "s2").len(), 1, "{log:#?}");
}

/// Offers a turn after every move, without an end, and counts the moves.
const ENDLESS: &str = "
class Endless:
    def on_ready(self):
        self.ctx.post('bot', {'turn': ['s1'], 'actions': ['go']})
    def on_message(self, msg):
        moves = (self.ctx.get_state() or {'moves': 0})['moves'] + 1
        self.ctx.set_state({'moves': moves})
        self.ctx.post('bot', {'turn': ['s2' if msg['sender'] == 's1' else 's1'], 'actions': ['go'], 'moves': moves})
";

#[tokio::test]
async fn partners_alone_come_to_an_end() {
    let relay = RelayProcess::start_with(&["--posts-per-second", "1000", "--posts-burst", "1000"]).await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    for (bot, end) in [
        (json!({ "bot_preset": "GuessBot" }), "game_end"),
        (json!({ "bot_preset": "TicTacToeBot" }), "game_end"),
        (json!({ "bot_preset": "BlackjackBot" }), "shoe_opened"),
        (json!({ "bot_code": ENDLESS }), ""),
    ] {
        let slots = ["bot:referee", "practice:ann", "practice:bob"];
        let created = alice.call("create_channel", with(json!({ "name": "Alone", "slots": slots }), bot.clone())).await;
        let channel_id = created["channel_id"].as_str().unwrap();
        assert_eq!(created["invites"], json!([]), "{bot}");
        let is_last = |message: &Value| match end {
            "" => message["body"]["moves"] == 200,
            end => message["body"]["type"] == end,
        };
        let log = read_until(&mut alice, channel_id, end, is_last).await;
        assert_eq!(
            of_type(&log, "game_start").len() + of_type(&log, "round_start").len(),
            usize::from(!end.is_empty())
        );
        // This wakes both once more, and then ends them.
        let ops = json!([{ "type": "rename", "name": "Still alone" }]);
        alice.call("update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
        let ops = json!([{ "type": "close" }]);
        alice.call("update_channel", json!({ "channel_id": channel_id, "ops": ops })).await;
        let closed =
            read_until(&mut alice, channel_id, "the close", |message| message["body"]["type"] == "close_applied").await;
        let moves = posts_of(&closed, "s1").len() + posts_of(&closed, "s2").len();
        assert_eq!(moves, posts_of(&log, "s1").len() + posts_of(&log, "s2").len(), "{bot}: {closed:#?}");
        if end.is_empty() {
            assert_eq!(moves, 200);
        }
    }
}

#[tokio::test]
async fn a_kicked_partner_stays_away() {
    let mut game = Practice::create(json!({})).await;
    let kick = json!({ "ops": [{ "type": "kick", "slot_id": "s2" }, { "type": "new_invite", "slot_id": "s2" }] });
    let kick = game.args(kick);
    let updated = game.alice.call("update_channel", kick).await;
    assert_eq!(updated["view"]["slots"][2]["filled_by"], Value::Null);
    let token = game.relay.create_token("carol").await.unwrap();
    let mut carol = WsClient::connect(game.relay.address(), &token).await.unwrap();
    let joined = carol.call("join_channel", json!({ "invite_code": updated["invites"][0] })).await;
    assert_eq!(joined["view"]["slots"][2]["filled_by"], "player");
    game.relay.restart(None).await.unwrap();
    game.alice = game.relay.connect().await.unwrap();
    let log = game.reads().await;
    let joins = of_type(&log, "member:join");
    assert_eq!(joins.iter().filter(|join| join["body"]["program"] == true).count(), 1, "{log:#?}");
}

#[tokio::test]
async fn a_partner_accepts_changed_terms() {
    let mut game = Practice::create(json!({ "require_terms": true, "bots_change": "owner" })).await;
    assert_eq!(of_type(&game.reads().await, "terms:accepted").len(), 2);
    let set = json!({ "ops": [{ "type": "set_bot", "slot_id": "s0", "bot": { "code_ref": "builtin://GuessBot" } }] });
    let set = game.args(set);
    let attached = game.alice.call("update_channel", set).await;
    assert!(attached["view"]["slots"][1].get("accepted").is_none(), "{attached}");
    // Alice accepts as well, so that the game begins.
    let terms_hash = game.alice.call("get_channel_info", game.args(json!({}))).await["terms_hash"].clone();
    let accept = json!({ "invite_code": game.created["rejoin_token"], "terms_hash": terms_hash });
    game.alice.call("join_channel", accept).await;
    let log = game.plays_until("judge", |_| "guess 1".to_owned()).await;
    let accepted: Vec<_> =
        of_type(&log, "terms:accepted").iter().map(|each| &each["body"]["slot_id"]).cloned().collect();
    assert_eq!((accepted.len(), accepted.iter().filter(|slot_id| *slot_id == "s2").count()), (4, 2), "{log:#?}");
}

#[tokio::test]
async fn the_seat_of_a_partner_is_for_nobody_else() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    let create = |slots: Value, join_as: &str| json!({ "name": "Practice", "slots": slots, "join_as": join_as });
    let slots = json!(["bot:referee", "invite:alice", "practice:bob", "invite:carol", "practice"]);
    let refused = outcome(alice.try_call("create_channel", create(slots.clone(), "bob")).await);
    assert_eq!(refused, Err("INVALID_REQUEST".to_owned()));
    let twins = json!(["invite:alice", "practice:alice"]);
    assert_eq!(
        outcome(alice.try_call("create_channel", create(twins, "alice")).await),
        Err("INVALID_REQUEST".to_owned())
    );
    let args = with(create(slots, "alice"), json!({ "idempotency_key": "once" }));
    let created = alice.call("create_channel", args.clone()).await;
    assert_eq!(created["invites_by_label"], json!({ "carol": created["invites"][0] }));
    assert_eq!(created["view"]["slots"][4]["label"], "practice_4");
    let repeated = alice.call("create_channel", args).await;
    assert_eq!((&repeated["channel_id"], &repeated["invites"]), (&created["channel_id"], &created["invites"]));
}
