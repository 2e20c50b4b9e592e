//! The authorization endpoint: approval, consent, access codes and redirects.

use hyper::Method;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, binary};
use serde_json::json;
use tokio::process::Command;

use crate::browser::{Browser, CHALLENGE, Page, authorization_query, query, redeem, register};
use crate::fixture::in_time;

const APP: &str = "https://app.example/callback";
const LOCAL: &str = "http://127.0.0.1:4711/callback";
/// Forwards codes to the address in `state`.
const VSCODE: &str = "https://vscode.dev/redirect";
const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
const ALLOW: (&str, &str) = ("decision", "allow");

/// Runs a command of the operator, and returns its output.
pub(crate) async fn operator(relay: &RelayProcess, args: &[&str]) -> String {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn create_access_code(relay: &RelayProcess, name: &str) -> String {
    operator(relay, &["access-code", "create", "--name", name]).await.trim().to_owned()
}

/// Checks for an error page that neither redirects nor has a form.
#[track_caller]
fn assert_error_page(page: &Page, status: u16) {
    assert_eq!((page.status, page.header("location")), (status, ""), "{page:?}");
    assert!(page.text.contains("<h1>") && !page.text.contains("name=\"request\""), "{page:?}");
    assert!(page.text.contains("<a class=\"button\""), "the page leads on: {page:?}");
    assert_page_headers(page);
}

#[track_caller]
fn assert_page_headers(page: &Page) {
    let policy = page.header("content-security-policy");
    for directive in
        ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("-inline") && !policy.contains("-eval"), "{policy}");
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for inline in ["<script", " style=", "<style", " onclick", " onload", "javascript:"] {
        assert!(!page.text.contains(inline), "{inline}");
    }
}

/// Checks that a person on a small screen sees the problem: the field has the focus, and comes before all explanations.
#[track_caller]
fn assert_problem_is_shown_at_the_field(page: &Page) {
    let position = |text: &str| page.text.find(text).unwrap_or_else(|| panic!("{text} is missing: {page:?}"));
    let (problem, field, target) =
        (position("id=\"problem\""), position("name=\"access_code\""), position("You will be sent to"));
    assert!(problem < field && field < target, "{page:?}");
    let input = page.text[..field].rfind("<input").map(|start| &page.text[start..]).unwrap();
    let input = &input[..input.find('>').unwrap()];
    for attribute in ["autofocus", "aria-invalid=\"true\"", "aria-describedby=\"problem"] {
        assert!(input.contains(attribute), "{attribute}: {input}");
    }
}

#[track_caller]
fn assert_redirect_error(page: &Page, redirect_uri: &str, error: &str) {
    assert!([302, 303].contains(&page.status), "{page:?}");
    assert_eq!(page.redirect_uri(), redirect_uri);
    assert_eq!(page.parameter("error").as_deref(), Some(error), "{page:?}");
    assert!(page.parameter("error_description").is_some() && page.parameter("iss").is_some(), "{page:?}");
    assert_eq!(page.parameter("code"), None);
}

