//! A stdio server that works with several relays: its own, and those that invite links name.

use mcp_multiplayer_tests::{RelayProcess, StdioClient, WsClient};
use serde_json::{Value, json};

use crate::login::Person;

async fn call(client: &mut StdioClient, name: &str, arguments: Value) -> Value {
    serde_json::from_str(&client.call_tool(name, arguments).await.unwrap()).unwrap()
}

/// Launches bob's client, whose own relay is `own`.
async fn launch(bob: &Person, own: &RelayProcess) -> StdioClient {
    let (relay, token) = (format!("http://{}", own.address()), own.local_token().unwrap());
    let variables = [("MCP_MULTIPLAYER_TOKEN", token.as_str())];
    StdioClient::launch_with(&bob.data_dir(), &["--relay", &relay], &variables).await.unwrap().0
}

#[tokio::test]
async fn an_invite_link_leads_to_its_relay_and_the_channel_stays_there() {
    let (own, other) = (RelayProcess::start().await.unwrap(), RelayProcess::start().await.unwrap());
    let mut alice = WsClient::connect(other.address(), &other.local_token().unwrap()).await.unwrap();
    let arguments = json!({ "name": "There", "slots": ["invite:alice", "invite:bob"], "join_as": "alice" });
    let created = alice.call("create_channel", arguments).await;
    let link = created["invite_links"][0].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("http://{}/join#inv_", other.address())), "{link}");
    let channel_id = created["channel_id"].as_str().unwrap();

    let bob = Person::new();
    let mut client = launch(&bob, &own).await;
    let here = call(&mut client, "create_channel", json!({ "name": "Here", "slots": ["invite:bob"] })).await;
    // The other relay does not get the token of bob's own one.
    let error = client.call_tool("join_channel", json!({ "invite_code": link })).await.unwrap_err().to_string();
    assert!(error.contains("UNAUTHENTICATED") && error.contains(other.address()), "{error}");
    let denied = std::fs::read_to_string(other.data_dir().join("stderr")).unwrap_or_default();
    assert!(!denied.contains("token_refused"), "{denied}");

    bob.log_in(other.address()).await;
    let joined = call(&mut client, "join_channel", json!({ "invite_code": link })).await;
    assert_eq!(joined["channel_id"], channel_id);
    let rejoin = joined["rejoin_token"].as_str().unwrap().to_owned();
    assert!(rejoin.starts_with(&format!("http://{}/join#rejoin_", other.address())), "{rejoin}");
    call(&mut client, "post_message", json!({ "channel_id": channel_id, "body": "from bob" })).await;

    // A later process knows where the channel is.
    drop(client);
    let mut client = launch(&bob, &own).await;
    let post = json!({ "channel_id": channel_id, "body": "from bob again" });
    call(&mut client, "post_message", post).await;
    let channels = call(&mut client, "list_channels", json!({})).await;
    let listed: Vec<_> = channels["channels"].as_array().unwrap().iter().collect();
    let place =
        |id: &Value| listed.iter().find(|channel| channel["channel_id"] == *id).map(|channel| &channel["relay"]);
    assert_eq!(place(&here["channel_id"]), Some(&Value::Null), "{channels}");
    let there = place(&created["channel_id"]).and_then(|relay| relay.as_str()).unwrap();
    assert!(there.contains(other.address()), "{channels}");
    let back = call(&mut client, "join_channel", json!({ "invite_code": rejoin })).await;
    assert_eq!(back["slot_id"], joined["slot_id"]);
    let read = alice.call("sync_messages", json!({ "channel_id": channel_id, "cursor": 0, "timeout_ms": 0 })).await;
    assert!(read.to_string().contains("from bob again"), "{read}");
}

#[tokio::test]
async fn a_link_to_the_own_relay_needs_no_login() {
    let own = RelayProcess::start().await.unwrap();
    let mut client = launch(&Person::new(), &own).await;
    let created = call(&mut client, "create_channel", json!({ "name": "Here", "slots": ["invite:bob"] })).await;
    let joined = call(&mut client, "join_channel", json!({ "invite_code": created["invite_links"][0] })).await;
    assert_eq!(joined["channel_id"], created["channel_id"]);
    assert!(joined["rejoin_token"].as_str().unwrap().starts_with("rejoin_"));
    let error = client.call_tool("join_channel", json!({ "invite_code": "ftp://x/join#inv_0" })).await.unwrap_err();
    assert!(error.to_string().contains("INVITE_INVALID"), "{error}");
}
