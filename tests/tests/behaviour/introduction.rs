//! What clients show of the server before anybody plays: its name and icons, its resources, and values to choose from.

use hyper::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::fixture::TwoPlayerChannel;

/// Sends bob's request, and returns the result.
async fn result(fixture: &TwoPlayerChannel, method: &str, params: Value) -> Value {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers = [("mcp-protocol-version", "2025-11-25")];
    let answer = fixture.bob_http().await.post("/mcp", &headers, message.to_string().into()).await.unwrap();
    let mut answer: Value = serde_json::from_slice(answer.body()).unwrap();
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].take()
}

/// Completes an argument as bob, and returns the values.
async fn values(fixture: &TwoPlayerChannel, reference: Value, argument: &str, typed: &str) -> Vec<String> {
    let context = json!({ "arguments": { "channel_id": fixture.channel_id } });
    let params = json!({ "ref": reference, "argument": { "name": argument, "value": typed }, "context": context });
    let completion = result(fixture, "completion/complete", params).await["completion"].take();
    assert_eq!(completion["hasMore"], false, "{completion}");
    completion["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn arguments_are_completed_with_presets_and_own_channels() {
    let mut fixture = TwoPlayerChannel::create().await;
    let foreign = fixture.alice.call("create_channel", json!({ "name": "Game", "slots": ["invite:alice"] })).await;
    let foreign = foreign["channel_id"].as_str().unwrap();
    let prompt = |name: &str| json!({ "type": "ref/prompt", "name": name });
    let channel = json!({ "type": "ref/resource", "uri": "channel://{channel_id}{?slot_id}" });
    assert_eq!(values(&fixture, prompt("host_game"), "game", "gu").await, ["GuessBot"]);
    assert!(values(&fixture, prompt("host_game"), "game", "").await.len() >= 7);
    let own = fixture.channel_id.clone();
    for typed in ["", "chn_", "game", &own] {
        assert_eq!(values(&fixture, channel.clone(), "channel_id", typed).await, [own.as_str()], "{typed}");
    }
    assert!(values(&fixture, channel.clone(), "channel_id", foreign).await.is_empty(), "a channel of alice alone");
    assert_eq!(values(&fixture, channel, "slot_id", "").await, ["s2"]);
    for (reference, argument) in [(prompt("join_game"), "invite_code"), (prompt("nobody_knows"), "game")] {
        assert!(values(&fixture, reference, argument, "").await.is_empty());
    }
}

#[tokio::test]
async fn the_server_introduces_itself_with_title_icons_and_website() {
    let fixture = TwoPlayerChannel::create_with(&["--public-url", "https://relay.example/"], json!({})).await;
    let initialize = json!({ "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "tests", "version": "1" } });
    let initialized = result(&fixture, "initialize", initialize).await;
    let info = &initialized["serverInfo"];
    assert_eq!(
        (&info["title"], &info["websiteUrl"]),
        (&json!("Multiplayer channels"), &json!("https://relay.example/"))
    );
    assert!(info["description"].as_str().is_some_and(|text| text.len() > 20), "{info}");
    assert!(initialized["capabilities"]["completions"].is_object(), "{initialized}");
    assert!(
        initialized["capabilities"]["resources"]["listChanged"].is_null(),
        "no stream to notify an older client on"
    );
    for icon in info["icons"].as_array().unwrap() {
        let path = icon["src"].as_str().unwrap().strip_prefix("https://relay.example").unwrap();
        // The PNG is not valid UTF-8, so only its headers are read.
        let response = Browser::new(&fixture.relay).send(Method::HEAD, path, &[], String::new()).await;
        assert_eq!((response.status, response.header("content-type")), (200, icon["mimeType"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn channels_are_listed_under_their_names() {
    let fixture = TwoPlayerChannel::create().await;
    let listed = result(&fixture, "resources/list", json!({})).await;
    let channel = listed["resources"].as_array().unwrap().last().unwrap();
    assert_eq!(channel["name"], format!("Game ({})", fixture.channel_id));
    assert_eq!(channel["title"], "Game");
}
