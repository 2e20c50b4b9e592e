//! The REST transport: `POST /<operation>` with JSON, `GET` with a query, problems (RFC 9457), the `OpenAPI` document.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, in_time, without_now};

const READS: [&str; 9] = [
    "health_check",
    "sync_messages",
    "get_board",
    "get_channel_info",
    "who",
    "get_bot_code",
    "list_channels",
    "get_proof",
    "read_log",
];
const BY_POST_ONLY: [&str; 9] = [
    "create_channel",
    "join_channel",
    "leave_channel",
    "post_message",
    "dm_bot",
    "update_channel",
    "attach_bot",
    "get_receipt",
    "delete_entries",
];

/// Sends a request on a new connection, with a token unless it is empty, and these headers.
async fn send(
    relay: &RelayProcess,
    token: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let mut request = Request::builder().method(method).uri(path).header("host", relay.address());
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    in_time(path, http.send(request)).await.unwrap()
}

async fn post(relay: &RelayProcess, token: &str, operation: &str, arguments: &Value) -> Response<Bytes> {
    let json = [("content-type", "application/json")];
    send(relay, token, "POST", &format!("/{operation}"), &json, arguments.to_string()).await
}

async fn get(relay: &RelayProcess, token: &str, path: &str) -> Response<Bytes> {
    send(relay, token, "GET", path, &[], "").await
}

/// Checks that a response is a success, and returns its result.
fn result_of(response: &Response<Bytes>) -> Value {
    let text = String::from_utf8_lossy(response.body());
    assert_eq!(response.status(), StatusCode::OK, "{text}");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    serde_json::from_str(&text).unwrap()
}

