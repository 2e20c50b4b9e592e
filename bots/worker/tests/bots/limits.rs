//! Limits and bad values: each is an error at the line that broke it.

use mcp_multiplayer_bot_supervisor::{FailureKind, Hook, Limits};
use serde_json::json;

use crate::harness::{Bots, ReportExt, bot_of_cases, call, init_bot, on_init, on_message};

#[tokio::test]
async fn values_that_are_not_json_are_refused_with_their_path() {
    let bots = Bots::new();
    let cases = [
        (
            "self.ctx.post('bot', {'score': [1, 2, 2**53]})",
            "ValueError: body.score[2]: 9007199254740992 is beyond ±(2^53-1); post it as a string",
        ),
        (
            "self.ctx.post('bot', {'n': -(10**100)})",
            "ValueError: body.n: an integer of 333 bits is beyond ±(2^53-1); post it as a string",
        ),
        ("self.ctx.post('bot', {'a b': float('nan')})", "ValueError: body['a b']: nan is not a number that JSON has"),
        ("self.ctx.post('bot', {'x': -float('inf')})", "ValueError: body.x: -inf is not a number that JSON has"),
        (
            "self.ctx.post('bot', {'x': {1}})",
            "TypeError: body.x: set is not JSON (use dict, list, str, int, float, bool, None)",
        ),
        (
            "self.ctx.post('bot', {'x': b'b'})",
            "TypeError: body.x: bytes is not JSON (use dict, list, str, int, float, bool, None)",
        ),
        ("self.ctx.post('bot', {'x': {1: 2}})", "TypeError: body.x: key 1 is int, and keys are strings"),
        ("self.ctx.post('bot', {'x': '\\ud800'})", "ValueError: body.x: the text has half of a surrogate pair"),
        ("self.ctx.post('bot', [1])", "TypeError: body must be a dict or a str, not list"),
        ("self.ctx.post('bot', None)", "TypeError: body must be a dict or a str, not NoneType"),
        ("self.ctx.post('', {})", "ValueError: kind '' must be 1 to 64 letters, digits or any of _ : . -"),
        ("self.ctx.post('a b', {})", "ValueError: kind 'a b' must be 1 to 64 letters, digits or any of _ : . -"),
        ("self.ctx.post(None, {})", "ValueError: kind None must be 1 to 64 letters, digits or any of _ : . -"),
        ("self.ctx.dm('s9', 'bot', {})", "ValueError: no player holds slot 's9'; players: s1 (alice), s2 (bob)"),
        (
            "self.ctx.dm('s1', 'bot', {'x': 2**60})",
            "ValueError: body.x: 1152921504606846976 is beyond ±(2^53-1); post it as a string",
        ),
        (
            "self.ctx.set_state({'deep': [{'x': 1e999}]})",
            "ValueError: state.deep[0].x: inf is not a number that JSON has",
        ),
        ("self.ctx.post('bot', {'x': 1e20})", "ValueError: body.x: 1e+20 is beyond ±(2^53-1); post it as a string"),
        ("self.ctx.post('trace', {})", "ValueError: kind 'trace' is reserved for the relay"),
        ("self.ctx.post('bot', 'x' * 40_000)", "ValueError: body is 40011 bytes; at most 32768"),
        ("self.ctx.set_state([])", "TypeError: state must be a dict, not list"),
        ("self.ctx.set_state({'x': 'a' * (1 << 20)})", "ValueError: state is 1048584 bytes; at most 1048576"),
    ];
    let (source, lines) = bot_of_cases(cases.map(|(statement, _)| statement));
    for (number, (statement, expected)) in cases.into_iter().enumerate() {
        let report = bots.run(&source, on_message(&number.to_string())).await;
        assert_eq!(report.failure(), (expected.to_owned(), Some(lines[number]), FailureKind::Error), "{statement}");
    }
}

#[tokio::test]
async fn extreme_valid_values_are_accepted() {
    let bots = Bots::new();
    let source = init_bot(
        "import enum
class Level(enum.IntEnum):
    ONE = 1
loop = []
for _ in range(30): loop = [loop]
out += [2**53 - 1, -(2**53 - 1), 0.1, 1e-300, -0.0, True, None, Level.ONE, '\\0\\u2028\"\\\\', (1, [2])]
self.ctx.post('bot', {'deep': loop, '': 0})
loop.append(loop)
try:
    self.ctx.post('bot', {'loop': loop})
except ValueError as error:
    out.append(str(error)[-26:])",
    );
    let expected = json!([
        9_007_199_254_740_991_i64,
        -9_007_199_254_740_991_i64,
        0.1,
        1e-300,
        -0.0,
        true,
        null,
        1,
        "\0\u{2028}\"\\",
        [1, [2]],
        "nested deeper than 32 levels",
    ]);
    let bodies = bots.run(&source, on_init()).await.bodies();
    let values = expected.as_array().unwrap();
    let out = bodies[1]["out"].as_array().unwrap();
    assert_eq!(out[..10], values[..10]);
    assert!(values[10].as_str().unwrap().ends_with(out[10].as_str().unwrap()), "{out:?}");
}

