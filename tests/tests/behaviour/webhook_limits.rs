//! Limits of webhooks: where the relay connects to, how many subscriptions there are, how long they last, and what is secret.

use mcp_multiplayer_tests::{HttpClient, RelayProcess, WebhookReceiver};
use serde_json::{Value, json};

use crate::events::request;
use crate::fixture::{TwoPlayerChannel, in_time, with};
use crate::webhooks::{channel, params, secret};

async fn refusal(http: &mut HttpClient, params: &Value) -> Value {
    in_time("a refusal", request(http, "events/subscribe", params)).await.unwrap_err()
}

#[tokio::test]
async fn only_public_addresses_and_those_that_the_operator_allows_are_called() {
    let mut receiver = WebhookReceiver::start().await.unwrap();
    let port = receiver.address().port();
    let fixture = TwoPlayerChannel::create().await;
    let mut http = fixture.bob_http().await;
    for url in [
        format!("http://127.0.0.1:{port}/hook"),
        format!("https://127.0.0.1:{port}/hook"),
        format!("https://localhost:{port}/hook"),
        format!("https://[::1]:{port}/hook"),
        format!("https://[::ffff:127.0.0.1]:{port}/hook"),
        format!("https://0x7f.1:{port}/hook"),
        format!("https://0.0.0.0:{port}/hook"),
        "https://127.0.0.1/hook".to_owned(),
        "https://10.0.0.1/hook".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        format!("http://localhost:{port}/hook"),
        format!("http://10.0.0.1:{port}/hook"),
        format!("https://user:password@127.0.0.1:{port}/hook"),
        format!("https://127.0.0.1:{port}/hook#fragment"),
        "no URL".to_owned(),
    ] {
        let error = refusal(&mut http, &params(&fixture.channel_id, &url, json!({}))).await;
        assert_eq!(error["code"], -32_602, "{url}: {error}");
        assert!(!error["message"].as_str().unwrap().contains("not a public"), "nothing is said of addresses: {error}");
    }
    assert!(receiver.arrived().is_none());
}

#[tokio::test]
async fn invalid_subscriptions_are_refused_without_a_request_to_the_endpoint() {
    let (fixture, mut receiver, url) = channel(&[]).await;
    let token = fixture.relay.create_token("mallory").await.unwrap();
    let mut bob = fixture.bob_http().await;
    let mut mallory = HttpClient::connect(fixture.relay.address(), &token).await.unwrap();
    let valid = params(&fixture.channel_id, &url, json!({}));
    for cursor in [json!(null), json!("0")] {
        let error = refusal(&mut mallory, &with(valid.clone(), json!({ "cursor": cursor }))).await;
        assert_eq!(error["code"], -32_024, "a channel of others: {error}");
    }
    let with_secret = |secret: &str| json!({ "delivery": { "mode": "webhook", "url": url, "secret": secret } });
    for (more, code) in [
        (json!({ "name": "channel.explosion" }), -32_023),
        (json!({ "arguments": { "channel_id": 7 } }), -32_602),
        (json!({ "cursor": "the end" }), -32_602),
        (json!({ "ttlMs": "long" }), -32_602),
        (json!({ "delivery": null }), -32_602),
        (json!({ "delivery": { "mode": "push", "url": url, "secret": secret(&[7; 32]) } }), -32_026),
        (json!({ "delivery": { "mode": "webhook", "url": url } }), -32_602),
        (with_secret("whsec_"), -32_602),
        (with_secret("swordfish"), -32_602),
        (with_secret(&secret(&[7; 23])), -32_602),
        (with_secret(&secret(&[7; 65])), -32_602),
    ] {
        let error = refusal(&mut bob, &with(valid.clone(), more.clone())).await;
        assert_eq!(error["code"], code, "{more}: {error}");
        assert!(!error.to_string().contains("whsec_Bwc"), "{error}");
    }
    assert!(receiver.arrived().is_none());
}

/// The relay gives an endpoint ten seconds.
#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_not_verified() {
    let (fixture, mut receiver, url) = channel(&[]).await;
    let subscription = params(&fixture.channel_id, &url, json!({}));
    let mut http = fixture.bob_http().await;
    let (error, _unanswered) = tokio::join!(refusal(&mut http, &subscription), receiver.next());
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32_027), &json!("timeout")));
}

