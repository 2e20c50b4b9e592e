//! Settings of the sandbox.

use std::path::{Path, PathBuf};

/// Limits of a worker, and the layers that are switched off.
#[derive(Debug, Clone)]
pub(crate) struct SandboxConfig {
    /// Maximum private memory, in bytes.
    pub(crate) memory_bytes: u64,
    /// Maximum size of one file, and of all files of a workspace in memory, in bytes.
    pub(crate) file_bytes: u64,
    /// Names of layers to leave out, as if the platform refused them.
    pub(crate) disabled_layers: Vec<String>,
}

impl SandboxConfig {
    pub(crate) fn is_disabled(&self, layer: &str) -> bool {
        self.disabled_layers.iter().any(|disabled| disabled == layer)
    }
}

/// The one directory that a worker's bot may write to.
#[derive(Debug, Clone)]
pub(crate) enum Workspace {
    /// A tmpfs that only this worker sees, mounted at this path of the zygote's root.
    Memory(PathBuf),
    /// A directory on disk, which the supervisor created and whose size it checks.
    Directory(PathBuf),
}

impl Workspace {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Memory(path) | Self::Directory(path) => path,
        }
    }
}
