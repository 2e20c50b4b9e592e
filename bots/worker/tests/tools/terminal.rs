//! Text of others cannot control the terminal.

use serde_json::{Value, json};

use super::{CommandResult, SourceDirectory, bot, bot_with};

/// Starts a terminal command (ESC and its 8-bit form), and reorders text.
const HOSTILE: &str = "\u{1b}[31m\u{9b}32m\u{202e}txt";

const ESCAPED: &str = r"\u{1b}[31m\u{9b}32m\u{202e}txt";

/// Checks that the output contains the hostile text in its escaped form, and no character that could do harm.
fn assert_escaped(result: &CommandResult, escaped: &str) {
    let output = format!("{}{}", result.out, result.err);
    assert!(output.contains(escaped), "{output:?}");
    assert!(!output.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{output:?}");
}

/// An exported channel with one post of its bot.
fn exported(sources: &SourceDirectory) -> Value {
    let file = sources.write(
        "echo.py",
        "class EchoBot:\n    def on_message(self, msg):\n        self.ctx.post('bot', msg['body']['text'])\n",
    );
    let saved = sources.write("saved.json", "");
    let result = bot_with(&["play", &file, "--seed", "1"], &format!("alice: hello\nsave {saved}\n"), &[]);
    assert_eq!(result.code, 0, "{}{}", result.out, result.err);
    serde_json::from_str(&std::fs::read_to_string(saved).unwrap()).unwrap()
}

#[test]
fn forged_exports_do_not_control_the_terminal() {
    let sources = SourceDirectory::new();
    let export = exported(&sources);
    let replay = |export: &Value, more: &[&str]| {
        let file = sources.write("forged.json", export.to_string());
        bot(&[&["replay", &file], more].concat())
    };
    assert_eq!(replay(&export, &[]).code, 0);

    // The body of the bot's post, with its hash.
    let mut forged = export.clone();
    let entries = forged["entries"].as_array_mut().unwrap();
    let post = entries.iter_mut().rfind(|entry| entry["envelope"]["kind"] == "bot").unwrap();
    post["content"]["body"]["text"] = json!(HOSTILE);
    let content: mcp_multiplayer_protocol::Content = serde_json::from_value(post["content"].clone()).unwrap();
    post["envelope"]["body_hash"] = json!(content.hash());
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
    let mut forged = export.clone();
    forged["bots"][HOSTILE] = json!({ "name": "x", "source": "", "params": {} });
    let result = replay(&forged, &[]);
    assert_eq!(result.code, 2);
    assert_escaped(&result, "");
    let mut forged = export.clone();
    for entry in forged["entries"].as_array_mut().unwrap() {
        let body = &mut entry["content"]["body"];
        if body["type"] == "channel:created" {
            body["slots"][1]["label"] = json!(HOSTILE);
        } else if body["label"].is_string() {
            body["label"] = json!(HOSTILE);
        }
        let content: mcp_multiplayer_protocol::Content = serde_json::from_value(entry["content"].clone()).unwrap();
        entry["envelope"]["body_hash"] = json!(content.hash());
    }
    assert_escaped(&replay(&forged, &[]), "");
    let mut forged = export;
    forged["format"] = json!(HOSTILE);
    let result = replay(&forged, &[]);
    assert_eq!(result.code, 2);
    assert_escaped(&result, ESCAPED);
}

#[test]
fn bots_do_not_control_the_terminal() {
    let sources = SourceDirectory::new();
    let source = format!(
        "class LoudBot:\n    def on_init(self):\n        print('printed', {HOSTILE:?}.format())\n\
         \x20       self.ctx.set_state({{'key': '{HOSTILE}'}})\n        self.ctx.post('bot', '{HOSTILE}')\n\
         \x20   def on_message(self, msg):\n        raise ValueError('{HOSTILE}')\n"
    );
    let source = source.replace("{1b}", "001b").replace("{9b}", "009b").replace("{202e}", "202e");
    let file = sources.write("loud.py", &source);
    let result = bot_with(&["play", &file, "--seed", "1"], "alice: hi\nstate\nlog\ncode\n", &[]);
    for words in ["printed   printed ", "posted    [bot] ", "FAILED    ValueError: "] {
        assert_escaped(&result, &format!("{words}{ESCAPED}"));
    }

    let file = sources.write("failing.py", source.replace("on_message(self, msg)", "__init__(self, ctx, params)"));
    let result = bot(&["check", &file]);
    assert_eq!(result.code, 1);
    assert_escaped(&result, &format!("on-init-fails: ValueError: {ESCAPED}"));
    let result = bot(&["check", &file, "--json"]);
    assert_escaped(&result, r"ValueError: \u001b[31m\u009b32m\u202etxt");
}
