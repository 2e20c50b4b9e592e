//! Where a bot's randomness comes from, as players see it, and what a relay has to show for it.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::table::{Table, of_type, read_until};

const DICE: &str = "
import random
class Dice:
    def on_message(self, msg):
        text = msg['body']['text']
        if text == 'start':
            self.ctx.post('bot', {'text': 'started', 'with': self.ctx.start()})
        elif text == 'commit':
            kept = self.ctx.commit({'roll': random.randint(1, 6)})
            self.ctx.set_state({'id': kept['id']})
            self.ctx.post('bot', {'text': 'committed', 'kept': kept})
        elif text == 'open':
            self.ctx.post('bot', {'text': 'opened', 'opened': self.ctx.open(self.ctx.get_state()['id'])})
        elif text == 'reveal':
            self.ctx.reveal()
            self.ctx.post('bot', {'text': 'revealed'})
";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn sha256(text: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text)))
}

async fn said(table: &mut Table, text: &str, answer: &str) -> Vec<Value> {
    table.bob_says(text).await;
    let at = table.channel_id.clone();
    // The trace of the hook comes after what it posted.
    let log = read_until(&mut table.bob, &at, answer, |message| message["body"]["text"] == answer).await;
    let trigger = log.iter().find(|message| message["body"]["text"] == text).unwrap()["id"].clone();
    read_until(&mut table.bob, &at, "bot:ran", move |message| {
        message["body"]["type"] == "bot:ran" && message["body"]["trigger"] == trigger
    })
    .await
}

#[tokio::test]
async fn players_entropy_goes_in_and_the_log_says_whose() {
    let mut table = Table::refereed_by(DICE).await;
    let mut carol = table.stranger().await;
    let invite = &table.created["invites"][1];
    carol.call("join_channel", json!({ "invite_code": invite, "entropy": "seven dice" })).await;
    let log = said(&mut table, "commit", "committed").await;
    let ran = of_type(&log, "bot:ran");
    assert_eq!(ran.last().unwrap()["body"]["drawn"][0]["open"], false, "drawn before the start: the relay's alone");

    let log = said(&mut table, "start", "started").await;
    let opened = of_type(&log, "entropy:open")[0];
    let carols = of_type(&log, "member:join").into_iter().find(|join| join["body"]["slot_id"] == "s3").unwrap();
    let expected = json!([{ "slot_id": "s3", "entry": carols["id"], "entropy": sha256(b"seven dice") }]);
    assert_eq!(opened["body"]["contributions"], expected);
    let started = log.iter().find(|message| message["body"]["text"] == "started").unwrap();
    assert_eq!(started["body"]["with"], json!(["s3"]));
}

#[tokio::test]
async fn a_commitment_is_proven_by_what_opens_it() {
    let mut table = Table::refereed_by(DICE).await;
    said(&mut table, "start", "started").await;
    said(&mut table, "commit", "committed").await;
    let log = said(&mut table, "open", "opened").await;
    let body = |text: &str| log.iter().find(|message| message["body"]["text"] == text).unwrap()["body"].clone();
    let (kept, opened) = (body("committed")["kept"].clone(), body("opened")["opened"].clone());
    assert_eq!(kept["commitment"], opened["commitment"]);
    let salted = format!("{}|{}", opened["text"].as_str().unwrap(), opened["salt"].as_str().unwrap());
    assert_eq!(kept["commitment"], sha256(salted.as_bytes()));
    assert!((1..=6).contains(&opened["value"]["roll"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_revealed_seed_is_the_one_that_was_committed_to() {
    let mut table = Table::refereed_by(DICE).await;
    said(&mut table, "reveal", "revealed").await;
    said(&mut table, "start", "started").await;
    let log = said(&mut table, "reveal", "revealed").await;
    let at = table.channel_id.clone();
    let log = if of_type(&log, "seed:reveal").len() == 2 {
        log
    } else {
        read_until(&mut table.bob, &at, "the second reveal", |message| message["body"]["epoch"] == 1).await
    };
    let commitment = |seed: &[u8]| sha256(&[b"mcp-multiplayer/bot-seed/v1", seed].concat());
    let seed = |reveal: &Value| {
        let text = reveal["body"]["seed"].as_str().unwrap().to_owned();
        (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
    };
    let reveals = of_type(&log, "seed:reveal");
    let first = reveals.iter().find(|reveal| reveal["body"]["epoch"] == 0).unwrap();
    let second = reveals.iter().find(|reveal| reveal["body"]["epoch"] == 1).unwrap();
    assert_eq!(of_type(&log, "bot:attach")[0]["body"]["seed_commitment"], commitment(&seed(first)));
    assert_eq!(first["body"]["next_commitment"], commitment(&seed(second)));
    // The seeds are a chain: the later one leads to the earlier.
    let chained = Sha256::digest([b"mcp-multiplayer/seed-chain/v1".as_slice(), &seed(second)].concat());
    assert_eq!(chained.as_slice(), seed(first));
}
