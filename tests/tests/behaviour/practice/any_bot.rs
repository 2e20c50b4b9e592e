//! A partner in the games of bots that nobody prepared it for.

use mcp_multiplayer_tests::RelayProcess;
use serde_json::{Value, json};

use super::{Practice, posts_of};
use crate::fixture::{in_time, of_type, read_until, with};

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
        (json!({ "bot_preset": "ConnectFourBot" }), "game_end"),
        (json!({ "bot_preset": "RockPaperScissorsBot" }), "game_end"),
        (json!({ "bot_preset": "AuctionBot" }), "game_end"),
        (json!({ "bot_preset": "BargainBot" }), "game_end"),
        (json!({ "bot_preset": "TriviaBot" }), "game_end"),
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
        // Both answer the same entries, but do not choose the same.
        let throws = of_type(&log, "revealed");
        assert!(throws.is_empty() || throws.iter().any(|throw| !throw["body"]["winner"].is_null()), "{throws:#?}");
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
