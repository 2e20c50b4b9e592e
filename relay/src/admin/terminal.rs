//! Names that the operator gives on the command line.

use mcp_multiplayer_protocol::limits;

/// Checks a name by the rules for names in channels: 1 to 100 characters, none of them a control character.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > limits::NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {} printable characters on one line", limits::NAME_CHARS));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_name;

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
