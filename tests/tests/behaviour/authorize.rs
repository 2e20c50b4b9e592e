//! The authorization endpoint: who is let in, who is asked, and where answers never go.

use hyper::Method;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, binary};
use serde_json::json;
use tokio::process::Command;

use crate::browser::{Browser, CHALLENGE, Page, asking, query, redeem, register};
use crate::table::in_time;

const APP: &str = "https://app.example/callback";
const LOCAL: &str = "http://127.0.0.1:4711/callback";
const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
const ALLOW: (&str, &str) = ("decision", "allow");

/// What a command of the operator's prints.
async fn operator(relay: &RelayProcess, args: &[&str]) -> String {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn invite(relay: &RelayProcess, name: &str) -> String {
    operator(relay, &["access-code", "create", "--name", name]).await.trim().to_owned()
}

/// A page that says what is wrong, and leads nowhere.
#[track_caller]
fn stays_here(page: &Page, status: u16) {
    assert_eq!((page.status, page.header("location")), (status, ""), "{page:?}");
    assert!(page.text.contains("<h1>") && !page.text.contains("name=\"request\""), "{page:?}");
    is_framed_by_nobody(page);
}

#[track_caller]
fn is_framed_by_nobody(page: &Page) {
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

#[track_caller]
fn went_to(page: &Page, place: &str, error: &str) {
    assert!([302, 303].contains(&page.status), "{page:?}");
    assert_eq!(page.place(), place);
    assert_eq!(page.answer("error").as_deref(), Some(error), "{page:?}");
    assert!(page.answer("error_description").is_some() && page.answer("iss").is_some(), "{page:?}");
    assert_eq!(page.answer("code"), None);
}

#[tokio::test]
async fn a_person_allows_a_program_and_comes_back_as_the_same() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "My <b>app</b>", &[LOCAL]).await;
    let mut alice = Browser::new(&relay);
    let page = alice.get(&format!("/oauth/authorize?{}", asking(&client, LOCAL))).await;
    assert_eq!(page.status, 200);
    is_framed_by_nobody(&page);
    assert!(page.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:4711 https:;"));
    for said in ["My &#60;b&#62;app&#60;/b&#62;", "a program on this computer", "127.0.0.1:4711", relay.address()] {
        assert!(page.text.contains(said), "{said} {}", page.text);
    }
    let set = page.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && !set.contains("Secure"), "{set}");
    assert!(set.starts_with("mcp-multiplayer="));

    let page = alice.post("/oauth/authorize/decision", &[("request", &page.field()), ALLOW]).await;
    assert_eq!((page.status, page.place()), (303, LOCAL));
    assert_eq!(page.answer("state").as_deref(), Some("a state & more"));
    assert_eq!(page.answer("iss"), Some(format!("http://{}", relay.address())));
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let code = page.answer("code").unwrap();
    assert!(code.starts_with("mmc_") && code.len() > 40);
    let token = redeem(&relay, &client, LOCAL, &code).await;
    let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
    let channel = http.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await.unwrap();

    // Another program, by the other path, on another day: the same person. Another browser: somebody else.
    let other = register(&relay, "Another", &[APP]).await;
    for (browser, same) in [(&mut alice, true), (&mut Browser::new(&relay), false)] {
        let page = browser.get(&format!("/authorize?{}", asking(&other, APP))).await;
        let page = browser.post("/oauth/authorize/decision", &[("request", &page.field()), ALLOW]).await;
        let token = redeem(&relay, &other, APP, &page.answer("code").unwrap()).await;
        let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
        let info = http.call_tool("get_channel_info", json!({ "channel_id": channel["channel_id"] })).await;
        assert_eq!(info.is_ok(), same, "{info:?}");
    }
    let page = alice.decide(&asking(&client, LOCAL), &[("decision", "deny")]).await;
    went_to(&page, LOCAL, "access_denied");
    assert_eq!(page.answer("state").as_deref(), Some("a state & more"));
}

