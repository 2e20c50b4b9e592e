//! Public pages: the front page with the set-up of clients, the join page, and the page for unknown paths.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcp_multiplayer_tests::RelayProcess;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::browser::Browser;
use crate::fixture::TwoPlayerChannel;

#[tokio::test]
async fn the_front_page_sets_up_clients_for_this_relay() {
    let relay =
        RelayProcess::start_with(&["--public-url", "https://relay.example/", "--access", "open"]).await.unwrap();
    let mut anyone = Browser::new(&relay);
    let page = anyone.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("cache-control").contains("max-age") && page.header("vary").contains("accept"), "{page:?}");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("script-src 'self'") && !policy.contains("connect-src"), "{policy}");
    assert_eq!(page.text.matches("<script").count(), 1, "only the copy buttons need a script");
    assert!(page.text.find("Host a guessing game") < page.text.find("id=\"set-up\""), "playing comes first");
    for text in [
        "https://relay.example/mcp",
        "wss://relay.example",
        "claude mcp add --scope user --transport http multiplayer https://relay.example/mcp",
        "mcp-multiplayer setup claude-desktop --relay wss://relay.example",
        "mcp-multiplayer login https://relay.example",
        "ChatGPT",
        // {"url":"https://relay.example/mcp"}
        "cursor://anysphere.cursor-deeplink/mcp/install?name=multiplayer&#38;config=eyJ1cmwiOiJodHRwczovL3JlbGF5LmV4YW1wbGUvbWNwIn0%3D",
        "vscode:mcp/install?%7B%22",
        "codex mcp add multiplayer --url https://relay.example/mcp",
        "gemini mcp add --scope user --transport http multiplayer https://relay.example/mcp",
        "opencode mcp auth multiplayer",
        "mcporter config add multiplayer https://relay.example/mcp",
        "\"mcp-remote\", \"https://relay.example/mcp\"",
        "<details name=\"client\">",
    ] {
        assert!(page.text.contains(text), "{text}\n{}", page.text);
    }
    assert!(!page.text.contains(relay.address()), "the public URL is never guessed from Host");
    assert!(!page.text.contains("local-token"), "the visitor may be far away, behind a proxy");
    assert_eq!(anyone.cookie, None, "no cookie is set");

    // Other requests to this path need a token as before.
    for headers in [&[][..], &[("accept", "*/*")], &[("accept", "text/html"), ("authorization", "Bearer x")]] {
        assert_eq!(anyone.send(Method::GET, "/", headers, String::new()).await.status, 401, "{headers:?}");
    }
    assert_eq!(anyone.send(Method::POST, "/", &[("accept", "text/html")], String::new()).await.status, 401);
    assert_eq!(anyone.get("/mcp").await.status, 401);
}

#[tokio::test]
async fn the_front_page_depends_on_the_access_policy() {
    for (access, present, absent) in [
        ("open", "No account is needed", "access code"),
        ("invite", "access code", "No account is needed"),
        ("closed", "Bearer TOKEN", "Add custom connector"),
    ] {
        let relay = RelayProcess::start_with(&["--access", access, "--public-url", "https://r.example"]).await.unwrap();
        let page = Browser::new(&relay).get("/").await;
        assert!(page.text.contains(present) && !page.text.contains(absent), "{access} {}", page.text);
    }
    let relay = RelayProcess::start().await.unwrap();
    let page = Browser::new(&relay).get("/").await;
    assert!(page.text.contains("Only programs on this computer") && !page.text.contains("Developer mode"));
    let token_file = relay.data_dir().join("local-token");
    assert!(page.text.contains(&format!("TOKEN=$(cat {})", token_file.display())), "{}", page.text);
    assert!(page.header("cache-control").starts_with("private"), "the path is for this machine only");
}

#[tokio::test]
async fn the_join_page_can_send_the_invite_to_the_relay_only() {
    let relay = RelayProcess::start().await.unwrap();
    let mut anyone = Browser::new(&relay);
    let page = anyone.get("/join").await;
    assert_eq!(page.status, 200);
    assert!(page.header("x-robots-tag").contains("noindex") && page.text.contains("content=\"noindex\""));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let policy = page.header("content-security-policy");
    // There is no img-src or form-action, and connect-src allows this relay alone.
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    );
    assert!(page.text.contains("Copy the <em>whole</em> link"), "it works without a script");
    let (script, copy) = (anyone.get("/join.js").await, anyone.get("/copy.js").await);
    for script in [&script, &copy] {
        assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
        for forbidden in ["innerHTML", "XMLHttp", "eval", "document.write", "localStorage"] {
            assert!(!script.text.contains(forbidden), "{forbidden}");
        }
    }
    let style = anyone.get("/style.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
    for asset in [script, copy, style] {
        assert_eq!((asset.status, asset.header("x-content-type-options")), (200, "nosniff"));
        assert!(asset.header("cache-control").contains("max-age"));
    }
}

