//! The bots of the seed document, verbatim.

use mcp_multiplayer_bot_supervisor::{Effect, FailureKind, Hook};
use serde_json::json;

use crate::harness::{Bots, ReportExt, on_init, on_message};

const ECHO: &str = "
class EchoBot:
    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_init(self):
        self.ctx.post('system', {'text': 'Echo ready'})

    def on_message(self, msg):
        if msg.get('kind') == 'user':
            self.ctx.post('bot', {'echo': msg.get('body')})
";

const BITCOIN: &str = r#"
import requests
class BitcoinPriceBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
    def on_init(self):
        self.ctx.post('system', {'text': '🤖 Bitcoin Price Bot ready! Type "price" to check BTC.'})
    def on_message(self, msg):
        if 'price' in msg.get('body', {}).get('text', '').lower():
            resp = requests.get('https://api.coinbase.com/v2/prices/BTC-USD/spot')
            price = resp.json()['data']['amount']
            self.ctx.post('bot', {'text': f'💰 Current BTC: ${price} USD'})
"#;

const API_EXAMPLE: &str = r#"
import random
import json
import requests  # ✅ Network requests allowed

class BitcoinBot:
    def on_init(self):
        # Fetch BTC price from public API
        resp = requests.get("https://api.coinbase.com/v2/exchange-rates?currency=BTC")
        data = resp.json()
        price = data["data"]["rates"]["USD"]

        self.ctx.post("bot", {
            "type": "ready",
            "message": f"BTC price: ${price}"
        })

    def on_message(self, msg):
        roll = random.randint(1, 6)
        self.ctx.post("bot", {"roll": roll})
"#;

#[tokio::test]
async fn echo_bot_echoes() {
    let bots = Bots::new();
    let inspected = bots.inspect(ECHO).await.unwrap();
    assert_eq!(inspected.class_name, "EchoBot");
    assert_eq!(inspected.hooks, [Hook::OnInit, Hook::OnMessage]);
    assert!(inspected.runtime.python.starts_with("3."), "{:?}", inspected.runtime);
    assert_eq!(inspected.runtime.lock_hash.len(), "sha256:".len() + 64);

    let report = bots.run(ECHO, on_init()).await;
    let ready = json!({"text": "Echo ready"}).as_object().unwrap().clone();
    assert_eq!(report.effects(), [Effect::Post { kind: "system".to_owned(), body: ready }]);
    let report = bots.run(ECHO, on_message("hello")).await;
    assert_eq!(report.bodies(), [json!({"echo": {"text": "hello"}})]);
    assert_eq!(report.state(), None);
}

#[tokio::test]
async fn bitcoin_price_bot_runs_until_it_needs_the_network() {
    let bots = Bots::new();
    let report = bots.run(BITCOIN, on_init()).await;
    assert_eq!(report.bodies(), [json!({"text": "🤖 Bitcoin Price Bot ready! Type \"price\" to check BTC."})]);
    assert!(bots.run(BITCOIN, on_message("hello")).await.effects().is_empty());

    let report = bots.run(BITCOIN, on_message("price?")).await;
    let (reason, line, kind) = report.failure();
    assert!(reason.starts_with("ConnectionError: "), "{reason}");
    assert!(reason.contains("bots have no network on this relay"), "{reason}");
    assert_eq!((line, kind), (Some(10), FailureKind::Error));
}

#[tokio::test]
async fn api_example_rolls() {
    let bots = Bots::new();
    let inspected = bots.inspect(API_EXAMPLE).await.unwrap();
    assert_eq!((inspected.class_name.as_str(), inspected.hooks.len()), ("BitcoinBot", 2));
    let roll = bots.run(API_EXAMPLE, on_message("roll")).await.bodies()[0]["roll"].as_i64().unwrap();
    assert!((1..=6).contains(&roll));
    let report = bots.run(API_EXAMPLE, on_init()).await;
    assert!(report.failure().0.contains("bots have no network on this relay"), "{report:?}");
}
