//! Webhooks of MCP Events: what is delivered to whom, how often, and until when.

use hmac::{Hmac, KeyInit as _, Mac as _};
use mcp_multiplayer_tests::{Delivery, HttpClient, WebhookReceiver};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::browser::{Browser, authorization_query, redeem, register};
use crate::egress::certificate;
use crate::events::request;
use crate::fixture::{TwoPlayerChannel, in_time, with};
use crate::revocation::revoke_only;

const KEY: &[u8] = b"the key of the tests, of 32 bytes";
const OTHER_KEY: &[u8] = b"another key, as long as the first";

/// Bob's subscription to the channel, and the endpoint that gets its events.
pub(crate) struct Subscription {
    pub(crate) fixture: TwoPlayerChannel,
    pub(crate) receiver: WebhookReceiver,
    pub(crate) url: String,
    pub(crate) id: String,
}

pub(crate) fn secret(key: &[u8]) -> String {
    format!("whsec_{}", data_encoding::BASE64.encode(key))
}

/// The params of `events/subscribe` and `events/unsubscribe`.
pub(crate) fn params(channel_id: &str, url: &str, more: Value) -> Value {
    let delivery = json!({ "mode": "webhook", "url": url, "secret": secret(KEY) });
    with(json!({ "name": "channel.message", "arguments": { "channel_id": channel_id }, "delivery": delivery }), more)
}

/// Starts a receiver and a channel on a relay that may connect to it.
pub(crate) async fn channel(flags: &[&str]) -> (TwoPlayerChannel, WebhookReceiver, String) {
    let receiver = WebhookReceiver::start().await.unwrap();
    let address = receiver.address();
    let allow = address.to_string();
    let flags = [&["--bot-network-allow", &allow], flags].concat();
    let fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    (fixture, receiver, format!("http://{address}/hook?key=opal"))
}

/// Subscribes, while the endpoint echoes the challenge.
async fn subscribe(http: &mut HttpClient, receiver: &mut WebhookReceiver, params: &Value) -> Value {
    let subscribed = async { tokio::join!(request(http, "events/subscribe", params), receiver.echo_challenge()) };
    let (subscribed, challenge) = in_time("a subscription", subscribed).await;
    assert_eq!(challenge.unwrap()["type"], "verification");
    subscribed.unwrap()
}

impl Subscription {
    async fn create() -> Self {
        Self::create_with(&[], json!({})).await
    }

    async fn create_with(flags: &[&str], more: Value) -> Self {
        let (fixture, mut receiver, url) = channel(flags).await;
        let params = params(&fixture.channel_id, &url, more);
        let subscribed = subscribe(&mut fixture.bob_http().await, &mut receiver, &params).await;
        let id = subscribed["id"].as_str().unwrap().to_owned();
        assert_eq!(subscribed["truncated"], false);
        Self { fixture, receiver, url, id }
    }

    fn params(&self, more: Value) -> Value {
        params(&self.fixture.channel_id, &self.url, more)
    }

    async fn bob_requests(&self, method: &str, more: Value) -> Result<Value, Value> {
        request(&mut self.fixture.bob_http().await, method, &self.params(more)).await
    }

    /// Waits for the next request, whose signature must be valid.
    async fn next(&mut self) -> Delivery {
        let delivery = in_time("a delivery", self.receiver.next()).await;
        assert!(is_signed(&delivery, KEY), "{delivery:?}");
        assert_eq!(delivery.header("x-mcp-subscription-id"), self.id);
        delivery
    }

    /// Waits for the next request, which must be an event with this text.
    async fn next_event(&mut self, text: &str) -> Delivery {
        let delivery = self.next().await;
        assert_eq!(delivery.json()["data"]["text"], text, "{delivery:?}");
        delivery
    }

