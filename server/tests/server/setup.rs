//! `setup` changes one entry in the configuration of each client, and nothing else.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::home::{Home, PROGRAM};

const DESKTOP: &str = ".config/Claude/claude_desktop_config.json";
const CURSOR: &str = ".cursor/mcp.json";
const CODEX: &str = ".codex/config.toml";

/// Each client's argument and file, a content before, and the same content with the entry. `PATH` stands for the program.
const CLIENTS: [(&str, &str, &str, &str); 7] = [
    (
        "claude-desktop",
        DESKTOP,
        "{\n  \"mcpServers\": {},\n  \"zoom\": 1.50,\n  \"a\": null\n}\n",
        "{\n  \"mcpServers\": {\n    \"multiplayer\": {\n      \"command\": \"PATH\"\n    }\n  },\n  \"zoom\": 1.50,\n  \"a\": null\n}\n",
    ),
    (
        "claude-code",
        ".claude.json",
        "{\n  \"numStartups\": 3,\n  \"projects\": { \"/x\": { \"id\": 12345678901234567890 } }\n}",
        "{\n  \"numStartups\": 3,\n  \"projects\": { \"/x\": { \"id\": 12345678901234567890 } },\n  \"mcpServers\": {\n    \"multiplayer\": {\n      \"type\": \"stdio\",\n      \"command\": \"PATH\"\n    }\n  }\n}",
    ),
    (
        "cursor",
        CURSOR,
        "{\n    // mine\n    \"mcpServers\": {\n        \"files\": { \"command\": \"npx\" }, // the best\n    },\n}\n",
        "{\n    // mine\n    \"mcpServers\": {\n        \"files\": { \"command\": \"npx\" }, // the best\n        \"multiplayer\": {\n            \"command\": \"PATH\",\n        },\n    },\n}\n",
    ),
    (
        "vscode",
        ".config/Code/User/mcp.json",
        "{\n\t\"inputs\": [], /* none */\n\t\"servers\": {\n\t}\n}\n",
        "{\n\t\"inputs\": [], /* none */\n\t\"servers\": {\n\t\t\"multiplayer\": {\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"PATH\"\n\t\t}\n\t}\n}\n",
    ),
    (
        "codex",
        CODEX,
        "model = \"m\"  # mine\n\n[mcp_servers.docs]\ncommand = 'docs' # docs\n[mcp_servers.docs.env]\nA = \"b\"\n\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n",
        "model = \"m\"  # mine\n\n[mcp_servers.docs]\ncommand = 'docs' # docs\n[mcp_servers.docs.env]\nA = \"b\"\n\n[mcp_servers.multiplayer]\ncommand = \"PATH\"\n\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n",
    ),
    (
        "opencode",
        ".config/opencode/opencode.json",
        "{\r\n  \"mcp\": {\r\n  }\r\n}\r\n",
        "{\r\n  \"mcp\": {\r\n    \"multiplayer\": {\r\n      \"type\": \"local\",\r\n      \"command\": [\"PATH\"]\r\n    }\r\n  }\r\n}\r\n",
    ),
    (
        "gemini",
        ".gemini/settings.json",
        "\u{feff}{\n  \"theme\": \"dark\"\n}\n",
        "\u{feff}{\n  \"theme\": \"dark\",\n  \"mcpServers\": {\n    \"multiplayer\": {\n      \"command\": \"PATH\"\n    }\n  }\n}\n",
    ),
];

#[test]
fn an_entry_is_added_to_each_client_and_undo_restores_every_byte() {
    let home = Home::with(&CLIENTS.map(|(_, path, before, _)| (path, before)));
    let before = home.files();
    home.succeed(&["setup", "--yes"]);
    for (client, path, text, after) in CLIENTS {
        assert_eq!(home.read(path), after.replace("PATH", PROGRAM), "{client}");
        assert_eq!(home.read(&format!("{path}.before-mcp-multiplayer")), text, "{client}");
    }
    let after = home.files();
    let again = home.succeed(&["setup", "--yes"]);
    assert_eq!(home.files(), after, "a second run changes nothing");
    assert_eq!(again.matches("already").count(), CLIENTS.len(), "{again}");
    home.succeed(&["setup", "--undo", "--yes"]);
    assert_eq!(home.files(), before);
}

#[test]
fn missing_files_are_created_and_removed_again() {
    let home = Home::new();
    let clients = CLIENTS.map(|(client, ..)| client);
    home.succeed(&[&["setup", "--yes", "--no-skill"][..], &clients].concat());
    assert_eq!(home.files().len(), CLIENTS.len());
    for (client, path, ..) in CLIENTS {
        assert!(home.read(path).contains(PROGRAM) && home.read(path).ends_with("}\n") || client == "codex", "{client}");
    }
    assert_eq!(home.read(CODEX), format!("[mcp_servers.multiplayer]\ncommand = \"{PROGRAM}\"\n"));
    home.succeed(&[&["setup", "--undo", "--yes"][..], &clients].concat());
    assert!(home.files().is_empty(), "{:?}", home.files());
}