#[tokio::test]
async fn approvals_in_one_browser_are_for_the_same_person() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "My <b>app</b>", &[LOCAL]).await;
    let mut alice = Browser::new(&relay);
    let page = alice.get(&format!("/oauth/authorize?{}", authorization_query(&client, LOCAL))).await;
    assert_eq!(page.status, 200);
    assert_page_headers(&page);
    assert!(page.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:4711 https:;"));
    for text in ["My &#60;b&#62;app&#60;/b&#62;", "a program on this computer", "127.0.0.1:4711", relay.address()] {
        assert!(page.text.contains(text), "{text} {}", page.text);
    }
    let set = page.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Secure"), "{set}");
    assert!(set.starts_with("mcp-multiplayer="));

    let page = alice.post("/oauth/authorize/decision", &[("request", &page.field()), ALLOW]).await;
    assert_eq!((page.status, page.redirect_uri()), (303, LOCAL));
    assert_eq!(page.parameter("state").as_deref(), Some("a state & more"));
    assert_eq!(page.parameter("iss"), Some(format!("http://{}", relay.address())));
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let code = page.parameter("code").unwrap();
    assert!(code.starts_with("mmc_") && code.len() > 40);
    let token = redeem(&relay, &client, LOCAL, &code).await;
    let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
    let channel = http.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await.unwrap();

    // Another client in the same browser acts for the same person. Another browser is another person.
    let other = register(&relay, "Another", &[APP]).await;
    for (browser, same) in [(&mut alice, true), (&mut Browser::new(&relay), false)] {
        let page = browser.get(&format!("/authorize?{}", authorization_query(&other, APP))).await;
        let page = browser.post("/oauth/authorize/decision", &[("request", &page.field()), ALLOW]).await;
        let token = redeem(&relay, &other, APP, &page.parameter("code").unwrap()).await;
        let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
        let info = http.call_tool("get_channel_info", json!({ "channel_id": channel["channel_id"] })).await;
        assert_eq!(info.is_ok(), same, "{info:?}");
    }
    let page = alice.decide(&authorization_query(&client, LOCAL), &[("decision", "deny")]).await;
    assert_redirect_error(&page, LOCAL, "access_denied");
    assert_eq!(page.parameter("state").as_deref(), Some("a state & more"));
}

#[tokio::test]
async fn the_operator_lists_and_revokes_grants() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "My app", &[APP]).await;
    let mut tokens = vec![];
    for mut browser in [Browser::new(&relay), Browser::new(&relay)] {
        let page = browser.decide(&authorization_query(&client, APP), &[ALLOW]).await;
        tokens.push(redeem(&relay, &client, APP, &page.parameter("code").unwrap()).await);
    }
    let listed = operator(&relay, &["grant", "list"]).await;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    for line in listed.lines().skip(1) {
        assert!(line.contains("  person:") && line.contains(&client) && line.ends_with("My app"), "{line}");
    }
    assert!(tokens.iter().all(|token| !listed.contains(token)), "{listed}");

    // The newest is the first.
    let id = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    operator(&relay, &["grant", "revoke", id]).await;
    let mut http = HttpClient::connect(relay.address(), &tokens[1]).await.unwrap();
    let revoked = async { while http.call_tool("health_check", json!({})).await.is_ok() {} };
    in_time("the revocation", revoked).await;
    let mut other = HttpClient::connect(relay.address(), &tokens[0]).await.unwrap();
    other.call_tool("health_check", json!({})).await.unwrap();
    let remaining = operator(&relay, &["grant", "list"]).await;
    assert_eq!(remaining.lines().skip(1).collect::<Vec<_>>(), [listed.lines().nth(2).unwrap()]);
}

#[tokio::test]
async fn trusted_redirect_uris_need_no_click_and_names_are_not_trusted() {
    let relay = RelayProcess::start().await.unwrap();
    let claude = register(&relay, "whatever", &[CLAUDE]).await;
    let mut alice = Browser::new(&relay);
    let page = alice.get(&format!("/oauth/authorize?{}", authorization_query(&claude, CLAUDE))).await;
    assert_eq!((page.status, page.redirect_uri()), (302, CLAUDE));
    let first = redeem(&relay, &claude, CLAUDE, &page.parameter("code").unwrap()).await;
    assert!(page.parameter("iss").is_some() && page.parameter("state").is_some());
    // The client may request consent with prompt=consent.
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=consent", authorization_query(&claude, CLAUDE))).await;
    assert_eq!(page.status, 200);
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=none", authorization_query(&claude, CLAUDE))).await;
    let second = redeem(&relay, &claude, CLAUDE, &page.parameter("code").unwrap()).await;
    assert_ne!(first, second);

    let named = register(&relay, "Claude", &[APP, LOCAL, VSCODE, "cursor://anysphere.cursor-mcp/oauth/callback"]).await;
    for redirect_uri in [APP, LOCAL, VSCODE, "cursor://anysphere.cursor-mcp/oauth/callback"] {
        assert_eq!(
            alice.get(&format!("/oauth/authorize?{}", authorization_query(&named, redirect_uri))).await.status,
            200,
            "{redirect_uri}"
        );
        let page =
            alice.get(&format!("/oauth/authorize?{}&prompt=none", authorization_query(&named, redirect_uri))).await;
        assert_redirect_error(&page, redirect_uri, "consent_required");
    }
}

