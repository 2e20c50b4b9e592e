//! Text from strangers, such as the names that OAuth clients choose, on the operator's terminal.

use mcp_multiplayer_protocol::limits;

/// Checks a name by the rules for names in channels: 1 to 100 characters, none of them a control character.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > limits::NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {} printable characters on one line", limits::NAME_CHARS));
    }
    Ok(name.to_owned())
}

/// Escapes a text so that it cannot control a terminal: control characters, and characters that reorder or hide their
/// neighbours, become escapes such as `\u{1b}`; a backslash is doubled.
pub(super) fn printable(text: &str) -> String {
    // `escape_debug` is made for quoted text. Here no quotes are around, so that quotes inside need no escape.
    text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

#[cfg(test)]
mod tests {
    use super::{parse_name, printable};

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable(r#"\'Bob's "laptop", हिन्दी, 東京 🎲"#), r#"\\'Bob's "laptop", हिन्दी, 東京 🎲"#);
        let hostile = "\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\\u{1b}";
        let escaped = r"\u{1b}[2Jx\r\n\u{7}\u{9b}31m\u{202e}gpj\u{200b}\u{2028}\u{2066}\\u{1b}";
        assert_eq!(printable(hostile), escaped);
    }

    #[test]
    fn names_are_short_and_on_one_line() {
        for name in ["alice", "Bob's laptop", r"C:\bob", &"é".repeat(100)] {
            assert_eq!(parse_name(name).unwrap(), name);
        }
        for name in ["", " ", "a\nb", "\u{1b}[0m", "\u{9b}0m", &"a".repeat(101)] {
            assert!(parse_name(name).unwrap_err().contains("1 to 100 printable"), "{name:?}");
        }
    }
}
