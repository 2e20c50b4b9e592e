//! The authorization server for programs: metadata, registration, tokens, and client ID metadata documents.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use mcp_multiplayer_tests::{HttpClient, RelayProcess};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authorize::operator;
use crate::egress::certificate;
use crate::fixture::in_time;

/// Sends a request with these headers, on a new connection.
async fn send(
    relay: &RelayProcess,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(path).header("host", relay.address());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    http.send(request.body(Full::new(body.into())).unwrap()).await.unwrap()
}

async fn get(relay: &RelayProcess, path: &str) -> Response<Bytes> {
    send(relay, Method::GET, path, &[], "").await
}

fn parsed(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap_or_else(|_| panic!("{:?}", response.body()))
}

/// Registers a client, and returns the response.
async fn register(relay: &RelayProcess, client: &Value) -> Response<Bytes> {
    send(relay, Method::POST, "/register", &[("content-type", "application/json")], client.to_string()).await
}

/// Sends a token request with these headers and this form.
async fn token(relay: &RelayProcess, path: &str, headers: &[(&str, &str)], form: &str) -> Response<Bytes> {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    send(relay, Method::POST, path, &all, form.to_owned()).await
}

fn basic(client: &Value) -> String {
    let text = |member: &str| client[member].as_str().unwrap().to_owned();
    let credentials = format!("{}:{}", text("client_id"), text("client_secret"));
    format!("Basic {}", data_encoding::BASE64.encode(credentials.as_bytes()))
}

async fn is_healthy(relay: &RelayProcess, token: &str) -> bool {
    let mut http = HttpClient::connect(relay.address(), token).await.unwrap();
    http.call_tool("health_check", json!({})).await.is_ok_and(|health| health["status"] == "ok")
}

