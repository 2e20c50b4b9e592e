//! The differences between two states, as lines of text.

use serde_json::Value;

/// Maximum number of lines.
const MAX_LINES: usize = 24;
/// Maximum length of a value, in characters.
const MAX_VALUE: usize = 120;

/// The differences between two JSON texts; `None` is an empty object.
pub(crate) fn changes(before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let parse = |text: Option<&str>| {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    };
    let mut lines = Vec::new();
    compare("", &parse(before), &parse(after), &mut lines);
    if lines.len() > MAX_LINES {
        let more = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("… and {more} more; enter `state` to see all"));
    }
    lines
}

fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            for (key, value) in old {
                match new.get(key) {
                    Some(other) => compare(&below(key), value, other, lines),
                    None => lines.push(format!("- {}", below(key))),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                lines.push(format!("+ {}: {}", below(key), short(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) if new.starts_with(old) => {
            for (place, value) in new.iter().enumerate().skip(old.len()) {
                lines.push(format!("+ {path}[{place}]: {}", short(value)));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (place, (old, new)) in old.iter().zip(new).enumerate() {
                compare(&format!("{path}[{place}]"), old, new, lines);
            }
        }
        _ => lines.push(format!("{path}: {} → {}", short(before), short(after))),
    }
}

/// A value as JSON, truncated to [`MAX_VALUE`].
pub(crate) fn short(value: &Value) -> String {
    truncate(&value.to_string(), MAX_VALUE)
}

/// Truncates a text to this number of characters.
pub(crate) fn truncate(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_removed_and_changed_values_are_listed_by_path() {
        let before = r#"{"a": 1, "b": {"c": [1], "d": "x"}, "gone": 0, "same": [1, 2]}"#;
        let after = r#"{"a": 2, "b": {"c": [1, 2], "d": "y"}, "same": [1, 2], "new": {"e": null}}"#;
        assert_eq!(
            changes(Some(before), Some(after)),
            ["a: 1 → 2", "+ b.c[1]: 2", r#"b.d: "x" → "y""#, "- gone", r#"+ new: {"e":null}"#]
        );
        assert_eq!(changes(None, Some(r#"{"a": [1, 2]}"#)), ["+ a: [1,2]"]);
        assert_eq!(changes(Some(after), Some(after)), Vec::<String>::new());
    }

    #[test]
    fn long_values_and_long_lists_are_truncated() {
        let many: Vec<String> = (0..99).map(|n| format!(r#""k{n}": "{}""#, "é".repeat(300))).collect();
        let found = changes(None, Some(&format!("{{{}}}", many.join(","))));
        assert_eq!(found.len(), MAX_LINES + 1);
        assert!(found[MAX_LINES].contains("75 more"), "{}", found[MAX_LINES]);
        assert!(found.iter().all(|line| line.chars().count() < MAX_VALUE + 20));
    }
}
