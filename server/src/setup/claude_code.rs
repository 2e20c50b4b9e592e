//! Claude Code's own command for its configuration, which it may change at the same time.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::entry::Entry;
use super::folders::find_program;

/// The program of Claude Code, if it is on the search path.
#[derive(Debug)]
pub(super) struct ClaudeCode(PathBuf);

impl ClaudeCode {
    pub(super) fn find() -> Option<Self> {
        find_program("claude").map(Self)
    }

    /// Adds a server for all projects.
    pub(super) fn add(&self, name: &str, entry: &Entry) -> io::Result<()> {
        self.run(&add_arguments(name, entry))
    }

    /// Removes a server from those of all projects.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        self.run(&["mcp", "remove", "--scope", "user", name].map(str::to_owned))
    }

    fn run(&self, arguments: &[String]) -> io::Result<()> {
        let output = Command::new(&self.0).args(arguments).stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(io::Error::other(format!("'claude {}' failed: {reason}", arguments.join(" "))))
    }
}

/// The command as a person would type it.
pub(super) fn add_command(name: &str, entry: &Entry) -> String {
    let quote = |argument: String| {
        if argument.contains([' ', '\'', '"', '\\', '$']) {
            format!("'{}'", argument.replace('\'', r"'\''"))
        } else {
            argument
        }
    };
    let arguments: Vec<_> = add_arguments(name, entry).into_iter().map(quote).collect();
    format!("claude {}", arguments.join(" "))
}

fn add_arguments(name: &str, entry: &Entry) -> Vec<String> {
    let mut arguments = ["mcp", "add", "--scope", "user", name].map(str::to_owned).to_vec();
    for (variable, value) in &entry.env {
        arguments.extend(["--env".to_owned(), format!("{variable}={value}")]);
    }
    arguments.extend(["--".to_owned(), entry.command.clone()]);
    arguments.extend(entry.args.iter().cloned());
    arguments
}
