//! `play`: games with bots and simulated players.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::{CommandResult, SourceDirectory, bot, bot_with, presets};

/// The number that GuessBot drew, as the state shows it.
fn target(result: &CommandResult) -> u32 {
    let line = result.out.lines().find_map(|line| line.split_once("target: null → ")).unwrap();
    line.1.trim().parse().unwrap()
}

fn guess_game(seed: &str, script: &str) -> CommandResult {
    bot_with(&["play", "--preset", "GuessBot", "--seed", seed], script, &[])
}

#[test]
fn a_game_is_played_from_a_script() {
    let sources = SourceDirectory::new();
    let number = target(&guess_game("7", ""));
    let script = sources.write(
        "game.txt",
        format!("# bob is too early\nbob: guess 1\nalice: guess 101\nalice: 101 + {{\"guess\": {number}}}\nlog\n"),
    );
    let result = bot(&["play", "--preset", "GuessBot", "--seed", "7", "--script", &script]);
    assert_eq!((result.code, result.err.as_str()), (0, ""), "{}", result.out);
    for words in [
        "GuessBot from builtin://GuessBot",
        "  sandbox ",
        "on_join(\"s2\") for bob",
        "from now on, draws use randomness from alice, bob",
        ", with the players' entropy",
        "> bob: guess 1\n12:00:03  on_message(msg) from bob\n  posted    [control] bob: it is alice's turn.",
        "alice: a guess is one whole number from 1 to 100.",
        &format!("alice guessed {number}. That's it!"),
        &format!("The number was {number}, the salt is |"),
        "  reveal    the seed was ",
        &format!("            target: {number} → null"),
        "[trace]  {\"bot_id\":\"bot_GuessBot_0\"",
    ] {
        assert!(result.out.contains(words), "{words}: {}", result.out);
    }
}

#[test]
fn the_same_seed_gives_the_same_game() {
    let script = "alice: guess 50\nbob> !status\nbob: concede\nstate\nlog\n";
    let first = guess_game("7", script);
    assert_eq!(first, guess_game("7", script));
    assert_eq!(first.code, 0, "{}", first.out);
    let other = guess_game("8", script);
    let commitment = |game: &CommandResult| {
        game.out.lines().find(|line| line.contains("commitment_hash\":\"")).map(str::to_owned).expect("a commitment")
    };
    assert_ne!(commitment(&first), commitment(&other));
    let targets: std::collections::BTreeSet<u32> = ["1", "2", "3"].map(|seed| target(&guess_game(seed, ""))).into();
    assert!(targets.len() > 1, "{targets:?}");
}

#[test]
fn a_failed_hook_is_shown_with_its_line_and_has_no_effect() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "half.py",
        "class HalfBot:\n    def on_message(self, msg):\n        self.ctx.set_state({'n': 1})\n\
         \x20       print('trying')\n        self.ctx.post('bot', 'never seen')\n        return 1 / 0\n",
    );
    let result = bot_with(&["play", &file, "--players", "alice"], "hello\nstate\n", &[]);
    assert_eq!(result.code, 1);
    let shown = format!(
        "12:00:02  on_message(msg) from alice\n  printed   trying\n  FAILED    ZeroDivisionError: division by zero\n\
         \x20           {file}:6: return 1 / 0\n            all effects of this hook are discarded; the state is unchanged\n"
    );
    assert!(result.out.contains(&shown), "{}", result.out);
    assert!(result.out.contains("  state     {}\n"), "{}", result.out);
    assert!(!result.out.contains("never seen"), "{}", result.out);
}