#[tokio::test]
async fn the_operator_sees_who_was_let_in_and_shows_them_out() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "My app", &[APP]).await;
    let mut tokens = vec![];
    for mut browser in [Browser::new(&relay), Browser::new(&relay)] {
        let page = browser.decide(&asking(&client, APP), &[ALLOW]).await;
        tokens.push(redeem(&relay, &client, APP, &page.answer("code").unwrap()).await);
    }
    let listed = operator(&relay, &["grant", "list"]).await;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    for line in listed.lines() {
        assert!(line.contains("  person:") && line.contains(&client) && line.ends_with("My app"), "{line}");
    }
    assert!(tokens.iter().all(|token| !listed.contains(token)), "{listed}");

    // The newest is the first.
    let id = listed.split_whitespace().next().unwrap();
    operator(&relay, &["grant", "revoke", id]).await;
    let mut http = HttpClient::connect(relay.address(), &tokens[1]).await.unwrap();
    let shown_out = async { while http.call_tool("health_check", json!({})).await.is_ok() {} };
    in_time("the revocation", shown_out).await;
    let mut other = HttpClient::connect(relay.address(), &tokens[0]).await.unwrap();
    other.call_tool("health_check", json!({})).await.unwrap();
    assert_eq!(
        operator(&relay, &["grant", "list"]).await.lines().collect::<Vec<_>>(),
        [listed.lines().nth(1).unwrap()]
    );
}

#[tokio::test]
async fn known_clients_need_no_click_and_a_name_is_no_recommendation() {
    let relay = RelayProcess::start().await.unwrap();
    let claude = register(&relay, "whatever", &[CLAUDE]).await;
    let mut alice = Browser::new(&relay);
    let page = alice.get(&format!("/oauth/authorize?{}", asking(&claude, CLAUDE))).await;
    assert_eq!((page.status, page.place()), (302, CLAUDE));
    let first = redeem(&relay, &claude, CLAUDE, &page.answer("code").unwrap()).await;
    assert!(page.answer("iss").is_some() && page.answer("state").is_some());
    // It may ask that the person be asked.
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=consent", asking(&claude, CLAUDE))).await;
    assert_eq!(page.status, 200);
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=none", asking(&claude, CLAUDE))).await;
    let second = redeem(&relay, &claude, CLAUDE, &page.answer("code").unwrap()).await;
    assert_ne!(first, second);

    let named = register(&relay, "Claude", &[APP, LOCAL, "cursor://anysphere.cursor-mcp/oauth/callback"]).await;
    for place in [APP, LOCAL, "cursor://anysphere.cursor-mcp/oauth/callback"] {
        assert_eq!(alice.get(&format!("/oauth/authorize?{}", asking(&named, place))).await.status, 200, "{place}");
        let page = alice.get(&format!("/oauth/authorize?{}&prompt=none", asking(&named, place))).await;
        went_to(&page, place, "consent_required");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_place_that_is_not_the_clients() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP, "http://localhost/cb"]).await;
    let mut bob = Browser::new(&relay);
    for place in [
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
        let page = bob.get(&format!("/oauth/authorize?{}", asking(&client, place))).await;
        stays_here(&page, 400);
    }
    let port = bob.get(&format!("/oauth/authorize?{}", asking(&client, "http://localhost:51234/cb"))).await;
    assert_eq!(port.status, 200, "any port of a loopback address");
    // Of two places, one has to be named; and neither client nor place may be named twice.
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
        stays_here(&bob.get(&format!("/oauth/authorize?{bad}")).await, 400);
    }
    let single = register(&relay, "Single", &[APP]).await;
    let page = bob.decide(&format!("{pkce}&client_id={single}"), &[ALLOW]).await;
    assert_eq!(page.place(), APP);
    redeem(&relay, &single, APP, &page.answer("code").unwrap()).await;
}

