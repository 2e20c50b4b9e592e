//! Tests of the device flow (RFC 8628): the endpoint, the pages, and the grant.

use axum::body::{Body, to_bytes};
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::{REDIRECT, TestRelay, TestResponse, URL};
use crate::auth::token_hash;
use crate::config::Access;
use crate::store::AccessCode;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ALLOW: (&str, &str) = ("decision", "allow");
const DENY: (&str, &str) = ("decision", "deny");

/// A person's browser: its cookie, if it has one.
#[derive(Default)]
struct Browser(Option<String>);

struct Page {
    status: StatusCode,
    text: String,
    retry_after: Option<String>,
    policy: String,
}

fn form_post(path: &str) -> Builder {
    Request::post(path).header("content-type", "application/x-www-form-urlencoded")
}

impl Page {
    /// The page's hidden field.
    fn field(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"request\" value=\"").unwrap_or_else(|| panic!("{}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    async fn send(&mut self, server: &TestRelay, request: Request<Body>) -> Page {
        let (mut parts, body) = request.into_parts();
        if let Some(cookie) = &self.0 {
            parts.headers.insert("cookie", cookie.parse().unwrap());
        }
        let request = Request::from_parts(parts, body);
        let response = tower::ServiceExt::oneshot(server.router.clone(), request).await.unwrap();
        if let Some(set) = response.headers().get("set-cookie") {
            self.0 = Some(set.to_str().unwrap().split(';').next().unwrap().to_owned());
        }
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        Page {
            status: parts.status,
            text: String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap(),
            retry_after: header("retry-after"),
            policy: header("content-security-policy").unwrap_or_default(),
        }
    }

    async fn open(&mut self, server: &TestRelay, user_code: &str) -> Page {
        self.send(server, Request::get(format!("/device?user_code={user_code}")).body(Body::empty()).unwrap()).await
    }

    async fn submit(&mut self, server: &TestRelay, form: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(server, form_post("/device").body(body.into()).unwrap()).await
    }

    /// Opens the page with the code, and submits its form.
    async fn decide(&mut self, server: &TestRelay, user_code: &str, answer: &[(&str, &str)]) -> Page {
        let page = self.open(server, user_code).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let field = page.field();
        let form: Vec<_> = [("request", field.as_str())].iter().chain(answer).copied().collect();
        self.submit(server, &form).await
    }
}

impl TestRelay {
    async fn start_device(&self, more: &[(&str, &str)]) -> TestResponse {
        let mut parameters = vec![("client_id", "app")];
        parameters.extend(more);
        self.post("/device_authorization", &parameters).await
    }

    async fn poll(&self, device_code: &str, more: &[(&str, &str)]) -> TestResponse {
        let mut parameters = vec![("grant_type", GRANT_TYPE), ("device_code", device_code)];
        if more.iter().all(|(name, _)| *name != "client_id") {
            parameters.push(("client_id", "app"));
        }
        parameters.extend(more);
        self.post("/oauth/token", &parameters).await
    }

    async fn invite(&self, id: &str, secret: &str) {
        let code = AccessCode {
            id: id.into(),
            name: format!("<{id}>"),
            principal: format!("person:{id}"),
            created_at: self.after(0),
        };
        self.relay.store.insert_access_code(code, token_hash(secret)).await.unwrap();
    }
}

#[tokio::test]
async fn a_device_gets_tokens_once_a_person_has_allowed_it() {
    let server = TestRelay::open(Access::Open).await;
    let started = server.start_device(&[("scope", "multiplayer offline_access"), ("resource", URL)]).await;
    assert_eq!(started.status, StatusCode::OK, "{}", started.body);
    assert_eq!(started.headers["cache-control"], "no-store");
    let (device_code, user_code) = (started.text("device_code"), started.text("user_code"));
    assert_eq!(started.text("verification_uri"), format!("{URL}/device"));
    assert_eq!(started.text("verification_uri_complete"), format!("{URL}/device?user_code={user_code}"));
    assert_eq!((&started.body["expires_in"], &started.body["interval"]), (&json!(600), &json!(2)));
    assert_eq!(server.poll(&device_code, &[]).await.error(), "authorization_pending");

    let mut alice = Browser::default();
    let page = alice.open(&server, &user_code.to_lowercase().replace('-', "")).await;
    for text in [user_code.as_str(), "An app", "If somebody sent you the code"] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(page.policy.contains(directive) && !page.policy.contains("script-src"), "{}", page.policy);
    }
    server.advance(2_000);
    assert_eq!(server.poll(&device_code, &[]).await.error(), "authorization_pending", "not before the click");
    let done = alice.decide(&server, &user_code, &[ALLOW]).await;
    assert!(done.status == StatusCode::OK && done.text.contains("is connected"), "{}", done.text);