#[test]
fn timers_fire_when_time_passes() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "clock.py",
        "class ClockBot:\n    def on_message(self, msg):\n        for seconds in (90, 30, 3600):\n\
         \x20           self.ctx.timer(f't{seconds}', seconds)\n        self.ctx.timer('t3600', None)\n\
         \x20   def on_timer(self, name):\n        self.ctx.post('bot', f'{name} at {self.ctx.now:.0f}')\n",
    );
    let result =
        bot_with(&["play", &file, "--players", "alice"], "timer\nset\ntimer\nwait 600\nset\nwait 29\nx\ntimer\n", &[]);
    assert_eq!(result.code, 1, "the first line finds no timer");
    let timers = result.out.lines().filter(|line| line.contains("on_timer(")).collect::<Vec<_>>();
    assert_eq!(
        timers,
        [
            "12:00:32  on_timer(\"t30\")",
            "12:01:32  on_timer(\"t90\")",
            // Each post takes a second.
            "12:11:03  on_timer(\"t30\")",
            "12:11:33  on_timer(\"t30\")",
        ],
        "{}",
        result.out
    );
    assert!(result.out.contains("the bot has no pending timer"), "{}", result.out);
    assert!(result.out.contains("  timer     t90: fires at 12:01:32, in 90 s\n"), "{}", result.out);
    assert!(result.out.contains("  timer     t3600: cancelled\n"), "{}", result.out);
}

/// A bot that repeats public messages to everybody, and private ones to their sender.
const ECHO: &str = "\
class EchoBot:
    def on_message(self, msg):
        self.ctx.post('bot', {'text': 'Echo: ' + msg['body']['text'], 'n': 7})

    def on_private_message(self, slot_id, msg):
        self.ctx.dm(slot_id, 'private', 'Psst: ' + msg['text'])
";

#[test]
fn misspelt_players_are_reported_and_other_texts_are_posted() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let result = bot_with(&["play", &file], "alcie: guess 5\ncarol> secret\n", &[]);
    assert_eq!(result.code, 1);
    for words in
        ["line 1: no player is called alcie; did you mean alice?", "line 2: no player is called carol; the seats are"]
    {
        assert!(result.out.contains(words), "{}", result.out);
    }
    assert!(!result.out.contains("Echo: "), "{}", result.out);

    let result = bot_with(&["play", &file], "bob: hi\nnote: 3 > 2\nalice: alcie: guess 5\n", &[]);
    assert_eq!(result.code, 0, "{}", result.out);
    for words in ["no player is called note, so bob posts the whole line", "Echo: note: 3 > 2", "Echo: alcie: guess 5"]
    {
        assert!(result.out.contains(words), "{words}: {}", result.out);
    }
}

#[test]
fn unmet_expectations_fail_with_their_line() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let met = "alice: hi\nexpect Echo: hi\nexpect \"n\":7\nbob> sh\nexpect bob> Psst: sh\nexpect s2> Psst\n";
    let result = bot_with(&["play", &file], met, &[]);
    assert_eq!(result.code, 0, "{}", result.out);
    let unmet = "alice: hi\nexpect Ho\nexpect alice> Echo\nbob> sh\nexpect Psst\nexpect alice> Psst\nexpect Echo: hi\n";
    let result = bot_with(&["play", &file], unmet, &[]);
    assert_eq!(result.code, 1);
    let reported: Vec<&str> = result.out.lines().filter_map(|line| line.strip_prefix("  ?         ")).collect();
    assert_eq!(
        reported,
        [
            "line 2: no post contains: Ho",
            "line 3: no private message to alice contains: Echo",
            "line 5: no post contains: Psst",
            "line 6: no private message to alice contains: Psst",
            "line 7: no post contains: Echo: hi",
        ]
    );
}

#[test]
fn the_times_of_hooks_are_shown_on_request() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let took = |result: &CommandResult| result.out.lines().filter(|line| line.starts_with("  took      ")).count();
    let result = bot_with(&["play", &file, "--times"], "hi\n", &[]);
    assert_eq!(took(&result), 1, "{}", result.out);
    assert!(result.out.ends_with(" ms\n"), "{}", result.out);
    assert_eq!(took(&bot_with(&["play", &file], "hi\n", &[])), 0);
}

