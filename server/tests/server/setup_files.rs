//! `setup` on files that are links, read-only or shared, and with the folders that clients may have moved.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::home::{Home, PROGRAM};

const CURSOR: &str = ".cursor/mcp.json";

fn mode(home: &Home, path: &str) -> u32 {
    fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777
}

#[test]
fn links_and_modes_stay() {
    let home = Home::with(&[("dotfiles/mcp.json", "{}")]);
    fs::set_permissions(home.path("dotfiles/mcp.json"), Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(home.path(".cursor")).unwrap();
    symlink("../dotfiles/mcp.json", home.path(CURSOR)).unwrap();
    home.succeed(&["setup", "cursor", "--yes", "--no-skill"]);
    assert!(fs::symlink_metadata(home.path(CURSOR)).unwrap().is_symlink());
    assert!(home.read("dotfiles/mcp.json").contains(PROGRAM));
    assert_eq!(mode(&home, "dotfiles/mcp.json"), 0o640);
    // The backup has the same secrets in it.
    assert_eq!(mode(&home, ".cursor/mcp.json.before-mcp-multiplayer"), 0o640);
    home.succeed(&["setup", "cursor", "--yes", "--undo"]);
    assert!(fs::symlink_metadata(home.path(CURSOR)).unwrap().is_symlink());
    assert_eq!(home.read("dotfiles/mcp.json"), "{}");
}

#[test]
fn files_that_must_not_change_are_left_alone() {
    let home = Home::with(&[(CURSOR, "{}"), (".codex/config.toml", "")]);
    fs::set_permissions(home.path(CURSOR), Permissions::from_mode(0o444)).unwrap();
    let result = home.run(&["setup", "--yes", "--no-skill"]);
    assert_eq!(result.code, 1);
    assert!(result.out.contains("read-only"), "{}", result.out);
    assert_eq!(home.read(CURSOR), "{}");
    assert!(!home.path(".cursor/mcp.json.before-mcp-multiplayer").exists());
    // One client that cannot be set up does not keep the others from it.
    assert!(home.read(".codex/config.toml").contains(PROGRAM));

    let home = Home::new();
    fs::create_dir(home.path(".cursor")).unwrap();
    symlink("missing", home.path(CURSOR)).unwrap();
    let result = home.run(&["setup", "cursor", "--yes", "--no-skill"]);
    assert!(result.code == 1 && result.out.contains("link to a file that does not exist"), "{}", result.out);
}

#[test]
fn the_skill_is_there_as_long_as_a_client_uses_it() {
    let home = Home::new();
    home.succeed(&["setup", "claude-code", "codex", "gemini", "--yes"]);
    let (claude, others) = (".claude/skills/mcp-multiplayer/SKILL.md", ".agents/skills/mcp-multiplayer/SKILL.md");
    let skill = home.read(claude);
    assert!(skill.starts_with("---\nname: mcp-multiplayer\n"), "{skill}");
    assert_eq!(home.read(others), skill);
    home.succeed(&["setup", "codex", "--yes", "--undo"]);
    assert_eq!(home.read(others), skill, "Gemini CLI still uses it");
    home.succeed(&["setup", "gemini", "claude-code", "--yes", "--undo"]);
    assert!(home.files().is_empty(), "{:?}", home.files());

    // One of an earlier version is replaced, and removed. Another one of this name comes back.
    home.write(claude, &skill.replace("# Multiplayer channels", "# Older"));
    home.succeed(&["setup", "claude-code", "--yes"]);
    assert_eq!(home.read(claude), skill);
    home.succeed(&["setup", "claude-code", "--yes", "--undo"]);
    assert!(home.files().is_empty(), "{:?}", home.files());
    home.write(claude, "mine");
    home.succeed(&["setup", "claude-code", "--yes"]);
    assert_eq!(home.read(claude), skill);
    home.succeed(&["setup", "claude-code", "--yes", "--undo"]);
    assert_eq!(home.files().into_values().collect::<Vec<_>>(), ["mine"]);
    home.succeed(&["setup", "claude-code", "--yes", "--undo"]);
    assert_eq!(home.read(claude), "mine", "it is not removed");
}

#[test]
fn folders_that_the_environment_names_are_used() {
    let home = Home::new();
    let folder = |name: &str| home.path(name).to_str().unwrap().to_owned();
    let variables = [
        ("CLAUDE_CONFIG_DIR", folder("claude")),
        ("CODEX_HOME", folder("codex")),
        ("GEMINI_CLI_HOME", folder("gemini")),
        ("XDG_CONFIG_HOME", folder("config")),
    ];
    home.write("config/opencode/opencode.jsonc", "// mine\n{}\n");
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let clients = ["setup", "claude-code", "codex", "gemini", "opencode", "claude-desktop", "--yes", "--no-skill"];
    assert_eq!(home.run_with(&clients, &variables).code, 0);
    let files = [
        "claude/.claude.json",
        "codex/config.toml",
        "gemini/.gemini/settings.json",
        "config/opencode/opencode.jsonc",
        "config/Claude/claude_desktop_config.json",
    ];
    for path in files {
        assert!(home.read(path).contains(PROGRAM), "{path}");
    }
    assert!(home.read("config/opencode/opencode.jsonc").starts_with("// mine\n"));
}

#[test]
fn a_failure_of_claude_codes_own_command_is_shown() {
    let home =
        Home::with(&[("bin/claude", "#!/bin/sh\necho \"no licence for: $*\" >&2\nexit 3\n"), (".claude.json", "{}")]);
    fs::set_permissions(home.path("bin/claude"), Permissions::from_mode(0o755)).unwrap();
    let result = home.run(&["setup", "claude-code", "--yes", "--no-skill"]);
    assert_eq!(result.code, 1);
    let said = format!("no licence for: mcp add --scope user multiplayer -- {PROGRAM}");
    assert!(result.out.contains(&said) && !result.out.contains("Done"), "{}", result.out);
    assert_eq!(home.read(".claude.json"), "{}");
}
