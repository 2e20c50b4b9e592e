//! `get_receipt`: a receipt for the user of every client, whether or not the user has a token.

use hyper::Response;
use hyper::body::Bytes;
use mcp_multiplayer_protocol::receipt::{Receipt, Verifier};
use mcp_multiplayer_tests::{HttpClient, StdioClient};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::fixture::TwoPlayerChannel;
use crate::revocation::revoke_only;

const ECHO: &str = "
class Echo:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'echo ' + msg['body']['text']})
";

/// The secret in the fragment of a link.
fn secret(summary: &Value) -> String {
    let link = summary["link"].as_str().unwrap();
    let (page, secret) = link.split_once('#').unwrap();
    assert!(page.ends_with("/save-receipt") && !page.contains('?'), "{link}");
    secret.to_owned()
}

/// Sends the secret of a link, as the page's script does, without a token.
async fn save(fixture: &TwoPlayerChannel, secret: &str) -> Response<Bytes> {
    let mut anyone = HttpClient::connect(fixture.relay.address(), "").await.unwrap();
    let body = json!({ "secret": secret }).to_string();
    anyone.post("/save-receipt/file", &[], body.into()).await.unwrap()
}

fn is_good(text: &str) -> bool {
    let mut verifier = Verifier::new(None);
    text.lines().for_each(|line| verifier.read(line));
    verifier.finish().is_good()
}

#[tokio::test]
async fn the_stdio_server_keeps_the_file_and_says_what_it_proves() {
    let mut fixture = TwoPlayerChannel::with_bot(ECHO).await;
    fixture.bob_posts("hello").await;
    fixture.bob_reads().await;
    let (mut bob, _) = StdioClient::launch(&fixture.relay, &fixture.bob_token).await.unwrap();
    let args = fixture.args(json!({}));
    let text = bob.call_tool("get_receipt", args.clone()).await.unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["fails"], json!([]), "{summary}");
    assert!(summary["checked_by"].as_str().unwrap().starts_with("this computer"), "{summary}");
    assert!(summary["link"].is_null() && text.len() < 4_000, "{text}");
    let path = std::path::PathBuf::from(summary["file"].as_str().unwrap());
    assert!(path.starts_with(fixture.relay.data_dir().join("receipts")), "{path:?}");
    assert!(path.file_name().unwrap().to_str().unwrap().starts_with(&fixture.channel_id), "{path:?}");
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(is_good(&kept));
    assert_eq!(Receipt::parse(&kept).unwrap().header.holder, "s2");
    let mode = |path: &std::path::Path| {
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions())
    };
    assert_eq!((mode(&path) & 0o777, mode(path.parent().unwrap()) & 0o777), (0o600, 0o700));

    // The same log is kept once. Another one with the same end is evidence, and replaces nothing.
    let again: Value = serde_json::from_str(&bob.call_tool("get_receipt", args.clone()).await.unwrap()).unwrap();
    assert_eq!(again["file"], summary["file"]);
    std::fs::write(&path, "another").unwrap();
    let again: Value = serde_json::from_str(&bob.call_tool("get_receipt", args).await.unwrap()).unwrap();
    let second = std::path::PathBuf::from(again["file"].as_str().unwrap());
    assert!(second != path && std::fs::read_to_string(&path).unwrap() == "another");
    assert_eq!(std::fs::read_to_string(second).unwrap(), kept);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2, "no part of a file is left");

    let stranger = json!({ "channel_id": "chn_0000000000000000" });
    let error = bob.call_tool("get_receipt", stranger).await.unwrap_err().to_string();
    assert!(error.contains("NOT_MEMBER"), "{error}");
}

#[tokio::test]
async fn a_client_without_files_gets_a_link_for_its_user() {
    let mut fixture = TwoPlayerChannel::with_bot(ECHO).await;
    fixture.bob_posts("hello").await;
    fixture.bob_reads().await;
    let args = fixture.args(json!({}));
    let mut bob = fixture.bob_http().await;
    let summary = bob.call_tool_as_model("get_receipt", args.clone()).await.unwrap();
    assert_eq!((&summary["fails"], &summary["link_minutes"]), (&json!([]), &json!(10)), "{summary}");
    assert!(summary["checked_by"].as_str().unwrap().starts_with("the relay, about its own log"), "{summary}");
    assert!(summary["holds"][0].as_str().unwrap().contains("signed exactly"), "{summary}");
    assert!(summary["note"].is_string() && summary["file"].is_null(), "{summary}");
    assert!(!summary.to_string().contains(&fixture.bob_token));

    let mut anyone = Browser::new(&fixture.relay);
    let page = anyone.get("/save-receipt").await;
    assert_eq!((page.status, page.header("referrer-policy")), (200, "no-referrer"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert_eq!(anyone.get("/save-receipt.js").await.status, 200);

    let secret = secret(&summary);
    let file = save(&fixture, &secret).await;
    assert_eq!((file.status().as_u16(), &file.headers()["content-type"]), (200, &"application/jsonl".parse().unwrap()));
    assert!(file.headers()["content-disposition"].to_str().unwrap().contains(&fixture.channel_id));
    let text = String::from_utf8(file.body().to_vec()).unwrap();
    assert!(is_good(&text));
    assert_eq!(Receipt::parse(&text).unwrap().header.holder, "s2", "it is bob's, not everybody's");

    // What was altered opens nothing; nor does anything else.
    let altered = |place: usize| {
        let mut altered: Vec<char> = secret.chars().collect();
        altered[place] = if altered[place] == 'A' { 'B' } else { 'A' };
        altered.into_iter().collect::<String>()
    };
    for wrong in [altered(4), altered(40), altered(secret.len() - 2), "rcp_".to_owned(), fixture.bob_token.clone()] {
        assert_eq!(save(&fixture, &wrong).await.status(), 400, "{wrong}");
    }

    // A link ends with the token that asked for it.
    revoke_only(&fixture.relay, "token").await;
    fixture.relay.restart(None).await.unwrap();
    assert_eq!(save(&fixture, &secret).await.status(), 401);
}

#[tokio::test]
async fn whoever_left_gets_the_end_of_the_tenure_and_strangers_nothing() {
    let mut fixture = TwoPlayerChannel::with_bot(ECHO).await;
    let leave = fixture.args(json!({}));
    fixture.bob.call("leave_channel", leave.clone()).await;
    let summary = fixture.bob_http().await.call_tool_as_model("get_receipt", leave.clone()).await.unwrap();
    assert_eq!(summary["fails"], json!([]), "{summary}");
    assert_eq!(fixture.stranger().await.refusal("get_receipt", leave).await, "NOT_MEMBER");
}
