//! Whether a relay would take a bot.

use mcp_multiplayer_protocol::Hash;
use serde_json::Value;

use super::{Desk, bot, bot_with, presets};

const ECHO: &str = "\
class EchoBot:
    def on_message(self, msg):
        self.ctx.post('bot', {'type': 'echo', 'text': msg['body']['text']})
";

#[test]
fn a_good_bot_is_fit() {
    let desk = Desk::new();
    let file = desk.write("echo.py", ECHO);
    let told = bot(&["check", &file]);
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{}", told.out);
    assert!(told.out.starts_with("EchoBot is fit to be attached\n  hooks      on_message\n"), "{}", told.out);

    let told = bot(&["check", &file, "--json"]);
    let found: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((told.code, &found["ok"], &found["class_name"]), (0, &true.into(), &"EchoBot".into()));
    assert_eq!(found["hooks"], serde_json::json!(["on_message"]));
    assert_eq!(found["findings"], serde_json::json!([]));
    let hash: Hash = found["code_hash"].as_str().unwrap().parse().unwrap();
    assert_eq!(hash, Hash::of(&[ECHO.as_bytes()]));
}

#[test]
fn the_presets_are_fit() {
    for path in presets() {
        let params = super::params_of(&path);
        let told = bot(&["check", path.to_str().unwrap(), "--params", params, "--json"]);
        let found: Value = serde_json::from_str(&told.out).unwrap();
        let problems: Vec<&Value> =
            found["findings"].as_array().unwrap().iter().filter(|found| found["level"] != "note").collect();
        assert_eq!(problems, Vec::<&Value>::new(), "{path:?}");
        assert_eq!(told.code, 0);
    }
}

#[test]
fn everything_that_the_policy_refuses_is_told_at_once() {
    let desk = Desk::new();
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
    let file = desk.write("sly.py", source);
    let told = bot(&["check", &file]);
    assert_eq!(told.code, 1);
    let first: Vec<&str> = told.out.lines().filter(|line| line.contains(": policy: ")).collect();
    let expected = [
        (1, "Import of 'os' is not allowed"),
        (2, "Import of 'subprocess' is not allowed"),
        (6, "Eval calls are not allowed"),
        (7, "\"__globals__\" is an invalid attribute name because it starts with \"__\""),
        (9, "async code is not allowed"),
    ];
    let expected: Vec<String> = expected.iter().map(|(line, text)| format!("{file}:{line}: policy: {text}")).collect();
    assert_eq!(first, expected, "{}", told.out);
    assert!(told.out.contains("a relay refuses this bot: 5 problems"), "{}", told.out);
    assert!(told.out.contains("    bots may import abc, base64, "), "{}", told.out);
}

#[test]
fn a_misspelt_hook_is_found() {
    let desk = Desk::new();
    let file = desk.write("typo.py", ECHO.replace("on_message", "on_mesage"));
    let told = bot(&["check", &file]);
    assert_eq!(told.code, 1);
    let message = format!(
        "{file}:2: misspelt-hook: on_mesage is not a hook, so nobody calls it\n    did you mean on_message(self, msg)?"
    );
    assert!(told.out.contains(&message), "{}", told.out);
    // Without any hook it is no bot, either.
    assert!(told.out.contains(": refused: the source has no bot class"), "{}", told.out);
}

#[test]
fn what_cannot_be_loaded_is_refused_with_its_line() {
    let desk = Desk::new();
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
        let file = desk.write("broken.py", source);
        let told = bot(&["check", &file]);
        assert_eq!(told.code, 1, "{}", told.out);
        let start = format!("{file}{place}");
        assert!(told.out.lines().any(|line| line.starts_with(&start) && line.contains(reason)), "{}", told.out);
    }
}

#[test]
fn an_on_init_that_fails_is_found_before_a_relay_finds_it() {
    let desk = Desk::new();
    let source = "\
class RangeBot:
    def __init__(self, ctx, params):
        self.low = params['low']

    def on_init(self):
        pass
";
    let file = desk.write("range.py", source);
    let told = bot(&["check", &file]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains(&format!("{file}:3: on-init-fails: KeyError: 'low'")), "{}", told.out);
    assert_eq!(bot(&["check", &file, "--params", r#"{"low": 1}"#]).code, 0);

    let key = desk.write("key.py", "class A:\n    def on_init(self):\n        self.ctx.env['API_KEY']\n");
    assert!(bot(&["check", &key]).out.contains("on-init-fails: KeyError: 'API_KEY'"));
    assert_eq!(bot_with(&["check", &key, "--env", "API_KEY"], "", &[("API_KEY", "sk-0123456789")]).code, 0);

    // What only a relay can tell is no problem.
    let source = "import requests\n\nclass A:\n    def on_init(self):\n        requests.get('https://example.com/')\n";
    let file = desk.write("net.py", source);
    let told = bot(&["check", &file]);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.contains(&format!("{file}:5: not-tried: on_init asks example.com:443")), "{}", told.out);
}

#[test]
fn what_cannot_be_checked_is_no_verdict() {
    let desk = Desk::new();
    let file = desk.write("echo.py", ECHO);
    let binary = desk.write("binary.py", b"\xff\xfe");
    for (arguments, words) in [
        (vec!["check", "/nowhere/bot.py"], "cannot read /nowhere/bot.py"),
        (vec!["check", &binary], "is not UTF-8 text"),
        (vec!["check", &file, "--params", "[1]"], "--params must be a JSON object"),
        (vec!["check"], "<FILE>"),
    ] {
        let told = bot(&arguments);
        assert_eq!((told.code, told.out.as_str()), (2, ""), "{arguments:?}");
        assert!(told.err.contains(words), "{}", told.err);
    }
}