/// Subscribes, while the endpoint echoes challenges.
async fn subscribe(http: &mut HttpClient, receiver: &mut WebhookReceiver, params: &Value) -> Result<Value, Value> {
    let requested = request(http, "events/subscribe", params);
    tokio::pin!(requested);
    loop {
        tokio::select! {
            answered = &mut requested => return answered,
            challenge = receiver.next() => {
                let echo = json!({ "challenge": challenge.json()["challenge"] });
                challenge.answer(200, &echo.to_string()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn subscriptions_are_limited_for_each_principal_and_expire() {
    let (mut fixture, mut receiver, url) = channel(&["--webhooks-per-principal", "2"]).await;
    let (mut bob, mut alice) = (fixture.bob_http().await, fixture.relay.http().await.unwrap());
    let channel_id = fixture.channel_id.clone();
    let of = |number: u32, ttl: Value| params(&channel_id, &format!("{url}&number={number}"), json!({ "ttlMs": ttl }));
    let brief = of(1, json!(1));
    subscribe(&mut bob, &mut receiver, &brief).await.unwrap();
    subscribe(&mut bob, &mut receiver, &of(2, json!(3_600_000))).await.unwrap();
    let error = refusal(&mut bob, &of(3, json!(null))).await;
    assert_eq!((&error["code"], &error["data"]), (&json!(-32_025), &json!({ "limit": "subscriptions", "max": 2 })));
    subscribe(&mut alice, &mut receiver, &of(3, json!(null))).await.unwrap();
    // The first has its second, the minimum, and then makes room.
    in_time("the end of a subscription", async {
        while subscribe(&mut bob, &mut receiver, &of(3, json!(null))).await.is_err() {}
    })
    .await;
    fixture.alice_posts("to the two that are left").await;
    fixture.alice_posts("again").await;
    for _ in 0..4 {
        let delivery = in_time("a delivery", receiver.next()).await;
        assert!(!delivery.path.ends_with("number=1"), "{delivery:?}");
        delivery.answer(204, "").await.unwrap();
    }
    let error = in_time("unsubscribing", request(&mut bob, "events/unsubscribe", &brief)).await.unwrap_err();
    assert_eq!(error["data"]["kind"], "subscription");
}

#[tokio::test]
async fn challenges_are_limited_for_each_principal() {
    let (fixture, mut receiver, url) = channel(&[]).await;
    let mut bob = fixture.bob_http().await;
    let of = |number: u32| params(&fixture.channel_id, &format!("{url}&number={number}"), json!({}));
    let mut accepted = 0;
    let error = loop {
        match in_time("a subscription", subscribe(&mut bob, &mut receiver, &of(accepted))).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((&error["code"], &error["data"]["limit"]), (&json!(-32_025), &json!("challenges")), "{error}");
    assert!((20..30).contains(&accepted), "{accepted}");
    // A URL that is verified costs no challenge.
    subscribe(&mut bob, &mut receiver, &of(0)).await.unwrap();
}

#[tokio::test]
async fn a_relay_without_webhooks_does_not_offer_them() {
    let fixture = TwoPlayerChannel::create_with(&["--webhooks-per-principal", "0"], json!({})).await;
    let mut bob = fixture.bob_http().await;
    let listed = request(&mut bob, "events/list", &json!({})).await.unwrap();
    assert_eq!(listed["events"][0]["delivery"], json!(["push", "poll"]));
    let subscription = params(&fixture.channel_id, "https://app.example/hook", json!({}));
    assert_eq!(refusal(&mut bob, &subscription).await["code"], -32_601);
}

#[tokio::test]
async fn neither_the_log_nor_the_database_contains_the_secret() {
    let mut receiver = WebhookReceiver::start().await.unwrap();
    let address = receiver.address();
    let relay = RelayProcess::start_verbose(&["--bot-network-allow", &address.to_string()]).await.unwrap();
    let mut fixture = TwoPlayerChannel::create_on(relay, json!({})).await;
    let params = params(&fixture.channel_id, &format!("http://{address}/hook?key=opal-in-the-url"), json!({}));
    let subscribed = subscribe(&mut fixture.bob_http().await, &mut receiver, &params).await.unwrap();
    assert!(!subscribed.to_string().contains("whsec_"));
    fixture.alice_posts("hello").await;
    in_time("a delivery", receiver.next()).await.answer(500, "").await.unwrap();
    in_time("a delivery", receiver.next()).await.answer(410, "").await.unwrap();
    fixture.relay.terminate().await.unwrap();
    let log = fixture.relay.logged().unwrap();
    assert!(log.contains(subscribed["id"].as_str().unwrap()), "the log names the subscription");
    let whole = params["delivery"]["secret"].as_str().unwrap();
    for secret in [whole, whole.strip_prefix("whsec_").unwrap(), "opal-in-the-url"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for file in ["relay.db", "relay.db-wal"] {
        let Ok(bytes) = std::fs::read(fixture.relay.data_dir().join(file)) else { continue };
        assert!(!bytes.windows(whole.len()).any(|window| window == whole.as_bytes()), "the secret is in {file}");
    }
}
