//! The Python modules that a bot's process has: all, or only those of ordinary bots, such as games.
//!
//! A process with the modules for the network takes twice as much memory, and starting and ending it takes longer.

use crate::program::Program;

/// The modules for the network: `NETWORK_MODULES` in `bots/python/multiplayer/names.py`.
const NETWORK: [&str; 10] =
    ["certifi", "charset_normalizer", "email", "http", "idna", "requests", "socket", "ssl", "urllib", "urllib3"];

/// The modules that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modules {
    Basic,
    All,
}

impl Modules {
    /// The modules that a program may import.
    ///
    /// Under the policy a source can only import what it names. A source that only mentions a name gets all modules, and
    /// behaves the same. Without the policy, a source can make up names.
    pub(crate) fn of(program: &Program) -> Self {
        let mut words = program.source.split(|character: char| !(character.is_alphanumeric() || character == '_'));
        if !program.policy || words.any(|word| NETWORK.contains(&word)) { Self::All } else { Self::Basic }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules_of(source: &str, policy: bool) -> Modules {
        Modules::of(&Program {
            name: String::new(),
            source: source.into(),
            params: serde_json::json!({}),
            policy,
            limits: mcp_multiplayer_protocol::BotLimits::default(),
        })
    }

    #[test]
    fn a_source_that_names_a_network_module_gets_all() {
        for source in ["import requests", "import json,ssl", "from urllib.parse import quote", "import http as h\n"] {
            assert_eq!(modules_of(source, true), Modules::All, "{source}");
        }
        for source in ["import random, hashlib", "class SocketBot:\n  text = 'https://example.org'", ""] {
            assert_eq!(modules_of(source, true), Modules::Basic, "{source}");
            assert_eq!(modules_of(source, false), Modules::All, "{source}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_worker() {
        let names = include_str!("../../python/multiplayer/names.py");
        let (_, rest) = names.split_once("NETWORK_MODULES = frozenset(").unwrap();
        let list = rest.split('"').nth(1).unwrap();
        assert_eq!(list.split_whitespace().collect::<Vec<_>>(), NETWORK);
    }
}