#[tokio::test]
async fn an_invite_can_be_previewed_without_being_used() {
    let fixture = TwoPlayerChannel::create_with(&[], json!({ "bot_preset": "GuessBot" })).await;
    let invites = fixture.created["invites"].clone();
    let mut anyone = Browser::new(&fixture.relay);
    let mut preview = async |code: &Value| {
        let body = json!({ "invite_code": code }).to_string();
        let page = anyone.send(Method::POST, "/join/preview", &[("content-type", "application/json")], body).await;
        assert_eq!(page.header("cache-control"), "no-store");
        (page.status, serde_json::from_str::<Value>(&page.text).unwrap())
    };
    let expected = json!({ "channel_name": "Game", "host": "alice", "seat": "carol", "bots": ["GuessBot"] });
    for _ in 0..2 {
        assert_eq!(preview(&invites[1]).await, (200, expected.clone()));
    }
    // Bob's invite is used, and the others are no invites.
    let guess = json!("inv_0123456789abcdefghjkmnpqrstvwxyz");
    for code in [&invites[0], &fixture.created["rejoin_token"], &guess, &json!(""), &json!(7)] {
        let (status, problem) = preview(code).await;
        let expected = if code.is_string() { (404, "INVITE_INVALID") } else { (400, "INVALID_REQUEST") };
        assert_eq!((status, problem["code"].as_str().unwrap()), expected, "{problem}");
    }
    let mut carol = fixture.stranger().await;
    assert_eq!(carol.call("join_channel", json!({ "invite_code": invites[1] })).await["slot_id"], "s3");
    assert_eq!(preview(&invites[1]).await.0, 404);
    let leave = fixture.args(json!({}));
    carol.call("leave_channel", leave).await;
    assert_eq!(preview(&invites[1]).await.0, 404);
}

#[tokio::test]
async fn links_work_if_the_public_url_has_a_path() {
    let relay = RelayProcess::start_with(&["--public-url", "https://example.org/relay"]).await.unwrap();
    let page = Browser::new(&relay).get("/join").await;
    for link in ["\"/relay/style.css\"", "\"/relay/join.js\"", "\"/relay/#set-up\""] {
        assert!(page.text.contains(link), "{link}");
    }
}

#[tokio::test]
async fn unknown_paths_have_a_page_for_browsers_and_a_problem_for_programs() {
    let relay = RelayProcess::start_with(&["--public-url", "https://relay.example/games"]).await.unwrap();
    let mut anyone = Browser::new(&relay);
    let page = anyone.get("/joni").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.text.contains("no such page") && page.text.contains("href=\"/games/\""), "{}", page.text);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for method in [Method::GET, Method::POST] {
        let problem = anyone.send(method, "/sse", &[("accept", "application/json")], String::new()).await;
        assert_eq!((problem.status, problem.header("content-type")), (404, "application/problem+json"));
        assert!(problem.text.contains("/mcp"), "{}", problem.text);
    }
    // Paths that need a token are refused without one, as before.
    assert_eq!(anyone.get("/list_channels").await.status, 401);
}

/// A body that followed the headers would be an error of the protocol in HTTP/2.
#[tokio::test]
async fn head_is_answered_like_get_over_every_version_of_http() {
    let relay = RelayProcess::start().await.unwrap();
    let stream = TcpStream::connect(relay.address()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (path, accept) in
        [("/", "text/html"), ("/", "*/*"), ("/mcp", "*/*"), ("/join", "*/*"), ("/nowhere", "text/html")]
    {
        let request = |method: Method| {
            let uri = format!("http://{}{path}", relay.address());
            Request::builder().method(method).uri(uri).header("accept", accept).body(Empty::<Bytes>::new()).unwrap()
        };
        let (got, got_body) = sender.send_request(request(Method::GET)).await.unwrap().into_parts();
        let length = got_body.collect().await.unwrap().to_bytes().len().to_string();
        let (head, body) = sender.send_request(request(Method::HEAD)).await.unwrap().into_parts();
        assert!(body.collect().await.unwrap().to_bytes().is_empty(), "{path}");
        assert_eq!((head.status, &head.headers["content-type"]), (got.status, &got.headers["content-type"]), "{path}");
        assert_eq!(head.headers["content-length"], *length, "{path}");
        let older = Browser::new(&relay).send(Method::HEAD, path, &[("accept", accept)], String::new()).await;
        assert_eq!((older.status, older.header("content-length")), (got.status.as_u16(), length.as_str()), "{path}");
    }
}

#[tokio::test]
async fn language_models_find_a_page_of_their_own() {
    for (access, present, absent) in [
        ("open", "No account is needed", "access code"),
        ("invite", "access code", "No account is needed"),
        ("closed", "There is no OAuth", "oauth-authorization-server"),
    ] {
        let relay =
            RelayProcess::start_with(&["--access", access, "--public-url", "https://r.example/games/"]).await.unwrap();
        let mut anyone = Browser::new(&relay);
        // A program that asks for it sends no particular header.
        let page = anyone.send(Method::GET, "/llms.txt", &[], String::new()).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"), "{page:?}");
        assert_eq!(page.header("cache-control"), "public, max-age=3600");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(page.text.starts_with("# MCP Multiplayer at r.example\n\n> "), "{}", page.text);
        assert!(page.text.contains(present) && !page.text.contains(absent), "{access} {}", page.text);
        for text in [
            "(https://r.example/games/mcp)",
            "(https://r.example/games/openapi.json)",
            "wss://r.example/games",
            "preview=true",
        ] {
            assert!(page.text.contains(text), "{text}\n{}", page.text);
        }
        let token = relay.local_token().unwrap();
        assert!(!page.text.contains(&token) && !page.text.contains("local-token") && !page.text.contains("&#"));
        assert!(!page.text.contains("\n\n\n") && !page.text.contains(relay.address()), "{}", page.text);
        let head = anyone.send(Method::HEAD, "/llms.txt", &[], String::new()).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), page.text.len().to_string());

        // Its links lead to pages of this relay. Those that are for programs with a token ask for one.
        let links: Vec<_> = page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        assert!(links.len() >= 5, "{links:?}");
        for link in links {
            let path = link.strip_prefix("https://r.example/games").unwrap();
            let status = anyone.send(Method::GET, path, &[("accept", "text/html")], String::new()).await.status;
            assert_eq!(status, if path == "/mcp" { 401 } else { 200 }, "{link}");
        }
    }
}
