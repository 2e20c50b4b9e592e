//! Bots' randomness: the players' entropy in it, commitments, and the relay's revealed seeds.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fixture::{TwoPlayerChannel, of_type, read_until};

const DICE: &str = "
import random
class Dice:
    def on_message(self, msg):
        text = msg['body']['text']
        if text == 'start':
            self.ctx.start()
        elif text == 'commit':
            made = self.ctx.commit({'roll': random.randint(1, 6)})
            self.ctx.set_state({'id': made['id']})
            self.ctx.post('bot', {'text': 'committed', 'made': made})
        elif text == 'open':
            self.ctx.post('bot', {'text': 'opened', 'opened': self.ctx.open(self.ctx.get_state()['id'])})
        elif text == 'reveal':
            self.ctx.reveal()
            self.ctx.post('bot', {'text': 'revealed'})
    def on_start(self, contributors, missing):
        self.ctx.post('bot', {'text': 'started', 'with': contributors, 'without': missing})
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn sha256(text: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text)))
}

/// Posts a text as bob, and reads until the hook that answers it has run.
async fn post_and_read(fixture: &mut TwoPlayerChannel, text: &str, answer: &str) -> Vec<Value> {
    fixture.bob_posts(text).await;
    let at = fixture.channel_id.clone();
    // The trace of a hook follows its posts.
    let log = read_until(&mut fixture.bob, &at, answer, |message| message["body"]["text"] == answer).await;
    let trigger = log.iter().find(|message| message["body"]["text"] == text).unwrap()["id"].clone();
    read_until(&mut fixture.bob, &at, "bot:ran", move |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == trigger
    })
    .await
}

#[tokio::test]
async fn the_log_names_the_players_whose_entropy_is_used() {
    let mut fixture = TwoPlayerChannel::with_bot(DICE).await;
    let mut carol = fixture.stranger().await;
    let invite = &fixture.created["invites"][1];
    carol.call("join_channel", json!({ "invite_code": invite, "entropy": "seven dice" })).await;
    let log = post_and_read(&mut fixture, "commit", "committed").await;
    let ran = of_type(&log, "bot:ran");
    assert_eq!(
        ran.last().unwrap()["body"]["drawn"][0]["open"],
        false,
        "drawn before the start, from the relay's seed alone"
    );

    let log = post_and_read(&mut fixture, "start", "started").await;
    let opened = of_type(&log, "entropy:open")[0];
    let carols = of_type(&log, "member:join").into_iter().find(|join| join["body"]["slot_id"] == "s3").unwrap();
    let expected = json!([{ "slot_id": "s3", "entry": carols["id"], "entropy": sha256(b"seven dice") }]);
    assert_eq!(opened["body"]["contributions"], expected);
    let started = log.iter().find(|message| message["body"]["text"] == "started").unwrap();
    assert_eq!((&started["body"]["with"], &started["body"]["without"]), (&json!(["s3"]), &json!(["s1", "s2"])));
}

#[tokio::test]
async fn an_opened_value_matches_its_commitment() {
    let mut fixture = TwoPlayerChannel::with_bot(DICE).await;
    post_and_read(&mut fixture, "start", "started").await;
    post_and_read(&mut fixture, "commit", "committed").await;
    let log = post_and_read(&mut fixture, "open", "opened").await;
    let body = |text: &str| log.iter().find(|message| message["body"]["text"] == text).unwrap()["body"].clone();
    let (made, opened) = (body("committed")["made"].clone(), body("opened")["opened"].clone());
    assert_eq!(made["commitment"], opened["commitment"]);
    let salted = format!("{}|{}", opened["text"].as_str().unwrap(), opened["salt"].as_str().unwrap());
    assert_eq!(made["commitment"], sha256(salted.as_bytes()));
    assert!((1..=6).contains(&opened["value"]["roll"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_revealed_seed_matches_its_commitment() {
    let mut fixture = TwoPlayerChannel::with_bot(DICE).await;
    post_and_read(&mut fixture, "reveal", "revealed").await;
    post_and_read(&mut fixture, "start", "started").await;
    let log = post_and_read(&mut fixture, "reveal", "revealed").await;
    let at = fixture.channel_id.clone();
    let log = if of_type(&log, "seed:reveal").len() == 2 {
        log
    } else {
        read_until(&mut fixture.bob, &at, "the second reveal", |message| message["body"]["epoch"] == 1).await
    };
    let commitment = |seed: &[u8]| sha256(&[b"mcp-multiplayer/bot-seed/v2\0", seed].concat());
    let seed = |reveal: &Value| {
        let text = reveal["body"]["seed"].as_str().unwrap().to_owned();
        (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let reveals = of_type(&log, "seed:reveal");
    let first = reveals.iter().find(|reveal| reveal["body"]["epoch"] == 0).unwrap();
    let second = reveals.iter().find(|reveal| reveal["body"]["epoch"] == 1).unwrap();
    assert_eq!(of_type(&log, "bot:attach")[0]["body"]["seed_commitment"], commitment(&seed(first)));
    assert_eq!(first["body"]["next_commitment"], commitment(&seed(second)));
    // The seeds are a hash chain: the earlier one is the hash of the later one.
    let chained = Sha256::digest([b"mcp-multiplayer/seed-chain/v2\0".as_slice(), &seed(second)].concat());
    assert_eq!(chained.as_slice(), seed(first));
}
