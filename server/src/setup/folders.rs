//! Folders of this computer's user, in which clients keep their configuration.

use std::env;
use std::path::{Path, PathBuf};

/// The folders that the paths of configurations start with.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// The home directory.
    pub(crate) home: PathBuf,
    /// Folder of the settings of desktop programs: `%APPDATA%`, `~/Library/Application Support` or `~/.config`.
    pub(crate) desktop: PathBuf,
    /// Folder of the settings of command line programs: `$XDG_CONFIG_HOME`, or `~/.config` on every platform.
    pub(crate) command_line: PathBuf,
}

impl Folders {
    /// Finds the folders; `None` if the environment does not say where the home directory is.
    pub(crate) fn of_user() -> Option<Self> {
        let home = folder("HOME").or_else(|| folder("USERPROFILE"))?;
        let command_line = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let desktop = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else if cfg!(windows) {
            folder("APPDATA").unwrap_or_else(|| home.join("AppData/Roaming"))
        } else {
            command_line.clone()
        };
        Some(Self { home, desktop, command_line })
    }

    /// Returns whether a folder is below the home directory, and is none of the folders for the settings of all programs.
    pub(super) fn is_below_home(&self, folder: &Path) -> bool {
        folder != self.home && folder.starts_with(&self.home) && folder != self.desktop && folder != self.command_line
    }

    /// The folder that a variable names, or one in the home directory.
    pub(super) fn variable_or(&self, variable: &str, below_home: &str) -> PathBuf {
        folder(variable).unwrap_or_else(|| self.home.join(below_home))
    }
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Finds a program on the search path.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    let names: &[String] =
        if cfg!(windows) { &[format!("{name}.exe"), format!("{name}.cmd")] } else { &[name.to_owned()] };
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    candidates.find(|candidate| is_executable(candidate))
}

/// Returns whether a path is a file that this user may be able to run.
pub(crate) fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    #[cfg(unix)]
    let has_mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let has_mode = true;
    metadata.is_file() && has_mode
}

/// Returns whether a program is found by its name.
pub(crate) fn is_on_search_path(name: &str) -> bool {
    find_program(name).is_some()
}