    let issued = server.poll(&device_code, &[("resource", URL)]).await;
    assert_eq!(issued.status, StatusCode::OK, "{}", issued.body);
    assert_eq!(issued.text("scope"), "multiplayer offline_access");
    let access = issued.text("access_token");
    let principal = server.principal_of(&access).await.unwrap();
    assert!(principal.starts_with("person:"), "{principal}");
    let refreshed = server.refresh(&issued.text("refresh_token"), &[("resource", URL)]).await;
    assert_eq!(server.principal_of(&refreshed.text("access_token")).await, Some(principal));

    // The code is used up, in the browser and by the device. Redeeming it again is a sign of theft.
    assert_eq!(alice.open(&server, &user_code).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.poll(&device_code, &[]).await.error(), "invalid_grant");
    assert_eq!(server.principal_of(&access).await, None);
}

#[tokio::test]
async fn a_device_is_told_why_it_gets_no_tokens() {
    let server = TestRelay::open(Access::Open).await;
    let mut browser = Browser::default();
    let denied = server.start_device(&[]).await;
    let page = browser.decide(&server, &denied.text("user_code"), &[DENY]).await;
    assert!(page.text.contains("Access denied"), "{}", page.text);
    assert_eq!(server.poll(&denied.text("device_code"), &[]).await.error(), "access_denied");

    let started = server.start_device(&[]).await;
    let (device_code, user_code) = (started.text("device_code"), started.text("user_code"));
    for (more, error) in [
        (("client_id", "other"), "invalid_grant"),
        (("client_id", "nobody"), "invalid_client"),
        (("resource", "https://evil.example"), "invalid_target"),
    ] {
        assert_eq!(server.poll(&device_code, &[more]).await.error(), error, "{more:?}");
    }
    assert_eq!(server.poll("mmd_guess", &[]).await.error(), "invalid_grant");
    assert_eq!(server.poll("", &[]).await.error(), "invalid_request");
    assert_eq!(server.poll(&device_code, &[]).await.error(), "authorization_pending");
    assert_eq!(server.poll(&device_code, &[]).await.error(), "slow_down");
    server.advance(1_999);
    assert_eq!(server.poll(&device_code, &[]).await.error(), "authorization_pending");
    server.advance(600_000 - 2_000);
    let page = browser.open(&server, &user_code).await;
    assert_eq!(page.status, StatusCode::OK);
    server.advance(1);
    assert_eq!(server.poll(&device_code, &[]).await.error(), "expired_token");
    assert_eq!(browser.open(&server, &user_code).await.status, StatusCode::NOT_FOUND);
    let late = browser.submit(&server, &[("request", &page.field()), ALLOW]).await;
    assert!(late.text.contains("This page has expired"), "{}", late.text);
    // Tokens are not issued after the expiry either, if the person was in time.
    let started = server.start_device(&[]).await;
    browser.decide(&server, &started.text("user_code"), &[ALLOW]).await;
    server.advance(600_000);
    assert_eq!(server.poll(&started.text("device_code"), &[]).await.error(), "expired_token");
}