#[test]
fn folders_that_were_created_are_removed_again() {
    let home = Home::with(&[(".config/editor/settings", "mine"), (".gemini/history", "mine"), ("bin/tool", "mine")]);
    let clients = CLIENTS.map(|(client, ..)| client);
    home.succeed(&[&["setup", "--yes"][..], &clients].concat());
    assert!(home.path(".agents/skills").is_dir() && home.path(".cursor").is_dir());
    home.succeed(&[&["setup", "--undo", "--yes"][..], &clients].concat());
    let mut left: Vec<_> = std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".config", ".gemini", "bin"]);
    assert_eq!(std::fs::read_dir(home.path(".config")).unwrap().count(), 1);
    // A client that is not there is not found later because of what was left.
    assert!(!home.run(&["setup", "--print"]).out.contains("Cursor"));
}

#[test]
fn only_clients_of_this_computer_are_set_up() {
    let home = Home::new();
    let nothing = home.run(&["setup", "--yes"]);
    assert_eq!(nothing.code, 1);
    assert!(
        nothing.out.contains("No MCP client was found") && nothing.out.contains("claude-desktop"),
        "{}",
        nothing.out
    );
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    home.succeed(&["setup", "--yes", "--no-skill"]);
    assert_eq!(home.files().into_keys().collect::<Vec<_>>(), [std::path::Path::new(CURSOR)]);
}

