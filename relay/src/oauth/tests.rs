//! The token and the revocation endpoint, with codes put into the store as the authorization endpoint does.

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
use crate::store::oauth::{AccessCode, Client, Code, Grant, NewCode};

const URL: &str = "https://relay.example.org";
const REDIRECT: &str = "https://app.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A relay, and the hour at it.
struct Desk {
    _directory: TempDir,
    relay: Arc<Relay>,
    router: Router,
    time: Arc<AtomicI64>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or("none")
    }

    fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member}: {}", self.body)).to_owned()
    }
}

impl Desk {
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
        let desk = Self { _directory: directory, relay, router, time };
        desk.client("app", None).await;
        desk.client("other", None).await;
        desk.client("server", Some("mms_secret")).await;
        desk
    }

    fn pass(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    fn after(&self, millis: i64) -> Timestamp {
        Timestamp::from_millis(self.time.load(Ordering::Relaxed) + millis)
    }

    async fn client(&self, id: &str, secret: Option<&str>) {
        let client = Client {
            id: id.into(),
            name: "An app".into(),
            redirect_uris: vec![REDIRECT.into()],
            secret_hash: secret.map(token_hash),
            registered_at: self.after(0),
        };
        self.relay.store.insert_client(client).await.unwrap();
    }

    /// Puts a code for `app` there.
    async fn code(&self, code: &str, scope: &str) {
        self.code_of(code, scope, "person:alice", &format!("{URL}/mcp")).await;
    }

    async fn code_of(&self, code: &str, scope: &str, principal: &str, resource: &str) {
        let grant = Grant {
            id: format!("grant-{code}"),
            principal: principal.into(),
            client_id: "app".into(),
            client_name: "An app".into(),
            scope: scope.into(),
            resource: resource.into(),
            created_at: self.after(0),
        };
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(VERIFIER));
        let expires_at = self.after(60_000);
        let new = Code { grant, redirect_uri: REDIRECT.into(), challenge, expires_at, redeemed: false };
        self.relay.store.insert_code(NewCode { code_hash: token_hash(code), code: new }).await.unwrap();
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn post(&self, path: &str, parameters: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Redeems a code as `app`, with these parameters changed; an empty one is left out.
    async fn redeem(&self, code: &str, changed: &[(&str, &str)]) -> Answer {
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

    async fn refresh(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        if more.iter().all(|(name, _)| *name != "client_id") {
            parameters.push(("client_id", "app"));
        }
        parameters.extend(more);
        self.post("/oauth/token", &parameters).await
    }

    async fn who(&self, token: &str) -> Option<String> {
        self.relay.tokens.authenticate(token).await.ok().map(|principal| principal.as_str().to_owned())
    }
}

#[tokio::test]
async fn a_code_becomes_tokens_once() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer offline_access").await;
    let issued = desk.redeem("mmc_1", &[]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    assert_eq!(issued.headers["cache-control"], "no-store");
    assert_eq!((&issued.body["token_type"], &issued.body["expires_in"]), (&json!("Bearer"), &json!(3_600)));
    assert_eq!(issued.body["scope"], "multiplayer offline_access");
    let (access, refresh) = (issued.text("access_token"), issued.text("refresh_token"));
    assert!(access.starts_with("mma_") && refresh.starts_with("mmr_"));
    assert_eq!(desk.who(&access).await.as_deref(), Some("person:alice"));
    assert_eq!(desk.who(&refresh).await, None);

    // Replayed without its verifier, nothing happens; with it, all that came of it is revoked.
    let wrong = VERIFIER.replace('d', "e");
    assert_eq!(desk.redeem("mmc_1", &[("code_verifier", &wrong)]).await.error(), "invalid_grant");
    assert_eq!(desk.redeem("mmc_1", &[("client_id", "other")]).await.error(), "invalid_grant");
    desk.pass(3_000);
    assert!(desk.who(&access).await.is_some());
    desk.pass(70_000);
    assert_eq!(desk.redeem("mmc_1", &[]).await.error(), "invalid_grant");
    assert_eq!(desk.who(&access).await, None);
    assert_eq!(desk.refresh(&refresh, &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_redemption_that_fails_leaves_the_code_to_its_client() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer").await;
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
        let answer = desk.redeem("mmc_1", &[changed]).await;
        assert_eq!(answer.error(), error, "{changed:?}: {}", answer.body);
        let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        assert_eq!((answer.status, &answer.headers["cache-control"]), (status, &"no-store".parse().unwrap()));
        assert!(answer.body["error_description"].as_str().is_some_and(str::is_ascii));
    }
    let twice = desk.redeem("mmc_1", &[("resource", &mcp), ("resource", &mcp)]).await;
    assert_eq!(twice.error(), "invalid_request");
    // The resource in another spelling, and no redirect_uri, as in OAuth 2.1.
    let issued = desk.redeem("mmc_1", &[("resource", &format!("{URL}:443/mcp/")), ("redirect_uri", "")]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    assert_eq!(issued.text("scope"), "multiplayer");
    assert!(issued.text("refresh_token").starts_with("mmr_"));
}

#[tokio::test]
async fn a_code_ends_after_a_minute() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer").await;
    desk.pass(60_000);
    assert_eq!(desk.redeem("mmc_1", &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_rotate_and_one_that_comes_again_revokes_all() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer offline_access").await;
    let first = desk.redeem("mmc_1", &[]).await.text("refresh_token");
    assert_eq!(desk.refresh(&first, &[("client_id", "other")]).await.error(), "invalid_grant");
    assert_eq!(desk.refresh("mmr_guess", &[]).await.error(), "invalid_grant");
    let second = desk.refresh(&first, &[]).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.body);
    // Twice at once is no theft.
    desk.pass(9_000);
    let third = desk.refresh(&first, &[]).await;
    assert_eq!(third.status, StatusCode::OK, "{}", third.body);
    for issued in [&second, &third] {
        assert_eq!(desk.who(&issued.text("access_token")).await.as_deref(), Some("person:alice"));
    }
    desk.pass(1_500);
    assert_eq!(desk.refresh(&first, &[]).await.error(), "invalid_grant");
    for issued in [second, third] {
        assert_eq!(desk.who(&issued.text("access_token")).await, None);
        assert_eq!(desk.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn a_scope_shrinks_and_never_grows() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer offline_access").await;
    let token = desk.redeem("mmc_1", &[]).await.text("refresh_token");
    let grown = desk.refresh(&token, &[("scope", "multiplayer offline_access admin")]).await;
    assert_eq!(grown.error(), "invalid_scope");
    assert_eq!(desk.refresh(&token, &[("resource", "https://evil.example")]).await.error(), "invalid_target");
    let shrunk = desk.refresh(&token, &[("scope", "multiplayer")]).await;
    assert_eq!(shrunk.text("scope"), "multiplayer");
    // The refresh token keeps what it had.
    let again = desk.refresh(&shrunk.text("refresh_token"), &[]).await;
    assert_eq!(again.text("scope"), "multiplayer offline_access");
}

#[tokio::test]
async fn tokens_end() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer offline_access").await;
    let issued = desk.redeem("mmc_1", &[]).await;
    let access = issued.text("access_token");
    desk.pass(3_600_000 - 1_000);
    assert!(desk.who(&access).await.is_some());
    // Not even as long as a token is believed.
    desk.pass(1_000);
    assert_eq!(desk.who(&access).await, None);
    desk.pass(30 * 24 * 3_600_000);
    assert_eq!(desk.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_token_for_another_relay_is_refused() {
    let desk = Desk::open(Access::Open).await;
    desk.code_of("mmc_1", "multiplayer", "person:alice", "https://old.example.org/mcp").await;
    assert_eq!(desk.redeem("mmc_1", &[]).await.error(), "invalid_target");
    let tokens = crate::store::oauth::NewTokens {
        issued_at: desk.after(0),
        access: (token_hash("mma_old"), desk.after(60_000)),
        refresh: None,
    };
    let grant = |resource: &str| Grant {
        id: resource.into(),
        principal: "person:alice".into(),
        client_id: "app".into(),
        client_name: "An app".into(),
        scope: "multiplayer".into(),
        resource: resource.into(),
        created_at: desk.after(0),
    };
    desk.relay.store.insert_access_token(grant("https://old.example.org/mcp"), tokens.clone()).await.unwrap();
    assert_eq!(desk.who("mma_old").await, None);
    let tokens = crate::store::oauth::NewTokens { access: (token_hash("mma_new"), desk.after(60_000)), ..tokens };
    desk.relay.store.insert_access_token(grant(URL), tokens).await.unwrap();
    assert_eq!(desk.who("mma_new").await.as_deref(), Some("person:alice"));
}

#[tokio::test]
async fn clients_with_a_secret_act_for_themselves_where_anyone_may_in() {
    let desk = Desk::open(Access::Open).await;
    let itself = ("grant_type", "client_credentials");
    let answer = desk.post("/token", &[itself, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!((answer.status, answer.text("scope")), (StatusCode::OK, "multiplayer".to_owned()));
    assert!(answer.body.get("refresh_token").is_none());
    assert_eq!(desk.who(&answer.text("access_token")).await.as_deref(), Some("client:server"));

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
        let answer = desk.send(request).await;
        assert_eq!(answer.error(), error, "{header} {body}: {}", answer.body);
        assert_eq!(answer.headers.contains_key("www-authenticate"), error == "invalid_client", "{header}");
    }

    // One grant, which the operator revokes.
    let grants = desk.relay.store.list_grants().await.unwrap();
    assert_eq!(grants.len(), 1);
    assert!(desk.relay.store.revoke_grant(grants[0].id.clone()).await.unwrap());
    let answer = desk.post("/token", &[itself, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!(answer.error(), "unauthorized_client");

    let invite = Desk::open(Access::Invite).await;
    let answer = invite.post("/token", &[itself, ("client_id", "server"), ("client_secret", "mms_secret")]).await;
    assert_eq!(answer.error(), "unauthorized_client");
}

#[tokio::test]
async fn forms_may_be_json() {
    let desk = Desk::open(Access::Open).await;
    let body = json!({ "grant_type": "client_credentials", "client_id": "server", "client_secret": "mms_secret" });
    let request = |kind: &str| Request::post("/token").header("content-type", kind);
    let answer = desk.send(request("application/json; charset=utf-8").body(body.to_string().into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = desk.send(request("text/plain").body(body.to_string().into()).unwrap()).await;
    assert_eq!(answer.error(), "invalid_request");
    let large = "x".repeat(40_000);
    let answer = desk.send(request("application/json").body(large.into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    // What stands in the URL counts for nothing.
    let url = "/token?grant_type=client_credentials&client_id=server&client_secret=mms_secret";
    assert_eq!(desk.post(url, &[]).await.error(), "invalid_client");
}

#[tokio::test]
async fn by_invitation_a_person_stays_as_long_as_the_code() {
    let desk = Desk::open(Access::Invite).await;
    let invited =
        AccessCode { id: "bob".into(), name: "Bob".into(), principal: "person:bob".into(), created_at: desk.after(0) };
    desk.relay.store.insert_access_code(invited, token_hash("mmp_bob")).await.unwrap();
    let mcp = format!("{URL}/mcp");
    desk.code_of("mmc_bob", "multiplayer offline_access", "person:bob", &mcp).await;
    let issued = desk.redeem("mmc_bob", &[]).await;
    assert_eq!(desk.who(&issued.text("access_token")).await.as_deref(), Some("person:bob"));
    // Alice came while anyone might.
    desk.code("mmc_alice", "multiplayer offline_access").await;
    assert_eq!(desk.redeem("mmc_alice", &[]).await.error(), "invalid_grant");

    assert!(desk.relay.store.revoke_access_code("bob".into()).await.unwrap());
    desk.pass(3_000);
    assert_eq!(desk.who(&issued.text("access_token")).await, None);
    assert_eq!(desk.refresh(&issued.text("refresh_token"), &[]).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_client_revokes_its_own_tokens() {
    let desk = Desk::open(Access::Open).await;
    desk.code("mmc_1", "multiplayer offline_access").await;
    let issued = desk.redeem("mmc_1", &[]).await;
    let (access, refresh) = (issued.text("access_token"), issued.text("refresh_token"));
    let revoke = async |client: &str, token: &str| {
        desk.post("/oauth/revoke", &[("client_id", client), ("token", token), ("token_type_hint", "x")]).await
    };
    for (client, token) in [("other", &access), ("other", &refresh), ("app", &"mma_nothing".to_owned())] {
        assert_eq!(revoke(client, token).await.status, StatusCode::OK);
    }
    assert!(desk.who(&access).await.is_some());
    assert_eq!(revoke("app", &access).await.status, StatusCode::OK);
    assert_eq!(desk.who(&access).await, None);
    let next = desk.refresh(&refresh, &[]).await;
    assert_eq!(revoke("app", &next.text("refresh_token")).await.status, StatusCode::OK);
    assert_eq!(desk.who(&next.text("access_token")).await, None);
    assert_eq!(revoke("nobody", &access).await.error(), "invalid_client");
    assert_eq!(desk.post("/oauth/revoke", &[("client_id", "app")]).await.error(), "invalid_request");
}

#[tokio::test]
async fn a_closed_relay_issues_nothing() {
    let desk = Desk::open(Access::Closed).await;
    desk.code("mmc_1", "multiplayer").await;
    for path in ["/register", "/oauth/register", "/oauth/token", "/token"] {
        assert_eq!(desk.post(path, &[("code", "mmc_1")]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration/mcp"] {
        let answer = desk.send(get(path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.body["error"]["hint"].as_str().unwrap().contains("token create"), "{}", answer.body);
    }
    let answer = desk.send(get("/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!((answer.status, &answer.body["resource"]), (StatusCode::OK, &json!(format!("{URL}/mcp"))));
    assert!(answer.body.get("authorization_servers").is_none());
}

#[tokio::test]
async fn too_many_registrations_are_put_off() {
    let desk = Desk::open(Access::Open).await;
    let register = async || {
        let body = json!({ "redirect_uris": [REDIRECT] }).to_string();
        desk.send(Request::post("/register").body(body.into()).unwrap()).await
    };
    for _ in 0..300 {
        assert_eq!(register().await.status, StatusCode::CREATED);
    }
    let answer = register().await;
    assert_eq!((answer.status, answer.error()), (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"));
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}
