//! A hostile program, and what its head says about it.
//!
//! ```python
//! # tries: the relay's key, through the `os` that linecache has imported
//! # on: facades; held
//! # off: landlock, namespaces; held
//! ```
//!
//! After the names of the barriers comes the verdict: `rejected "text"`, `fails "text"`, `held` or `stopped`;
//! see [`Verdict`]. `# says: attack, look` lists what is said to the bot, `attack` alone by default.
//!
//! A program either has its own bot class, `Bot`, or a list `ATTEMPTS` of functions of `ctx`: each must
//! raise, and one that returns has escaped. `driver.py` runs them.

use std::path::Path;
use std::sync::Arc;

use crate::Policy;

/// What stops hostile programs: a program's head names one or several of these.
const BARRIERS: [&str; 13] = [
    // What a source may say, checked when it is attached.
    "policy",
    // The modules that a bot gets in place of the real ones.
    "facades",
    // What the rewritten parts of a source call when they run.
    "guards",
    // The audit hook, below the policy.
    "audit",
    // `ctx` itself.
    "ctx",
    // Python: its own limits and checks.
    "python",
    // The supervisor's clock, and its limits on what a hook may come to.
    "limits",
    // The supervisor's reading of frames.
    "frames",
    "rlimits",
    "namespaces",
    "landlock",
    "seccomp",
    // One process for each bot: what it does there is done to itself.
    "process",
];

/// What must come of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not attached; the refusal says this, and names each line marked `# refused`.
    Rejected(String),
    /// The hook fails, and the `bot:error` says this.
    Fails(String),
    /// The hook completes; each of its attempts was refused.
    Held,
    /// It fails or is held.
    Stopped,
}

#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    source: Arc<str>,
    on: Verdict,
    off: Verdict,
    /// What is said to the bot, one after the other. The verdict is that of `attack`; the other hooks complete.
    pub(crate) says: Vec<String>,
}

impl Fixture {
    /// All of them, or those that `HOSTILE` names the beginnings of.
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
        // The same order each time; those that take their full time first.
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
            let text = entry(key).unwrap_or_else(|| panic!("{name} says nothing of '{key}'"));
            let (barriers, verdict) =
                text.split_once("; ").unwrap_or_else(|| panic!("{name} names no verdict: {text}"));
            for barrier in barriers.split(", ") {
                assert!(BARRIERS.contains(&barrier), "{name} names a barrier that does not exist: {barrier}");
            }
            Verdict::parse(verdict).unwrap_or_else(|| panic!("{name}: no verdict: {verdict}"))
        };
        assert!(entry("tries").is_some(), "{name} does not say what it tries");
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

    /// The name of its bot class.
    pub(crate) fn class(&self) -> &'static str {
        if self.source.contains("\nclass Bot") { "Bot" } else { "Hostile" }
    }

    /// What is attached: the program, and behind it what drives it, so that its lines keep their numbers.
    pub(crate) fn program(&self, policy: Policy) -> String {
        let mut program = self.source.to_string();
        program.push_str(include_str!("driver.py"));
        if policy == Policy::Off {
            program.push_str(include_str!("native.py"));
        }
        program
    }

    /// The lines that the policy must name, of those that a refusal has room for.
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