#[tokio::test]
async fn metadata_lists_all_endpoints() {
    let relay = RelayProcess::start().await.unwrap();
    let mut text = String::new();
    for path in ["oauth-authorization-server", "oauth-protected-resource", "oauth-protected-resource/mcp"] {
        let response = get(&relay, &format!("/.well-known/{path}")).await;
        assert_eq!(response.headers()["content-type"], "application/json");
        write!(text, "{path}\n{:#}\n\n", parsed(&response)).unwrap();
    }
    insta::assert_snapshot!(text.replace(relay.address(), "HOST"));

    let server = get(&relay, "/.well-known/oauth-authorization-server").await;
    for path in [
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
    ] {
        assert_eq!(get(&relay, path).await.body(), server.body(), "{path}");
    }
    for path in ["/.well-known/oauth-protected-resource/ws", "/.well-known/oauth-authorization-server/x"] {
        assert_eq!(get(&relay, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_closed_relay_has_no_authorization_server() {
    let relay = RelayProcess::start_with(&["--access", "closed"]).await.unwrap();
    let response = get(&relay, "/.well-known/oauth-authorization-server").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(parsed(&response)["error"]["hint"].as_str().unwrap().contains("token create"));
    let resource = parsed(&get(&relay, "/.well-known/oauth-protected-resource/mcp").await);
    assert_eq!(resource["resource"], format!("http://{}/mcp", relay.address()));
    assert!(resource.get("authorization_servers").is_none());
    assert_eq!(register(&relay, &json!({})).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn refusals_without_a_token_point_to_the_metadata() {
    let relay = RelayProcess::start().await.unwrap();
    let base = format!("http://{}/.well-known/oauth-protected-resource", relay.address());
    for (path, metadata) in [("/mcp", format!("{base}/mcp")), ("/", base.clone()), ("/ws", base)] {
        let usual =
            format!("Bearer realm=\"mcp-multiplayer\", resource_metadata=\"{metadata}\", scope=\"multiplayer\"");
        for (header, challenge) in [
            (None, usual.clone()),
            (Some("Bearer mm_guess"), format!("{usual}, error=\"invalid_token\"")),
            (Some("Bearer mma_guess"), format!("{usual}, error=\"invalid_token\"")),
        ] {
            let header: Vec<_> = header.map(|header| ("authorization", header)).into_iter().collect();
            for method in [Method::GET, Method::POST] {
                let response = send(&relay, method, path, &header, "").await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
                assert_eq!(response.headers()["www-authenticate"], challenge, "{path}");
                assert!(parsed(&response)["error"]["hint"].as_str().unwrap().contains("OAuth"));
            }
        }
    }
    // Not even a valid token is accepted in a URL.
    let path = format!("/mcp?x=1&access%5Ftoken={}", relay.local_token().unwrap());
    let response = get(&relay, &path).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.headers()["www-authenticate"].to_str().unwrap().ends_with("error=\"invalid_request\""));
    assert!(!String::from_utf8_lossy(response.body()).contains("mm_"));
}

#[tokio::test]
async fn pages_of_other_origins_can_read_only_the_metadata() {
    let relay = RelayProcess::start_with(&["--allowed-origins", "https://inspector.example"]).await.unwrap();
    let (foreign, allowed_page) = (("origin", "https://play.example"), ("origin", "https://inspector.example"));
    let metadata = ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"];
    let endpoints = ["/token", "/oauth/token", "/register", "/oauth/revoke", "/mcp", "/", "/create_channel"];
    let preflight = |page| {
        let headers = ("access-control-request-headers", "authorization, mcp-protocol-version");
        [page, ("access-control-request-method", "POST"), headers]
    };
    for (page, path, may) in metadata
        .map(|path| (foreign, path, true))
        .into_iter()
        .chain(endpoints.map(|path| (foreign, path, false)))
        .chain(endpoints.map(|path| (allowed_page, path, true)))
    {
        let response = send(&relay, Method::OPTIONS, path, &preflight(page), "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let allowed = response.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(allowed, may.then_some(page.1), "{path}");
        assert_eq!(response.headers()["access-control-allow-headers"], "authorization, mcp-protocol-version");
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
    for path in metadata {
        let response = send(&relay, Method::GET, path, &[foreign], "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], foreign.1);
    }
    for path in endpoints.into_iter().chain(["/ws", "/.well-known/other"]) {
        let response = send(&relay, Method::POST, path, &[foreign], "").await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let answer = token(&relay, "/token", &[allowed_page], "grant_type=client_credentials").await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["access-control-allow-origin"], allowed_page.1);
    // The Host header is still checked.
    let request = Request::get("/.well-known/oauth-authorization-server").header("host", "evil.example");
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let response = http.send(request.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_script_can_register_and_act_for_itself_across_restarts() {
    let mut relay = RelayProcess::start().await.unwrap();
    let response =
        register(&relay, &json!({ "client_name": "A script", "redirect_uris": ["http://localhost/callback"] })).await;
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::CREATED, &"no-store".parse().unwrap())
    );
    let client = parsed(&response);
    assert!(client["client_secret"].as_str().unwrap().starts_with("mms_"), "{client}");
    assert_eq!(client["client_secret_expires_at"], 0);
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert!(client.get("access_token").is_none());

    let form = "grant_type=client_credentials&scope=mcp";
    let response = token(&relay, "/token", &[("authorization", &basic(&client))], form).await;
    assert_eq!(
        (response.status(), &response.headers()["cache-control"]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    let by_basic = parsed(&response);
    assert_eq!((&by_basic["token_type"], &by_basic["scope"]), (&json!("Bearer"), &json!("multiplayer")), "{by_basic}");
    let by_basic = by_basic["access_token"].as_str().unwrap();
    let body = json!({ "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"] });
    let json = [("content-type", "application/json")];
    let by_post = parsed(&send(&relay, Method::POST, "/oauth/token", &json, body.to_string()).await);
    let by_post = by_post["access_token"].as_str().unwrap();
    assert!(is_healthy(&relay, by_basic).await && is_healthy(&relay, by_post).await);

    // Both tokens are for the same caller, and another client's is not.
    let mut http = HttpClient::connect(relay.address(), by_basic).await.unwrap();
    let created = http.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"], "join_as": "a" })).await;
    let at = json!({ "channel_id": created.unwrap()["channel_id"] });
    let mut same = HttpClient::connect(relay.address(), by_post).await.unwrap();
    same.call_tool("get_channel_info", at.clone()).await.unwrap();
    let other = parsed(&register(&relay, &json!({})).await);
    let other = parsed(&token(&relay, "/token", &[("authorization", &basic(&other))], form).await);
    let mut other = HttpClient::connect(relay.address(), other["access_token"].as_str().unwrap()).await.unwrap();
    other.call_tool("get_channel_info", at.clone()).await.unwrap_err();

    relay.restart(None).await.unwrap();
    let mut same = HttpClient::connect(relay.address(), by_post).await.unwrap();
    same.call_tool("get_channel_info", at).await.unwrap();
    let again = token(&relay, "/token", &[("authorization", &basic(&client))], form).await;
    assert!(is_healthy(&relay, parsed(&again)["access_token"].as_str().unwrap()).await);

    // A revoked token is refused, and the database contains no secret in plain text.
    let form = format!("token={by_post}");
    let response = token(&relay, "/oauth/revoke", &[("authorization", &basic(&client))], &form).await;
    assert_eq!(response.status(), StatusCode::OK);
    relay.terminate().await.unwrap();
    let database: Vec<u8> = ["relay.db", "relay.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(relay.data_dir().join(name)).unwrap_or_default())
        .collect();
    for secret in [by_post, by_basic, client["client_secret"].as_str().unwrap()] {
        assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
    relay.restart(None).await.unwrap();
    assert!(!is_healthy(&relay, by_post).await);
    assert!(is_healthy(&relay, by_basic).await);
}

#[tokio::test]
async fn a_script_that_the_operator_revoked_gets_no_token_again() {
    let mut relay = RelayProcess::start().await.unwrap();
    let client = parsed(&register(&relay, &json!({ "grant_types": ["client_credentials"] })).await);
    let other = parsed(&register(&relay, &json!({ "grant_types": ["client_credentials"] })).await);
    let form = "grant_type=client_credentials";
    let issued = parsed(&token(&relay, "/token", &[("authorization", &basic(&client))], form).await);
    let listed = operator(&relay, &["grant", "list"]).await;
    assert_eq!(listed.lines().count(), 2, "a header and one line: {listed}");
    let listed = listed.lines().last().unwrap();
    operator(&relay, &["grant", "revoke", listed.split_whitespace().next().unwrap()]).await;
    let revoked = async { while is_healthy(&relay, issued["access_token"].as_str().unwrap()).await {} };
    in_time("the revocation", revoked).await;

    let port = relay.address().rsplit(':').next().unwrap().to_owned();
    for restarted in [false, true] {
        if restarted {
            relay.restart(None).await.unwrap();
        }
        let url = format!("http://{}", relay.address());
        let resources = [
            format!("{url}/mcp"),
            format!("{url}/mcp/"),
            url.clone(),
            format!("{url}/"),
            format!("HTTP://127.0.0.1:{port}/mcp"),
            format!("http://127.0.0.1:0{port}/mcp"),
            format!("http://127.1:{port}/mcp"),
        ];
        let forms = resources.iter().map(|resource| format!("{form}&resource={resource}"));
        for form in forms.chain([form.to_owned()]) {
            let response = token(&relay, "/token", &[("authorization", &basic(&client))], &form).await;
            assert_eq!(parsed(&response)["error"], "unauthorized_client", "{form}");
            let response = token(&relay, "/token", &[("authorization", &basic(&other))], &form).await;
            assert_eq!(response.status(), StatusCode::OK, "{form}");
        }
    }
}

#[tokio::test]
async fn token_requests_without_valid_credentials_are_refused() {
    let relay = RelayProcess::start().await.unwrap();
    let client = parsed(&register(&relay, &json!({ "grant_types": ["client_credentials"] })).await);
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let wrong = basic(&json!({ "client_id": id, "client_secret": "mms_wrong" }));
    let response = token(&relay, "/token", &[("authorization", &wrong)], "grant_type=client_credentials").await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    for (form, error) in [
        (format!("grant_type=client_credentials&client_id={id}"), "invalid_client"),
        (format!("grant_type=client_credentials&client_id={id}&client_secret={secret}x"), "invalid_client"),
        (
            format!("grant_type=client_credentials&client_id={id}&client_id={id}&client_secret={secret}"),
            "invalid_request",
        ),
        (
            format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token=mmr_guess"),
            "invalid_grant",
        ),
        (
            format!(
                "grant_type=client_credentials&client_id={id}&client_secret={secret}&resource=https://evil.example/mcp"
            ),
            "invalid_target",
        ),
    ] {
        let response = token(&relay, "/token", &[], &form).await;
        assert_eq!(parsed(&response)["error"], error, "{form}");
        assert!(!response.headers().contains_key("www-authenticate"));
        assert!(!String::from_utf8_lossy(response.body()).contains(secret));
    }
    // The client's id and secret are not tokens.
    assert!(!is_healthy(&relay, id).await && !is_healthy(&relay, secret).await);
    let invite = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let uris = json!({ "redirect_uris": ["http://localhost/callback"] });
    let client = parsed(&register(&invite, &uris).await);
    assert_eq!(client["grant_types"], json!(["authorization_code", "refresh_token"]));
    let response =
        token(&invite, "/token", &[("authorization", &basic(&client))], "grant_type=client_credentials").await;
    assert_eq!(parsed(&response)["error"], "unauthorized_client");
}

#[tokio::test]
async fn registrations_are_validated_and_limited() {
    let relay = RelayProcess::start_with(&["--registrations-per-hour", "3"]).await.unwrap();
    for (client, error) in [
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["http://app.example/cb"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://app.example/#x"] }), "invalid_redirect_uri"),
        (json!({ "redirect_uris": "https://app.example/" }), "invalid_client_metadata"),
        (
            json!({ "redirect_uris": ["https://app.example/"], "token_endpoint_auth_method": "tls" }),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
        (json!({ "client_name": "x".repeat(40_000) }), "invalid_request"),
    ] {
        let response = register(&relay, &client).await;
        assert_eq!(parsed(&response)["error"], error, "{client}");
        assert!(response.status().is_client_error());
    }
    for _ in 0..3 {
        assert_eq!(register(&relay, &json!({})).await.status(), StatusCode::CREATED);
    }
    let response = register(&relay, &json!({})).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((60..=1_201).contains(&wait), "{wait}");
}

/// Starts a TLS server of client ID metadata documents. Returns its address and its request counter.
async fn documents(tls: TlsAcceptor) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, counted) = (tls.clone(), Arc::clone(&counted));
            tokio::spawn(async move {
                let mut stream = BufReader::new(tls.accept(stream).await?);
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    if stream.read_line(&mut request).await? == 0 {
                        return Ok(());
                    }
                }
                counted.fetch_add(1, Ordering::Relaxed);
                let path = request.split(' ').nth(1).unwrap_or_default();
                let id = format!("https://localhost:{}{path}", address.port());
                let document = json!({ "client_id": id, "redirect_uris": ["http://localhost/callback"],
                    "token_endpoint_auth_method": "none" });
                let (status, kind, body) = match path {
                    "/slow" => std::future::pending().await,
                    "/moved" => ("302 Found\r\nLocation: /good", "application/json", document.to_string()),
                    "/missing" => ("404 Not Found", "application/json", document.to_string()),
                    "/page" => ("200 OK", "text/html", document.to_string()),
                    "/other" => ("200 OK", "application/json", document.to_string().replace("/other", "/good")),
                    "/large" => ("200 OK", "application/json", document.to_string() + &" ".repeat(70_000)),
                    "/secret" => {
                        ("200 OK", "application/json", document.to_string().replace("none", "client_secret_post"))
                    }
                    _ => ("200 OK", "application/json; charset=utf-8", document.to_string()),
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all((head + &body).as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    (address, count)
}

/// Requests a token with a wrong code as a client of this id. Returns the status, the error and its description.
async fn token_error(relay: &RelayProcess, id: &str) -> (StatusCode, String, String) {
    let body = json!({ "grant_type": "authorization_code", "client_id": id, "code": "mmc_guess", "code_verifier": "x".repeat(43) });
    let response = send(relay, Method::POST, "/token", &[("content-type", "application/json")], body.to_string()).await;
    let (status, body) = (response.status(), parsed(&response));
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    (status, text("error"), text("error_description"))
}

#[tokio::test]
async fn clients_are_identified_by_their_metadata_document() {
    let (_directory, authority, tls) = certificate();
    let (address, count) = documents(tls.clone()).await;
    let (closed, closed_count) = documents(tls).await;
    let allow = format!("127.0.0.1:{}", address.port());
    // Bots have no network here, but the relay still fetches documents.
    let flags =
        ["--bot-network", "false", "--bot-network-allow", &allow, "--bot-network-ca", authority.to_str().unwrap()];
    let relay = RelayProcess::start_with(&flags).await.unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());

    // The client is accepted and only its code is wrong. Concurrent requests fetch the document once.
    let good = url("/good");
    let all = futures::future::join_all((0..8).map(|_| token_error(&relay, &good))).await;
    assert!(
        all.iter().all(|(status, error, _)| (*status, error.as_str()) == (StatusCode::BAD_REQUEST, "invalid_grant")),
        "{all:?}"
    );
    assert_eq!(count.load(Ordering::Relaxed), 1);

    for (path, reason) in [
        ("/moved", "status 302"),
        ("/missing", "status 404"),
        ("/page", "application/json"),
        ("/other", "client_id is not the URL"),
        ("/large", "65536 bytes"),
        ("/secret", "client_secret"),
        ("/slow", "within 5 seconds"),
    ] {
        let before = count.load(Ordering::Relaxed);
        let (status, error, description) = token_error(&relay, &url(path)).await;
        assert_eq!((status, error.as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{path}");
        assert!(description.contains(reason), "{path}: {description}");
        // Failures are cached, too.
        assert_eq!(token_error(&relay, &url(path)).await.2, description);
        assert_eq!(count.load(Ordering::Relaxed), before + 1, "{path}");
    }

    // No other address of this machine is reached, and the error does not reveal what is there.
    for id in [
        format!("https://localhost:{}/good", closed.port()),
        format!("https://127.0.0.1:{}/good", closed.port()),
        "https://localhost/good".to_owned(),
        "https://[::1]/good".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/good".to_owned(),
    ] {
        let (status, error, description) = token_error(&relay, &id).await;
        assert_eq!((status, error.as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"), "{id}");
        assert!(description.contains("not allowed to fetch from its host"), "{id}: {description}");
    }
    assert_eq!(closed_count.load(Ordering::Relaxed), 0);
    // The certificate is for localhost only. The other URLs are not valid ids.
    let by_address = format!("https://127.0.0.1:{}/good", address.port());
    assert!(token_error(&relay, &by_address).await.2.contains("over TLS"));
    let (plain, dots) = (good.replace("https", "http"), url("/x/../good"));
    for id in [plain.as_str(), &dots, "https://localhost", "https://user@localhost/good"] {
        assert_eq!(token_error(&relay, id).await.1, "invalid_client", "{id}");
    }
}

#[tokio::test]
async fn fetches_of_metadata_documents_are_limited() {
    let relay = RelayProcess::start().await.unwrap();
    let mut busy = 0;
    for number in 0..40 {
        let (status, _, _) = token_error(&relay, &format!("https://127.0.0.1/{number}")).await;
        busy += usize::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!((5..=10).contains(&busy), "{busy}");
}