#[test]
fn a_reload_repeats_the_game_with_the_new_source() {
    let sources = SourceDirectory::new();
    let file = sources.write("echo.py", ECHO);
    let mut play = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"))
        .args(["play", &file, "--later", "carol"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = play.stdin.take().unwrap();
    let mut lines = BufReader::new(play.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut read_until = |words: &str| -> String {
        let mut read = String::new();
        for line in lines.by_ref() {
            read.extend([line.as_str(), "\n"]);
            if line.contains(words) {
                return read;
            }
        }
        panic!("{words}: {read}");
    };
    input.write_all(b"bob: one\njoin carol\ncarol: two\nexpect Echo: two\nsave /dev/null\n").unwrap();
    read_until("saved");

    sources.write("echo.py", "class EchoBot(:\n");
    input.write_all(b"reload\nbob: three\n").unwrap();
    let rejected = read_until("Echo: three");
    assert!(rejected.contains("echo.py:1: "), "{rejected}");
    assert!(rejected.contains("The game goes on with the source as it was."), "{rejected}");

    sources.write("echo.py", ECHO.replace("'Echo: '", "'Reply: '"));
    input.write_all(b"reload\nalice: four\nsave /dev/null\n").unwrap();
    let repeated = read_until("saved");
    let shown: Vec<&str> = repeated
        .lines()
        .filter(|line| line.starts_with("> ") || line.contains(" posted ") || line.contains('?'))
        .collect();
    assert_eq!(
        shown,
        [
            "> reload",
            "> bob: one",
            "  posted    [bot] Reply: one",
            "> join carol",
            "> carol: two",
            "  posted    [bot] Reply: two",
            "> expect Echo: two",
            "  ?         line 8: no post contains: Echo: two",
            "> bob: three",
            "  posted    [bot] Reply: three",
            "> alice: four",
            "  posted    [bot] Reply: four",
            "> save /dev/null",
        ]
    );
    drop(input);
    assert_eq!(play.wait().unwrap().code(), Some(1));
}

#[test]
fn private_messages_data_joins_and_leaves_work() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "room.py",
        "class RoomBot:\n    def on_private_message(self, slot_id, msg):\n\
         \x20       self.ctx.dm(slot_id, 'private', {'text': msg['text'].upper(), 'n': 1})\n\
         \x20   def on_leave(self, player_id):\n        self.ctx.post('bot', f'bye {player_id}')\n",
    );
    let script = "bob> secret\nalice: hello\nalice: hi + {\"a\": 1}\nleave bob\nbob: hi\njoin bob\njoin bob\n\
                  join carol\ncarol: hi\njoin dave\nstate\nlog\n";
    let result = bot_with(&["play", &file, "--later", "carol"], script, &[]);
    assert_eq!(result.code, 1);
    for words in [
        "posted    [private] to bob only: SECRET\n            {\"n\":1}\n",
        "the bot has no on_message, so nothing happens",
        "[user]  {\"a\":1,\"text\":\"hi\"}",
        "posted    [bot] bye s2",
        "  ?         line 5: bob: You hold no seat in this channel.",
        "  ?         line 7: bob is already seated",
        "carol takes s3",
        "dave has no seat in this channel: the seats of a channel are fixed when it is created; restart with --later dave",
        "  seated    alice (s1), bob (s2), carol (s3)\n",
    ] {
        assert!(result.out.contains(words), "{words}: {}", result.out);
    }
}

#[test]
fn secrets_reach_the_bot_but_not_the_channel() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "key.py",
        "class KeyBot:\n    def on_join(self, player_id):\n        self.ctx.post('bot', str(len(self.ctx.env['API_KEY'])))\n\
         \x20   def on_message(self, msg):\n        print(self.ctx.env)\n        self.ctx.post('bot', self.ctx.env['API_KEY'])\n",
    );
    let secret = "sk-0123456789";
    let result =
        bot_with(&["play", &file, "--env", "API_KEY", "--players", "alice"], "tell\nlog\n", &[("API_KEY", secret)]);
    assert_eq!(result.code, 1);
    assert!(result.out.contains("posted    [bot] 13"), "{}", result.out);
    assert!(result.out.contains("FAILED    a message contains one of the bot's secrets"), "{}", result.out);
    assert!(!result.out.contains(secret), "{}", result.out);
}

#[test]
fn a_missing_network_is_reported() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "net.py",
        "import requests\n\nclass NetBot:\n    def on_message(self, msg):\n        requests.get('https://example.com/')\n",
    );
    let result = bot_with(&["play", &file], "go\n", &[]);
    assert_eq!(result.code, 1);
    assert!(result.out.contains("  network   none"), "{}", result.out);
    assert!(result.out.contains("FAILED    "), "{}", result.out);
}

