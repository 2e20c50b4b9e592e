//! Boards: the operation `get_board`, and the tool `show_board` with its page for clients that declare MCP Apps.

use mcp_multiplayer_tests::{Failure, HttpClient, StdioClient, WsClient};
use serde_json::{Value, json};

use crate::fixture::{TwoPlayerChannel, read_until, with};

/// Posts a board for each word that it knows.
pub(crate) const BOARD_BOT: &str = "
def grid(row):
    return {'kind': 'grid', 'pieces': 'marks', 'columns': 'abc', 'rows': {'1': row, '2': '...', '3': '...'}, 'last': ['a1']}

class BoardBot:
    def on_message(self, msg):
        word = msg['body'].get('text')
        if word == 'offer':
            self.ctx.post('control', {'type': 'turn', 'turn': ['s2'], 'turn_id': 7, 'actions': ['b1', 'c1'],
                                      'deadline': '2030-01-01T00:00:00.000Z', 'clocks': {'s1': 1000, 's2': 2000},
                                      'board': grid('X..'), 'text': 'bob, your move.\\nX..'})
        elif word == 'hostile':
            table = {'kind': 'table', 'columns': ['<script>alert(1)</script>'], 'rows': [['\"/><image href=\"x\"/>']]}
            self.ctx.post('bot', {'board': table, 'text': 'a table'})
        elif word == 'broken':
            self.ctx.post('bot', {'board': {'kind': 'grid', 'pieces': 'bombs'}, 'text': 'no board'})
        elif word == 'sides':
            self.ctx.post('bot', {'turn': ['s2'], 'turn_id': 8, 'actions': ['a1'], 'other_actions': ['resign'],
                                  'board': dict(grid('X..'), turned_for=['s2']), 'text': 'bob, your move.'})
        elif word == 'secret':
            self.ctx.dm('s1', 'private', {'board': grid('SSS'), 'actions': ['b2'], 'text': 'only for alice'})
        elif word == 'end':
            self.ctx.post('bot', {'type': 'game_end', 'winner': 's1', 'board': grid('XXX'), 'text': 'alice wins.'})
        if word in ('offer', 'hostile', 'broken', 'sides', 'secret', 'end'):
            self.ctx.post('bot', {'text': word + ' done'})
";

/// A channel whose bot has answered these words of alice's.
async fn channel_after(words: &[&str]) -> TwoPlayerChannel {
    let mut fixture = TwoPlayerChannel::with_bot(BOARD_BOT).await;
    for word in words {
        say(&mut fixture, word).await;
    }
    fixture
}

async fn say(fixture: &mut TwoPlayerChannel, word: &str) {
    fixture.alice_posts(word).await;
    let done = format!("{word} done");
    read_until(&mut fixture.alice, &fixture.channel_id, word, |message| message["body"]["text"] == done).await;
}

