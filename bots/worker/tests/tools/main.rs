//! The commands `check`, `play` and `replay`, run as processes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod check;
mod lint;
mod play;
mod random_play;
mod scratch;
mod terminal;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A temporary directory for sources.
struct SourceDirectory {
    directory: TempDir,
}

/// Result of a command.
#[derive(Debug, PartialEq)]
struct CommandResult {
    code: i32,
    out: String,
    err: String,
}

impl SourceDirectory {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Writes a file and returns its path.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn bot(arguments: &[&str]) -> CommandResult {
    bot_with(arguments, "", &[])
}

fn bot_with(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> CommandResult {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"))
        .args(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Fails if the command ends without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandResult { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The source files of the presets.
fn presets() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/presets");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let sources: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ending| ending == "py")).collect();
    assert!(sources.len() >= 7, "{sources:?}");
    sources
}

/// Parameters that a preset needs to start.
fn params_of(preset: &Path) -> &'static str {
    match preset.file_stem().unwrap().to_str().unwrap() {
        "price_bot" => r#"{"url": "https://example.com/price.json", "path": "price"}"#,
        "contract_bot" => {
            r#"{"terms": {"title": "A report", "text": "bob writes a report", "parties": ["alice", "bob"], "obligations": [
                {"id": "deliver", "by": "bob", "to": "alice", "text": "bob delivers", "deadline_seconds": 1000,
                 "evidence": {"words": {"type": "integer", "min": 500}}}]}}"#
        }
        _ => "{}",
    }
}