#[tokio::test]
async fn only_known_clients_can_start_for_this_relay() {
    let server = TestRelay::open(Access::Open).await;
    for (parameters, error) in [
        (vec![], "invalid_client"),
        (vec![("client_id", "nobody")], "invalid_client"),
        (vec![("client_id", "server")], "invalid_client"),
        (vec![("client_id", "server"), ("client_secret", "mms_wrong")], "invalid_client"),
        (vec![("client_id", "app"), ("resource", "https://evil.example")], "invalid_target"),
        (vec![("client_id", "server"), ("client_secret", "mms_secret")], "none"),
    ] {
        let response = server.post("/device_authorization", &parameters).await;
        assert_eq!(response.error(), error, "{parameters:?} {}", response.body);
    }
    for _ in 0..299 {
        assert_eq!(server.start_device(&[]).await.status, StatusCode::OK);
    }
    let limited = server.start_device(&[]).await;
    assert_eq!((limited.status, limited.error()), (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"));
    assert!(limited.headers.contains_key("retry-after"));
    let closed = TestRelay::open(Access::Closed).await;
    assert_eq!(closed.start_device(&[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(Browser::default().open(&closed, "BCDF-GHJK").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn codes_cannot_be_guessed() {
    let server = TestRelay::open(Access::Open).await;
    let mut browser = Browser::default();
    let malformed = browser.open(&server, "1234").await;
    assert!(malformed.status == StatusCode::NOT_FOUND && malformed.text.contains("id=\"problem\""));
    for _ in 0..10 {
        assert_eq!(browser.open(&server, "BCDF-GHJK").await.status, StatusCode::NOT_FOUND);
    }
    let user_code = server.start_device(&[]).await.text("user_code");
    let page = browser.open(&server, &user_code).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "even for a right code");
    assert!(page.retry_after.is_some());
    server.advance(60_000);
    assert_eq!(browser.open(&server, &user_code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn guesses_from_many_addresses_are_limited_together() {
    let server = TestRelay::open(Access::Open).await;
    let user_code = server.start_device(&[]).await.text("user_code");
    let open = async |number: u32, code: &str| {
        let mut request = Request::get(format!("/device?user_code={code}")).body(Body::empty()).unwrap();
        request.extensions_mut().insert(crate::net::ClientAddress(std::net::Ipv4Addr::from_bits(number).into()));
        Browser::default().send(&server, request).await.status
    };
    for number in 0..600 {
        assert_eq!(open(number, "BCDF-GHJK").await, StatusCode::NOT_FOUND);
    }
    assert_eq!(open(1_000, &user_code).await, StatusCode::TOO_MANY_REQUESTS);
    server.advance(60_000);
    assert_eq!(open(1_000, &user_code).await, StatusCode::OK);
}

#[tokio::test]
async fn invited_people_enter_their_access_code() {
    let server = TestRelay::open(Access::Invite).await;
    server.invite("alice", "mmp_alice").await;
    let started = server.start_device(&[]).await;
    let user_code = started.text("user_code");
    let mut alice = Browser::default();
    for answer in [vec![ALLOW], vec![ALLOW, ("access_code", "mmp_wrong")]] {
        let page = alice.decide(&server, &user_code, &answer).await;
        assert!(page.status == StatusCode::FORBIDDEN && page.text.contains("id=\"problem\""), "{}", page.text);
        assert_eq!(page.field().is_empty(), page.text.contains("is connected"), "the form is shown again");
        server.advance(2_000);
        assert_eq!(server.poll(&started.text("device_code"), &[]).await.error(), "authorization_pending");
    }
    alice.decide(&server, &user_code, &[ALLOW, ("access_code", "mmp_alice")]).await;
    let issued = server.poll(&started.text("device_code"), &[]).await;
    assert_eq!(server.principal_of(&issued.text("access_token")).await.as_deref(), Some("person:alice"));
    assert_eq!(issued.text("name"), "<alice>");
    // The browser remembers her.
    let again = server.start_device(&[]).await;
    let page = alice.open(&server, &again.text("user_code")).await;
    assert!(page.text.contains("signed in as <strong><bdi>&#60;alice&#62;"), "{}", page.text);
}

#[tokio::test]
async fn no_other_page_can_decide_for_a_person() {
    let server = TestRelay::open(Access::Open).await;
    let started = server.start_device(&[]).await;
    let user_code = started.text("user_code");
    let (mut alice, mut mallory) = (Browser::default(), Browser::default());
    let field = mallory.open(&server, &user_code).await.field();
    let own = alice.open(&server, &user_code).await.field();
    let consent = {
        // The field of the consent page, for the same person.
        let query = format!(
            "response_type=code&client_id=app&redirect_uri={REDIRECT}&code_challenge_method=S256&code_challenge={}",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
        let request = Request::get(format!("/oauth/authorize?{query}")).body(Body::empty()).unwrap();
        alice.send(&server, request).await.field()
    };
    for field in [field.as_str(), consent.as_str(), "", &own[1..]] {
        let page = alice.submit(&server, &[("request", field), ALLOW]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{field}");
    }
    assert_eq!(Browser::default().submit(&server, &[("request", &own), ALLOW]).await.status, StatusCode::FORBIDDEN);
    for answer in [("decision", "maybe"), ("x", "y")] {
        assert_eq!(alice.submit(&server, &[("request", &own), answer]).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(server.poll(&started.text("device_code"), &[]).await.error(), "authorization_pending");
    // Nor does a device request's field count on the consent page.
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("request", &*own), ALLOW]).finish();
    let request = form_post("/oauth/authorize/decision").body(body.into()).unwrap();
    assert_eq!(alice.send(&server, request).await.status, StatusCode::FORBIDDEN);
    // A code is decided on once.
    assert_eq!(alice.submit(&server, &[("request", &own), DENY]).await.status, StatusCode::OK);
    assert_eq!(alice.submit(&server, &[("request", &own), ALLOW]).await.status, StatusCode::CONFLICT);
    server.advance(2_000);
    assert_eq!(server.poll(&started.text("device_code"), &[]).await.error(), "access_denied");
}
