//! Bots' timers: they fire without a post, once, and after a restart.

use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, of_type, read_until, with_text};

/// Sets a timer for a message `set NAME`, and cancels it for `cancel NAME`.
const ALARM: &str = "
class Alarm:
    def on_init(self):
        self.ctx.timer('start', 1)
    def on_message(self, msg):
        what, name = msg['body']['text'].split()
        self.ctx.timer(name, 1 if what == 'set' else None)
    def on_timer(self, name):
        self.ctx.post('bot', {'text': 'it is time: ' + name})
";

fn is_time(name: &str) -> impl Fn(&Value) -> bool {
    let text = format!("it is time: {name}");
    move |message| message["body"]["text"] == text.as_str()
}

#[tokio::test]
async fn timers_fire_without_a_post() {
    let mut fixture = TwoPlayerChannel::with_bot(ALARM).await;
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the first alarm", is_time("start")).await;
    let set = &of_type(&log, "bot:ran")[0]["body"]["timers"][0];
    assert_eq!(*set, json!({ "n": 1, "after_ms": 1_000 }), "the log does not say the name, which may be private");
    let fired = of_type(&log, "timer");
    assert_eq!(fired.len(), 1);
    assert_eq!((&fired[0]["sender"], &fired[0]["kind"]), (&json!("system"), &json!("trace")));
    assert_eq!(fired[0]["body"]["set_by"], of_type(&log, "bot:ran")[0]["id"]);
}

#[tokio::test]
async fn timers_are_replaced_and_cancelled_by_name() {
    let mut fixture = TwoPlayerChannel::with_bot(ALARM).await;
    for text in ["set tea", "set tea", "set bread", "cancel bread", "set last"] {
        fixture.bob_posts(text).await;
    }
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the last alarm", is_time("last")).await;
    assert_eq!(with_text(&log, "it is time: tea").len(), 1);
    assert_eq!(with_text(&log, "it is time: bread").len(), 0);
}

#[tokio::test]
async fn timers_survive_a_restart() {
    let mut fixture = TwoPlayerChannel::with_bot(ALARM).await;
    fixture.bob_posts("set tea").await;
    fixture.relay.restart(None).await.unwrap();
    fixture.bob = fixture.bob_ws().await;
    let at = fixture.channel_id.clone();
    let log = read_until(&mut fixture.bob, &at, "the alarm after a restart", is_time("tea")).await;
    assert_eq!(with_text(&log, "it is time: tea").len(), 1);
    assert_eq!(with_text(&log, "it is time: start").len(), 1);
}

#[tokio::test]
async fn a_bot_can_set_16_timers() {
    let source = "
class Many:
    def on_message(self, msg):
        for n in range(int(msg['body']['text'])):
            self.ctx.timer(f't{n}', 3600)
        self.ctx.post('bot', {'text': 'set'})
";
    let mut fixture = TwoPlayerChannel::with_bot(source).await;
    let at = fixture.channel_id.clone();
    fixture.bob_posts("17").await;
    let log = read_until(&mut fixture.bob, &at, "the refusal", |message| message["body"]["type"] == "bot:error").await;
    assert!(of_type(&log, "bot:error")[0]["body"]["reason"].as_str().unwrap().contains("at most 16 timers"), "{log:?}");
    fixture.bob_posts("16").await;
    read_until(&mut fixture.bob, &at, "the answer", |message| message["body"]["text"] == "set").await;
}
