//! The temporary directory of `check` and `play`: private, and removed at the end.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use mcp_multiplayer_tests::{Signal, send_signal};

use super::{SourceDirectory, bot_with};

#[test]
fn commands_remove_their_temporary_directory() {
    let (sources, temporary) = (SourceDirectory::new(), tempfile::tempdir().unwrap());
    let file = sources.write("bot.py", "class Bot:\n    def on_message(self, msg): self.ctx.post('bot', 'hello')\n");
    let variables = [("TMPDIR", temporary.path().to_str().unwrap())];
    for arguments in [&["check", &file][..], &["play", &file]] {
        let ran = bot_with(arguments, "hello\n", &variables);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn an_interrupted_game_removes_its_private_temporary_directory() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let temporary = tempfile::tempdir().unwrap();
        let mut play = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"))
            .args(["play", "--preset", "GuessBot"])
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Keeps the input open: `wait` would close it, and the game would end without the signal.
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
