/// The presets and their sources.
const PRESETS: [(&str, &str); 7] = [
    ("GuessBot", include_str!("../../../python/presets/guess_bot.py")),
    ("BlackjackBot", include_str!("../../../python/presets/blackjack_bot.py")),
    ("PriceBot", include_str!("../../../python/presets/price_bot.py")),
    ("ContractBot", include_str!("../../../python/presets/contract_bot.py")),
    ("TlsBot", include_str!("../../../python/presets/tls_bot.py")),
    ("MemoryBot", include_str!("../../../python/presets/memory_bot.py")),
    ("TicTacToeBot", include_str!("../../../python/presets/tic_tac_toe_bot.py")),
];

/// The name and source of a preset.
pub(crate) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    let name = name.strip_prefix("builtin://").unwrap_or(name);
    PRESETS.iter().find(|(known, _)| *known == name).copied()
}

/// All of them, as one text.
pub(crate) fn names() -> String {
    PRESETS.map(|(name, _)| name).join(", ")
}