/// Checks that a response is a problem with this status, and returns its code.
fn refusal_of(response: &Response<Bytes>, status: u16) -> String {
    let text = String::from_utf8_lossy(response.body()).into_owned();
    assert_eq!(response.status(), status, "{text}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], problem["error"]["code"]);
    assert_eq!(problem["title"], problem["error"]["message"]);
    assert_eq!(problem["detail"], problem["error"]["hint"]);
    for member in ["title", "detail"] {
        assert!(!problem[member].as_str().unwrap().is_empty(), "{text}");
    }
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_game_is_played_with_plain_requests() {
    let relay = RelayProcess::start().await.unwrap();
    let (alice, bob) = (relay.create_token("alice").await.unwrap(), relay.create_token("bob").await.unwrap());
    let create = json!({
        "name": "Guess Game",
        "slots": ["bot:guess-referee", "invite:player1", "invite:player2"],
        "bot_preset": "GuessBot"
    });
    let created = result_of(&post(&relay, &alice, "create_channel", &create).await);
    let channel_id = created["channel_id"].as_str().unwrap();
    let invites = created["invites"].as_array().unwrap();
    result_of(&post(&relay, &alice, "join_channel", &json!({ "invite_code": invites[0] })).await);
    let joined = result_of(&post(&relay, &bob, "join_channel", &json!({ "invite_code": invites[1] })).await);
    assert_eq!(joined["slot_id"], "s2");
    let who = result_of(&get(&relay, &bob, &format!("/who?channel_id={channel_id}")).await);
    assert_eq!(who["your_slots"], json!(["s2"]));
    assert_eq!(who["bots"][0]["name"], "GuessBot");
    let bot_id = who["bots"][0]["bot_id"].as_str().unwrap();
    let code =
        result_of(&get(&relay, &bob, &format!("/get_bot_code?channel_id={channel_id}&bot_id={bot_id}&offset=0")).await);
    assert_eq!(code["code_hash"], who["bots"][0]["code_hash"]);

    let say = json!({ "channel_id": channel_id, "body": "guess 50", "cursor": joined["cursor"], "wait_ms": 20_000 });
    let mut page = result_of(&post(&relay, &alice, "post_message", &say).await);
    let posted = page["msg_id"].clone();
    // The judgement came with the post, or is still to come.
    let judged = loop {
        let messages = page["messages"].as_array().unwrap();
        if let Some(judged) = messages.iter().find(|message| message["body"]["type"] == "judge") {
            break judged.clone();
        }
        let path = format!("/sync_messages?channel_id={channel_id}&cursor={}&timeout_ms=20000", page["cursor"]);
        page = result_of(&get(&relay, &alice, &path).await);
    };
    assert_eq!(judged["sender"], format!("bot:{bot_id}"));
    let path = format!("/sync_messages?channel_id={channel_id}&cursor={posted}&timeout_ms=0");
    let read = result_of(&get(&relay, &bob, &path).await);
    assert!(read["messages"].as_array().unwrap().contains(&judged), "bob reads the same");
    let list = result_of(&get(&relay, &alice, "/list_channels").await);
    assert_eq!(list["total_channels"], 1);
    assert_eq!(result_of(&get(&relay, &alice, "/health_check").await)["status"], "ok");
}

#[tokio::test]
async fn an_operation_returns_the_same_over_every_transport() {
    let mut fixture = TwoPlayerChannel::create().await;
    fixture.alice_posts("hello").await;
    let token = fixture.bob_token.clone();
    let here = fixture.args(json!({}));
    let channel_id = fixture.channel_id.clone();
    for name in ["get_channel_info", "list_channels", "health_check"] {
        let arguments = if name == "get_channel_info" { here.clone() } else { json!({}) };
        let query = if name == "get_channel_info" { format!("?channel_id={channel_id}") } else { String::new() };
        let expected = fixture.bob.call(name, arguments.clone()).await;
        assert_eq!(result_of(&post(&fixture.relay, &token, name, &arguments).await), expected);
        assert_eq!(result_of(&get(&fixture.relay, &token, &format!("/{name}{query}")).await), expected);
    }
    let expected = fixture.bob.call("get_channel_info", here.clone()).await;
    assert_eq!(result_of(&post(&fixture.relay, &token, "who", &here).await), expected);
    assert_eq!(result_of(&get(&fixture.relay, &token, &format!("/who?channel_id={channel_id}")).await), expected);
    let read =
        fixture.args(json!({ "cursor": 2, "limit": 3, "include_trace": true, "timeout_ms": 0, "slot_id": "s2" }));
    let expected = without_now(fixture.bob.call("sync_messages", read.clone()).await);
    let query = format!("channel_id={channel_id}&cursor=2&limit=3&include_trace=true&timeout_ms=0&slot_id=s2");
    let over_post = result_of(&post(&fixture.relay, &token, "sync_messages", &read).await);
    assert_eq!(without_now(over_post), expected);
    let over_get = result_of(&get(&fixture.relay, &token, &format!("/sync_messages?{query}")).await);
    assert_eq!(without_now(over_get), expected);
    // A repeat is recognised over another transport.
    let once = fixture.args(json!({ "body": "once", "idempotency_key": "k1" }));
    let posted = fixture.bob.call("post_message", once.clone()).await;
    assert_eq!(result_of(&post(&fixture.relay, &token, "post_message", &once).await), posted);
    // An operation without arguments needs neither a body nor a content type.
    let nothing = send(&fixture.relay, &token, "POST", "/list_channels", &[], "").await;
    assert_eq!(result_of(&nothing)["total_channels"], 1);
    let charset = [("content-type", "Application/JSON; charset=utf-8")];
    result_of(&send(&fixture.relay, &token, "POST", "/list_channels", &charset, "{}").await);
}

#[tokio::test]
async fn errors_have_their_status_codes() {
    let flags = ["--posts-burst", "2", "--posts-per-second", "1", "--request-bytes", "200000"];
    let mut fixture = TwoPlayerChannel::create_with(&flags, json!({})).await;
    let token = fixture.bob_token.clone();
    let elsewhere = json!({ "channel_id": "chn_0123456789abcdef" });
    let here = |more: Value| fixture.args(more);
    let mut calls = vec![
        ("get_channel_info", elsewhere, 403, "NOT_MEMBER"),
        ("update_channel", here(json!({ "ops": [{ "type": "rename", "name": "x" }] })), 403, "NOT_ADMIN"),
        ("join_channel", json!({ "invite_code": "inv_nonsense" }), 404, "INVITE_INVALID"),
        ("join_channel", json!({ "invite_code": "rejoin_nonsense" }), 404, "REJOIN_TOKEN_INVALID"),
        ("get_bot_code", here(json!({ "bot_id": "bot_Nobody_0" })), 404, "BOT_NOT_FOUND"),
        ("post_message", here(json!({ "body": "x".repeat(40_000) })), 413, "TOO_LARGE"),
        ("post_message", here(json!({ "body": "x".repeat(300_000) })), 413, "TOO_LARGE"),
        ("post_message", here(json!({ "body": "x", "sender": "s1" })), 400, "INVALID_REQUEST"),
        ("post_message", here(json!({ "body": "x", "kind": "system" })), 400, "INVALID_REQUEST"),
        ("create_channel", json!({ "name": "x", "slots": ["bot"], "bots": [["x"]] }), 400, "INVALID_REQUEST"),
    ];
    for (name, arguments, status, code) in calls.drain(..) {
        assert_eq!(refusal_of(&post(&fixture.relay, &token, name, &arguments).await, status), code, "{name}");
    }
    let say = fixture.args(json!({ "body": "one", "idempotency_key": "k" }));
    result_of(&post(&fixture.relay, &token, "post_message", &say).await);
    let other = fixture.args(json!({ "body": "two", "idempotency_key": "k" }));
    assert_eq!(refusal_of(&post(&fixture.relay, &token, "post_message", &other).await, 409), "CONFLICT");
    let mut limited = None;
    for number in 0..10 {
        let response =
            post(&fixture.relay, &token, "post_message", &fixture.args(json!({ "body": number.to_string() }))).await;
        if response.status() == 429 {
            limited = Some(response);
            break;
        }
    }
    let limited = limited.expect("ten posts at once are too many");
    assert_eq!(refusal_of(&limited, 429), "RATE_LIMIT");
    assert_eq!(limited.headers()["retry-after"], "1");
    let alice = fixture.relay.local_token().unwrap();
    let attach = fixture.args(json!({ "name": "Bot", "inline_code": "import os\nclass Bot:\n    pass\n" }));
    refusal_of(&post(&fixture.relay, &alice, "attach_bot", &attach).await, 422);
    let bad = fixture.args(json!({ "ops": [{ "type": "close_slot", "slot_id": "s1" }] }));
    assert_eq!(refusal_of(&post(&fixture.relay, &alice, "update_channel", &bad).await, 422), "BAD_OP");
    fixture.update(json!([{ "type": "close" }])).await.unwrap();
    let late = fixture.args(json!({ "body": "late" }));
    assert_eq!(refusal_of(&post(&fixture.relay, &alice, "post_message", &late).await, 409), "CHANNEL_CLOSED");
}

#[tokio::test]
async fn invalid_requests_are_refused_as_problems() {
    let fixture = TwoPlayerChannel::create().await;
    let (relay, token) = (&fixture.relay, &fixture.bob_token);
    let json = [("content-type", "application/json")];
    let body = fixture.args(json!({ "body": "x" })).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data", ""] {
        let response = send(relay, token, "POST", "/post_message", &[("content-type", kind)], body.clone()).await;
        refusal_of(&response, 415);
    }
    refusal_of(&send(relay, token, "POST", "/post_message", &[], body.clone()).await, 415);
    for text in ["{", "{}}", "nonsense", "\"x\"", "[]", "7", "null", "{\"channel_id\":1e400}", "\u{feff}{}", " "] {
        let response = send(relay, token, "POST", "/post_message", &json, text).await;
        assert_eq!(refusal_of(&response, 400), "INVALID_REQUEST", "{text}");
    }
    let deep = format!("{{\"data\":{}", "[".repeat(100_000));
    refusal_of(&send(relay, token, "POST", "/post_message", &json, deep).await, 400);
    refusal_of(&send(relay, token, "POST", "/post_message", &json, &b"{\"body\":\"\xff\"}"[..]).await, 400);
    refusal_of(&send(relay, token, "POST", "/post_message?slot_id=s2", &json, body).await, 400);
    let channel = format!("channel_id={}", fixture.channel_id);
    for query in
        ["", "channel_id=", "channel_id=7", "channel_id", &format!("{channel}&x=1"), &format!("{channel}&{channel}")]
    {
        assert_eq!(refusal_of(&get(relay, token, &format!("/who?{query}")).await, 400), "INVALID_REQUEST", "{query}");
    }
    // An unparsable body may contain a secret, so the error does not quote it.
    let response = send(relay, token, "POST", "/join_channel", &json, r#"{"invite_code": inv_secret}"#).await;
    assert!(!String::from_utf8_lossy(response.body()).contains("inv_secret"));
}

#[tokio::test]
async fn other_methods_are_refused_with_the_allowed_ones() {
    let relay = RelayProcess::start().await.unwrap();
    let token = relay.local_token().unwrap();
    for (names, allowed) in [(&READS[..], "GET,HEAD,POST"), (&BY_POST_ONLY[..], "POST")] {
        for name in names {
            for method in ["PUT", "DELETE", "PATCH", "GET"] {
                if method == "GET" && allowed.contains(method) {
                    continue;
                }
                let response = send(&relay, &token, method, &format!("/{name}"), &[], "").await;
                refusal_of(&response, 405);
                let mut methods: Vec<&str> = response.headers()["allow"].to_str().unwrap().split(',').collect();
                methods.sort_unstable();
                assert_eq!(methods.join(","), allowed, "{method} {name}");
            }
        }
    }
}

#[tokio::test]
async fn requests_without_a_token_in_the_header_are_refused() {
    let fixture = TwoPlayerChannel::create().await;
    let token = &fixture.bob_token;
    for name in READS.iter().chain(&BY_POST_ONLY) {
        for (method, path, header) in [
            ("POST", format!("/{name}"), ""),
            ("POST", format!("/{name}"), "mm_nonsense"),
            ("PUT", format!("/{name}"), ""),
        ] {
            let response = send(&fixture.relay, header, method, &path, &[], "").await;
            assert_eq!(refusal_of(&response, 401), "UNAUTHENTICATED", "{method} {path}");
            assert!(response.headers().contains_key("www-authenticate"));
        }
        // A token in the URL is refused, even beside a valid one in the header.
        for header in ["", token] {
            let path = format!("/{name}?access_token={token}");
            let response = send(&fixture.relay, header, "GET", &path, &[], "").await;
            assert!(!String::from_utf8_lossy(response.body()).contains(token.as_str()));
            refusal_of(&response, 400);
        }
    }
    let response = get(&fixture.relay, token, &format!("/list_channels?token={token}")).await;
    assert!(!String::from_utf8_lossy(response.body()).contains(token.as_str()));
    refusal_of(&response, 400);
    let foreign = [("origin", "https://evil.example")];
    refusal_of(&send(&fixture.relay, token, "GET", "/list_channels", &foreign, "").await, 403);
}

#[tokio::test]
async fn a_wait_ends_with_a_message_or_with_the_relay() {
    let mut fixture = TwoPlayerChannel::create().await;
    let head = fixture.size().await;
    let path = format!("/sync_messages?channel_id={}&cursor={head}&timeout_ms=45000", fixture.channel_id);
    let token = fixture.bob_token.clone();
    let args = fixture.args(json!({ "body": "wake up" }));
    let (answered, _) = tokio::join!(get(&fixture.relay, &token, &path), fixture.alice.call("post_message", args));
    assert_eq!(result_of(&answered)["messages"][0]["body"]["text"], "wake up");
    let path = format!("/sync_messages?channel_id={}&cursor={}&timeout_ms=45000", fixture.channel_id, head + 1);
    let mut http = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
    let request = Request::get(path).header("host", "127.0.0.1").header("authorization", format!("Bearer {token}"));
    let waiting = http.send(request.body(Full::default()).unwrap());
    let (waited, ended) = tokio::join!(in_time("the wait", waiting), fixture.relay.terminate());
    assert!(ended.unwrap());
    // The wait may not have started when the relay was asked to end.
    if let Ok(response) = waited {
        assert!([200, 503].contains(&response.status().as_u16()), "{response:?}");
    }
}

#[tokio::test]
async fn the_openapi_document_needs_no_token() {
    let flags = ["--public-url", "https://relay.example.org/", "--access", "open"];
    let relay = RelayProcess::start_with(&flags).await.unwrap();
    let response = get(&relay, "", "/openapi.json").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    let document: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "https://relay.example.org");
    for name in READS.iter().chain(&BY_POST_ONLY) {
        let methods: Vec<&String> = document["paths"][format!("/{name}")].as_object().unwrap().keys().collect();
        let expected: &[&str] = if READS.contains(name) { &["get", "post"] } else { &["post"] };
        assert_eq!(methods, expected, "{name}");
    }
    // One more, `/receipt`, is no operation.
    assert_eq!(document["paths"].as_object().unwrap().len(), READS.len() + BY_POST_ONLY.len() + 1);
    assert!(document["paths"]["/receipt"]["get"]["responses"]["200"]["content"]["application/jsonl"].is_object());
    let flows = &document["components"]["securitySchemes"]["oauth2"]["flows"];
    assert_eq!(flows["authorizationCode"]["authorizationUrl"], "https://relay.example.org/oauth/authorize");
    assert_eq!(flows["clientCredentials"]["tokenUrl"], "https://relay.example.org/oauth/token");
    refusal_of(&send(&relay, "", "POST", "/openapi.json", &[], "").await, 405);
    refusal_of(&send(&relay, "", "GET", "/openapi.json", &[("origin", "https://evil.example")], "").await, 403);
}
