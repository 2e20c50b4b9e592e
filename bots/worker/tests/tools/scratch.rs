//! The temporary directory that commands for people work in: nobody else's, and gone afterwards.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use mcp_multiplayer_tests::{Signal, send_signal};

use super::{Desk, bot_with};

#[test]
fn commands_remove_their_temporary_directory() {
    let (desk, temporary) = (Desk::new(), tempfile::tempdir().unwrap());
    let file = desk.write("bot.py", "class Bot:\n    def on_message(self, msg): self.ctx.post('bot', 'hello')\n");
    let variables = [("TMPDIR", temporary.path().to_str().unwrap())];
    for arguments in [&["check", &file][..], &["play", &file]] {
        let ran = bot_with(arguments, "hello\n", &variables);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn an_interrupted_game_removes_its_temporary_directory_which_nobody_else_could_read() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let temporary = tempfile::tempdir().unwrap();
        let mut play = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"))
            .args(["play", "--preset", "GuessBot"])
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // `wait` would close it, and the game would end by itself.
        let _stdin = play.stdin.take();
        let mut lines = BufReader::new(play.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.by_ref().take_while(|line| !line.contains("on_join(\"s2\")")).for_each(drop);
        let directories: Vec<_> = fs::read_dir(temporary.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(directories.len(), 1);
        assert_eq!(directories[0].metadata().unwrap().permissions().mode() & 0o777, 0o700);

        send_signal(play.id(), signal);
        let status = play.wait().unwrap();
        assert_eq!((status.code(), status.signal()), (Some(128 + signal.as_raw()), None));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{signal:?}");
    }
}
