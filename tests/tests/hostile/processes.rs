//! The bots' processes and those that they start, also if they have detached themselves.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A copy of the worker's program, by which all processes that run it are found.
pub(crate) struct Processes {
    program: PathBuf,
    mark: String,
}

impl Processes {
    /// Copies the worker into `directory`. Hostile programs pass `mark` as an argument to programs that they start.
    pub(crate) fn new(directory: &Path, mark: &str) -> Self {
        let program = directory.join("mcp-multiplayer-bot");
        fs::copy(mcp_multiplayer_tests::binary("mcp-multiplayer-bot"), &program).unwrap();
        Self { program, mark: mark.to_owned() }
    }

    /// Path of the copy, for the relay's `--bot-worker`.
    pub(crate) fn program(&self) -> &str {
        self.program.to_str().unwrap()
    }

    /// Number of processes that run the worker's program, forked ones included.
    pub(crate) fn workers(&self) -> usize {
        let own = fs::metadata(&self.program).unwrap();
        let runs = |process: &PathBuf| {
            fs::metadata(process.join("exe")).is_ok_and(|exe| (exe.dev(), exe.ino()) == (own.dev(), own.ino()))
        };
        processes().iter().filter(|process| runs(process)).count()
    }

    /// Number of programs that hostile bots have started.
    pub(crate) fn started(&self) -> usize {
        let has_mark = |process: &PathBuf| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&self.mark)
        };
        processes().iter().filter(|process| has_mark(process)).count()
    }
}

/// Lists the `/proc` directories of all processes. Empty where there is no `/proc`.
fn processes() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit())).collect()
}
