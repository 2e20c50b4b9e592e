//! Text of others on a terminal.

use std::fmt::Write as _;

/// Escapes a text so that it cannot control a terminal: control characters, and characters that reorder or hide their
/// neighbours, become escapes such as `\u{1b}` and `\n`.
///
/// Quotes and backslashes stay as they are, so that JSON and source code remain readable.
pub fn printable(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for part in text.split_inclusive(['\\', '\'', '"']) {
        let rest = part.trim_end_matches(['\\', '\'', '"']);
        write!(escaped, "{}{}", rest.escape_debug(), &part[rest.len()..]).expect("writing to a String can't fail");
    }
    escaped
}

/// Escapes a JSON text like [`printable`], but with the escapes of JSON, so that its value is the same.
pub fn printable_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        // Within strings JSON has no control characters below U+0020; outside of strings they are white space.
        if character < '\u{7f}' || printable(&format!("x{character}")).ends_with(character) {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("writing to a String can't fail");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_json};

    #[test]
    fn control_and_format_characters_are_escaped() {
        let plain = r#"\'Bob's "laptop", C:\new, हिन्दी, 東京 🎲"#;
        assert_eq!(printable(plain), plain);
        let hostile = "\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\u{61c}\u{feff}\u{e0041}'\u{7f}";
        let escaped = r"\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\u{61c}\u{feff}\u{e0041}'\u{7f}";
        assert_eq!(printable(hostile), escaped);
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let text = "हिन्दी 🎲 \u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\"\\\n";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let escaped = printable_json(&json);
        assert!(escaped.contains(r#"हिन्दी 🎲 \u001b\u007f\u009b\u202e\udb40\udc41\"\\\n"#), "{escaped}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped).unwrap(), [text]);
    }
}