#[tokio::test]
async fn what_else_is_wrong_is_told_to_the_client() {
    let relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let good = asking(&client, APP);
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
        went_to(&page, APP, error);
        assert_eq!(page.answer("state").is_none(), bad.contains("state=again"), "{page:?}");
    }
    let ours = format!("{good}&resource=http%3A%2F%2F{}%2Fmcp&scope=multiplayer+unheard_of", relay.address());
    let page = bob.get(&format!("/oauth/authorize?{ours}")).await;
    assert!(page.status == 200 && page.text.contains("stay connected"), "{page:?}");
}

#[tokio::test]
async fn only_the_page_that_was_shown_to_somebody_decides_for_them() {
    let mut relay = RelayProcess::start().await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let (mut alice, mut bob) = (Browser::new(&relay), Browser::new(&relay));
    let path = format!("/oauth/authorize?{}", asking(&client, APP));
    let (alices, bobs) = (alice.get(&path).await.field(), bob.get(&path).await.field());
    let decide = "/oauth/authorize/decision";
    // Without a cookie, with somebody else's, with one that was made up.
    let cookie = alice.cookie.take();
    stays_here(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = bob.cookie.clone();
    stays_here(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = cookie.as_ref().map(|cookie| format!("{}A", &cookie[..cookie.len() - 1]));
    stays_here(&alice.post(decide, &[("request", &alices), ALLOW]).await, 403);
    alice.cookie = cookie;
    // Another's field, one that was altered, none, two.
    let altered = format!("{}{}", if alices.starts_with('A') { 'B' } else { 'A' }, &alices[1..]);
    for field in [bobs.as_str(), &altered, &alices[..40], ""] {
        stays_here(&alice.post(decide, &[("request", field), ALLOW]).await, 403);
    }
    stays_here(&alice.post(decide, &[("request", &alices), ("request", &alices), ALLOW]).await, 403);
    // No decision, or one of two minds.
    for answer in [&[][..], &[("decision", "yes")], &[ALLOW, ("decision", "deny")]] {
        let form: Vec<_> = [("request", alices.as_str())].iter().chain(answer).copied().collect();
        stays_here(&alice.post(decide, &form).await, 400);
    }
    // From a foreign page, or as a link.
    for origin in ["https://evil.example", "null"] {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin)];
        let form = query(&[("request", &alices), ALLOW]);
        assert_eq!(alice.send(Method::POST, decide, &headers, form).await.status, 403);
    }
    let link = format!("{decide}?{}", query(&[("request", &alices), ALLOW]));
    assert_eq!(alice.get(&link).await.status, 405);
    // The one that was shown decides, after a restart, too.
    relay.restart(None).await.unwrap();
    let page = alice.post(decide, &[("request", &alices), ALLOW]).await;
    assert_eq!((page.status, page.place()), (303, APP));
}