#[tokio::test]
async fn unregistered_redirect_uris_are_refused_without_a_redirect() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP, "http://localhost/cb"]).await;
    let mut bob = Browser::new(&relay);
    for redirect_uri in [
        "https://app.example:8443/callback",
        "https://app.example:443/callback",
        "https://app.example/callback/",
        "https://app.example/callback/../evil",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#x",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example/callback",
        "https://APP.example/callback",
        "https://app.example/Callback",
        "http://app.example/callback",
        "//app.example/callback",
        "/callback",
        "javascript:alert(1)",
        "http://localhost.evil.example/cb",
        "http://localhost:80@evil.example/cb",
        "http://127.0.0.1/cb",
        "http://localhost:9/other",
        CLAUDE,
    ] {
        let page = bob.get(&format!("/oauth/authorize?{}", authorization_query(&client, redirect_uri))).await;
        assert_error_page(&page, 400);
    }
    let port =
        bob.get(&format!("/oauth/authorize?{}", authorization_query(&client, "http://localhost:51234/cb"))).await;
    assert_eq!(port.status, 200, "any port of a loopback address");
    // A client with two redirect URIs must name one. Neither client_id nor redirect_uri may be given twice.
    let pkce = query(&[("response_type", "code"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    for bad in [
        format!("{pkce}&client_id={client}"),
        format!("{pkce}&redirect_uri={APP}"),
        format!("{pkce}&client_id=nobody&redirect_uri={APP}"),
        format!("{pkce}&client_id={client}&client_id={client}&redirect_uri={APP}"),
        format!("{pkce}&client_id={client}&redirect_uri={APP}&redirect_uri={APP}"),
        format!("{pkce}&client_id={client}&redirect_uri={APP}&redirect_uri=https://evil.example"),
        String::new(),
    ] {
        assert_error_page(&bob.get(&format!("/oauth/authorize?{bad}")).await, 400);
    }
    let single = register(&relay, "Single", &[APP]).await;
    let page = bob.decide(&format!("{pkce}&client_id={single}"), &[ALLOW]).await;
    assert_eq!(page.redirect_uri(), APP);
    redeem(&relay, &single, APP, &page.parameter("code").unwrap()).await;
}

/// The client cannot be told, because its redirect URI is unknown without the document. Only the page can help.
#[tokio::test]
async fn the_page_for_an_unreadable_metadata_document_says_how_to_connect_instead() {
    let relay = RelayProcess::start().await.unwrap();
    let query = authorization_query("https://127.0.0.1/client.json", LOCAL);
    let page = Browser::new(&relay).get(&format!("/oauth/authorize?{query}")).await;
    assert_error_page(&page, 400);
    for text in ["127.0.0.1", "still waiting", "token", "href=\"/#set-up\""] {
        assert!(page.text.contains(text), "{text} {}", page.text);
    }
}

#[tokio::test]
async fn other_errors_are_returned_to_the_client() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let good = authorization_query(&client, APP);
    let mut bob = Browser::new(&relay);
    for (bad, error) in [
        (good.replace("S256", "plain"), "invalid_request"),
        (good.replace("&code_challenge_method=S256", ""), "invalid_request"),
        (good.replace(&format!("&code_challenge={CHALLENGE}"), ""), "invalid_request"),
        (good.replace(CHALLENGE, "too-short"), "invalid_request"),
        (good.replace("response_type=code", "response_type=token"), "unsupported_response_type"),
        (good.replace("response_type=code&", ""), "invalid_request"),
        (format!("{good}&state=again"), "invalid_request"),
        (format!("{good}&code_challenge={CHALLENGE}"), "invalid_request"),
        (format!("{good}&unheard_of=1&unheard_of=2"), "invalid_request"),
        (format!("{good}&resource=https%3A%2F%2Fevil.example%2Fmcp"), "invalid_target"),
        (format!("{good}&resource=http%3A%2F%2F{}.evil.example%2Fmcp", relay.address()), "invalid_target"),
        (format!("{good}&prompt=none"), "consent_required"),
    ] {
        let page = bob.get(&format!("/oauth/authorize?{bad}")).await;
        assert_redirect_error(&page, APP, error);
        assert_eq!(page.parameter("state").is_none(), bad.contains("state=again"), "{page:?}");
    }
    let ours = format!("{good}&resource=http%3A%2F%2F{}%2Fmcp&scope=multiplayer+unheard_of", relay.address());
    let page = bob.get(&format!("/oauth/authorize?{ours}")).await;
    assert!(page.status == 200 && page.text.contains("stay connected"), "{page:?}");
}

#[tokio::test]
async fn only_the_form_shown_to_the_same_browser_is_accepted() {
    let mut relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let (mut alice, mut bob) = (Browser::new(&relay), Browser::new(&relay));
    let path = format!("/oauth/authorize?{}", authorization_query(&client, APP));
    let (alices, bobs) = (alice.get(&path).await.field(), bob.get(&path).await.field());
    let decide = "/oauth/authorize/decision";
    // Without a cookie, with somebody else's, with one that was made up.
    let cookie = alice.cookie.take();
    assert_error_page(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = bob.cookie.clone();
    assert_error_page(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = cookie.as_ref().map(|cookie| format!("{}A", &cookie[..cookie.len() - 1]));
    assert_error_page(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = cookie;
    // Another browser's field, an altered one, a truncated one, none, two.
    let altered = format!("{}{}", if alices.starts_with('A') { 'B' } else { 'A' }, &alices[1..]);
    for field in [bobs.as_str(), &altered, &alices[..40], ""] {
        assert_error_page(&alice.post(decide, &[("request", field), ALLOW]).await, 403);
    }
    assert_error_page(&alice.post(decide, &[("request", &alices), ("request", &alices), ALLOW]).await, 403);
    // No decision, an unknown one, or two that contradict each other.
    for answer in [&[][..], &[("decision", "yes")], &[ALLOW, ("decision", "deny")]] {
        let form: Vec<_> = [("request", alices.as_str())].iter().chain(answer).copied().collect();
        assert_error_page(&alice.post(decide, &form).await, 400);
    }
    // From a page of another origin, or as a link.
    for origin in ["https://evil.example", "null"] {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin)];
        let form = query(&[("request", &alices), ALLOW]);
        assert_eq!(alice.send(Method::POST, decide, &headers, form).await.status, 403);
    }
    let link = format!("{decide}?{}", query(&[("request", &alices), ALLOW]));
    assert_eq!(alice.get(&link).await.status, 405);
    // The form that was shown to her is accepted, even after a restart.
    relay.restart(None).await.unwrap();
    let page = alice.post(decide, &[("request", &alices), ALLOW]).await;
    assert_eq!((page.status, page.redirect_uri()), (303, APP));
}

#[tokio::test]
async fn access_codes_are_entered_once() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let client = register(&relay, "App", &[APP, CLAUDE]).await;
    let (alices, bobs) = (create_access_code(&relay, "alice").await, create_access_code(&relay, "bob").await);
    let mut alice = Browser::new(&relay);
    // Trusted clients need consent, too, as long as the person is unknown.
    let page = alice.get(&format!("/oauth/authorize?{}", authorization_query(&client, CLAUDE))).await;
    assert!(page.status == 200 && page.text.contains("name=\"access_code\""), "{page:?}");
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=none", authorization_query(&client, CLAUDE))).await;
    assert_redirect_error(&page, CLAUDE, "login_required");

    for wrong in ["", "mmp_wrong", "mm_x", &alices[..20], &format!("{alices}x")] {
        let page = alice.decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", wrong)]).await;
        assert!(page.status == 403 && page.header("location").is_empty(), "{wrong} {page:?}");
        assert!(page.text.contains("role=\"alert\"") && (wrong.is_empty() || !page.text.contains(wrong)));
        assert_problem_is_shown_at_the_field(&page);
        assert_page_headers(&page);
    }
    // A code in a link is ignored.
    let page = alice.get(&format!("/oauth/authorize?{}&access_code={alices}", authorization_query(&client, APP))).await;
    assert!(page.status == 200 && page.text.contains("Your access code") && !page.text.contains(&alices));

    let page =
        alice.decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", &format!(" {alices} "))]).await;
    let token = redeem(&relay, &client, APP, &page.parameter("code").unwrap()).await;
    let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
    let channel = http.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await.unwrap();
    let channel = json!({ "channel_id": channel["channel_id"] });

    // Later a click is enough for the same person. In another browser the code identifies the same person; another
    // code does not.
    let page = alice.get(&format!("/oauth/authorize?{}", authorization_query(&client, APP))).await;
    assert!(page.text.contains("<bdi>alice</bdi>"), "{page:?}");
    for (browser, code, same) in [
        (&mut alice, "", true),
        (&mut Browser::new(&relay), alices.as_str(), true),
        (&mut Browser::new(&relay), bobs.as_str(), false),
    ] {
        let page = browser.decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", code)]).await;
        let token = redeem(&relay, &client, APP, &page.parameter("code").unwrap()).await;
        let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
        assert_eq!(http.call_tool("get_channel_info", channel.clone()).await.is_ok(), same);
    }

    // After the revocation, neither the cookie nor the code is accepted.
    let listed = operator(&relay, &["access-code", "list"]).await;
    let id = listed.lines().find(|line| line.ends_with("alice")).unwrap().split_whitespace().next().unwrap();
    operator(&relay, &["access-code", "revoke", id]).await;
    for code in ["", alices.as_str()] {
        let page = alice.decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", code)]).await;
        assert!(page.status == 403 && page.header("location").is_empty(), "{page:?}");
    }
}

#[tokio::test]
async fn an_address_can_try_only_a_few_access_codes() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let code = create_access_code(&relay, "alice").await;
    let mut statuses = vec![];
    for _ in 0..11 {
        let page = Browser::new(&relay)
            .decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", "mmp_guessed")])
            .await;
        statuses.push(page.status);
    }
    assert_eq!(statuses, [vec![403; 10], vec![429]].concat());
    // The right code is refused, too, so that the limit does not reveal that it is right.
    let mut alice = Browser::new(&relay);
    let page = alice.decide(&authorization_query(&client, APP), &[ALLOW, ("access_code", &code)]).await;
    assert_eq!(page.status, 429);
    assert!((1..=60).contains(&page.header("retry-after").parse::<u64>().unwrap()), "{page:?}");
    // A denial does not count.
    assert_redirect_error(
        &alice.decide(&authorization_query(&client, APP), &[("decision", "deny")]).await,
        APP,
        "access_denied",
    );
}

#[tokio::test]
async fn a_closed_relay_refuses_authorization() {
    let relay = RelayProcess::start_with(&["--access", "closed"]).await.unwrap();
    let mut alice = Browser::new(&relay);
    assert_error_page(&alice.get(&format!("/oauth/authorize?{}", authorization_query("x", CLAUDE))).await, 403);
    assert_error_page(&alice.post("/oauth/authorize/decision", &[("request", "x"), ALLOW]).await, 403);
    assert_eq!(alice.cookie, None);
}

#[tokio::test]
async fn the_cookie_is_bound_to_the_host_over_https() {
    let relay = RelayProcess::start_with(&["--public-url", "https://relay.example", "--access", "open"]).await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let page = Browser::new(&relay).get(&format!("/oauth/authorize?{}", authorization_query(&client, APP))).await;
    let set = page.header("set-cookie");
    assert!(
        set.starts_with("__Host-mcp-multiplayer=") && set.contains("; Secure") && set.contains("; Path=/"),
        "{set}"
    );
    assert!(!set.contains("Domain"), "{set}");
}