#[test]
fn nothing_is_written_without_consent() {
    let home = Home::with(&[(CURSOR, "{}"), (CODEX, "")]);
    let before = home.files();
    // What would be done is shown, with the command that does it.
    let shown = home.succeed(&["setup"]);
    assert!(shown.contains(&format!("+       \"command\": \"{PROGRAM}\"")), "{shown}");
    assert!(shown.contains("[mcp_servers.multiplayer]") && shown.contains("SKILL.md"), "{shown}");
    assert!(shown.contains("mcp-multiplayer setup --yes cursor codex"), "{shown}");
    home.succeed(&["setup", "--print", "cursor"]);
    // Somebody who names a client expects that it is done.
    assert_eq!(home.run(&["setup", "cursor"]).code, 1);
    assert_eq!(home.files(), before);
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let home = Home::with(&[(CURSOR, "{}")]);
    let answer = |answer: &str| {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let other_end = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let mut command = home.command(&["setup", "cursor", "--no-skill"]);
        command.stdin(other_end.try_clone().unwrap()).stdout(other_end.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let mut terminal = File::from(terminal);
        let mut shown = String::new();
        let mut lines = BufReader::new(terminal.try_clone().unwrap());
        while !shown.contains("[y/N] ") {
            let mut part = Vec::new();
            lines.read_until(b' ', &mut part).unwrap();
            shown.push_str(std::str::from_utf8(&part).unwrap());
        }
        assert!(shown.contains("\"multiplayer\""), "{shown}");
        terminal.write_all(answer.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        drop(other_end);
    };
    answer("n\n");
    answer("\n");
    assert_eq!(home.read(CURSOR), "{}");
    answer("y\n");
    assert!(home.read(CURSOR).contains(PROGRAM));
}

#[test]
fn what_cannot_be_understood_is_left_alone() {
    let cases = [
        (CURSOR, "{\n  \"mcpServers\": {\n    \"a\": SECRET\n  }\n}", "line 3, column 10"),
        (CURSOR, "{ \"mcpServers\": [] }", "\"mcpServers\" is not a group"),
        (CURSOR, "[]", "not an object"),
        (CURSOR, "{ \"mcpServers\": {}, \"mcpServers\": {} }", "\"mcpServers\" is in it more than once"),
        (
            CURSOR,
            "{ \"mcpServers\": { \"multiplayer\": 1, \"multiplayer\": 2 } }",
            "\"multiplayer\" is in it more than once",
        ),
        (CODEX, "model = \"m\"\nSECRET\n", "line 2, column "),
        (CODEX, "mcp_servers = 1\n", "\"mcp_servers\" is not a group"),
    ];
    for (path, text, reason) in cases {
        let home = Home::with(&[(path, text)]);
        let result = home.run(&["setup", "--yes"]);
        assert_eq!(result.code, 1, "{text}");
        assert!(result.out.contains(reason) && result.out.contains("Nothing was written"), "{text} {}", result.out);
        assert!(!result.out.contains("SECRET"), "the file's content may be secret: {}", result.out);
        assert_eq!(home.files().into_values().collect::<Vec<_>>(), [text]);
    }
}

#[test]
fn another_server_of_the_same_name_is_replaced_on_request_only() {
    let foreign = "{ \"mcpServers\": { \"multiplayer\": { \"command\": \"/opt/other\", \"args\": [\"SECRET\"] } } }";
    let home = Home::with(&[(CURSOR, foreign)]);
    let shown = home.run(&["setup", "cursor", "--no-skill"]);
    assert_eq!(shown.code, 1);
    assert!(
        shown.out.contains("/opt/other") && shown.out.contains("--name") && !shown.out.contains("SECRET"),
        "{}",
        shown.out
    );
    assert_eq!(home.files().len(), 1);
    home.succeed(&["setup", "cursor", "--undo", "--yes"]);
    assert_eq!(home.read(CURSOR), foreign, "undo removes no entry of another program");

    home.succeed(&["setup", "cursor", "--yes", "--no-skill"]);
    assert!(!home.read(CURSOR).contains("SECRET"));
    assert_eq!(home.read(&format!("{CURSOR}.before-mcp-multiplayer")), foreign);
    home.succeed(&["setup", "cursor", "--undo", "--yes"]);
    assert_eq!(home.read(CURSOR), foreign);

    // With another name, both have their place.
    home.succeed(&["setup", "cursor", "--yes", "--no-skill", "--name", "games"]);
    assert!(home.read(CURSOR).contains("SECRET") && home.read(CURSOR).contains("\"games\""));
}

#[test]
fn an_older_entry_keeps_its_settings_and_its_secrets_are_not_shown() {
    let older = [
        (
            CURSOR,
            "{ \"mcpServers\": { \"multiplayer\": {\n  \"command\": \"/old/mcp-multiplayer\", // moved\n  \"args\": [\"--insecure\"],\n  \"env\": { \"MCP_MULTIPLAYER_TOKEN\": \"mm_SECRET\" }, \"disabled\": true } } }",
        ),
        (
            CODEX,
            "[mcp_servers.multiplayer]\ncommand = \"/old/mcp-multiplayer\" # moved\nargs = [\"--insecure\"]\nenv = { MCP_MULTIPLAYER_TOKEN = \"mm_SECRET\" }\nenabled = false\n",
        ),
    ];
    let home = Home::with(&older);
    let shown = home.succeed(&["setup", "--yes", "--no-skill"]);
    assert!(shown.contains("MCP_MULTIPLAYER_TOKEN") && !shown.contains("SECRET"), "{shown}");
    assert!(shown.contains("/old/mcp-multiplayer"), "{shown}");
    for (path, text) in older {
        assert_eq!(home.read(path), text.replace("/old/mcp-multiplayer", PROGRAM));
    }
    // A variable of this program is added to those that are there.
    let result = home.run_with(&["setup", "--yes", "--no-skill"], &[("DATA_DIR", "/var/lib/games")]);
    assert_eq!(result.code, 0, "{}", result.out);
    for (path, _) in older {
        let text = home.read(path);
        assert!(text.contains("/var/lib/games") && text.contains("mm_SECRET"), "{text}");
    }
    // New arguments take the place of the old ones.
    home.succeed(&["setup", "codex", "--yes", "--no-skill", "--relay", "wss://relay.example"]);
    assert!(home.read(CODEX).contains("args = [\"--relay\", \"wss://relay.example\"]\nenv"), "{}", home.read(CODEX));
    // The backup has an entry of ours, so that undo does not restore it.
    home.succeed(&["setup", "codex", "--yes", "--undo"]);
    assert_eq!(home.read(CODEX), "");
}

#[test]
fn the_backup_is_the_file_before_the_first_entry() {
    let home = Home::with(&[(CURSOR, "{ \"first\": 1 }")]);
    let backup = format!("{CURSOR}.before-mcp-multiplayer");
    home.succeed(&["setup", "cursor", "--yes", "--no-skill"]);
    home.succeed(&["setup", "cursor", "--yes", "--no-skill", "--name", "games"]);
    assert_eq!(home.read(&backup), "{ \"first\": 1 }");
    // The client has changed its file: only the entry is removed, and the backup stays.
    home.write(CURSOR, &home.read(CURSOR).replace("\"first\": 1", "\"first\": 2"));
    let undone = home.succeed(&["setup", "cursor", "--yes", "--undo"]);
    assert!(undone.contains(".before-mcp-multiplayer"), "{undone}");
    let text = home.read(CURSOR);
    assert!(text.contains("\"first\": 2") && text.contains("\"games\"") && !text.contains("\"multiplayer\""), "{text}");
    assert_eq!(home.read(&backup), "{ \"first\": 1 }");
}

#[test]
fn relay_and_data_directory_are_written_into_the_entry() {
    let home = Home::new();
    let result = home.run_with(
        &["setup", "cursor", "--yes", "--no-skill", "--relay", "https://relay.example"],
        &[("DATA_DIR", "/var/lib/games")],
    );
    assert_eq!(result.code, 0);
    let text = home.read(CURSOR);
    assert!(text.contains("\"args\": [\"--relay\", \"https://relay.example\"]"), "{text}");
    assert!(text.contains("\"DATA_DIR\": \"/var/lib/games\""), "{text}");
    for wrong in [["--relay", "relay.example"], ["--name", "a b"], ["--name", ""]] {
        assert_eq!(home.run(&[&["setup", "cursor", "--yes"][..], &wrong].concat()).code, 2, "{wrong:?}");
    }
}
