//! Names and labels that people read: the characters that they may have, and what they must not look like.

use mcp_multiplayer_bot_supervisor::presets;
use mcp_multiplayer_protocol::channel::SlotKind;
use mcp_multiplayer_protocol::{Error, ErrorCode, SlotId, SlotSpec, limits};
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization as _;

/// Checks a name that people will read, and returns it in Unicode's normal form C: 1 to 100 characters, not only spaces, and
/// none that is invisible or changes how others are shown.
pub(super) fn checked_name(argument: &str, name: &str) -> Result<String, Error> {
    let name: String = name.nfc().collect();
    let length = name.chars().count();
    if length == 0 || length > limits::NAME_CHARS || name.trim().is_empty() || has_refused_character(&name) {
        return Err(Error::invalid(
            format!("Argument '{argument}' must be 1 to {} printable characters.", limits::NAME_CHARS),
            "Choose a short name on one line, without invisible characters.",
        ));
    }
    Ok(name)
}

fn has_refused_character(name: &str) -> bool {
    let mut before = ' ';
    name.chars().any(|character| {
        // Emoji, and scripts whose letters join, need the joiners U+200C and U+200D. Between other characters they only make
        // two names differ that look the same.
        let joins = matches!(character, '\u{200c}' | '\u{200d}') && !before.is_ascii();
        let refused = matches!(
            get_general_category(character),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::Surrogate
        );
        before = character;
        refused && !joins
    })
}

/// Checks that no player's label reads like the relay, a bot, a slot id, or another label of the channel.
pub(super) fn check_labels(slots: &[SlotSpec]) -> Result<(), Error> {
    let skeletons: Vec<String> = slots.iter().map(|slot| skeleton(&slot.label)).collect();
    for (place, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.kind == SlotKind::Invite) {
        let own = &skeletons[place];
        let reserved = ["system", "relay"].into_iter().find(|word| skeleton(word) == *own).map(str::to_owned);
        let slot_id = (0..limits::SLOTS).map(|place| SlotId::at(place).to_string()).find(|id| skeleton(id) == *own);
        let bot = own.starts_with(&skeleton("bot:")).then(|| "bot:…".to_owned());
        let same = (0..slots.len()).find(|other| *other != place && skeletons[*other] == *own);
        let twin = same.map(|other| slots[other].label.clone());
        if let Some(other) = reserved.or(slot_id).or(bot).or(twin) {
            return Err(Error::invalid(
                format!("The label '{}' of slot {place} reads like '{other}'.", slot.label),
                "Give each player a label that cannot be mistaken for another player, a slot, a bot or the relay.",
            ));
        }
    }
    Ok(())
}

/// Checks that an inline bot does not call itself like a preset, whose code players may know and trust.
pub(super) fn check_inline_name(name: &str) -> Result<(), Error> {
    let own = skeleton(name);
    let Some(preset) = presets().iter().find(|preset| skeleton(preset.name) == own) else { return Ok(()) };
    Err(Error::new(
        ErrorCode::BotRejected,
        format!("The name '{name}' reads like the preset {}, but the bot's code is your own.", preset.name),
        "Rename the class, or pass another name.",
    ))
}

/// The form in which texts that look alike are equal (Unicode Technical Standard 39, section 4), whatever their case.
fn skeleton(text: &str) -> String {
    unicode_security::skeleton(&text.trim().to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::SlotSpec;
    use mcp_multiplayer_protocol::channel::SlotKind;

    use super::{check_inline_name, check_labels, checked_name};

    #[test]
    fn names_are_printable_and_normalized() {
        assert_eq!(checked_name("name", "Cafe\u{301}").unwrap(), "Café");
        for name in ["Ann's game", "हिन्दी", "می\u{200c}خواهم", "👩\u{200d}🚀", "東京", &"x".repeat(100)]
        {
            assert!(checked_name("name", name).is_ok(), "{name:?}");
        }
        for name in
            ["", " ", "a\nb", "a\u{200b}b", "a\u{200d}b", "\u{202e}txt", "a\u{2028}b", "\u{feff}a", &"x".repeat(101)]
        {
            assert!(checked_name("name", name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn labels_cannot_be_mistaken() {
        let slots = |labels: &[&str]| {
            let invite = |label: &&str| SlotSpec { kind: SlotKind::Invite, label: (*label).to_owned() };
            let mut slots = vec![SlotSpec { kind: SlotKind::Bot, label: "referee".to_owned() }];
            slots.extend(labels.iter().map(invite));
            check_labels(&slots)
        };
        assert!(slots(&["alice", "bob", "Алиса", "s", "botany", "systematic"]).is_ok());
        for label in ["system", "System", "ѕуstem", "relay", "s0", "S31", "bot:GuessBot", "Bot:x", "Referee"] {
            assert!(slots(&["alice", label]).is_err(), "{label}");
        }
        assert!(slots(&["alice", "аlice"]).is_err(), "with a Cyrillic letter");
    }

    #[test]
    fn an_inline_bot_is_no_preset() {
        assert!(check_inline_name("CheckersBot").is_ok());
        for name in ["GuessBot", "guessbot", "GuеssBot"] {
            assert!(check_inline_name(name).is_err(), "{name}");
        }
    }
}