#[tokio::test]
async fn invited_people_show_their_code_once() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let client = register(&relay, "App", &[APP, CLAUDE]).await;
    let (alices, bobs) = (invite(&relay, "alice").await, invite(&relay, "bob").await);
    let mut alice = Browser::new(&relay);
    // Known clients, too, find out first who is there.
    let page = alice.get(&format!("/oauth/authorize?{}", asking(&client, CLAUDE))).await;
    assert!(page.status == 200 && page.text.contains("name=\"access_code\""), "{page:?}");
    let page = alice.get(&format!("/oauth/authorize?{}&prompt=none", asking(&client, CLAUDE))).await;
    went_to(&page, CLAUDE, "login_required");

    for wrong in ["", "mmp_wrong", "mm_x", &alices[..20], &format!("{alices}x")] {
        let page = alice.decide(&asking(&client, APP), &[ALLOW, ("access_code", wrong)]).await;
        assert!(page.status == 403 && page.header("location").is_empty(), "{wrong} {page:?}");
        assert!(page.text.contains("role=\"alert\"") && (wrong.is_empty() || !page.text.contains(wrong)));
        is_framed_by_nobody(&page);
    }
    // A code in a link counts for nothing.
    let page = alice.get(&format!("/oauth/authorize?{}&access_code={alices}", asking(&client, APP))).await;
    assert!(page.status == 200 && page.text.contains("Your access code") && !page.text.contains(&alices));

    let page = alice.decide(&asking(&client, APP), &[ALLOW, ("access_code", &format!(" {alices} "))]).await;
    let token = redeem(&relay, &client, APP, &page.answer("code").unwrap()).await;
    let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
    let channel = http.call_tool("create_channel", json!({ "name": "x", "slots": ["invite:a"] })).await.unwrap();
    let channel = json!({ "channel_id": channel["channel_id"] });

    // Later a click is enough, for the same person; in another browser the code makes them the same; another's does not.
    let page = alice.get(&format!("/oauth/authorize?{}", asking(&client, APP))).await;
    assert!(page.text.contains("<bdi>alice</bdi>"), "{page:?}");
    for (browser, code, same) in [
        (&mut alice, "", true),
        (&mut Browser::new(&relay), alices.as_str(), true),
        (&mut Browser::new(&relay), bobs.as_str(), false),
    ] {
        let page = browser.decide(&asking(&client, APP), &[ALLOW, ("access_code", code)]).await;
        let token = redeem(&relay, &client, APP, &page.answer("code").unwrap()).await;
        let mut http = HttpClient::connect(relay.address(), &token).await.unwrap();
        assert_eq!(http.call_tool("get_channel_info", channel.clone()).await.is_ok(), same);
    }

    // Revoked: neither the cookie nor the code opens anything.
    let listed = operator(&relay, &["access-code", "list"]).await;
    let id = listed.lines().find(|line| line.ends_with("alice")).unwrap().split_whitespace().next().unwrap();
    operator(&relay, &["access-code", "revoke", id]).await;
    for code in ["", alices.as_str()] {
        let page = alice.decide(&asking(&client, APP), &[ALLOW, ("access_code", code)]).await;
        assert!(page.status == 403 && page.header("location").is_empty(), "{page:?}");
    }
}

#[tokio::test]
async fn an_address_may_try_few_codes() {
    let relay = RelayProcess::start_with(&["--access", "invite"]).await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let code = invite(&relay, "alice").await;
    let mut statuses = vec![];
    for _ in 0..11 {
        let page = Browser::new(&relay).decide(&asking(&client, APP), &[ALLOW, ("access_code", "mmp_guessed")]).await;
        statuses.push(page.status);
    }
    assert_eq!(statuses, [vec![403; 10], vec![429]].concat());
    // The right one then has to wait, too: nobody learns by it that it is right.
    let mut alice = Browser::new(&relay);
    let page = alice.decide(&asking(&client, APP), &[ALLOW, ("access_code", &code)]).await;
    assert_eq!(page.status, 429);
    assert!((1..=60).contains(&page.header("retry-after").parse::<u64>().unwrap()), "{page:?}");
    // Saying no is free.
    went_to(&alice.decide(&asking(&client, APP), &[("decision", "deny")]).await, APP, "access_denied");
}

#[tokio::test]
async fn a_closed_relay_says_so() {
    let relay = RelayProcess::start_with(&["--access", "closed"]).await.unwrap();
    let mut alice = Browser::new(&relay);
    stays_here(&alice.get(&format!("/oauth/authorize?{}", asking("x", CLAUDE))).await, 403);
    stays_here(&alice.post("/oauth/authorize/decision", &[("request", "x"), ALLOW]).await, 403);
    assert_eq!(alice.cookie, None);
}

#[tokio::test]
async fn over_https_the_cookie_is_of_this_host_alone() {
    let relay = RelayProcess::start_with(&["--public-url", "https://relay.example", "--access", "open"]).await.unwrap();
    let client = register(&relay, "App", &[APP]).await;
    let page = Browser::new(&relay).get(&format!("/oauth/authorize?{}", asking(&client, APP))).await;
    let set = page.header("set-cookie");
    assert!(
        set.starts_with("__Host-mcp-multiplayer=") && set.contains("; Secure") && set.contains("; Path=/"),
        "{set}"
    );
    assert!(!set.contains("Domain"), "{set}");
}
