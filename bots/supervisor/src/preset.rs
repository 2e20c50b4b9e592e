//! The bots that ship with the product, compiled in.

use std::sync::Arc;

/// A bot that ships with the product.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name, which is also the name of its class.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// One-line description.
    pub summary: &'static str,
    source: &'static str,
}

impl Preset {
    /// Its code reference: `builtin://NAME`.
    pub fn code_ref(&self) -> String {
        format!("builtin://{}", self.name)
    }

    /// Its source text.
    pub fn source(&self) -> Arc<str> {
        self.source.into()
    }
}

const PRESETS: &[Preset] = &[
    Preset {
        name: "GuessBot",
        version: "1.1",
        summary: "Referee of a number guessing game: commits to a secret number and proves it at the end.",
        source: include_str!("../../python/presets/guess_bot.py"),
    },
    Preset {
        name: "BlackjackBot",
        version: "1.0",
        summary: "Dealer of a blackjack table: commits to the shuffled shoe before the deal, plays by stated rules, opens every card at the end.",
        source: include_str!("../../python/presets/blackjack_bot.py"),
    },
    Preset {
        name: "PriceBot",
        version: "1.0",
        summary: "Reads one number from a public JSON source for everybody at once: params url, path, label.",
        source: include_str!("../../python/presets/price_bot.py"),
    },
    Preset {
        name: "ContractBot",
        version: "1.0",
        summary: "Judge of a contract: terms that all parties accept by hash, claims with evidence, deadlines, rulings by the terms.",
        source: include_str!("../../python/presets/contract_bot.py"),
    },
    Preset {
        name: "TlsBot",
        version: "1.0",
        summary: "Shows a server's TLS certificate to everybody at once: subject, issuer, validity, names, fingerprint, and whether the certificate is valid.",
        source: include_str!("../../python/presets/tls_bot.py"),
    },
    Preset {
        name: "MemoryBot",
        version: "1.0",
        summary: "Passes questions and answers from memory between sessions: opt-in, with consent to each question.",
        source: include_str!("../../python/presets/memory_bot.py"),
    },
    Preset {
        name: "TicTacToeBot",
        version: "1.0",
        summary: "Keeps board, turns and rules of tic-tac-toe.",
        source: include_str!("../../python/presets/tic_tac_toe_bot.py"),
    },
];

/// All presets.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

/// The preset of this name, with or without `builtin://` in front.
pub fn find_preset(name: &str) -> Option<&'static Preset> {
    let name = name.strip_prefix("builtin://").unwrap_or(name);
    PRESETS.iter().find(|preset| preset.name == name)
}
