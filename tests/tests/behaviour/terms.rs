//! Terms: a look before joining, acceptance, and referees that wait for it.

use mcp_multiplayer_tests::{RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::fixture::{outcome, read_until, with};

/// Says when it gets ready, and draws a number when the players' randomness is there.
const REFEREE: &str = "
import secrets
class Referee:
    def on_join(self, player):
        self.ctx.post('bot', {'type': 'joined', 'player': player})
    def on_ready(self):
        self.ctx.post('bot', {'type': 'is_ready', 'early': secrets.randbelow(100)})
        self.ctx.hold_seats(60)
        self.ctx.start()
        self.ctx.start()
    def on_start(self, contributors, missing):
        self.ctx.post('bot', {'type': 'drawn', 'from': contributors, 'missing': missing, 'n': secrets.randbelow(100)})
        try:
            self.ctx.start()
        except RuntimeError as error:
            self.ctx.post('bot', {'type': 'refused', 'text': str(error)})
    def on_message(self, msg):
        self.ctx.post('bot', {'type': 'heard', 'text': msg['body']['text']})
";

/// A channel that asks its players to accept the terms, with an invite for bob.
struct Game {
    relay: RelayProcess,
    alice: WsClient,
    bob: WsClient,
    created: Value,
}

impl Game {
    async fn create(more: Value) -> Self {
        let relay = RelayProcess::start().await.unwrap();
        let mut alice = relay.connect().await.unwrap();
        let token = relay.create_token("bob").await.unwrap();
        let bob = WsClient::connect(relay.address(), &token).await.unwrap();
        let created = alice.call("create_channel", create(REFEREE, more)).await;
        Self { relay, alice, bob, created }
    }

    fn channel_id(&self) -> &str {
        self.created["channel_id"].as_str().unwrap()
    }

    fn invite(&self) -> Value {
        json!({ "invite_code": self.created["invites"][0] })
    }

    async fn bob_previews(&mut self) -> Value {
        let args = with(self.invite(), json!({ "preview": true }));
        self.bob.call("join_channel", args).await
    }

    async fn bob_joins(&mut self, more: Value) -> Result<Value, String> {
        let args = with(self.invite(), more);
        outcome(self.bob.try_call("join_channel", args).await)
    }

    async fn bob_posts(&mut self, text: &str) -> Result<Value, String> {
        let args = json!({ "channel_id": self.created["channel_id"], "body": text });
        outcome(self.bob.try_call("post_message", args).await)
    }

    async fn alice_reads_until(&mut self, type_: &str) -> Vec<Value> {
        let at = self.channel_id().to_owned();
        read_until(&mut self.alice, &at, type_, |message| message["body"]["type"] == type_).await
    }
}

fn create(source: &str, more: Value) -> Value {
    let slots = ["bot:referee", "invite:alice", "invite:bob"];
    let channel = json!({ "name": "A game", "slots": slots, "join_as": "alice", "entropy": "of alice",
        "bot_code": source, "bot_params": { "stake": 3 }, "require_terms": true });
    with(channel, more)
}

fn types(log: &[Value]) -> Vec<&str> {
    log.iter().filter_map(|message| message["body"]["type"].as_str()).collect()
}

#[tokio::test]
async fn a_preview_shows_bots_and_terms_and_takes_no_seat() {
    let mut game = Game::create(json!({})).await;
    let preview = game.bob_previews().await;
    assert_eq!(preview["slot_id"], "s2");
    assert_eq!(preview["view"]["slots"][2]["filled_by"], Value::Null);
    assert_eq!(preview["view"]["require_terms"], true);
    let (bot, terms) = (&preview["bots"][0], &preview["terms"]["bots"][0]);
    assert_eq!((&terms["name"], &terms["code_hash"]), (&json!("Referee"), &bot["code_hash"]));
    assert!(preview.get("messages").is_none() && preview.get("rejoin_token").is_none(), "{preview}");
    assert_eq!(preview["terms_hash"], game.created["terms_hash"]);

    // The code can be read with the invite, and is what the terms say.
    let read = with(game.invite(), json!({ "bot_id": bot["bot_id"] }));
    let code = game.bob.call("get_bot_code", read).await;
    assert_eq!((&code["inline_code"], &code["params"]), (&json!(REFEREE), &json!({ "stake": 3 })));
    assert_eq!((&code["code_hash"], &code["params_hash"]), (&terms["code_hash"], &terms["params_hash"]));

    // The invite is still good, and bob was no member before.
    let read = json!({ "channel_id": game.created["channel_id"] });
    assert_eq!(outcome(game.bob.try_call("get_channel_info", read).await), Err("NOT_MEMBER".to_owned()));
    game.bob_joins(json!({})).await.unwrap();
    let read = with(game.invite(), json!({ "bot_id": bot["bot_id"], "channel_id": game.created["channel_id"] }));
    assert_eq!(outcome(game.bob.try_call("get_bot_code", read).await), Err("INVALID_REQUEST".to_owned()));
}

#[tokio::test]
async fn a_preview_needs_a_good_invite() {
    let mut game = Game::create(json!({})).await;
    let joined = game.bob_joins(json!({})).await.unwrap();
    // Who used the invite, and who has the rejoin token, may look; others may not.
    assert_eq!(game.bob_previews().await["slot_id"], "s2");
    let mut carol = {
        let token = game.relay.create_token("carol").await.unwrap();
        WsClient::connect(game.relay.address(), &token).await.unwrap()
    };
    for (code, expected) in [
        (game.created["invites"][0].clone(), Err("SLOT_ALREADY_FILLED")),
        (json!("inv_0123456789abcdefghjkmnpqrstvwxyz"), Err("INVITE_INVALID")),
        (joined["rejoin_token"].clone(), Ok(())),
    ] {
        let preview = json!({ "invite_code": code, "preview": true });
        let found = carol.try_call("join_channel", preview).await;
        assert_eq!(outcome(found).map(|_| ()), expected.map_err(str::to_owned), "{code}");
        let read = json!({ "invite_code": code, "bot_id": "bot_Referee_0" });
        let found = carol.try_call("get_bot_code", read).await;
        assert_eq!(outcome(found).map(|_| ()), expected.map_err(str::to_owned), "{code}");
    }
}

#[tokio::test]
async fn players_post_and_referees_start_only_after_everybody_has_accepted() {
    let mut game = Game::create(json!({})).await;
    let terms_hash = game.created["terms_hash"].clone();
    assert_eq!(game.created["view"]["slots"][1]["accepted"], true, "the terms are alice's own");
    let other = json!("sha256:0000000000000000000000000000000000000000000000000000000000000000");
    assert_eq!(game.bob_joins(json!({ "terms_hash": other })).await, Err("TERMS_NOT_ACCEPTED".to_owned()));
    assert_eq!(game.bob_previews().await["view"]["slots"][2]["filled_by"], Value::Null, "nothing has happened");

    let joined = game.bob_joins(json!({ "entropy": "of bob" })).await.unwrap();
    assert!(joined["view"]["slots"][2].get("accepted").is_none());
    assert_eq!(game.bob_posts("hi").await, Err("TERMS_NOT_ACCEPTED".to_owned()));
    let dm = json!({ "channel_id": game.created["channel_id"], "bot_id": "bot_Referee_0", "message": "hi" });
    assert_eq!(outcome(game.bob.try_call("dm_bot", dm).await), Err("TERMS_NOT_ACCEPTED".to_owned()));

    // Bob accepts for the seat that he holds.
    let accept = json!({ "invite_code": joined["rejoin_token"], "terms_hash": terms_hash });
    let accepted = game.bob.call("join_channel", accept.clone()).await;
    assert_eq!((&accepted["slot_id"], &accepted["view"]["slots"][2]["accepted"]), (&json!("s2"), &json!(true)));
    game.bob.call("join_channel", accept).await;
    let log = game.alice_reads_until("refused").await;
    let of = |type_: &str| log.iter().filter(|message| message["body"]["type"] == type_).collect::<Vec<_>>();
    assert_eq!(of("terms:accepted").len(), 2, "accepting once more adds nothing: {:?}", types(&log));
    let (ready, joined) = (of("is_ready"), of("joined"));
    assert_eq!((ready.len(), joined.len()), (1, 2));
    assert!(ready[0]["id"].as_u64() > of("terms:accepted")[1]["id"].as_u64());
    game.bob_posts("hi").await.unwrap();
}

#[tokio::test]
async fn a_draw_uses_the_players_randomness_from_on_start_on() {
    let mut game = Game::create(json!({ "require_terms": false })).await;
    // Without required terms, the referee gets ready when the seats are filled.
    game.bob_joins(json!({})).await.unwrap();
    let log = game.alice_reads_until("refused").await;
    let of = |type_: &str| log.iter().find(|message| message["body"]["type"] == type_).unwrap();
    let (opened, drawn) = (of("entropy:open"), of("drawn"));
    assert_eq!((&drawn["body"]["from"], &drawn["body"]["missing"]), (&json!(["s1"]), &json!(["s2"])));
    assert_eq!(opened["body"]["missing"], json!(["s2"]));
    let ran = |hook: &str| {
        let ran = log.iter().find(|message| message["body"]["type"] == "bot:ran" && message["body"]["hook"] == hook);
        ran.unwrap_or_else(|| panic!("{hook}: {:?}", types(&log)))["body"].clone()
    };
    assert_eq!(ran("on_ready")["drawn"][0]["open"], false);
    assert_eq!((&ran("on_start")["drawn"][0]["open"], &ran("on_start")["trigger"]), (&json!(true), &opened["id"]));
    assert_eq!(types(&log).iter().filter(|type_| **type_ == "entropy:open").count(), 1, "asked twice, answered once");
}

#[tokio::test]
async fn a_joiner_sees_the_start_of_the_game_in_the_same_answer() {
    let mut game = Game::create(json!({ "require_terms": false })).await;
    let joined = game.bob_joins(json!({})).await.unwrap();
    let messages = joined["messages"].as_array().unwrap();
    assert!(types(messages).contains(&"drawn"), "{:?}", types(messages));
}

#[tokio::test]
async fn a_change_of_the_bots_voids_acceptances() {
    let mut game = Game::create(json!({})).await;
    let source = "class Referee:\n    def on_ready(self):\n        self.ctx.post('bot', {'type': 'is_ready'})\n";
    let created = game.alice.call("create_channel", create(source, json!({ "bots_change": "owner" }))).await;
    let join = json!({ "invite_code": created["invites"][0], "terms_hash": created["terms_hash"] });
    game.bob.call("join_channel", join).await;
    let at = created["channel_id"].as_str().unwrap().to_owned();
    read_until(&mut game.alice, &at, "ready", |message| message["body"]["type"] == "is_ready").await;
    let attach = json!({ "channel_id": at, "name": "Second", "code_ref": "builtin://TlsBot" });
    game.alice.call("attach_bot", attach).await;
    let info = game.bob.call("get_channel_info", json!({ "channel_id": at })).await;
    assert_ne!(info["terms_hash"], created["terms_hash"]);
    assert_eq!(info["terms"]["bots"][1]["preset"], "TlsBot");
    assert!(info["view"]["slots"].as_array().unwrap().iter().all(|slot| slot.get("accepted").is_none()), "{info}");
    let post = json!({ "channel_id": at, "body": "hi" });
    assert_eq!(outcome(game.bob.try_call("post_message", post).await), Err("TERMS_NOT_ACCEPTED".to_owned()));
    // After both have accepted again, the referee gets ready again.
    for (client, token) in [(&mut game.alice, &created["rejoin_token"]), (&mut game.bob, &created["invites"][0])] {
        let accept = json!({ "invite_code": token, "terms_hash": info["terms_hash"] });
        client.call("join_channel", accept).await;
    }
    let last_of_second = |messages: &[Value]| types(messages).iter().filter(|type_| **type_ == "is_ready").count();
    let accepted = game.bob.call("sync_messages", json!({ "channel_id": at, "cursor": 0 })).await;
    let seen = last_of_second(accepted["messages"].as_array().unwrap());
    assert!((1..=2).contains(&seen));
    if seen == 1 {
        let more = json!({ "channel_id": at, "cursor": accepted["cursor"], "wait_for": "bot" });
        let more = game.bob.call("sync_messages", more).await;
        assert_eq!(last_of_second(more["messages"].as_array().unwrap()), 1, "{more}");
    }
}

#[tokio::test]
async fn a_preview_says_what_was_accepted_before() {
    let mut game = Game::create(json!({})).await;
    let first = game.bob_previews().await;
    assert!(first.get("accepted_before").is_none() && first.get("changed").is_none(), "{first}");
    game.bob_joins(json!({ "terms_hash": first["terms_hash"] })).await.unwrap();

    let mut preview_of = async |source: &str, more: Value| {
        let created = game.alice.call("create_channel", create(source, more)).await;
        let preview = json!({ "invite_code": created["invites"][0], "preview": true });
        game.bob.call("join_channel", preview).await
    };
    let same = preview_of(REFEREE, json!({})).await;
    assert!(same["accepted_before"].is_string() && same.get("changed").is_none(), "{same}");
    assert_eq!(same["terms_hash"], first["terms_hash"], "the terms do not depend on the channel");
    let other = preview_of(&REFEREE.replace("100", "10"), json!({ "bots_change": "owner" })).await;
    assert!(other.get("accepted_before").is_none());
    assert_eq!(other["changed"], json!(["bots_change", "bots.Referee.code_hash"]));
    let stake = preview_of(REFEREE, json!({ "bot_params": { "stake": 4 } })).await;
    assert_eq!(stake["changed"], json!(["bots.Referee.params_hash"]));
}

#[tokio::test]
async fn another_person_who_returns_to_a_seat_accepts_for_themselves() {
    let mut game = Game::create(json!({})).await;
    let at = json!({ "channel_id": game.created["channel_id"] });
    let accepted = json!({ "terms_hash": game.created["terms_hash"] });
    let joined = game.bob_joins(accepted.clone()).await.unwrap();
    game.bob_posts("hi").await.unwrap();

    let token = game.relay.create_token("carol").await.unwrap();
    let mut carol = WsClient::connect(game.relay.address(), &token).await.unwrap();
    let rejoin = json!({ "invite_code": joined["rejoin_token"] });
    carol.call("join_channel", rejoin.clone()).await;
    let post = with(at, json!({ "body": "hi" }));
    assert_eq!(outcome(carol.try_call("post_message", post.clone()).await), Err("TERMS_NOT_ACCEPTED".to_owned()));
    let rejoined = carol.call("join_channel", with(rejoin, accepted)).await;
    assert_eq!(types(rejoined["messages"].as_array().unwrap()).last(), Some(&"terms:accepted"), "{rejoined}");
    carol.call("post_message", post).await;
}

#[tokio::test]
async fn a_closed_channel_can_be_read_again_but_not_previewed() {
    let more = json!({ "slots": ["bot:referee", "invite:alice", "invite:bob", "invite:carol"] });
    let mut game = Game::create(more).await;
    let accepted = json!({ "terms_hash": game.created["terms_hash"] });
    let joined = game.bob_joins(accepted.clone()).await.unwrap();
    let close = json!({ "channel_id": game.created["channel_id"], "ops": [{ "type": "close" }] });
    game.alice.call("update_channel", close).await;

    let rejoin = with(json!({ "invite_code": joined["rejoin_token"] }), accepted);
    assert_eq!(game.bob.call("join_channel", rejoin).await["slot_id"], "s2");
    let unused = json!({ "invite_code": game.created["invites"][1] });
    let preview = with(unused.clone(), json!({ "preview": true }));
    assert_eq!(outcome(game.bob.try_call("join_channel", preview).await), Err("CHANNEL_CLOSED".to_owned()));
    let read = with(unused, json!({ "bot_id": joined["bots"][0]["bot_id"] }));
    assert_eq!(outcome(game.bob.try_call("get_bot_code", read).await), Err("CHANNEL_CLOSED".to_owned()));
}
