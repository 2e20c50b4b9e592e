//! Compiled code and results of inspection, by source.
//!
//! A source is compiled by the process that loads it first, before any of its code runs there. Hence the code can be used for
//! the same source in other processes: no bot can have changed it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_multiplayer_protocol::Hash;

use crate::program::Program;
use crate::report::Inspected;

/// Maximum size of all compiled code in the cache, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// Maximum number of sources in it.
const MAX_SOURCES: usize = 1_024;
/// Maximum number of names under which results of inspecting one source are kept; each is at most about 3 KB.
const MAX_NAMES: usize = 4;

/// Results for the sources that were used last.
#[derive(Debug, Default)]
pub(crate) struct ProgramCache {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_source: HashMap<Key, Entry>,
    bytes: usize,
    /// Number of uses so far.
    uses: u64,
}

/// A source, and whether the policy applies to it.
type Key = (Hash, bool);

#[derive(Debug)]
struct Entry {
    code: Arc<str>,
    /// Results of inspecting the source, by the bot's name, which may decide which class is the bot.
    inspected: HashMap<String, Inspected>,
    last_used: u64,
}

impl ProgramCache {
    /// The compiled code of a program, in the worker's form.
    pub(crate) fn code(&self, program: &Program) -> Option<Arc<str>> {
        let mut entries = self.lock();
        entries.find(program).map(|entry| Arc::clone(&entry.code))
    }

    /// Result of inspecting a program.
    pub(crate) fn inspected(&self, program: &Program) -> Option<Inspected> {
        let mut entries = self.lock();
        entries.find(program)?.inspected.get(&program.name).cloned()
    }

    /// Keeps the compiled code of a program, in place of what was used least recently.
    pub(crate) fn insert_code(&self, program: &Program, code: String) {
        if code.len() > MAX_BYTES / 4 {
            return;
        }
        let mut entries = self.lock();
        entries.uses += 1;
        let (last_used, bytes) = (entries.uses, code.len());
        let entry = Entry { code: code.into(), inspected: HashMap::new(), last_used };
        if let Some(replaced) = entries.by_source.insert(key(program), entry) {
            entries.bytes -= replaced.code.len();
        }
        entries.bytes += bytes;
        while entries.bytes > MAX_BYTES || entries.by_source.len() > MAX_SOURCES {
            let oldest = entries.by_source.iter().min_by_key(|(_, entry)| entry.last_used);
            let oldest = *oldest.expect("there are entries").0;
            let removed = entries.by_source.remove(&oldest).expect("found just now");
            entries.bytes -= removed.code.len();
        }
    }

    /// Keeps the result of inspecting a program whose code is in the cache.
    pub(crate) fn insert_inspected(&self, program: &Program, inspected: &Inspected) {
        let mut entries = self.lock();
        if let Some(entry) = entries.find(program)
            && entry.inspected.len() < MAX_NAMES
        {
            entry.inspected.insert(program.name.clone(), inspected.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn find(&mut self, program: &Program) -> Option<&mut Entry> {
        self.uses += 1;
        let entry = self.by_source.get_mut(&key(program))?;
        entry.last_used = self.uses;
        Some(entry)
    }
}

fn key(program: &Program) -> Key {
    (Hash::of(&[program.source.as_bytes()]), program.policy)
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::BotLimits;
    use serde_json::json;

    use super::{MAX_BYTES, MAX_SOURCES, ProgramCache};
    use crate::program::Program;

    fn program(source: &str, policy: bool) -> Program {
        Program { name: String::new(), source: source.into(), params: json!({}), policy, limits: BotLimits::default() }
    }

    #[test]
    fn code_is_found_by_source_and_policy() {
        let cache = ProgramCache::default();
        cache.insert_code(&program("a", true), "code of a".to_owned());
        assert_eq!(cache.code(&program("a", true)).as_deref(), Some("code of a"));
        assert_eq!(cache.code(&program("a", false)), None);
        assert_eq!(cache.code(&program("b", true)), None);
    }

    #[test]
    fn many_small_sources_do_not_accumulate() {
        let cache = ProgramCache::default();
        for n in 0..=MAX_SOURCES {
            cache.insert_code(&program(&n.to_string(), true), "c".to_owned());
        }
        assert!(cache.code(&program("0", true)).is_none());
        assert!(cache.code(&program(&MAX_SOURCES.to_string(), true)).is_some());
    }

    #[test]
    fn the_least_recently_used_code_makes_room() {
        let cache = ProgramCache::default();
        let large = || "x".repeat(MAX_BYTES / 4);
        for source in ["a", "b", "c", "d"] {
            cache.insert_code(&program(source, true), large());
        }
        assert!(cache.code(&program("a", true)).is_some());
        cache.insert_code(&program("e", true), large());
        assert!(cache.code(&program("a", true)).is_some() && cache.code(&program("e", true)).is_some());
        assert!(cache.code(&program("b", true)).is_none());
        cache.insert_code(&program("too large", true), large() + "x");
        assert!(cache.code(&program("too large", true)).is_none());
    }
}