async fn refused(client: &mut WsClient, args: Value) -> Value {
    match client.try_call("get_board", args).await {
        Err(Failure::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_last_board_is_shown_with_its_turn() {
    let mut fixture = channel_after(&["offer"]).await;
    let args = fixture.args(json!({}));
    let bob = fixture.bob.call("get_board", args.clone()).await;
    assert_eq!(bob["board"]["rows"]["1"], "X..", "{bob}");
    assert_eq!(bob["text"], "1 X . .\n2 . . .\n3 . . .\n  a b c\nlast: a1");
    for svg in ["svg", "svg_dark"] {
        assert!(bob[svg].as_str().unwrap().starts_with("<svg "), "{bob}");
    }
    assert_eq!((&bob["turn"], &bob["turn_id"], &bob["your_turn"]), (&json!(["s2"]), &json!(7), &json!(true)));
    assert_eq!((&bob["actions"], &bob["clocks"]["s2"]), (&json!(["b1", "c1"]), &json!(2000)));
    assert_eq!((&bob["deadline"], &bob["your_slot"]), (&json!("2030-01-01T00:00:00.000Z"), &json!("s2")));
    let last: Vec<&Value> = bob["last"].as_array().unwrap().iter().map(|post| &post["text"]).collect();
    assert_eq!(last, ["offer", "bob, your move.", "offer done"]);

    let alice = fixture.alice.call("get_board", args.clone()).await;
    assert_eq!((&alice["your_turn"], &alice["board_hash"]), (&json!(false), &bob["board_hash"]));

    // A drawing that the caller has is left out, until the board is another one.
    let known = with(args, json!({ "known_hash": bob["board_hash"] }));
    let again = fixture.bob.call("get_board", known.clone()).await;
    assert_eq!((&again["svg"], &again["svg_dark"], &again["text"]), (&Value::Null, &Value::Null, &bob["text"]));
    say(&mut fixture, "end").await;
    let ended = fixture.bob.call("get_board", known).await;
    assert!(ended["svg"].is_string() && ended["board"]["rows"]["1"] == "XXX", "{ended}");
    assert_eq!((&ended["turn"], &ended["actions"], &ended["your_turn"]), (&json!([]), &Value::Null, &json!(false)));
}

/// The side on which the image has the only X of a board of 3 by 3.
fn place_of_x(shown: &Value) -> &'static str {
    let svg = shown["svg"].as_str().unwrap();
    let path = svg.split("<path d=\"M").nth(1).unwrap();
    let left: u32 = path.split(' ').next().unwrap().parse().unwrap();
    if left < 106 { "left" } else { "right" }
}

#[tokio::test]
async fn a_seat_on_the_other_side_sees_the_board_turned() {
    let mut fixture = channel_after(&["sides"]).await;
    let args = fixture.args(json!({}));
    let bob = fixture.bob.call("get_board", args.clone()).await;
    let alice = fixture.alice.call("get_board", args).await;
    assert_eq!((place_of_x(&alice), place_of_x(&bob)), ("left", "right"));
    assert_eq!(
        (&alice["text"], &alice["board_hash"]),
        (&bob["text"], &bob["board_hash"]),
        "only the images are turned"
    );
    assert_eq!((&bob["actions"], &bob["other_actions"]), (&json!(["a1"]), &json!(["resign"])));
}

#[tokio::test]
async fn boards_are_shown_to_those_who_may_read_the_channel() {
    let mut fixture = channel_after(&[]).await;
    let args = fixture.args(json!({}));
    let none = refused(&mut fixture.bob, args.clone()).await;
    assert_eq!(none["code"], "INVALID_REQUEST", "{none}");
    assert!(
        none["message"].as_str().unwrap().contains("No bot")
            && none["hint"].as_str().unwrap().contains("sync_messages")
    );
    assert_eq!(refused(&mut fixture.stranger().await, args.clone()).await["code"], "NOT_MEMBER");

    // Whoever has left sees the last board of that time, and no later one.
    say(&mut fixture, "offer").await;
    fixture.bob.call("leave_channel", args.clone()).await;
    say(&mut fixture, "end").await;
    assert_eq!(fixture.bob.call("get_board", args.clone()).await["board"]["rows"]["1"], "X..");
    assert_eq!(fixture.alice.call("get_board", args).await["board"]["rows"]["1"], "XXX");
}

#[tokio::test]
async fn private_boards_and_moves_are_not_shown_to_others() {
    let mut fixture = channel_after(&["offer", "secret"]).await;
    let args = fixture.args(json!({}));
    let bob = fixture.bob.call("get_board", args.clone()).await;
    assert_eq!((&bob["board"]["rows"]["1"], &bob["actions"]), (&json!("X.."), &json!(["b1", "c1"])));
    assert!(!bob.to_string().contains("only for alice") && !bob.to_string().contains("SSS"), "{bob}");
    let alice = fixture.alice.call("get_board", args).await;
    assert_eq!((&alice["board"]["rows"]["1"], &alice["actions"]), (&json!("X.."), &json!(["b2"])));
}

#[tokio::test]
async fn markup_in_a_board_stays_text() {
    let mut fixture = channel_after(&["hostile"]).await;
    let args = fixture.args(json!({}));
    let shown = fixture.bob.call("get_board", args.clone()).await;
    for svg in ["svg", "svg_dark"] {
        let svg = shown[svg].as_str().unwrap();
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script") && !svg.contains("<image"), "{svg}");
    }
    say(&mut fixture, "broken").await;
    let refused = refused(&mut fixture.bob, args).await;
    assert!(refused["message"].as_str().unwrap().contains("`pieces` of a grid is"), "{refused}");
}

/// Sends a request of protocol 2026-07-28 to `/mcp`, as a client with these capabilities.
async fn modern(http: &mut HttpClient, method: &str, name: Option<&str>, params: Value, capabilities: &Value) -> Value {
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities });
    let params = with(params, json!({ "_meta": meta }));
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    headers.extend(name.map(|name| ("mcp-name", name)));
    let response = http.post("/mcp", &headers, body.to_string().into()).await.unwrap();
    let mut answer: Value = serde_json::from_slice(response.body()).unwrap();
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].take()
}

