//! `check`: results for valid and invalid bots.

use mcp_multiplayer_protocol::Hash;
use serde_json::Value;

use super::{SourceDirectory, bot, bot_with, presets};

const ECHO: &str = "\
class EchoBot:
    def on_message(self, msg):
        self.ctx.post('bot', {'type': 'echo', 'text': msg['body']['text']})
";

#[test]
fn a_valid_bot_passes() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let result = bot(&["check", &file]);
    assert_eq!((result.code, result.err.as_str()), (0, ""), "{}", result.out);
    assert!(result.out.starts_with("EchoBot can be attached\n  hooks      on_message\n"), "{}", result.out);

    let result = bot(&["check", &file, "--json"]);
    let found: Value = serde_json::from_str(&result.out).unwrap();
    assert_eq!((result.code, &found["ok"], &found["class_name"]), (0, &true.into(), &"EchoBot".into()));
    assert_eq!(found["hooks"], serde_json::json!(["on_message"]));
    assert_eq!(found["findings"], serde_json::json!([]));
    let hash: Hash = found["code_hash"].as_str().unwrap().parse().unwrap();
    assert_eq!(hash, Hash::of(&[ECHO.as_bytes()]));
}

#[test]
fn the_presets_pass() {
    for path in presets() {
        let params = super::params_of(&path);
        let result = bot(&["check", path.to_str().unwrap(), "--params", params, "--json"]);
        let found: Value = serde_json::from_str(&result.out).unwrap();
        let problems: Vec<&Value> =
            found["findings"].as_array().unwrap().iter().filter(|found| found["level"] != "note").collect();
        assert_eq!(problems, Vec::<&Value>::new(), "{path:?}");
        assert_eq!(result.code, 0);
    }
}

#[test]
fn all_policy_violations_are_reported_at_once() {
    let sources = SourceDirectory::new();
    let source = "\
import os
import json, subprocess

class SlyBot:
    def on_init(self):
        eval('1')
        self.ctx.post.__globals__

    async def later(self):
        pass
";
    let file = sources.write("sly.py", source);
    let result = bot(&["check", &file]);
    assert_eq!(result.code, 1);
    let first: Vec<&str> = result.out.lines().filter(|line| line.contains(": policy: ")).collect();
    let expected = [
        (1, "Import of 'os' is not allowed"),
        (2, "Import of 'subprocess' is not allowed"),
        (6, "Eval calls are not allowed"),
        (7, "\"__globals__\" is an invalid attribute name because it starts with \"__\""),
        (9, "async code is not allowed"),
    ];
    let expected: Vec<String> = expected.iter().map(|(line, text)| format!("{file}:{line}: policy: {text}")).collect();
    assert_eq!(first, expected, "{}", result.out);
    assert!(result.out.contains("A relay would reject this bot: 5 problems"), "{}", result.out);
    assert!(result.out.contains("    bots may import abc, base64, "), "{}", result.out);
}

#[test]
fn a_misspelt_hook_is_found() {
    let sources = SourceDirectory::new();
    let file = sources.write("typo.py", ECHO.replace("on_message", "on_mesage"));
    let result = bot(&["check", &file]);
    assert_eq!(result.code, 1);
    let message = format!(
        "{file}:2: misspelt-hook: on_mesage is not a hook, so it is never called\n    did you mean on_message(self, msg)?"
    );
    assert!(result.out.contains(&message), "{}", result.out);
    // Without any hook, the class is not a bot either.
    assert!(result.out.contains(": refused: the source has no bot class"), "{}", result.out);
}

#[test]
fn load_failures_are_reported_with_their_line() {
    let sources = SourceDirectory::new();
    let long = format!("{ECHO}# {}", "x".repeat(256 << 10));
    let cases: [(&str, &str, &str); 6] = [
        ("class A:\n    def on_init(self)\n        pass\n", ":2: syntax: ", "SyntaxError: expected ':'"),
        ("x = 1\n", ": refused: ", "the source has no bot class"),
        ("", ": refused: ", "the source has no bot class"),
        ("class A:\n    def on_init(self): pass\n\nrate = 1 / 0\n", ":4: refused: ", "ZeroDivisionError"),
        ("while True: pass\n", ": refused: ", "took longer than 5s"),
        (&long, ": refused: ", "at most 262144"),
    ];
    for (source, place, reason) in cases {
        let file = sources.write("broken.py", source);
        let result = bot(&["check", &file]);
        assert_eq!(result.code, 1, "{}", result.out);
        let start = format!("{file}{place}");
        assert!(result.out.lines().any(|line| line.starts_with(&start) && line.contains(reason)), "{}", result.out);
    }
}

#[test]
fn a_failing_on_init_is_reported() {
    let sources = SourceDirectory::new();
    let source = "\
class RangeBot:
    def __init__(self, ctx, params):
        self.low = params['low']

    def on_init(self):
        pass
";
    let file = sources.write("range.py", source);
    let result = bot(&["check", &file]);
    assert_eq!(result.code, 1);
    assert!(result.out.contains(&format!("{file}:3: on-init-fails: KeyError: 'low'")), "{}", result.out);
    assert_eq!(bot(&["check", &file, "--params", r#"{"low": 1}"#]).code, 0);

    let key = sources.write("key.py", "class A:\n    def on_init(self):\n        self.ctx.env['API_KEY']\n");
    assert!(bot(&["check", &key]).out.contains("on-init-fails: KeyError: 'API_KEY'"));
    assert_eq!(bot_with(&["check", &key, "--env", "API_KEY"], "", &[("API_KEY", "sk-0123456789")]).code, 0);

    // A connection that only a relay can make is reported as a note, not as a problem.
    let source = "import requests\n\nclass A:\n    def on_init(self):\n        requests.get('https://example.com/')\n";
    let file = sources.write("net.py", source);
    let result = bot(&["check", &file]);
    assert_eq!(result.code, 0, "{}", result.out);
    assert!(
        result.out.contains(&format!("{file}:5: not-tried: on_init connects to example.com:443")),
        "{}",
        result.out
    );
}

#[test]
fn unusable_arguments_exit_with_2() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let binary = sources.write("binary.py", b"\xff\xfe");
    for (arguments, words) in [
        (vec!["check", "/nowhere/bot.py"], "cannot read /nowhere/bot.py"),
        (vec!["check", &binary], "is not UTF-8 text"),
        (vec!["check", &file, "--params", "[1]"], "--params must be a JSON object"),
        (vec!["check"], "<FILE>"),
    ] {
        let result = bot(&arguments);
        assert_eq!((result.code, result.out.as_str()), (2, ""), "{arguments:?}");
        assert!(result.err.contains(words), "{}", result.err);
    }
}
