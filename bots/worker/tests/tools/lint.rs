//! Findings of `check` in sources that a relay would accept.

use serde_json::Value;

use super::{SourceDirectory, bot};

/// The rules that a source breaks, with their lines.
fn broken(source: &str) -> Vec<(String, u64)> {
    let sources = SourceDirectory::new();
    let file = sources.write("bot.py", source);
    let result = bot(&["check", &file, "--json"]);
    let found: Value = serde_json::from_str(&result.out).unwrap_or_else(|_| panic!("{result:?}"));
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|f| (f["rule"].as_str().unwrap().to_owned(), f["line"].as_u64().unwrap_or(0))).collect()
}

/// A bot whose class has these methods; the first is in line 2.
fn class(methods: &str) -> String {
    let lines: Vec<String> = methods.lines().map(|line| format!("    {line}")).collect();
    format!("class A:\n{}\n", lines.join("\n"))
}

#[test]
fn likely_mistakes_are_found() {
    let cases = [
        ("def on_join(self): pass", "hook-arguments", 2),
        ("def on_private_message(self, msg): pass", "hook-arguments", 2),
        ("def on_leave(self, who, *, loud): pass", "hook-arguments", 2),
        ("def __init__(self, ctx): pass\ndef on_join(self, who): pass", "hook-arguments", 2),
        ("def on_join(self, who):\n    yield who", "hook-yields", 2),
        ("def on_join(self, who):\n    self.ctx.send('bot', 'hi')", "unknown-ctx", 3),
        ("def on_join(self, who):\n    self.ctx.post('bot', {'type': 'hi'})", "no-text", 3),
        ("def on_join(self, who):\n    self.ctx.dm(who, 'bot', {'type': 'hi'})", "no-text", 3),
        ("def on_join(self, who):\n    self.ctx.timer('t', 5)", "unhandled-timer", 3),
        ("def on_timer(self, name): pass", "unused-hook", 2),
        ("def on_message(self, msg):\n    text = msg['text']", "message-shape", 3),
        ("def on_private_message(self, slot_id, msg):\n    text = msg['body']['text']", "message-shape", 3),
        (
            "def on_join(self, who):\n    try:\n        self.ctx.post('bot', 'hi')\n    except:\n        pass",
            "catch-all",
            5,
        ),
        (
            "def on_join(self, who):\n    key = self.ctx.env['KEY']\n    self.ctx.post('bot', f'my key is {key}')",
            "leaks-secret",
            4,
        ),
        (
            "def on_join(self, who):\n    self.ctx.post('bot', {'text': 'x', 'key': self.ctx.env.get('KEY')})",
            "leaks-secret",
            3,
        ),
        ("def on_dm(self, who, msg): pass\ndef on_join(self, who): pass", "misspelt-hook", 2),
        ("def onMessage(self, msg): pass\ndef on_join(self, who): pass", "misspelt-hook", 2),
        // Beside the hook that it is nearly called like, and like no hook.
        ("def on_message(self, msg): pass\ndef on_mesage(self, msg): pass", "misspelt-hook", 3),
        ("def on_join(self, who): pass\ndef on_move(self, who): pass", "misspelt-hook", 3),
        ("def on_message(self, msg):\n    who = msg['player']", "message-shape", 3),
        ("def on_message(self, msg):\n    who = msg.get('player', 's1')", "message-shape", 3),
        ("def on_close(self, why): pass", "hook-arguments", 2),
    ];
    for (methods, rule, line) in cases {
        assert_eq!(broken(&class(methods)), [(rule.to_owned(), line)], "{methods}");
    }
}

#[test]
fn findings_name_the_right_hook_and_key() {
    let sources = SourceDirectory::new();
    let source = class(
        "def on_message(self, msg):\n    print(msg['player'], msg['time'], msg['colour'])\n\
         def on_mesage(self, msg): pass\ndef on_move(self, msg): pass",
    );
    let file = sources.write("bot.py", source);
    let result = bot(&["check", &file]);
    for words in [
        "bot.py:3: message-shape: msg has no 'player'\n    did you mean msg[\"sender\"]?",
        "bot.py:3: message-shape: msg has no 'time'\n    did you mean msg[\"ts\"]?",
        "bot.py:3: message-shape: msg has no 'colour'\n    what a player sends as data is in msg[\"body\"]; the keys of msg are id, channel_id, ",
        "bot.py:4: misspelt-hook: on_mesage is not a hook, so it is never called\n    the class has on_message as well: ",
        "bot.py:5: misspelt-hook: on_move is not a hook, so it is never called\n    the hooks are on_init, on_join, ",
    ] {
        assert!(result.out.contains(words), "{words}: {}", result.out);
    }
}

#[test]
fn state_outside_of_set_state_is_found() {
    let cases = [
        // Stored in the instance only.
        ("n = 0\ndef on_join(self, who):\n    self.n += 1", 4),
        ("def __init__(self, ctx, params):\n    self.seen = []\ndef on_join(self, who):\n    self.seen.append(who)", 5),
        ("def __init__(self, ctx, params):\n    self.of = {}\ndef on_join(self, who):\n    self.of[who] = 1", 5),
        // Partly saved.
        (
            "def __init__(self, ctx, params):\n    self.ctx, self.a, self.b = ctx, 0, 0\n\
             def on_join(self, who):\n    self.a += 1\n    self.b += 1\n    self.ctx.set_state({'a': self.a})",
            6,
        ),
        // Set in one hook, read in another.
        ("def on_init(self):\n    self.word = 'x'\ndef on_message(self, msg):\n    print(self.word)", 3),
    ];
    for (methods, line) in cases {
        assert_eq!(broken(&class(methods)), [("lost-state".to_owned(), line)], "{methods}");
    }
    let global = "SCORES = {}\n\nclass A:\n    def on_join(self, who):\n        SCORES[who] = 0\n";
    assert_eq!(broken(global), [("lost-state".to_owned(), 5)]);
    let global = "count = 0\n\nclass A:\n    def on_join(self, who):\n        global count\n        count += 1\n";
    assert_eq!(broken(global), [("lost-state".to_owned(), 6)]);
}

