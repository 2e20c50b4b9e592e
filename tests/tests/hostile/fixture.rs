//! Hostile programs and their heads.
//!
//! ```python
//! # tries: the relay's key, through the `os` that linecache has imported
//! # on: facades; held
//! # off: landlock, namespaces; held
//! ```
//!
//! After the names of the barriers comes the verdict: `rejected "text"`, `fails "text"`, `held` or `stopped`;
//! see [`Verdict`]. `# says: attack, look` lists the messages that are
//! posted to the bot: `attack` alone by default.
//!
//! A program either has its own bot class, `Bot`, or a list `ATTEMPTS` of functions of `ctx`: each must
//! raise, and one that returns has escaped. `driver.py` runs them.

use std::path::Path;
use std::sync::Arc;

use crate::Policy;

/// Barriers that stop hostile programs. A program's head names one or several of them.
const BARRIERS: [&str; 13] = [
    // The check of a source when it is attached.
    "policy",
    // The modules that a bot imports in place of the real ones.
    "facades",
    // Functions that the rewritten parts of a source call at run time.
    "guards",
    // The audit hook, below the policy.
    "audit",
    // `ctx` itself.
    "ctx",
    // Python's own limits and checks.
    "python",
    // The supervisor's time limit, and its limits on a hook's effects.
    "limits",
    // The supervisor's checks of the frames that it reads from a worker.
    "frames",
    "rlimits",
    "namespaces",
    "landlock",
    "seccomp",
    // One process for each bot, so that a bot can damage only itself.
    "process",
];

/// Outcome that a program must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The program is not attached. The refusal contains this text, and names each line marked `# refused`.
    Rejected(String),
    /// The hook fails, and its `bot:error` contains this text.
    Fails(String),
    /// The hook completes, and each of its attempts was refused.
    Held,
    /// The hook fails, or completes with each attempt refused.
    Stopped,
}

/// A hostile program with its expected verdicts.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    source: Arc<str>,
    on: Verdict,
    off: Verdict,
    /// Messages that are posted to the bot, one after the other. The verdict is for `attack`; the other hooks must
    /// complete.
    pub(crate) says: Vec<String>,
}

impl Fixture {
    /// Reads all programs, or those whose names start with a prefix listed in the variable `HOSTILE`.
    pub(crate) fn all() -> Vec<Self> {
        let wanted = std::env::var("HOSTILE").unwrap_or_default();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
        let mut fixtures: Vec<Self> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
            .map(|path| Self::read(&path))
            .filter(|fixture| wanted.split(',').any(|start| fixture.name.starts_with(start)))
            .collect();
        // A fixed order, in which the slow programs, which run into the time limit, start first.
        fixtures.sort_by_key(|fixture| (!fixture.source.contains("# slow"), fixture.name.clone()));
        assert!(!fixtures.is_empty(), "no program is named {wanted}");
        fixtures
    }

    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let source = std::fs::read_to_string(path).unwrap();
        let entry = |key: &str| {
            let head = source.lines().take_while(|line| line.starts_with('#'));
            let mut found = head.filter_map(|line| line.strip_prefix("# ")?.strip_prefix(key)?.strip_prefix(": "));
            found.next().map(str::to_owned)
        };
        let verdict = |key: &str| {
            let text = entry(key).unwrap_or_else(|| panic!("{name} has no line '# {key}:'"));
            let (barriers, verdict) =
                text.split_once("; ").unwrap_or_else(|| panic!("{name} names no verdict: {text}"));
            for barrier in barriers.split(", ") {
                assert!(BARRIERS.contains(&barrier), "{name} names a barrier that does not exist: {barrier}");
            }
            Verdict::parse(verdict).unwrap_or_else(|| panic!("{name}: no verdict: {verdict}"))
        };
        assert!(entry("tries").is_some(), "{name} has no line '# tries:'");
        let says = entry("says").unwrap_or_else(|| "attack".to_owned()).split(", ").map(str::to_owned).collect();
        let (on, off) = (verdict("on"), verdict("off"));
        Self { name, on, off, says, source: source.into() }
    }

    pub(crate) fn verdict(&self, policy: Policy) -> &Verdict {
        match policy {
            Policy::On => &self.on,
            Policy::Off => &self.off,
        }
    }

    /// Name of the program's bot class.
    pub(crate) fn class(&self) -> &'static str {
        if self.source.contains("\nclass Bot") { "Bot" } else { "Hostile" }
    }

    /// Source to attach: the program, followed by its driver, so that the program's lines keep their numbers.
    pub(crate) fn program(&self, policy: Policy) -> String {
        let mut program = self.source.to_string();
        program.push_str(include_str!("driver.py"));
        if policy == Policy::Off {
            program.push_str(include_str!("native.py"));
        }
        program
    }

    /// Lines that the refusal must name. A refusal has room for four.
    pub(crate) fn refused_lines(&self) -> Vec<usize> {
        let marked = self.source.lines().enumerate().filter(|(_, line)| line.contains("# refused"));
        marked.map(|(index, _)| index + 1).take(4).collect()
    }
}

impl Verdict {
    fn parse(text: &str) -> Option<Self> {
        let (word, quoted) = text.split_once(' ').unwrap_or((text, ""));
        let quoted = quoted.trim_matches('"').to_owned();
        Some(match (word, quoted.is_empty()) {
            ("rejected", false) => Self::Rejected(quoted),
            ("fails", false) => Self::Fails(quoted),
            ("held", true) => Self::Held,
            ("stopped", true) => Self::Stopped,
            _ => return None,
        })
    }
}
