//! Revocation and expiry of a token end what it opened: WebSocket connections, calls that wait, and subscriptions.

use std::time::Duration;

use hyper::StatusCode;
use mcp_multiplayer_tests::{EventStream, Failure, HttpClient, RelayProcess, WsClient, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::browser::{Browser, authorization_query, query, redeem, register};
use crate::fixture::{TwoPlayerChannel, in_time};

const APP: &str = "https://app.example/callback";
/// Close code for a token that is no longer valid (RFC 6455, section 7.4.1: policy violation).
const POLICY_VIOLATION: Option<u16> = Some(1008);
/// Timeout of waits that are expected to end earlier, in milliseconds.
const LONG: u64 = 45_000;
/// Maximum time from a revocation to its last effect. The documented time is shorter, but the machine may be busy.
const WITHIN_SECONDS: Duration = Duration::from_secs(20);

/// Awaits an effect of a revocation.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(WITHIN_SECONDS, future).await.unwrap_or_else(|_| panic!("the token still works: {what}"))
}

/// Runs a command of the operator, in a process of its own, and returns its output.
async fn operator(relay: &RelayProcess, args: &[&str]) -> String {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Revokes the only token, grant or access code that there is.
pub(crate) async fn revoke_only(relay: &RelayProcess, noun: &str) {
    let listed = operator(relay, &[noun, "list"]).await;
    assert_eq!(listed.lines().count(), 2, "a header and one line: {listed}");
    let listed = listed.lines().last().unwrap();
    operator(relay, &[noun, "revoke", listed.split_whitespace().next().unwrap()]).await;
}

/// Subscribes to the resources, and waits for the acknowledgement.
async fn listen(address: &str, token: &str, uris: &[String]) -> EventStream {
    let params = json!({ "notifications": { "resourceSubscriptions": uris } });
    let meta = json!({});
    let opened = EventStream::open(address, token, "subscriptions/listen", &params, &meta);
    let mut stream = in_time("the stream", opened).await.unwrap();
    let acknowledged = in_time("the acknowledgement", stream.next()).await.unwrap().unwrap();
    let accepted = acknowledged["params"]["notifications"]["resourceSubscriptions"].as_array().map_or(0, Vec::len);
    assert_eq!(accepted, uris.len(), "{acknowledged}");
    stream
}

/// Checks that a stream ends with an error because of the token.
async fn assert_refused(stream: &mut EventStream) {
    let last = soon("a subscription", stream.next()).await.unwrap().expect("an error");
    assert_eq!(last["error"]["data"]["code"], "UNAUTHENTICATED", "{last}");
    assert!(soon("the stream", stream.next()).await.unwrap().is_none());
}

#[track_caller]
fn assert_unauthenticated(answer: Result<Value, Failure>) {
    match answer {
        Err(Failure::Refused(error)) => {
            assert_eq!(error["code"], "UNAUTHENTICATED");
            assert!(!error["hint"].as_str().unwrap().is_empty());
        }
        other => panic!("{other:?}"),
    }
}

/// Connections that one token has open: a WebSocket with a call that waits, another without, and two subscriptions.
struct Opened {
    waiting: WsClient,
    wait: u64,
    idle: WsClient,
    subscription: EventStream,
    empty_subscription: EventStream,
}

impl Opened {
    /// Opens everything as the creator of a new channel.
    async fn new(relay: &RelayProcess, token: &str) -> Self {
        let mut waiting = WsClient::connect(relay.address(), token).await.unwrap();
        let create = json!({ "name": "Game", "slots": ["invite:a", "invite:b"], "join_as": "a" });
        let created = waiting.call("create_channel", create).await;
        let wait = json!({ "channel_id": created["channel_id"], "cursor": created["cursor"], "timeout_ms": LONG });
        let wait = waiting.send("sync_messages", wait).await.unwrap();
        let mut idle = WsClient::connect(relay.address(), token).await.unwrap();
        idle.call("health_check", json!({})).await;
        let uri = format!("channel://{}", created["channel_id"].as_str().unwrap());
        Self {
            wait,
            waiting,
            idle,
            subscription: listen(relay.address(), token, &[uri]).await,
            empty_subscription: listen(relay.address(), token, &[]).await,
        }
    }

    /// Checks that everything ends.
    async fn assert_ends(mut self) {
        assert_unauthenticated(soon("a wait", self.waiting.answer(self.wait)).await);
        for mut connection in [self.waiting, self.idle] {
            assert_eq!(soon("a WebSocket", connection.closed()).await, POLICY_VIOLATION);
        }
        assert_refused(&mut self.subscription).await;
        assert_refused(&mut self.empty_subscription).await;
    }
}

/// Gets an access token for a person who has this access code, if one is needed.
async fn authorize(relay: &RelayProcess, access_code: Option<&str>) -> String {
    let client = register(relay, "My app", &[APP]).await;
    let mut answer = vec![("decision", "allow")];
    answer.extend(access_code.map(|code| ("access_code", code)));
    let page = Browser::new(relay).decide(&authorization_query(&client, APP), &answer).await;
    redeem(relay, &client, APP, &page.parameter("code").unwrap_or_else(|| panic!("{page:?}"))).await
}

#[tokio::test]
async fn revoking_a_token_ends_what_it_opened() {
    let relay = RelayProcess::start().await.unwrap();
    let token = relay.create_token("bob").await.unwrap();
    let opened = Opened::new(&relay, &token).await;
    revoke_only(&relay, "token").await;
    opened.assert_ends().await;
    assert!(WsClient::connect(relay.address(), &token).await.is_err());
}

#[tokio::test]
async fn revoking_a_grant_ends_what_its_tokens_opened() {
    let relay = RelayProcess::start().await.unwrap();
    let opened = Opened::new(&relay, &authorize(&relay, None).await).await;
    revoke_only(&relay, "grant").await;
    opened.assert_ends().await;
}

#[tokio::test]
async fn revoking_an_access_code_ends_what_its_person_opened() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let code = operator(&relay, &["access-code", "create", "--name", "alice"]).await;
    let opened = Opened::new(&relay, &authorize(&relay, Some(code.trim())).await).await;
    revoke_only(&relay, "access-code").await;
    opened.assert_ends().await;
}

