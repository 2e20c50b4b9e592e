//! Bots and simulated players in a terminal.

use super::{Desk, Told, bot, bot_with, presets};

/// The number that GuessBot drew, as the state shows it.
fn target(told: &Told) -> u32 {
    let line = told.out.lines().find_map(|line| line.split_once("target: null → ")).unwrap();
    line.1.trim().parse().unwrap()
}

fn guess_game(seed: &str, script: &str) -> Told {
    bot_with(&["play", "--preset", "GuessBot", "--seed", seed], script, &[])
}

#[test]
fn a_game_is_played_from_a_script() {
    let desk = Desk::new();
    let number = target(&guess_game("7", ""));
    let script = desk.write(
        "game.txt",
        format!("# bob is too early\nbob: guess 1\nalice: guess 101\nalice: 101 + {{\"guess\": {number}}}\nlog\n"),
    );
    let told = bot(&["play", "--preset", "GuessBot", "--seed", "7", "--script", &script]);
    assert_eq!((told.code, told.err.as_str()), (0, ""), "{}", told.out);
    for words in [
        "GuessBot from builtin://GuessBot",
        "  sandbox ",
        "on_join(\"s2\") of bob",
        "from here on, randomness from alice, bob is in every draw",
        ", with the players' entropy",
        "> bob: guess 1\n12:00:03  on_message(msg) from bob\n  posted    [control] bob: it is alice's turn.",
        "alice: a guess is one whole number from 1 to 100.",
        &format!("alice guessed {number}. That's it!"),
        &format!("The number was {number}, the salt is |"),
        "  reveal    the seed so far was ",
        &format!("            target: {number} → null"),
        "[trace]  {\"bot_id\":\"bot_GuessBot_0\"",
    ] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
}

#[test]
fn a_seed_plays_the_same_again() {
    let script = "alice: guess 50\nbob> !status\nbob: concede\nstate\nlog\n";
    let first = guess_game("7", script);
    assert_eq!(first, guess_game("7", script));
    assert_eq!(first.code, 0, "{}", first.out);
    let other = guess_game("8", script);
    assert_ne!(first.out.lines().last(), other.out.lines().last());
    let targets: std::collections::BTreeSet<u32> = ["1", "2", "3"].map(|seed| target(&guess_game(seed, ""))).into();
    assert!(targets.len() > 1, "{targets:?}");
}

#[test]
fn a_failure_is_shown_with_its_line_and_undone() {
    let desk = Desk::new();
    let file = desk.write(
        "half.py",
        "class HalfBot:\n    def on_message(self, msg):\n        self.ctx.set_state({'n': 1})\n\
         \x20       print('trying')\n        self.ctx.post('bot', 'never seen')\n        return 1 / 0\n",
    );
    let told = bot_with(&["play", &file, "--players", "alice"], "hello\nstate\n", &[]);
    assert_eq!(told.code, 1);
    let shown = format!(
        "12:00:02  on_message(msg) from alice\n  printed   trying\n  FAILED    ZeroDivisionError: division by zero\n\
         \x20           {file}:6: return 1 / 0\n            nothing that this hook did counts; the state is as before\n"
    );
    assert!(told.out.contains(&shown), "{}", told.out);
    assert!(told.out.contains("  state     {}\n"), "{}", told.out);
    assert!(!told.out.contains("never seen"), "{}", told.out);
}

#[test]
fn timers_fire_when_time_passes() {
    let desk = Desk::new();
    let file = desk.write(
        "clock.py",
        "class ClockBot:\n    def on_message(self, msg):\n        for seconds in (90, 30, 3600):\n\
         \x20           self.ctx.timer(f't{seconds}', seconds)\n        self.ctx.timer('t3600', None)\n\
         \x20   def on_timer(self, name):\n        self.ctx.post('bot', f'{name} at {self.ctx.now:.0f}')\n",
    );
    let told =
        bot_with(&["play", &file, "--players", "alice"], "timer\nset\ntimer\nwait 600\nset\nwait 29\nx\ntimer\n", &[]);
    assert_eq!(told.code, 1, "the first line finds no timer");
    let timers = told.out.lines().filter(|line| line.contains("on_timer(")).collect::<Vec<_>>();
    assert_eq!(
        timers,
        [
            "12:00:32  on_timer(\"t30\")",
            "12:01:32  on_timer(\"t90\")",
            // The second that a post takes is one that passes.
            "12:11:03  on_timer(\"t30\")",
            "12:11:33  on_timer(\"t30\")",
        ],
        "{}",
        told.out
    );
    assert!(told.out.contains("the bot has set no timer"), "{}", told.out);
    assert!(told.out.contains("  timer     t90: fires at 12:01:32, in 90 s\n"), "{}", told.out);
    assert!(told.out.contains("  timer     t3600: cancelled\n"), "{}", told.out);
}

#[test]
fn whispers_and_data_and_the_comings_and_goings_of_players() {
    let desk = Desk::new();
    let file = desk.write(
        "room.py",
        "class RoomBot:\n    def on_private_message(self, slot_id, msg):\n\
         \x20       self.ctx.dm(slot_id, 'private', {'text': msg['text'].upper(), 'n': 1})\n\
         \x20   def on_leave(self, player_id):\n        self.ctx.post('bot', f'bye {player_id}')\n",
    );
    let script = "bob> secret\nalice: hello\nalice: hi + {\"a\": 1}\nleave bob\nbob: hi\njoin bob\njoin bob\n\
                  join carol\ncarol: hi\njoin dave\nstate\nlog\n";
    let told = bot_with(&["play", &file, "--later", "carol"], script, &[]);
    assert_eq!(told.code, 1);
    for words in [
        "posted    [private] to bob alone: SECRET\n            {\"n\":1}\n",
        "the bot has no on_message and hears nothing",
        "[user]  {\"a\":1,\"text\":\"hi\"}",
        "posted    [bot] bye s2",
        "  ?         bob: You hold no seat in this channel.",
        "  ?         bob is seated already",
        "carol takes s3",
        "there is no seat for dave: a channel's slots are settled when it is created; start with --later dave",
        "  seated    alice (s1), bob (s2), carol (s3)\n",
    ] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
}

