//! The reasons for which the rules refuse an entry, as they stand in the source.

use mcp_multiplayer_protocol::Error;

/// The files that state the rules.
const SOURCES: [&str; 5] = [
    include_str!("../../src/channel/allowed.rs"),
    include_str!("../../src/channel/audit/mod.rs"),
    include_str!("../../src/channel/audit/call.rs"),
    include_str!("../../src/channel/audit/keystream.rs"),
    include_str!("../../src/channel/audit/bodies.rs"),
];

/// Errors that have their text elsewhere: the name of the function, and the text.
fn named() -> [(&'static str, Error); 6] {
    [
        ("not_member", Error::not_member()),
        ("closed", Error::closed()),
        ("bot_not_found", Error::bot_not_found()),
        ("other_terms", Error::other_terms()),
        ("slot_already_filled", Error::slot_already_filled()),
        ("not_admin", Error::not_admin()),
    ]
}

/// All reasons; `{…}` in one stands for any text.
pub(super) fn all() -> Vec<String> {
    let mut found = Vec::new();
    for source in SOURCES {
        let code: String =
            source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        found.extend(texts(&code));
        for (place, _) in code.match_indices("Error::") {
            let rest = &code[place + "Error::".len()..];
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if !matches!(name.as_str(), "new" | "invalid" | "bad_op" | "") {
                let error = named().into_iter().find(|(known, _)| *known == name);
                let (_, error) = error.unwrap_or_else(|| panic!("add Error::{name} to named()"));
                found.push(error.message.into_owned());
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The texts of a source that are reasons: sentences, but no hints, which are the second text of a call, and none of what
/// only programmers read.
fn texts(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut rest, mut was_reason) = (code, false);
    while let Some((before, after)) = rest.split_once('"') {
        let end = after.find('"').expect("texts have no quotes in them");
        let text = &after[..end];
        let is_hint = was_reason && before.trim_end().ends_with(',') && !before.contains([';', '{']);
        let is_internal = ["expect(", "panic!(", "reason = ", "write!(f, "].iter().any(|call| before.ends_with(call))
            || before.trim_end().ends_with("The log breaks a rule of the protocol.");
        was_reason = text.contains(' ') && !is_hint && !is_internal;
        if was_reason && text != "The log breaks a rule of the protocol." && !text.starts_with("Slot {") {
            found.push(text.to_owned());
        }
        rest = &after[end + 1..];
    }
    found
}

/// Returns whether a text is this reason.
pub(super) fn is(reason: &str, text: &str) -> bool {
    let mut rest = text;
    // What follows a placeholder stands somewhere in the rest of the text.
    reason.split(['{', '}']).step_by(2).all(|part| match rest.find(part) {
        Some(place) => {
            rest = &rest[place + part.len()..];
            true
        }
        None => false,
    })
}
