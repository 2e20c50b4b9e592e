//! The skill that tells a model when to use this product, for clients that read skills.

use std::path::PathBuf;

use super::client::Client;
use super::folders::Folders;

/// The skill file.
pub(super) const TEXT: &str = include_str!("SKILL.md");

/// Path of the skill file, whose folder has the name of the skill; `None` for a client that reads no skills.
pub(super) fn path(client: Client, folders: &Folders) -> Option<PathBuf> {
    Some(client.skills_folder(folders)?.join("mcp-multiplayer").join("SKILL.md"))
}

/// Returns whether a text is this skill, of whatever version.
pub(super) fn is_own(text: &str) -> bool {
    text.lines().take(2).eq(TEXT.lines().take(2))
}

#[cfg(test)]
mod tests {
    use super::TEXT;

    #[test]
    fn the_skill_has_the_front_matter_that_clients_require() {
        let (front_matter, body) = TEXT.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
        let (name, description) = front_matter.split_once('\n').unwrap();
        assert_eq!(name, "name: mcp-multiplayer");
        let description = description.strip_prefix("description: ").unwrap();
        // A colon and a space would begin another mapping.
        assert!((100..=1024).contains(&description.len()) && !description.contains(": "), "{description}");
        assert!(!description.contains(['\n', '<', '>']), "{description}");
        assert!(body.lines().count() <= 120);
    }
}
