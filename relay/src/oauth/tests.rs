//! Tests of the token, revocation and registration endpoints. Authorization codes are inserted directly into the store.

mod device;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use mcp_multiplayer_protocol::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::token_hash;
use crate::clock::{Clock, Random};
use crate::config::{Access, Config};
use crate::state::Relay;
use crate::store::{AccessCode, AuthorizationCode, Grant, NewAuthorizationCode, NewTokens, RegisteredClient};

const URL: &str = "https://relay.example.org";
const REDIRECT: &str = "https://app.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A relay with a clock that the test sets.
struct TestRelay {
    _directory: TempDir,
    relay: Arc<Relay>,
    router: Router,
    time: Arc<AtomicI64>,
}

struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl TestResponse {
    fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or("none")
    }

    fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", self.body)).to_owned()
    }
}

impl TestRelay {
    async fn open(access: Access) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().to_owned(),
            public_url: URL.into(),
            access: Some(access),
            ..Config::default()
        };
        let time = Arc::new(AtomicI64::new(1_800_000_000_000));
        let shown = Arc::clone(&time);
        let clock = Clock::new(move || Timestamp::from_millis(shown.load(Ordering::Relaxed)));
        let relay = crate::startup::open(config, clock, Random::system(), CancellationToken::new()).await.unwrap();
        let router = super::router(&relay).unwrap();
        let server = Self { _directory: directory, relay, router, time };
        server.register_client("app", None).await;
        server.register_client("other", None).await;
        server.register_client("server", Some("mms_secret")).await;
        server
    }

    fn advance(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    fn after(&self, millis: i64) -> Timestamp {
        Timestamp::from_millis(self.time.load(Ordering::Relaxed) + millis)
    }

    async fn register_client(&self, id: &str, secret: Option<&str>) {
        let client = RegisteredClient {
            id: id.into(),
            name: "An app".into(),
            redirect_uris: vec![REDIRECT.into()],
            secret_hash: secret.map(token_hash),
            registered_at: self.after(0),
        };
        self.relay.store.insert_client(client).await.unwrap();
    }

    /// Inserts a code of the client `app`, for Alice.
    async fn insert_code(&self, code: &str, scope: &str) {
        self.insert_code_for(code, scope, "person:alice", &format!("{URL}/mcp")).await;
    }

    async fn insert_code_for(&self, code: &str, scope: &str, principal: &str, resource: &str) {
        let grant = Grant {
            id: format!("grant-{code}"),
            principal: principal.into(),
            client_id: "app".into(),
            client_name: "An app".into(),
            scope: scope.into(),
            resource: resource.into(),
            created_at: self.after(0),
        };
        let code_challenge = BASE64URL_NOPAD.encode(&Sha256::digest(VERIFIER));
        let expires_at = self.after(60_000);
        let new =
            AuthorizationCode { grant, redirect_uri: REDIRECT.into(), code_challenge, expires_at, redeemed: false };
        let new = NewAuthorizationCode { code_hash: token_hash(code), code: new };
        self.relay.store.insert_authorization_code(new).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> TestResponse {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        TestResponse { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> TestResponse {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Redeems a code as `app`, with some parameters changed. An empty value counts as none.
    async fn redeem(&self, code: &str, changed: &[(&str, &str)]) -> TestResponse {
        let usual = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let mut parameters: Vec<_> =
            usual.into_iter().filter(|(name, _)| changed.iter().all(|(other, _)| other != name)).collect();
        parameters.extend(changed);
        self.post("/oauth/token", &parameters).await
    }

    async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> TestResponse {
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        if more.iter().all(|(name, _)| *name != "client_id") {
            parameters.push(("client_id", "app"));
        }
        parameters.extend(more);
        self.post("/oauth/token", &parameters).await
    }

    async fn principal_of(&self, token: &str) -> Option<String> {
        self.relay.tokens.authenticate(token).await.ok().map(|found| found.principal().as_str().to_owned())
    }
}

#[tokio::test]
async fn a_code_can_be_redeemed_once() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let issued = server.redeem("mmc_1", &[]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    assert_eq!(issued.headers["cache-control"], "no-store");
    assert_eq!((&issued.body["token_type"], &issued.body["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    assert_eq!(issued.body["scope"], "multiplayer offline_access");
    let (access, refresh) = (issued.text("access_token"), issued.text("refresh_token"));
    assert!(access.starts_with("mma_") && refresh.starts_with("mmr_"));
    assert_eq!(server.principal_of(&access).await.as_deref(), Some("person:alice"));
    assert_eq!(server.principal_of(&refresh).await, None);

    // A replay without the verifier or by another client changes nothing. A replay with both revokes the grant.
    let wrong = VERIFIER.replace('d', "e");
    assert_eq!(server.redeem("mmc_1", &[("code_verifier", &wrong)]).await.error(), "invalid_grant");
    assert_eq!(server.redeem("mmc_1", &[("client_id", "other")]).await.error(), "invalid_grant");
    server.advance(3_000);
    assert!(server.principal_of(&access).await.is_some());
    server.advance(70_000);
    assert_eq!(server.redeem("mmc_1", &[]).await.error(), "invalid_grant");
    assert_eq!(server.principal_of(&access).await, None);
    assert_eq!(server.refresh(&refresh, &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_failed_redemption_does_not_use_up_the_code() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer").await;
    let mcp = format!("{URL}/mcp");
    for (changed, error) in [
        (("code_verifier", "plain-plain-plain-plain-plain-plain-plain-plain"), "invalid_grant"),
        (("code_verifier", ""), "invalid_request"),
        (("code_verifier", "short"), "invalid_grant"),
        (("redirect_uri", "https://app.example/cb/"), "invalid_grant"),
        (("client_id", "other"), "invalid_grant"),
        (("client_id", "nobody"), "invalid_client"),
        (("client_id", ""), "invalid_client"),
        (("code", "mmc_2"), "invalid_grant"),
        (("code", ""), "invalid_request"),
        (("resource", "https://evil.example/mcp"), "invalid_target"),
        (("resource", URL), "invalid_target"),
        (("client_secret", "mms_guess"), "invalid_client"),
        (("grant_type", "password"), "unsupported_grant_type"),
        (("grant_type", ""), "invalid_request"),
    ] {
        let response = server.redeem("mmc_1", &[changed]).await;
        assert_eq!(response.error(), error, "{changed:?}: {}", response.body);
        let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        assert_eq!((response.status, &response.headers["cache-control"]), (status, &"no-store".parse().unwrap()));
        assert!(response.body["error_description"].as_str().is_some_and(str::is_ascii));
    }
    let twice = server.redeem("mmc_1", &[("resource", &mcp), ("resource", &mcp)]).await;
    assert_eq!(twice.error(), "invalid_request");
    // Another spelling of the resource is accepted, and redirect_uri is optional, as in OAuth 2.1.
    let issued = server.redeem("mmc_1", &[("resource", &format!("{URL}:443/mcp/")), ("redirect_uri", "")]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    assert_eq!(issued.text("scope"), "multiplayer");
    assert!(issued.text("refresh_token").starts_with("mmr_"));
}

#[tokio::test]
async fn codes_expire_after_a_minute() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer").await;
    server.advance(60_000);
    assert_eq!(server.redeem("mmc_1", &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_rotate_and_reuse_revokes_the_grant() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let first = server.redeem("mmc_1", &[]).await.text("refresh_token");
    assert_eq!(server.refresh(&first, &[("client_id", "other")]).await.error(), "invalid_grant");
    assert_eq!(server.refresh("mmr_guess", &[]).await.error(), "invalid_grant");
    let second = server.refresh(&first, &[]).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.body);
    // A second use within the grace period is accepted.
    server.advance(59_000);
    let third = server.refresh(&first, &[]).await;
    assert_eq!(third.status, StatusCode::OK, "{}", third.body);
    for issued in [&second, &third] {
        assert_eq!(server.principal_of(&issued.text("access_token")).await.as_deref(), Some("person:alice"));
    }
    server.advance(1_500);
    assert_eq!(server.refresh(&first, &[]).await.error(), "invalid_grant");
    for issued in [second, third] {
        assert_eq!(server.principal_of(&issued.text("access_token")).await, None);
        assert_eq!(server.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn two_parties_cannot_both_go_on_with_one_refresh_token() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let first = server.redeem("mmc_1", &[]).await.text("refresh_token");
    let clients = server.refresh(&first, &[]).await;
    server.advance(59_000);
    let thiefs = server.refresh(&first, &[]).await;
    assert_eq!(thiefs.status, StatusCode::OK, "{}", thiefs.body);
    server.advance(3_600_000);
    let next = server.refresh(&thiefs.text("refresh_token"), &[]).await;
    assert_eq!(next.status, StatusCode::OK, "{}", next.body);
    let access = next.text("access_token");
    assert!(server.principal_of(&access).await.is_some());
    assert_eq!(server.refresh(&clients.text("refresh_token"), &[]).await.error(), "invalid_grant");
    assert_eq!(server.principal_of(&access).await, None, "at once, although it was cached");
    assert_eq!(server.refresh(&next.text("refresh_token"), &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn refreshing_can_narrow_the_scope_but_not_extend_it() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let token = server.redeem("mmc_1", &[]).await.text("refresh_token");
    let extended = server.refresh(&token, &[("scope", "multiplayer offline_access admin")]).await;
    assert_eq!(extended.error(), "invalid_scope");
    assert_eq!(server.refresh(&token, &[("resource", "https://evil.example")]).await.error(), "invalid_target");
    let narrowed = server.refresh(&token, &[("scope", "multiplayer")]).await;
    assert_eq!(narrowed.text("scope"), "multiplayer");
    // The refresh token keeps the full scope.
    let again = server.refresh(&narrowed.text("refresh_token"), &[]).await;
    assert_eq!(again.text("scope"), "multiplayer offline_access");
}

#[tokio::test]
async fn tokens_expire() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let issued = server.redeem("mmc_1", &[]).await;
    let access = issued.text("access_token");
    server.advance(3_600_000 - 1_000);
    assert!(server.principal_of(&access).await.is_some());
    // The token cache does not extend the lifetime.
    server.advance(1_000);
    assert_eq!(server.principal_of(&access).await, None);
    server.advance(30 * 24 * 3_600_000);
    assert_eq!(server.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn tokens_for_another_relay_are_refused() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code_for("mmc_1", "multiplayer", "person:alice", "https://old.example.org/mcp").await;
    assert_eq!(server.redeem("mmc_1", &[]).await.error(), "invalid_target");
    let tokens =
        NewTokens { issued_at: server.after(0), access: (token_hash("mma_old"), server.after(60_000)), refresh: None };
    let grant = |resource: &str| Grant {
        id: resource.into(),
        principal: "person:alice".into(),
        client_id: "app".into(),
        client_name: "An app".into(),
        scope: "multiplayer".into(),
        resource: resource.into(),
        created_at: server.after(0),
    };
    server.relay.store.insert_access_token(grant("https://old.example.org/mcp"), tokens.clone()).await.unwrap();
    assert_eq!(server.principal_of("mma_old").await, None);
    let tokens = NewTokens { access: (token_hash("mma_new"), server.after(60_000)), ..tokens };
    server.relay.store.insert_access_token(grant(URL), tokens).await.unwrap();
    assert_eq!(server.principal_of("mma_new").await.as_deref(), Some("person:alice"));
}

#[tokio::test]
async fn client_credentials_work_for_confidential_clients_of_an_open_relay() {
    let server = TestRelay::open(Access::Open).await;
    let grant_type = ("grant_type", "client_credentials");
    let response = server.post("/token", &[grant_type, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!((response.status, response.text("scope")), (StatusCode::OK, "multiplayer".to_owned()));
    assert!(response.body.get("refresh_token").is_none());
    assert_eq!(server.principal_of(&response.text("access_token")).await.as_deref(), Some("client:server"));

    let basic = |credentials: &str| format!("Basic {}", BASE64.encode(credentials.as_bytes()));
    for (header, body, error) in [
        (basic("server:mms_secret"), "grant_type=client_credentials", "none"),
        (basic("server:mms_secret"), "grant_type=client_credentials&client_id=server", "none"),
        (basic("server:mms_wrong"), "grant_type=client_credentials", "invalid_client"),
        (basic("server:"), "grant_type=client_credentials", "invalid_client"),
        (basic("nobody:mms_secret"), "grant_type=client_credentials", "invalid_client"),
        ("Bearer x".to_owned(), "grant_type=client_credentials", "invalid_client"),
        (basic("server:mms_secret"), "grant_type=client_credentials&client_id=app", "invalid_request"),
        (basic("server:mms_secret"), "grant_type=client_credentials&client_secret=mms_secret", "invalid_request"),
        (basic("app:"), "grant_type=client_credentials", "unauthorized_client"),
        (basic("server:mms_secret"), "grant_type=client_credentials&resource=https://evil.example", "invalid_target"),
    ] {
        let request = Request::post("/oauth/token").header("authorization", &header);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.into()).unwrap();
        let response = server.send(request).await;
        assert_eq!(response.error(), error, "{header} {body}: {}", response.body);
        assert_eq!(response.headers.contains_key("www-authenticate"), error == "invalid_client", "{header}");
    }

    // All these tokens share one grant, which the operator can revoke.
    let grants = server.relay.store.list_grants().await.unwrap();
    assert_eq!(grants.len(), 1);
    assert!(server.relay.store.revoke_grant(grants[0].id.clone()).await.unwrap());
    let response = server.post("/token", &[grant_type, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!(response.error(), "unauthorized_client");

    let invite = TestRelay::open(Access::Invite).await;
    let response = invite.post("/token", &[grant_type, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!(response.error(), "unauthorized_client");
}

#[tokio::test]
async fn a_revoked_client_gets_no_token_for_any_spelling_of_the_resource() {
    let server = TestRelay::open(Access::Open).await;
    let request = async |resource: &str| {
        let credentials = [("client_id", "server"), ("client_secret", "mms_secret"), ("resource", resource)];
        server.post("/token", &[&[("grant_type", "client_credentials")], &credentials[..]].concat()).await
    };
    let spellings = [
        "",
        "https://relay.example.org/mcp",
        "https://relay.example.org/mcp/",
        "https://relay.example.org:443/mcp",
        "HTTPS://RELAY.example.org/mcp",
        "https://relay.example.org",
        "https://relay.example.org/",
        "https://Relay.Example.Org:443",
    ];
    let mut issued = vec![];
    for resource in spellings {
        issued.push(request(resource).await.text("access_token"));
    }
    let grants = server.relay.store.list_grants().await.unwrap();
    let mut resources: Vec<_> = grants.iter().map(|grant| grant.resource.as_str()).collect();
    resources.sort_unstable();
    assert_eq!(resources, ["https://relay.example.org", "https://relay.example.org/mcp"]);

    assert!(server.relay.store.revoke_grant(grants[0].id.clone()).await.unwrap());
    server.advance(3_000);
    for token in issued {
        assert_eq!(server.principal_of(&token).await, None);
    }
    let years = 10 * 365 * 24 * 3_600_000;
    for millis in [0, years] {
        server.advance(millis);
        server.relay.store.delete_expired(server.after(0), server.after(0)).await.unwrap();
        for resource in spellings {
            let response = request(resource).await;
            assert_eq!(response.error(), "unauthorized_client", "{resource}: {}", response.body);
        }
    }
}

#[tokio::test]
async fn parameters_may_be_sent_as_json() {
    let server = TestRelay::open(Access::Open).await;
    let body = json!({ "grant_type": "client_credentials", "client_id": "server", "client_secret": "mms_secret" });
    let request = |kind: &str| Request::post("/token").header("content-type", kind);
    let response = server.send(request("application/json; charset=utf-8").body(body.to_string().into()).unwrap()).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.body);
    let response = server.send(request("text/plain").body(body.to_string().into()).unwrap()).await;
    assert_eq!(response.error(), "invalid_request");
    let large = "x".repeat(40_000);
    let response = server.send(request("application/json").body(large.into()).unwrap()).await;
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Parameters in the URL are ignored.
    let url = "/token?grant_type=client_credentials&client_id=server&client_secret=mms_secret";
    assert_eq!(server.post(url, &[]).await.error(), "invalid_client");
}

#[tokio::test]
async fn invited_people_lose_access_when_their_access_code_is_revoked() {
    let server = TestRelay::open(Access::Invite).await;
    let invited = AccessCode {
        id: "bob".into(),
        name: "Bob".into(),
        principal: "person:bob".into(),
        created_at: server.after(0),
    };
    server.relay.store.insert_access_code(invited, token_hash("mmp_bob")).await.unwrap();
    let mcp = format!("{URL}/mcp");
    server.insert_code_for("mmc_bob", "multiplayer offline_access", "person:bob", &mcp).await;
    let issued = server.redeem("mmc_bob", &[]).await;
    assert_eq!(server.principal_of(&issued.text("access_token")).await.as_deref(), Some("person:bob"));
    // Alice's grant dates from a time when the relay was open.
    server.insert_code("mmc_alice", "multiplayer offline_access").await;
    assert_eq!(server.redeem("mmc_alice", &[]).await.error(), "invalid_grant");

    assert!(server.relay.store.revoke_access_code("bob".into()).await.unwrap());
    server.advance(3_000);
    assert_eq!(server.principal_of(&issued.text("access_token")).await, None);
    assert_eq!(server.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn clients_can_revoke_only_their_own_tokens() {
    let server = TestRelay::open(Access::Open).await;
    server.insert_code("mmc_1", "multiplayer offline_access").await;
    let issued = server.redeem("mmc_1", &[]).await;
    let (access, refresh) = (issued.text("access_token"), issued.text("refresh_token"));
    let revoke = async |client: &str, token: &str| {
        server.post("/oauth/revoke", &[("client_id", client), ("token", token), ("token_type_hint", "x")]).await
    };
    for (client, token) in [("other", &access), ("other", &refresh), ("app", &"mma_nothing".to_owned())] {
        assert_eq!(revoke(client, token).await.status, StatusCode::OK);
    }
    assert!(server.principal_of(&access).await.is_some());
    assert_eq!(revoke("app", &access).await.status, StatusCode::OK);
    assert_eq!(server.principal_of(&access).await, None);
    let next = server.refresh(&refresh, &[]).await;
    assert_eq!(revoke("app", &next.text("refresh_token")).await.status, StatusCode::OK);
    assert_eq!(server.principal_of(&next.text("access_token")).await, None);
    assert_eq!(revoke("nobody", &access).await.error(), "invalid_client");
    assert_eq!(server.post("/oauth/revoke", &[("client_id", "app")]).await.error(), "invalid_request");
}

#[tokio::test]
async fn a_closed_relay_has_no_oauth_endpoints() {
    let server = TestRelay::open(Access::Closed).await;
    server.insert_code("mmc_1", "multiplayer").await;
    for path in ["/register", "/oauth/register", "/oauth/token", "/token"] {
        assert_eq!(server.post(path, &[("code", "mmc_1")]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration/mcp"] {
        let response = server.send(get(path)).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND);
        assert!(response.body["error"]["hint"].as_str().unwrap().contains("token create"), "{}", response.body);
    }
    let response = server.send(get("/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!((response.status, &response.body["resource"]), (StatusCode::OK, &json!(format!("{URL}/mcp"))));
    assert!(response.body.get("authorization_servers").is_none());
}

#[tokio::test]
async fn registrations_are_rate_limited_per_address() {
    let server = TestRelay::open(Access::Open).await;
    let register = async || {
        let body = json!({ "redirect_uris": [REDIRECT] }).to_string();
        server.send(Request::post("/register").body(body.into()).unwrap()).await
    };
    for _ in 0..300 {
        assert_eq!(register().await.status, StatusCode::CREATED);
    }
    let response = register().await;
    assert_eq!((response.status, response.error()), (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"));
    let wait: u64 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}
