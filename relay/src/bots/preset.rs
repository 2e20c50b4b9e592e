use std::sync::Arc;

/// A bot that ships with the product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    source: &'static str,
}

impl Preset {
    pub(crate) fn code_ref(&self) -> String {
        format!("builtin://{}", self.name)
    }

    pub(crate) fn source(&self) -> Arc<str> {
        self.source.into()
    }
}

const PRESETS: &[Preset] = &[Preset {
    name: "GuessBot",
    version: "1.0",
    summary: "Referee of a number guessing game: commits to a secret number, judges guesses, proves the number at the end.",
    source: include_str!("../../../bots/python/presets/guess_bot.py"),
}];

/// All presets.
pub(crate) fn presets() -> &'static [Preset] {
    PRESETS
}

/// The preset of this name, with or without `builtin://` in front.
pub(crate) fn find_preset(name: &str) -> Option<&'static Preset> {
    let name = name.strip_prefix("builtin://").unwrap_or(name);
    PRESETS.iter().find(|preset| preset.name == name)
}