#[test]
fn a_bot_that_cannot_start_ends_the_game() {
    let sources = SourceDirectory::new();
    let failing = sources.write("a.py", "class A:\n    def on_init(self):\n        self.ctx.params['x']\n");
    let result = bot(&["play", &failing]);
    assert_eq!(result.code, 1);
    assert!(result.out.contains("FAILED    KeyError: 'x'"), "{}", result.out);
    assert!(result.out.contains("a relay would detach the bot"), "{}", result.out);
    assert_eq!(bot(&["play", &failing, "--params", r#"{"x": 1}"#]).code, 0);

    let refused = sources.write("b.py", "import os\nclass A:\n    def on_init(self): pass\n");
    let result = bot(&["play", &refused]);
    assert_eq!((result.code, result.out.as_str()), (2, ""));
    assert!(result.err.contains("b.py:1: Import of 'os' is not allowed"), "{}", result.err);
    for (arguments, words) in [
        (vec!["play", "--preset", "NoBot"], "there is no preset NoBot; the presets are GuessBot, "),
        (vec!["play", "/nowhere/bot.py"], "cannot read /nowhere/bot.py"),
        (vec!["play", &failing, "--players", "alice,alice"], "two players are called alice"),
        (
            vec!["play", &failing, "--env", "NO_SUCH_VARIABLE_X"],
            "the environment variable NO_SUCH_VARIABLE_X is not set",
        ),
    ] {
        let result = bot(&arguments);
        assert_eq!(result.code, 2, "{result:?}");
        assert!(result.err.contains(words), "{}", result.err);
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let sources = SourceDirectory::new();
    let file = sources.write(
        "paint.py",
        "class PaintBot:\n    def on_message(self, msg):\n        print('\\x1b[2J')\n        self.ctx.post('bot', '\\x1b[31mred\\r\\x08')\n",
    );
    let result = bot_with(&["play", &file], "go\u{1b}[1m\n", &[]);
    assert_eq!(result.code, 0, "{}", result.out);
    assert!(result.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", result.out);
}

#[test]
fn every_preset_can_be_played() {
    for path in presets() {
        let source = std::fs::read_to_string(&path).unwrap();
        let name =
            source.lines().filter_map(|line| line.strip_prefix("class ")?.strip_suffix(':')).next_back().unwrap();
        let name = name.split('(').next().unwrap();
        let result = bot(&["play", "--preset", name, "--params", super::params_of(&path)]);
        assert_eq!(result.code, 0, "{name}: {result:?}");
    }
}

#[test]
fn a_saved_game_can_be_replayed() {
    let sources = SourceDirectory::new();
    let net = sources.write(
        "net.py",
        "import random, requests\n\nclass NetBot:\n    def on_message(self, msg):\n        self.ctx.set_state({'n': random.random()})\n\
         \x20       self.ctx.timer('again', 5)\n        if 'fail' in msg['body']['text']:\n            1 / 0\n        try:\n\
         \x20           requests.get('https://example.com/')\n        except OSError as error:\n            self.ctx.post('bot', str(type(error)))\n\
         \x20   def on_timer(self, name):\n        self.ctx.start()\n    def on_start(self, contributors, missing):\n        self.ctx.commit(random.random())\n        self.ctx.reveal()\n",
    );
    let game = sources.write("game.json", "");
    for (bot_of_it, lines) in [
        (vec!["--preset", "GuessBot"], "alice: guess 50\nbob> !status\nleave bob\njoin bob\nstart\nalice: start\n"),
        (vec![net.as_str()], "go\nalice: fail\nbob: go\ntimer\ngo\n"),
    ] {
        let script = format!("{lines}save {game}\n");
        let mut arguments = vec!["play"];
        arguments.extend(bot_of_it);
        let result = bot_with(&arguments, &script, &[]);
        assert!(result.out.contains(&format!("  saved     {game}")), "{}", result.out);
        let result = bot(&["replay", &game]);
        assert_eq!(result.code, 0, "{}{}", result.out, result.err);
        assert!(result.out.contains(" hooks reproduced the log exactly"), "{}", result.out);
    }
}