#[test]
fn secrets_reach_the_bot_and_not_the_channel() {
    let desk = Desk::new();
    let file = desk.write(
        "key.py",
        "class KeyBot:\n    def on_join(self, player_id):\n        self.ctx.post('bot', str(len(self.ctx.env['API_KEY'])))\n\
         \x20   def on_message(self, msg):\n        print(self.ctx.env)\n        self.ctx.post('bot', self.ctx.env['API_KEY'])\n",
    );
    let secret = "sk-0123456789";
    let told =
        bot_with(&["play", &file, "--env", "API_KEY", "--players", "alice"], "tell\nlog\n", &[("API_KEY", secret)]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("posted    [bot] 13"), "{}", told.out);
    assert!(told.out.contains("FAILED    a message holds one of the bot's secrets"), "{}", told.out);
    assert!(!told.out.contains(secret), "{}", told.out);
}

#[test]
fn there_is_no_network_and_it_says_so() {
    let desk = Desk::new();
    let file = desk.write(
        "net.py",
        "import requests\n\nclass NetBot:\n    def on_message(self, msg):\n        requests.get('https://example.com/')\n",
    );
    let told = bot_with(&["play", &file], "go\n", &[]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("  network   none here"), "{}", told.out);
    assert!(told.out.contains("FAILED    "), "{}", told.out);
}

#[test]
fn a_bot_that_cannot_start_is_not_played_with() {
    let desk = Desk::new();
    let failing = desk.write("a.py", "class A:\n    def on_init(self):\n        self.ctx.params['x']\n");
    let told = bot(&["play", &failing]);
    assert_eq!(told.code, 1);
    assert!(told.out.contains("FAILED    KeyError: 'x'"), "{}", told.out);
    assert!(told.out.contains("a relay takes the bot out of the channel again"), "{}", told.out);
    assert_eq!(bot(&["play", &failing, "--params", r#"{"x": 1}"#]).code, 0);

    let refused = desk.write("b.py", "import os\nclass A:\n    def on_init(self): pass\n");
    let told = bot(&["play", &refused]);
    assert_eq!((told.code, told.out.as_str()), (2, ""));
    assert!(told.err.contains("b.py:1: Import of 'os' is not allowed"), "{}", told.err);
    for (arguments, words) in [
        (vec!["play", "--preset", "NoBot"], "there is no preset NoBot; the presets are GuessBot, "),
        (vec!["play", "/nowhere/bot.py"], "cannot read /nowhere/bot.py"),
        (vec!["play", &failing, "--players", "alice,alice"], "there are two players called alice"),
        (vec!["play", &failing, "--env", "NO_SUCH_VARIABLE_X"], "there is no such variable"),
    ] {
        let told = bot(&arguments);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(told.err.contains(words), "{}", told.err);
    }
}

#[test]
fn what_is_said_cannot_paint_over_the_screen() {
    let desk = Desk::new();
    let file = desk.write(
        "paint.py",
        "class PaintBot:\n    def on_message(self, msg):\n        print('\\x1b[2J')\n        self.ctx.post('bot', '\\x1b[31mred\\r\\x08')\n",
    );
    let told = bot_with(&["play", &file], "go\u{1b}[1m\n", &[]);
    assert_eq!(told.code, 0, "{}", told.out);
    assert!(told.out.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", told.out);
}

#[test]
fn every_preset_can_be_played() {
    for path in presets() {
        let source = std::fs::read_to_string(&path).unwrap();
        let name =
            source.lines().filter_map(|line| line.strip_prefix("class ")?.strip_suffix(':')).next_back().unwrap();
        let name = name.split('(').next().unwrap();
        let told = bot(&["play", "--preset", name, "--params", super::params_of(&path)]);
        assert_eq!(told.code, 0, "{name}: {told:?}");
    }
}

#[test]
fn a_saved_game_is_what_a_replay_gets() {
    let desk = Desk::new();
    let net = desk.write(
        "net.py",
        "import random, requests\n\nclass NetBot:\n    def on_message(self, msg):\n        self.ctx.set_state({'n': random.random()})\n\
         \x20       self.ctx.timer('again', 5)\n        if 'fail' in msg['body']['text']:\n            1 / 0\n        try:\n\
         \x20           requests.get('https://example.com/')\n        except OSError as error:\n            self.ctx.post('bot', str(type(error)))\n\
         \x20   def on_timer(self, name):\n        self.ctx.start()\n        self.ctx.commit(random.random())\n        self.ctx.reveal()\n",
    );
    let game = desk.write("game.json", "");
    for (bot_of_it, lines) in [
        (vec!["--preset", "GuessBot"], "alice: guess 50\nbob> !status\nleave bob\njoin bob\nstart\nalice: start\n"),
        (vec![net.as_str()], "go\nalice: fail\nbob: go\ntimer\ngo\n"),
    ] {
        let script = format!("{lines}save {game}\n");
        let mut arguments = vec!["play"];
        arguments.extend(bot_of_it);
        let told = bot_with(&arguments, &script, &[]);
        assert!(told.out.contains(&format!("  saved     {game}")), "{}", told.out);
        let told = bot(&["replay", &game]);
        assert_eq!(told.code, 0, "{}{}", told.out, told.err);
        assert!(told.out.contains(" hooks reproduced the log exactly"), "{}", told.out);
    }
}
