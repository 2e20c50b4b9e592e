//! Security events in the log: sign-in, refusals, revocations and limits, in a form that can be filtered, without secrets.

use http_body_util::Full;
use hyper::{Method, Request};
use mcp_multiplayer_tests::{Failure, HttpClient, RelayProcess, binary};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::browser::{Browser, VERIFIER, authorization_query, query, register};

const APP: &str = "https://app.example/callback";
const ALLOW: (&str, &str) = ("decision", "allow");
const FROM: (&str, &str) = ("client.address", "127.0.0.1");
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// Runs a command of the operator, and returns its output and its log.
async fn operator(relay: &RelayProcess, args: &[&str]) -> (String, String) {
    let mut command = Command::new(binary("mcp-multiplayer-relay"));
    command.args(args).env("DATA_DIR", relay.data_dir()).current_dir(relay.data_dir());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).unwrap().trim().to_owned(), String::from_utf8(output.stderr).unwrap())
}

/// Sends a form to an endpoint of the authorization server.
async fn send_form(relay: &RelayProcess, path: &str, form: &[(&str, &str)]) -> Value {
    let request = Request::post(path)
        .header("host", relay.address())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(query(form).into()));
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    serde_json::from_slice(http.send(request.unwrap()).await.unwrap().body()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

/// Returns the security events in the log of a relay that logs in JSON.
fn events(relay: &RelayProcess) -> Vec<Value> {
    let log = relay.logged().unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
    lines.filter(|line: &Value| line["target"] == "security").collect()
}

/// Returns the events of this kind.
fn events_of(relay: &RelayProcess, kind: &str) -> Vec<Value> {
    events(relay).into_iter().filter(|event| event["security.event"] == kind).collect()
}

/// Checks that exactly one event has these fields.
#[track_caller]
fn assert_logged(relay: &RelayProcess, kind: &str, fields: &[(&str, &str)]) {
    let has_fields = |event: &&Value| fields.iter().all(|(name, value)| event[*name] == *value);
    let events = events_of(relay, kind);
    assert_eq!(events.iter().filter(has_fields).count(), 1, "{kind} {fields:?}: {events:#?}");
}

/// Checks that a verbose log contains none of these secrets.
fn assert_not_logged(relay: &RelayProcess, secrets: &[String]) {
    let log = relay.logged().unwrap();
    assert!(log.contains("\"DEBUG\""), "the log is verbose");
    for secret in secrets {
        let secret = secret.split_once('_').map_or(secret.as_str(), |(_, random)| random);
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn sign_in_and_revocation_are_logged_without_secrets() {
    let flags = ["--access", "invite", "--log-format", "json"];
    let relay = RelayProcess::start_verbose(&flags).await.unwrap();
    let mut secrets = vec![relay.local_token().unwrap(), "mmp_wrongcode".to_owned()];

    // Logged at the level debug.
    relay.connect().await.unwrap().call("health_check", json!({})).await;

    // Sign-in, with a wrong access code first.
    let (access_code, created) = operator(&relay, &["access-code", "create", "--name", "alice"]).await;
    assert!(created.contains("access_code_created") && !created.contains(&access_code), "{created}");
    secrets.push(access_code.clone());
    let client = register(&relay, "My app", &[APP]).await;
    let client_field = ("oauth.client_id", client.as_str());
    assert_logged(&relay, "client_registered", &[client_field, FROM]);
    let authorization = authorization_query(&client, APP);
    let mut alice = Browser::new(&relay);
    assert_eq!(alice.decide(&authorization, &[ALLOW, ("access_code", "mmp_wrongcode")]).await.status, 403);
    assert_logged(&relay, "access_code_refused", &[client_field, FROM]);
    assert_eq!(alice.decide(&authorization, &[("decision", "deny")]).await.status, 303);
    assert_logged(&relay, "authorization_denied", &[client_field, FROM]);
    let page = alice.decide(&authorization, &[ALLOW, ("access_code", &access_code)]).await;
    let first_code = page.parameter("code").unwrap();
    assert_logged(&relay, "authorization_granted", &[client_field, FROM, ("oauth.client_name", "My app")]);
    secrets.extend([first_code.clone(), alice.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned()]);

    // An authorization code that is used twice revokes the grant.
    let redeem = async |code: &str| {
        let client_id = ("client_id", client.as_str());
        let form = [("grant_type", "authorization_code"), client_id, ("code", code), ("code_verifier", VERIFIER)];
        send_form(&relay, "/oauth/token", &form).await
    };
    let tokens = redeem(&first_code).await;
    secrets.extend([text(&tokens["access_token"]), text(&tokens["refresh_token"])]);
    let first_grant = text(&events_of(&relay, "signed_in")[0]["oauth.grant_id"]);
    assert_logged(&relay, "signed_in", &[client_field, FROM, ("oauth.grant_id", &first_grant)]);
    assert_eq!(redeem(&first_code).await["error"], "invalid_grant");
    assert_logged(&relay, "grant_revoked", &[("revoked.by", "reuse"), ("oauth.grant_id", &first_grant), FROM]);

    // So does a refresh token that is used after its replacement was.
    let sign_in = async |alice: &mut Browser| {
        let code = alice.decide(&authorization, &[ALLOW]).await.parameter("code").unwrap();
        (code.clone(), redeem(&code).await)
    };
    let (code, tokens) = sign_in(&mut alice).await;
    let second_grant = text(&events_of(&relay, "signed_in")[1]["oauth.grant_id"]);
    let mut refresh_token = text(&tokens["refresh_token"]);
    secrets.extend([code, text(&tokens["access_token"]), refresh_token.clone()]);
    let refresh = async |token: &str| {
        let form = [("grant_type", "refresh_token"), ("client_id", &client), ("refresh_token", token)];
        send_form(&relay, "/oauth/token", &form).await
    };
    let first_refresh_token = refresh_token.clone();
    for _ in 0..2 {
        let tokens = refresh(&refresh_token).await;
        refresh_token = text(&tokens["refresh_token"]);
        secrets.extend([text(&tokens["access_token"]), refresh_token.clone()]);
    }
    assert_eq!(refresh(&first_refresh_token).await["error"], "invalid_grant");
    assert_logged(&relay, "grant_revoked", &[("revoked.by", "reuse"), ("oauth.grant_id", &second_grant), FROM]);

    // Revocation by the client (RFC 7009). A token that is not one of the client's changes nothing.
    let (code, tokens) = sign_in(&mut alice).await;
    let third_grant = text(&events_of(&relay, "signed_in")[2]["oauth.grant_id"]);
    secrets.extend([code, text(&tokens["access_token"]), text(&tokens["refresh_token"])]);
    for token in ["access_token", "refresh_token", "refresh_token"] {
        let form = [("token", tokens[token].as_str().unwrap()), ("client_id", &client)];
        send_form(&relay, "/oauth/revoke", &form).await;
    }
    let by_client = [("revoked.by", "client"), ("oauth.grant_id", third_grant.as_str()), client_field, FROM];
    assert_logged(&relay, "token_revoked", &by_client);
    assert_logged(&relay, "grant_revoked", &by_client);

    // Revocation by the operator. The command has a log of its own.
    let (_, tokens) = sign_in(&mut alice).await;
    secrets.extend([text(&tokens["access_token"]), text(&tokens["refresh_token"])]);
    let fourth_grant = text(&events_of(&relay, "signed_in")[3]["oauth.grant_id"]);
    let (_, log) = operator(&relay, &["grant", "revoke", &fourth_grant]).await;
    assert!(log.contains("security.event=\"grant_revoked\" revoked.by=\"operator\""), "{log}");
    let (token, log) = operator(&relay, &["token", "create", "--name", "bob"]).await;
    assert!(log.contains("security.event=\"token_created\"") && !log.contains(&token), "{log}");
    for (noun, event) in [("token", "token_revoked"), ("access-code", "access_code_revoked")] {
        let (listed, _) = operator(&relay, &[noun, "list"]).await;
        let id = listed.lines().last().unwrap().split_whitespace().next().unwrap();
        let (_, log) = operator(&relay, &[noun, "revoke", id]).await;
        let expected = format!("security.event=\"{event}\" revoked.by=\"operator\"");
        assert!(log.contains(&expected) && log.contains(id), "{log}");
    }
    secrets.push(token);
    assert_not_logged(&relay, &secrets);
}

#[tokio::test]
async fn what_the_operator_does_to_a_channel_is_logged() {
    let relay = RelayProcess::start().await.unwrap();
    let mut alice = relay.connect().await.unwrap();
    for (end, event) in [("stop", "channel_stopped"), ("close", "channel_closed")] {
        let created = alice.call("create_channel", json!({ "name": "Game", "slots": ["invite:alice"] })).await;
        let channel_id = text(&created["channel_id"]);
        for (command, event) in [(end, event), ("delete", "channel_deleted")] {
            let (_, log) = operator(&relay, &["channel", command, &channel_id]).await;
            let expected = format!("security.event=\"{event}\" channel_id={channel_id}");
            assert!(log.contains(&expected), "{command}: {log}");
        }
    }
}

#[tokio::test]
async fn refusals_and_limits_are_logged_at_a_bounded_rate_without_secrets() {
    let flags = ["--log-format", "json", "--channels-per-day", "1"];
    let relay = RelayProcess::start_verbose(&flags).await.unwrap();
    let mut secrets = vec![relay.local_token().unwrap()];

    for number in 0..30 {
        secrets.push(format!("mm_wrongtoken{number}"));
        let mut mallory = HttpClient::connect(relay.address(), secrets.last().unwrap()).await.unwrap();
        assert_eq!(mallory.post("/mcp", &[], LIST.into()).await.unwrap().status(), 401);
    }
    assert_logged(&relay, "token_refused", &[FROM]);
    secrets.push("mm_intheurl".to_owned());
    let mut browser = Browser::new(&relay);
    browser.send(Method::POST, "/mcp?access_token=mm_intheurl", &[], String::new()).await;
    assert_logged(&relay, "token_in_url", &[FROM]);
    let metadata = json!({ "redirect_uris": [APP], "token_endpoint_auth_method": "client_secret_post" });
    let mut http = HttpClient::connect(relay.address(), "").await.unwrap();
    let response = http.post("/register", &[], metadata.to_string().into()).await.unwrap();
    let confidential: Value = serde_json::from_slice(response.body()).unwrap();
    let client_id = confidential["client_id"].as_str().unwrap();
    secrets.extend([text(&confidential["client_secret"]), "mms_wrongsecret".to_owned()]);
    let form = [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", "mms_wrongsecret")];
    assert_eq!(send_form(&relay, "/oauth/token", &form).await["error"], "invalid_client");
    assert_logged(&relay, "client_refused", &[("oauth.client_id", client_id), FROM]);

    // Limits, however often they are hit.
    let mut alice = relay.connect().await.unwrap();
    let args = json!({ "name": "Game", "slots": ["invite:alice"], "join_as": "alice" });
    let created = alice.call("create_channel", args.clone()).await;
    secrets.push(text(&created["rejoin_token"]));
    secrets.push("a text that nobody else sees".to_owned());
    let post = json!({ "channel_id": created["channel_id"], "body": secrets.last().unwrap() });
    alice.call("post_message", post).await;
    for _ in 0..20 {
        let refused = alice.try_call("create_channel", args.clone()).await;
        assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
    }
    assert_logged(&relay, "limit_reached", &[("limit", "channels_per_day"), ("principal", "local")]);
    assert_not_logged(&relay, &secrets);
}
