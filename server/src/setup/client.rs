//! The MCP clients whose configuration is known, with its place and format.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::folders::{Folders, find_program};
use super::format::Format;
use super::json::Shape;

/// An MCP client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    ClaudeDesktop,
    ClaudeCode,
    Cursor,
    #[value(name = "vscode")]
    VsCode,
    Codex,
    #[value(name = "opencode")]
    OpenCode,
    Gemini,
}

impl Client {
    pub(crate) const ALL: [Self; 7] =
        [Self::ClaudeDesktop, Self::ClaudeCode, Self::Cursor, Self::VsCode, Self::Codex, Self::OpenCode, Self::Gemini];

    /// The name that people know.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Claude Desktop",
            Self::ClaudeCode => "Claude Code",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::Codex => "Codex",
            Self::OpenCode => "opencode",
            Self::Gemini => "Gemini CLI",
        }
    }

    /// The name on the command line.
    pub(crate) fn argument(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub(crate) fn format(self) -> Format {
        let json = |section, shape| Format::Json { section, shape };
        match self {
            Self::ClaudeDesktop | Self::Cursor | Self::Gemini => json("mcpServers", Shape::Plain),
            Self::ClaudeCode => json("mcpServers", Shape::Stdio),
            Self::VsCode => json("servers", Shape::Stdio),
            Self::OpenCode => json("mcp", Shape::Local),
            Self::Codex => Format::Toml { section: "mcp_servers" },
        }
    }

    /// The configuration for all of the user's projects.
    pub(crate) fn config_path(self, folders: &Folders) -> PathBuf {
        match self {
            Self::ClaudeDesktop => folders.desktop.join("Claude/claude_desktop_config.json"),
            Self::ClaudeCode => folders.variable_or("CLAUDE_CONFIG_DIR", "").join(".claude.json"),
            Self::Cursor => folders.home.join(".cursor/mcp.json"),
            Self::VsCode => folders.desktop.join("Code/User/mcp.json"),
            Self::Codex => folders.variable_or("CODEX_HOME", ".codex").join("config.toml"),
            Self::OpenCode => {
                let folder = folders.command_line.join("opencode");
                let with_comments = folder.join("opencode.jsonc");
                if with_comments.exists() { with_comments } else { folder.join("opencode.json") }
            }
            Self::Gemini => folders.variable_or("GEMINI_CLI_HOME", "").join(".gemini/settings.json"),
        }
    }

    /// The folder in which the client looks for skills of its user, if it reads any.
    ///
    /// `~/.agents/skills` is read by several clients, so that one copy serves them all.
    pub(super) fn skills_folder(self, folders: &Folders) -> Option<PathBuf> {
        match self {
            Self::ClaudeCode => Some(folders.variable_or("CLAUDE_CONFIG_DIR", ".claude").join("skills")),
            Self::Codex | Self::OpenCode | Self::Gemini | Self::Cursor => Some(folders.home.join(".agents/skills")),
            Self::ClaudeDesktop | Self::VsCode => None,
        }
    }

    /// Returns whether the client has left traces on this computer.
    pub(crate) fn is_found(self, folders: &Folders) -> bool {
        let config = self.config_path(folders);
        let program = match self {
            Self::ClaudeDesktop | Self::Cursor | Self::VsCode => None,
            Self::ClaudeCode => Some("claude"),
            Self::Codex => Some("codex"),
            Self::OpenCode => Some("opencode"),
            Self::Gemini => Some("gemini"),
        };
        // The file of Claude Code is in the home directory itself.
        let has_folder = self != Self::ClaudeCode && config.parent().is_some_and(Path::is_dir);
        has_folder || config.exists() || program.is_some_and(|program| find_program(program).is_some())
    }

    /// Sentence that says when the client notices the change.
    pub(super) fn next_step(self) -> &'static str {
        match self {
            Self::ClaudeDesktop => "Quit Claude Desktop and start it again.",
            Self::ClaudeCode => "Start a new session of Claude Code.",
            Self::Cursor => "Cursor shows it in its settings, under MCP, and may ask you to switch it on.",
            Self::VsCode => "VS Code asks you once whether you trust it.",
            Self::Codex => "Start a new session of Codex.",
            Self::OpenCode => "Start opencode again.",
            Self::Gemini => "Start Gemini CLI again. It uses MCP servers only in folders that you trust.",
        }
    }
}