#[test]
fn draws_before_start_are_found() {
    let draw = "import secrets\n\nclass A:\n    def on_join(self, who):\n        x = secrets.randbelow(6)\n";
    assert_eq!(broken(draw), [("early-draw".to_owned(), 5)]);
    let before = "from random import choice\n\nclass A:\n    def on_join(self, who):\n        x = choice('ab')\n        self.ctx.start()\n";
    assert_eq!(broken(before), [("early-draw".to_owned(), 5), ("no-on-start".to_owned(), 6)]);
    let same =
        "import random\n\nclass A:\n    def on_ready(self):\n        self.ctx.start()\n        x = random.random()\n";
    assert_eq!(broken(same), [("no-on-start".to_owned(), 5), ("early-draw".to_owned(), 6)]);
    let fair = "import random\n\nclass A:\n    def on_ready(self):\n        self.ctx.start()\n    def on_start(self, givers, missing):\n        x = random.random()\n";
    assert_eq!(broken(fair), []);
    let early = format!("{fair}    def on_init(self):\n        self.ctx.commit(1)\n");
    assert_eq!(broken(&early), [("early-draw".to_owned(), 9)]);
}

#[test]
fn ordinary_bots_have_no_findings() {
    let cases = [
        // State that is saved, in all the ways that authors use.
        "def __init__(self, ctx, params):\n    self.ctx = ctx\n    self.state = ctx.get_state() or {'n': 0}\n\
         def on_join(self, who):\n    self.state['n'] += 1\n    self.save()\n\
         def save(self):\n    self.ctx.set_state(self.state)",
        "def on_join(self, who):\n    self.load()\n    self.n += 1\n    self.ctx.set_state({'n': self.n})\n\
         def load(self):\n    self.n = self.ctx.get_state().get('n', 0)",
        "def on_join(self, who):\n    state = self.ctx.get_state()\n    state[who] = 1\n    self.ctx.set_state(state)",
        "def on_join(self, who):\n    self.state = state = self.ctx.get_state()\n    self.count(who)\n    self.ctx.set_state(state)\n\
         def count(self, who):\n    self.state[who] = 1",
        "def __init__(self, ctx, params):\n    self.ctx, self.n = ctx, 1\n\
         def on_join(self, who):\n    self.n += 1\n    self.ctx.set_state(self.kept())\n\
         def kept(self):\n    return {'n': self.n}",
        // Attributes that are used within one hook only.
        "def __init__(self, ctx, params):\n    self.ctx = ctx\n    self.who = None\n\
         def on_join(self, who):\n    self.who = who\n    self.greet()\n\
         def on_leave(self, who):\n    self.who = who\n    self.greet()\n\
         def greet(self):\n    self.ctx.post('bot', self.who)",
        // Helpers whose names resemble hooks.
        "def on_message(self, msg):\n    self.on_move(msg)\ndef on_move(self, msg):\n    print(msg['body']['text'])",
        "def on_message(self, msg):\n    self.message(msg)\ndef message(self, msg):\n    pass",
        "def on_message(self, msg):\n    getattr(self, 'on_' + msg['body']['text'])()\ndef on_hit(self): pass",
        "def on_message(self, msg):\n    {'hit': self.on_hit}['hit']()\ndef on_hit(self): pass",
        "def on_join(self, who): pass\ndef on_close(self): pass",
        // All keys of a message, and names that stand for something else.
        "def on_message(self, msg):\n    print([msg[key] for key in ('id', 'player')], msg['id'], msg['channel_id'], msg['sender'],\n\
         \x20         msg['sender_label'], msg['kind'], msg['body'], msg['ts'], msg['to_slot'], msg.get('tenure'))",
        "def on_message(self, msg):\n    msg = msg['body']\n    print(msg['player'])",
        "def on_message(self, msg):\n    msg['player'] = msg['sender']\n    print(msg['player'])",
        "def on_message(self, msg):\n    print([msg['player'] for msg in [{'player': 1}]], (lambda msg: msg['a'])({'a': 1}))",
        // Defaults, and arguments that take anything.
        "def on_join(self, *arguments): pass\ndef on_leave(self, who, why=None): pass",
        // A secret that is used but not published.
        "def on_join(self, who):\n    key = self.ctx.env['KEY']\n    self.ctx.post('bot', ask(key))",
        "def on_join(self, who):\n    if 'KEY' not in self.ctx.env:\n        self.ctx.post('bot', 'I have no key')",
        // A failure that is expected.
        "def on_join(self, who):\n    try:\n        x = int('1')\n    except ValueError:\n        x = 0",
        "def on_join(self, who):\n    body = {'type': 'hi'}\n    self.ctx.post('bot', {**body, 'n': 1})\n    self.ctx.post('bot', body)",
    ];
    for methods in cases {
        assert_eq!(broken(&class(methods)), [], "{methods}");
    }
    let cache = "NAMES = {'a': 1}\n\nclass A:\n    def on_join(self, who):\n        NAMES_ = dict(NAMES)\n        NAMES_[who] = 2\n";
    assert_eq!(broken(cache), []);
    let inherited = "class Base:\n    def on_join(self, who):\n        pass\n\nclass A(Base):\n    def on_leave(self, who):\n        pass\n";
    assert_eq!(broken(inherited), []);
}