#[tokio::test]
async fn the_expiry_of_an_access_token_ends_what_it_opened() {
    let relay = RelayProcess::start_with(&["--access-token-seconds", "6"]).await.unwrap();
    Opened::new(&relay, &authorize(&relay, None).await).await.assert_ends().await;
}

#[tokio::test]
async fn posts_on_an_open_websocket_are_refused_after_a_revocation() {
    let mut fixture = TwoPlayerChannel::create().await;
    revoke_only(&fixture.relay, "token").await;
    let refusal = async {
        loop {
            let post = fixture.args(json!({ "body": "still here" }));
            match fixture.bob.try_call("post_message", post).await {
                Ok(_) => {}
                Err(Failure::Refused(error)) if error["code"] == "RATE_LIMIT" => {}
                Err(failure) => return Err(failure),
            }
        }
    };
    assert_unauthenticated(soon("posts", refusal).await);
    assert_eq!(soon("the WebSocket", fixture.bob.closed()).await, POLICY_VIOLATION);
    // The other player is not affected.
    fixture.alice_posts("he is gone").await;
}

#[tokio::test]
async fn a_revocation_ends_waits_over_http() {
    let fixture = TwoPlayerChannel::create().await;
    let (mut mcp, mut rest, mut writer) =
        (fixture.bob_http().await, fixture.bob_http().await, fixture.bob_http().await);
    let wait = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
    let post = fixture.args(json!({ "body": "last words", "wait_ms": LONG }));
    let over_mcp = mcp.call_tool("sync_messages", wait.clone());
    let over_rest = rest.post("/sync_messages", &[], wait.to_string().into());
    let posting = writer.call_tool("post_message", post);
    let revoke = async {
        // The post is the last of the three requests that is sent.
        let mut alice = fixture.relay.connect().await.unwrap();
        let args = fixture.args(json!({ "cursor": fixture.joined["cursor"], "timeout_ms": LONG }));
        in_time("the post", alice.call("sync_messages", args)).await;
        revoke_only(&fixture.relay, "token").await;
    };
    let (over_mcp, over_rest, acknowledged, ()) =
        Box::pin(soon("waits", async { tokio::join!(over_mcp, over_rest, posting, revoke) })).await;
    // A post ends the waits of others only. The waits are of the same player.
    assert!(over_mcp.unwrap_err().to_string().contains("UNAUTHENTICATED"));
    let over_rest = over_rest.unwrap();
    assert_eq!(over_rest.status(), StatusCode::UNAUTHORIZED);
    assert!(over_rest.headers()["www-authenticate"].to_str().unwrap().contains("error=\"invalid_token\""));
    // The post is durable, so it is acknowledged.
    let acknowledged = acknowledged.unwrap();
    assert!(acknowledged["msg_id"].is_u64() && acknowledged.get("messages").is_none(), "{acknowledged}");
}

#[tokio::test]
async fn a_client_that_revokes_its_token_ends_what_it_opened() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "My app", &[APP]).await;
    let page = Browser::new(&relay).decide(&authorization_query(&client, APP), &[("decision", "allow")]).await;
    let token = redeem(&relay, &client, APP, &page.parameter("code").unwrap()).await;
    let opened = Opened::new(&relay, &token).await;
    let mut other = WsClient::connect(relay.address(), &token).await.unwrap();
    let form = query(&[("token", &token), ("client_id", &client)]);
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let request = headers
        .iter()
        .fold(hyper::Request::post("/oauth/revoke").header("host", relay.address()), |r, h| r.header(h.0, h.1));
    let request = request.body(http_body_util::Full::new(form.into())).unwrap();
    assert_eq!(http.send(request).await.unwrap().status(), StatusCode::OK);
    // The relay's own revocations take effect at once.
    assert_unauthenticated(other.try_call("health_check", json!({})).await);
    opened.assert_ends().await;
}