#[tokio::test]
async fn only_clients_that_can_show_pages_see_the_tool() {
    let fixture = channel_after(&["offer"]).await;
    let mut http = fixture.bob_http().await;
    let ui = json!({ "extensions": { "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] } } });
    let other = json!({ "extensions": { "io.modelcontextprotocol/events": {} } });
    let plain = modern(&mut http, "tools/list", None, json!({}), &json!({})).await;
    assert_eq!(modern(&mut http, "tools/list", None, json!({}), &other).await, plain);
    assert!(!plain.to_string().contains("show_board"));
    let mut with_pages = modern(&mut http, "tools/list", None, json!({}), &ui).await;
    let tool = with_pages["tools"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!(tool["name"], "show_board");
    assert_eq!(with_pages["tools"], plain["tools"], "the other tools are the same");

    let uri = tool["_meta"]["ui"]["resourceUri"].as_str().unwrap();
    let page = modern(&mut http, "resources/read", Some(uri), json!({ "uri": uri }), &ui).await;
    assert_eq!(page["contents"][0]["mimeType"], "text/html;profile=mcp-app");
    let listed = |resources: &Value| resources.to_string().contains(uri);
    assert!(listed(&modern(&mut http, "resources/list", None, json!({}), &ui).await));
    assert!(!listed(&modern(&mut http, "resources/list", None, json!({}), &json!({})).await));
    let discovered = modern(&mut http, "server/discover", None, json!({}), &json!({})).await;
    assert_eq!(discovered["capabilities"]["extensions"]["io.modelcontextprotocol/ui"], json!({}));
}

#[tokio::test]
async fn the_tool_shows_text_to_the_model_and_images_to_the_page() {
    let fixture = channel_after(&["offer"]).await;
    let mut http = fixture.bob_http().await;
    // Clients over HTTP do not repeat their capabilities in each request.
    let call = json!({ "name": "show_board", "arguments": fixture.args(json!({})) });
    let shown = modern(&mut http, "tools/call", Some("show_board"), call.clone(), &json!({})).await;
    let text: Value = serde_json::from_str(shown["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&text["your_turn"], &text["actions"]), (&json!(true), &json!(["b1", "c1"])));
    assert!(text["board"].as_str().unwrap().starts_with("1 X . .") && text["note"].is_string());
    assert!(shown["content"].to_string().len() < 600, "{shown}");
    assert_eq!(shown["structuredContent"]["channel_id"], fixture.channel_id.as_str());
    assert!(shown["_meta"]["mcp-multiplayer/drawing"]["svg"].as_str().unwrap().starts_with("<svg "));

    // The stdio server shows the same after verifying it, without its own addition to each result of the relay.
    let (mut stdio, _) = StdioClient::launch(&fixture.relay, &fixture.bob_token).await.unwrap();
    let verified = stdio.request("tools/call", call).await.unwrap();
    assert_eq!(verified["structuredContent"]["board"], shown["structuredContent"]["board"]);
    assert_eq!(verified["structuredContent"]["your_slot"], "s2");
    assert_eq!(verified["_meta"], shown["_meta"]);
    assert_eq!(verified["structuredContent"]["checkpoint"], Value::Null);
}