    /// Waits for the next request, which must say that the subscription has ended for want of permission.
    async fn assert_terminated(&mut self) {
        let delivery = self.next().await;
        let body = delivery.json();
        assert_eq!((&body["type"], &body["error"]["code"]), (&json!("terminated"), &json!(-32_024)), "{body}");
        delivery.answer(204, "").await.unwrap();
    }

    /// Checks that the subscription does not exist any more.
    async fn assert_gone(&self) {
        assert_eq!(
            self.bob_requests("events/unsubscribe", json!({})).await.unwrap_err()["data"]["kind"],
            "subscription"
        );
    }
}

async fn acknowledge(delivery: Delivery) {
    delivery.answer(204, "").await.unwrap();
}

/// Returns whether a request is signed with this key (Standard Webhooks), a moment ago.
fn is_signed(delivery: &Delivery, key: &[u8]) -> bool {
    let timestamp = delivery.header("webhook-timestamp");
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{}.{timestamp}.", delivery.id()).as_bytes());
    mac.update(&delivery.body);
    let expected = format!("v1,{}", data_encoding::BASE64.encode(&mac.finalize().into_bytes()));
    delivery.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn messages_are_posted_with_a_signature() {
    let mut bobs = Subscription::create().await;
    let id = bobs.fixture.alice_posts("hello").await;
    bobs.fixture.bob_posts("own posts are no events").await;
    bobs.fixture.alice_posts("bye").await;
    let delivery = bobs.next_event("hello").await;
    let event = delivery.json();
    assert_eq!(event["eventId"], format!("{}_{id}", bobs.fixture.channel_id));
    assert_eq!(event["eventId"], delivery.id());
    assert_eq!((&event["name"], &event["cursor"]), (&json!("channel.message"), &json!(id.to_string())));
    assert_eq!(event["data"]["sender"], "s1");
    assert!(!is_signed(&delivery, OTHER_KEY));
    assert_eq!((delivery.path.as_str(), delivery.header("content-type")), ("/hook?key=opal", "application/json"));
    acknowledge(delivery).await;
    acknowledge(bobs.next_event("bye").await).await;
    // The list of event types says so.
    let listed = request(&mut bobs.fixture.bob_http().await, "events/list", &json!({})).await.unwrap();
    assert_eq!(listed["events"][0]["delivery"], json!(["webhook", "push", "poll"]));
}

#[tokio::test]
async fn nothing_is_delivered_unless_the_endpoint_echoes_the_challenge() {
    let (mut fixture, mut receiver, url) = channel(&[]).await;
    let subscription = params(&fixture.channel_id, &url, json!({}));
    let mut http = fixture.bob_http().await;
    let huge = format!(r#"{{"challenge":"{}"}}"#, "x".repeat(1 << 20));
    for (status, body, reason) in [
        (200, "", "challenge_failed"),
        (200, r#"{"challenge":""}"#, "challenge_failed"),
        (200, r#"{"challenge":"guessed"}"#, "challenge_failed"),
        (200, huge.as_str(), "connection_refused"),
        (302, "", "http_4xx"),
        (404, "", "http_4xx"),
        (500, "", "http_5xx"),
    ] {
        let answer = async {
            let challenge = receiver.next().await;
            assert!(is_signed(&challenge, KEY) && challenge.header("x-mcp-subscription-id").starts_with("sub_"));
            // The relay need not read all of it.
            let _ = challenge.answer(status, body).await;
        };
        let (refused, ()) = tokio::join!(request(&mut http, "events/subscribe", &subscription), answer);
        let error = refused.unwrap_err();
        assert_eq!(
            (&error["code"], &error["data"]["reason"]),
            (&json!(-32_027), &json!(reason)),
            "{status} {body:.40}"
        );
    }
    fixture.alice_posts("nobody is told").await;
    // The next request is a challenge again, not the message.
    subscribe(&mut http, &mut receiver, &subscription).await;
    fixture.alice_posts("now bob is told").await;
    assert_eq!(in_time("a delivery", receiver.next()).await.json()["data"]["text"], "now bob is told");
}

#[tokio::test]
async fn endpoints_over_tls_need_a_valid_certificate() {
    let (_directory, authority, tls) = certificate();
    let mut receiver = WebhookReceiver::start_secure(move |stream| tls.clone().accept(stream)).await.unwrap();
    let port = receiver.address().port();
    let allow = format!("localhost:{port}");
    let url = format!("https://{allow}/hook");
    let distrusting = TwoPlayerChannel::create_with(&["--bot-network-allow", &allow], json!({})).await;
    let subscription = params(&distrusting.channel_id, &url, json!({}));
    let refused = request(&mut distrusting.bob_http().await, "events/subscribe", &subscription).await.unwrap_err();
    assert_eq!(refused["data"]["reason"], "tls_error", "{refused}");

    let flags = ["--bot-network-allow", &allow, "--bot-network-ca", authority.to_str().unwrap()];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let subscription = params(&fixture.channel_id, &url, json!({}));
    subscribe(&mut fixture.bob_http().await, &mut receiver, &subscription).await;
    fixture.alice_posts("over TLS").await;
    assert_eq!(in_time("a delivery", receiver.next()).await.json()["data"]["text"], "over TLS");
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_under_the_same_id_before_the_next_one() {
    let mut bobs = Subscription::create().await;
    bobs.fixture.alice_posts("first").await;
    bobs.fixture.alice_posts("second").await;
    let failed = bobs.next_event("first").await;
    let id = failed.id().to_owned();
    failed.answer(500, "").await.unwrap();
    // Hanging up is a failure, too.
    let dropped = bobs.next_event("first").await;
    assert_eq!(dropped.id(), id);
    drop(dropped);
    let repeated = bobs.next_event("first").await;
    assert_eq!(repeated.id(), id);
    let status = bobs.bob_requests("events/subscribe", json!({})).await.unwrap()["deliveryStatus"].clone();
    assert_eq!((&status["active"], &status["lastError"]), (&json!(true), &json!("connection_refused")), "{status}");
    // A refresh begins the delivery anew, at the event that was not acknowledged.
    drop(repeated);
    acknowledge(bobs.next_event("first").await).await;
    acknowledge(bobs.next_event("second").await).await;
}

#[tokio::test]
async fn the_end_of_an_endpoint_ends_the_subscription_and_a_refused_event_is_skipped() {
    let mut bobs = Subscription::create_with(&["--webhooks-per-principal", "1"], json!({})).await;
    for text in ["too large", "welcome", "gone"] {
        bobs.fixture.alice_posts(text).await;
    }
    bobs.next_event("too large").await.answer(413, "").await.unwrap();
    acknowledge(bobs.next_event("welcome").await).await;
    bobs.next_event("gone").await.answer(410, "").await.unwrap();
    // There is room for another one as soon as the relay has read the response.
    let other = params(&bobs.fixture.channel_id, &format!("{}&other=1", bobs.url), json!({}));
    let mut http = bobs.fixture.bob_http().await;
    let challenge = in_time("the end", async {
        loop {
            tokio::select! {
                refused = request(&mut http, "events/subscribe", &other) => {
                    assert_eq!(refused.unwrap_err()["data"]["limit"], "subscriptions");
                }
                challenge = bobs.receiver.next() => return challenge,
            }
        }
    })
    .await;
    assert_eq!(challenge.json()["type"], "verification", "nothing else is posted");
    bobs.assert_gone().await;
}

#[tokio::test]
async fn an_event_that_was_not_acknowledged_is_delivered_again_after_a_crash() {
    let mut bobs = Subscription::create().await;
    bobs.fixture.alice_posts("before the crash").await;
    acknowledge(bobs.next_event("before the crash").await).await;
    bobs.fixture.alice_posts("in flight").await;
    let in_flight = bobs.next_event("in flight").await;
    bobs.fixture.relay.kill().await.unwrap();
    bobs.fixture.relay.restart(None).await.unwrap();
    let again = bobs.next_event("in flight").await;
    assert_eq!(again.id(), in_flight.id());
    acknowledge(again).await;
    bobs.fixture.alice = bobs.fixture.relay.connect().await.unwrap();
    bobs.fixture.alice_posts("after the crash").await;
    acknowledge(bobs.next_event("after the crash").await).await;
    assert!(bobs.receiver.arrived().is_none());
}

#[tokio::test]
async fn a_refresh_keeps_id_and_position_and_rotates_the_secret() {
    let mut bobs = Subscription::create().await;
    let first = bobs.fixture.alice_posts("first").await;
    acknowledge(bobs.next_event("first").await).await;
    // Without a challenge, and whatever the cursor; spelt-out defaults are the same subscription.
    let delivery = json!({ "mode": "webhook", "url": bobs.url, "secret": secret(OTHER_KEY) });
    let arguments = json!({ "channel_id": bobs.fixture.channel_id, "wait_for": "any" });
    let more = json!({ "cursor": "0", "ttlMs": null, "delivery": delivery, "arguments": arguments });
    let refreshed = bobs.bob_requests("events/subscribe", more).await.unwrap();
    assert_eq!((&refreshed["id"], &refreshed["truncated"]), (&json!(bobs.id), &json!(false)));
    assert!(refreshed["refreshBefore"].is_string(), "a week, not for ever");
    let cursor: u64 = refreshed["cursor"].as_str().unwrap().parse().unwrap();
    assert!(cursor == first || cursor == first - 1, "{refreshed}: {first}");
    bobs.fixture.alice_posts("second").await;
    loop {
        // The acknowledgement of the first may have crossed the refresh.
        let delivery = bobs.next().await;
        assert!(is_signed(&delivery, OTHER_KEY), "signed with both secrets");
        let text = delivery.json()["data"]["text"].clone();
        acknowledge(delivery).await;
        if text == "second" {
            break;
        }
    }
    assert!(bobs.receiver.arrived().is_none(), "one subscription, one delivery");
}

#[tokio::test]
async fn a_cursor_and_an_age_choose_where_delivery_begins() {
    let (mut fixture, mut receiver, url) = channel(&[]).await;
    let first = fixture.alice_posts("missed").await;
    let mut http = fixture.bob_http().await;
    let from = json!({ "cursor": (first - 1).to_string(), "maxAgeMs": 3_600_000 });
    let subscribed = subscribe(&mut http, &mut receiver, &params(&fixture.channel_id, &url, from)).await;
    assert_eq!((&subscribed["truncated"], &subscribed["cursor"]), (&json!(false), &json!((first - 1).to_string())));
    let delivery = in_time("a delivery", receiver.next()).await;
    assert_eq!(delivery.json()["data"]["text"], "missed");
    acknowledge(delivery).await;
    let too_old = json!({ "cursor": "0", "maxAgeMs": 0 });
    let other = format!("{url}&other=1");
    let subscribed = subscribe(&mut http, &mut receiver, &params(&fixture.channel_id, &other, too_old)).await;
    assert_eq!(subscribed["truncated"], true, "{subscribed}");
    fixture.alice_posts("new").await;
    for _ in 0..2 {
        let delivery = in_time("a delivery", receiver.next()).await;
        assert_eq!(delivery.json()["data"]["text"], "new");
        acknowledge(delivery).await;
    }
}

#[tokio::test]
async fn only_the_subscriber_can_unsubscribe() {
    let mut bobs = Subscription::create().await;
    let mut alice = bobs.fixture.relay.http().await.unwrap();
    let refused = request(&mut alice, "events/unsubscribe", &bobs.params(json!({}))).await.unwrap_err();
    assert_eq!((&refused["code"], &refused["data"]["kind"]), (&json!(-32_023), &json!("subscription")));
    bobs.fixture.alice_posts("still delivered").await;
    acknowledge(bobs.next_event("still delivered").await).await;
    bobs.bob_requests("events/unsubscribe", json!({})).await.unwrap();
    bobs.assert_gone().await;
    bobs.fixture.alice_posts("not delivered").await;
    // The endpoint is verified for nobody any more.
    let params = bobs.params(json!({}));
    subscribe(&mut bobs.fixture.bob_http().await, &mut bobs.receiver, &params).await;
}

#[tokio::test]
async fn a_kick_ends_the_subscription() {
    let mut bobs = Subscription::create().await;
    bobs.fixture.update(json!([{ "type": "kick", "slot_id": "s2" }])).await.unwrap();
    let kicked = bobs.next().await;
    assert_eq!(kicked.json()["data"]["data"]["type"], "member:kick");
    acknowledge(kicked).await;
    bobs.assert_terminated().await;
    bobs.assert_gone().await;
}

#[tokio::test]
async fn a_revoked_token_ends_the_subscription_even_while_its_endpoint_fails() {
    let mut bobs = Subscription::create().await;
    let token = bobs.fixture.relay.local_token().unwrap();
    let mut alice = HttpClient::connect(bobs.fixture.relay.address(), &token).await.unwrap();
    // On the same endpoint, for another principal.
    let params = params(&bobs.fixture.channel_id, &bobs.url, json!({}));
    subscribe(&mut alice, &mut bobs.receiver, &params).await;
    bobs.fixture.bob_posts("to alice").await;
    let delivery = in_time("a delivery", bobs.receiver.next()).await;
    assert_ne!(delivery.header("x-mcp-subscription-id"), bobs.id);
    acknowledge(delivery).await;
    bobs.fixture.alice_posts("never acknowledged").await;
    bobs.next_event("never acknowledged").await.answer(503, "").await.unwrap();
    revoke_only(&bobs.fixture.relay, "token").await;
    loop {
        let delivery = bobs.next().await;
        if delivery.json()["type"] == "terminated" {
            break;
        }
        delivery.answer(503, "").await.unwrap();
    }
    bobs.fixture.relay.restart(None).await.unwrap();
    assert!(bobs.receiver.arrived().is_none());
}

/// The client gets an access token for two seconds, and does not refresh it.
#[tokio::test]
async fn a_subscription_outlives_the_access_token_and_ends_with_the_grant() {
    let (fixture, mut receiver, url) = channel(&["--access-token-seconds", "2"]).await;
    let app = "https://app.example/callback";
    let client = register(&fixture.relay, "My app", &[app]).await;
    let page = Browser::new(&fixture.relay).decide(&authorization_query(&client, app), &[("decision", "allow")]).await;
    let token = redeem(&fixture.relay, &client, app, &page.parameter("code").unwrap()).await;
    let mut http = HttpClient::connect(fixture.relay.address(), &token).await.unwrap();
    let create = json!({ "name": "Carol's", "slots": ["invite:carol", "invite:bob"], "join_as": "carol" });
    let created = http.call_tool("create_channel", create).await.unwrap();
    let channel_id = created["channel_id"].as_str().unwrap();
    subscribe(&mut http, &mut receiver, &params(channel_id, &url, json!({}))).await;
    let mut bob = fixture.bob_ws().await;
    bob.call("join_channel", json!({ "invite_code": created["invites"][0] })).await;
    acknowledge(in_time("bob's arrival", receiver.next()).await).await;
    in_time("the end of the access token", async { while http.call_tool("health_check", json!({})).await.is_ok() {} })
        .await;
    bob.call("post_message", json!({ "channel_id": channel_id, "body": "are you there?" })).await;
    let delivery = in_time("a delivery", receiver.next()).await;
    assert_eq!(delivery.json()["data"]["text"], "are you there?");
    acknowledge(delivery).await;
    revoke_only(&fixture.relay, "grant").await;
    assert_eq!(in_time("the notice", receiver.next()).await.json()["type"], "terminated");
}
