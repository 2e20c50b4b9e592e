//! The bots that ship with the product, compiled in.

use std::sync::Arc;

use serde_json::{Map, Value};

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
    /// Returns whether the bot opens its private messages to the public after a game with these params.
    unseals: fn(&Map<String, Value>) -> bool,
}

impl Preset {
    /// Its code reference: `builtin://NAME`.
    pub fn code_ref(&self) -> String {
        format!("builtin://{}", self.name)
    }

    /// Returns whether players must know that a game with these params ends with `ctx.unseal()`.
    pub fn unseals(&self, params: &Map<String, Value>) -> bool {
        (self.unseals)(params)
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
        unseals: never,
    },
    Preset {
        name: "BlackjackBot",
        version: "1.0",
        summary: "Dealer of a blackjack table: commits to the shuffled shoe before the deal, plays by stated rules, opens every card at the end.",
        source: include_str!("../../python/presets/blackjack_bot.py"),
        unseals: never,
    },
    Preset {
        name: "PriceBot",
        version: "1.0",
        summary: "Reads one number from a public JSON source for everybody at once: params url, path, label.",
        source: include_str!("../../python/presets/price_bot.py"),
        unseals: never,
    },
    Preset {
        name: "ContractBot",
        version: "1.0",
        summary: "Judge of a contract: terms that all parties accept by hash, claims with evidence, deadlines, rulings by the terms.",
        source: include_str!("../../python/presets/contract_bot.py"),
        unseals: never,
    },
    Preset {
        name: "TlsBot",
        version: "1.0",
        summary: "Shows a server's TLS certificate to everybody at once: subject, issuer, validity, names, fingerprint, and whether the certificate is valid.",
        source: include_str!("../../python/presets/tls_bot.py"),
        unseals: never,
    },
    Preset {
        name: "MemoryBot",
        version: "1.0",
        summary: "Passes questions and answers from memory between sessions: opt-in, with consent to each question.",
        source: include_str!("../../python/presets/memory_bot.py"),
        unseals: never,
    },
    Preset {
        name: "TicTacToeBot",
        version: "1.1",
        summary: "Keeps board, turns and rules of tic-tac-toe.",
        source: include_str!("../../python/presets/tic_tac_toe_bot.py"),
        unseals: never,
    },
    Preset {
        name: "ChessBot",
        version: "1.1",
        summary: "Referee of chess: all rules, clocks, draws by claim and agreement; ends with the game as PGN.",
        source: include_str!("../../python/presets/chess_bot.py"),
        unseals: never,
    },
    Preset {
        name: "ConnectFourBot",
        version: "1.1",
        summary: "Keeps board, turns and rules of Connect Four.",
        source: include_str!("../../python/presets/connect_four_bot.py"),
        unseals: never,
    },
    Preset {
        name: "RockPaperScissorsBot",
        version: "1.1",
        summary: "Takes sealed choices of rock, paper or scissors by private message, shows them together, and opens the messages after the game.",
        source: include_str!("../../python/presets/rock_paper_scissors_bot.py"),
        unseals: always,
    },
    Preset {
        name: "BargainBot",
        version: "1.1",
        summary: "Makes a deal between two parties' sealed limits by a stated rule, or says UNRESOLVED.",
        source: include_str!("../../python/presets/bargain_bot.py"),
        // "on_deal" opens the limits of one round only, and "never" none.
        unseals: |params| params.get("unseal").is_none_or(|unseal| unseal == "always"),
    },
    Preset {
        name: "AuctionBot",
        version: "1.1",
        summary: "Sealed-bid auction, first or second price: commits to each bid, opens all at the end.",
        source: include_str!("../../python/presets/auction_bot.py"),
        unseals: always,
    },
    Preset {
        name: "TriviaBot",
        version: "1.1",
        summary: "Quizmaster: commits to its questions, takes sealed answers, opens everything at the end.",
        source: include_str!("../../python/presets/trivia_bot.py"),
        unseals: always,
    },
];

fn never(_: &Map<String, Value>) -> bool {
    false
}

fn always(_: &Map<String, Value>) -> bool {
    true
}

/// All presets.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

/// The preset of this name, with or without `builtin://` in front.
pub fn find_preset(name: &str) -> Option<&'static Preset> {
    let name = name.strip_prefix("builtin://").unwrap_or(name);
    PRESETS.iter().find(|preset| preset.name == name)
}