#[tokio::test]
async fn posts_are_limited_in_number_and_size() {
    let bots = Bots::new();
    let hundred = "class Bot:\n    def on_init(self):\n        for n in range(100): self.ctx.post('bot', {'n': n})\n";
    assert_eq!(bots.run(hundred, on_init()).await.effects().len(), 100);
    let more = hundred.replace("range(100)", "range(101)");
    let report = bots.run(&more, on_init()).await;
    let expected = "RuntimeError: a hook may post at most 100 messages";
    assert_eq!(report.failure(), (expected.to_owned(), Some(3), FailureKind::Error));

    let large = "class Bot:\n    def on_init(self):\n        for n in range(60): self.ctx.post('bot', 'ä' * 10_000)\n";
    let report = bots.run(large, on_init()).await;
    let expected = "RuntimeError: a hook may post at most 1048576 bytes";
    assert_eq!(report.failure(), (expected.to_owned(), Some(3), FailureKind::Error));
    assert_eq!(bots.run(&large.replace("range(60)", "range(50)"), on_init()).await.effects().len(), 50);
}

#[tokio::test]
async fn the_largest_allowed_output_of_a_hook_is_accepted() {
    let bots = Bots::new();
    // Every character of the state is escaped twice in the frame.
    let source = "
class Bot:
    def on_init(self):
        self.ctx.set_state({'x': chr(92) * 500_000})
        for _ in range(60): self.ctx.post('bot', {'x': chr(34) * 8_000})
        for _ in range(100_000): print(chr(1), end='')
";
    let report = bots.run(source, on_init()).await;
    assert_eq!(report.effects().len(), 60);
    assert!(report.state().unwrap().len() > 1_000_000);
    let log = report.log.join("\n");
    assert!(log.len() < 20_000 && log.ends_with("[the rest of the log is cut]"), "{}", log.len());
}

#[tokio::test]
async fn the_workspace_in_memory_is_limited() {
    let bots = Bots::with(|config| config.limits = Limits { workspace_bytes: 1 << 20, ..Limits::default() });
    if !bots.has_layer("workspace in memory").await {
        println!("NOT RUN: this platform has no workspaces in memory; those in directories are tested below");
        return;
    }
    let source = "
import io
class Bot:
    def on_init(self):
        for n in range(100):
            with io.open(f'{n}', 'wb') as file: file.write(b'x' * 100_000)
    def on_message(self, msg):
        for n in range(10_000):
            io.open(f'{n}', 'w').close()
    def on_leave(self, player):
        with io.open('fits', 'wb') as file: file.write(b'x' * 900_000)
        self.ctx.post('bot', 'it fits')
";
    for call in [on_init(), on_message("many")] {
        let report = bots.run(source, call).await;
        let (reason, _, kind) = report.failure();
        assert_eq!(kind, FailureKind::Error);
        assert!(reason.starts_with("OSError: [Errno 28] No space left on device"), "{reason}");
    }
    // Files of an earlier hook do not count towards the next one's limit.
    let report = bots.run(source, call(Hook::OnLeave, vec![json!("s1")])).await;
    assert_eq!(report.bodies(), [json!({"text": "it fits"})]);
}

#[tokio::test]
async fn the_workspace_in_a_directory_is_limited() {
    let bots = Bots::contained(|config| config.limits = Limits { workspace_bytes: 1 << 20, ..Limits::default() });
    let several = "
import io
class Bot:
    def on_init(self):
        for name in 'abc':
            with io.open(name, 'wb') as file: file.write(b'x' * 500_000)
";
    let report = bots.run(several, on_init()).await;
    assert_eq!(report.failure(), ("the bot's files grew over 1048576 bytes".to_owned(), None, FailureKind::Refused));
    let one = "
import io
class Bot:
    def on_init(self):
        with io.open('a', 'wb') as file: file.write(b'x' * 2_000_000)
";
    let report = bots.run(one, on_init()).await;
    let (reason, line, kind) = report.failure();
    assert!(reason.starts_with("OSError: [Errno 27]"), "{reason}");
    assert_eq!((line, kind), (Some(5), FailureKind::Error));
    let endless =
        several.replace("for name in 'abc'", "while True").replace("io.open(name,", "io.open(str(id(object())),");
    let endless = endless.replace("str(id(object()))", "self.name()")
        + "
    def name(self):
        self.n = getattr(self, 'n', 0) + 1
        return str(self.n % 50)
";
    let report = bots.run(&endless, on_init()).await;
    assert_eq!(report.failure().2, FailureKind::Refused, "{report:?}");
}
