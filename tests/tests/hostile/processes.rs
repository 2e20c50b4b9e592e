//! The processes that bots run in, wherever they have hidden.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A copy of the worker's program, so that whatever runs it is known by the file.
pub(crate) struct Processes {
    program: PathBuf,
    mark: String,
}

impl Processes {
    /// Copies the worker into `directory`; `mark` is what hostile programs give to programs that they start.
    pub(crate) fn of(directory: &Path, mark: &str) -> Self {
        let program = directory.join("mcp-multiplayer-bot");
        fs::copy(mcp_multiplayer_tests::binary("mcp-multiplayer-bot"), &program).unwrap();
        Self { program, mark: mark.to_owned() }
    }

    /// The copy, as the relay is to run it.
    pub(crate) fn program(&self) -> &str {
        self.program.to_str().unwrap()
    }

    /// How many run the worker's program, with all that forked off them.
    pub(crate) fn workers(&self) -> usize {
        let own = fs::metadata(&self.program).unwrap();
        let runs = |process: &PathBuf| {
            fs::metadata(process.join("exe")).is_ok_and(|exe| (exe.dev(), exe.ino()) == (own.dev(), own.ino()))
        };
        processes().iter().filter(|process| runs(process)).count()
    }

    /// How many programs hostile ones have started.
    pub(crate) fn started(&self) -> usize {
        let has_mark = |process: &PathBuf| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&self.mark)
        };
        processes().iter().filter(|process| has_mark(process)).count()
    }
}

/// The directories of all processes; none where there is no `/proc`.
fn processes() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit())).collect()
}
