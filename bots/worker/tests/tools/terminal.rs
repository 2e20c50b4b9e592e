//! Text of others cannot control the terminal.

use serde_json::{Value, json};

use super::{CommandResult, SourceDirectory, bot, bot_with};

/// Starts a terminal command (ESC and its 8-bit form), and reorders text.
const HOSTILE: &str = "\u{1b}[31m\u{9b}32m\u{202e}txt";

/// Checks that the output contains the hostile text in its escaped form, and no character that could do harm.
fn assert_escaped(result: &CommandResult, escaped: &str) {
    let output = format!("{}{}", result.out, result.err);
    assert!(output.contains(escaped), "{output:?}");
    assert!(!output.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{output:?}");
}

/// The lines of the receipt of a game with one post of its bot.
fn receipt(sources: &SourceDirectory) -> Vec<Value> {
    let file = sources.write(
        "echo.py",
        "class EchoBot:\n    def on_message(self, msg):\n        self.ctx.post('bot', msg['body']['text'])\n",
    );
    let saved = sources.write("saved.jsonl", "");
    let result = bot_with(&["play", &file, "--seed", "1"], &format!("alice: hello\nsave {saved}\n"), &[]);
    assert_eq!(result.code, 0, "{}{}", result.out, result.err);
    let text = std::fs::read_to_string(saved).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rehash(entry: &mut Value) {
    let content: mcp_multiplayer_protocol::Content = serde_json::from_value(entry["content"].clone()).unwrap();
    entry["envelope"]["body_hash"] = json!(content.hash());
}

#[test]
fn forged_receipts_do_not_control_the_terminal() {
    let sources = SourceDirectory::new();
    let receipt = receipt(&sources);
    let replay = |lines: &[Value], more: &[&str]| {
        let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let file = sources.write("forged.jsonl", text);
        bot(&[&["replay", &file], more].concat())
    };
    assert_eq!(replay(&receipt, &[]).code, 0);

    // The body of the bot's post, with its hash.
    let mut forged = receipt.clone();
    let is_post = |line: &&mut Value| line["entry"]["envelope"]["kind"] == "bot";
    let post = &mut forged.iter_mut().rfind(is_post).unwrap()["entry"];
    post["content"]["body"]["text"] = json!(HOSTILE);
    rehash(post);
    let result = replay(&forged, &[]);
    assert_eq!(result.code, 1);
    // JSON escapes the first character itself.
    assert_escaped(&result, r"\u001b[31m\u{9b}32m\u{202e}txt");
    let result = replay(&forged, &["--json"]);
    assert_escaped(&result, r"\\u001b[31m\u009b32m\u202etxt");
    let found: Value = serde_json::from_str(&result.out).unwrap();
    let (_, bot) = found["bots"].as_object().unwrap().iter().next().unwrap();
    let line = bot["differences"][0]["log"][0].as_str().unwrap();
    assert!(line.contains("\u{9b}32m\u{202e}txt"), "{found}");

    // The id of a bot, a seat's label, the format.
    let mut forged = receipt.clone();
    forged.push(json!({ "bot": { "bot_id": HOSTILE, "source": "", "params": {} } }));
    let result = replay(&forged, &[]);
    assert_eq!(result.code, 2);
    assert_escaped(&result, "");
    let mut forged = receipt.clone();
    for line in forged.iter_mut().filter(|line| line["entry"].is_object()) {
        let entry = &mut line["entry"];
        let body = &mut entry["content"]["body"];
        if body["type"] == "channel:created" {
            body["slots"][1]["label"] = json!(HOSTILE);
        } else if body["label"].is_string() {
            body["label"] = json!(HOSTILE);
        }
        rehash(entry);
    }
    assert_escaped(&replay(&forged, &[]), "");
    let mut forged = receipt;
    forged[0]["header"]["format"] = json!(HOSTILE);
    let result = replay(&forged, &[]);
    assert_eq!(result.code, 2);
    assert_escaped(&result, "");
}
