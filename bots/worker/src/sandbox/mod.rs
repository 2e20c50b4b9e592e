//! The wall around a bot: what a process gives up before any bot byte reaches it.
//!
//! In two steps. The zygote, which all workers are forked from, goes [`apart`] from the rest of the
//! machine: namespaces, and a root that holds little but the Python library. A worker then [`seal`]s
//! itself: a workspace of its own, no capabilities, limits, Landlock, a system call filter. Each means is
//! a file here, and each reports whether it holds; what the platform refuses is left out, and said.

#[cfg(target_os = "linux")]
mod capabilities;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespaces;
mod rlimits;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
pub(crate) mod seccomp;
#[cfg(target_os = "linux")]
pub(crate) mod self_test;
#[cfg(target_os = "linux")]
mod trial;

use std::path::PathBuf;

use mcp_multiplayer_bot_supervisor::Layer;

/// What the bot may have.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    /// Bytes of private memory.
    pub(crate) memory_bytes: u64,
    /// Bytes that one file may grow to, and all files of a workspace in memory.
    pub(crate) file_bytes: u64,
    /// Layers to do without, as if the platform refused them.
    pub(crate) refuse: Vec<String>,
}

/// Which layers of the sandbox stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sandbox {
    layers: Vec<Layer>,
}

impl Sandbox {
    /// Notes what became of a layer; whether it holds.
    fn layer(&mut self, name: &str, held: anyhow::Result<()>) -> bool {
        let reason = held.err().map(|error| format!("{error:#}"));
        let held = reason.is_none();
        self.layers.push(Layer { name: name.to_owned(), active: held, reason });
        held
    }

    /// Tries to raise a layer, unless it is to be done without.
    fn raise(&mut self, name: &str, allowance: &Allowance, raise: impl FnOnce() -> anyhow::Result<()>) -> bool {
        let refused = allowance.refuse.iter().any(|refused| refused == name);
        let held = if refused { Err(anyhow::anyhow!("switched off")) } else { raise() };
        self.layer(name, held)
    }

    /// Every layer, in the order in which they were raised.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Whether the workspace is seen by nobody else.
    pub(crate) fn has_own_workspace(&self) -> bool {
        self.holds("workspace in memory")
    }

    fn holds(&self, name: &str) -> bool {
        self.layers.iter().any(|layer| layer.name == name && layer.active)
    }

    /// How far it reaches.
    ///
    /// `full`: all layers. `kernel`: the filter of system calls, and files out of reach by Landlock or by a
    /// root of its own. `process`: a process of its own, with limits.
    pub(crate) fn level(&self) -> &'static str {
        let files = self.holds("landlock") || self.holds("root");
        if !self.layers.is_empty() && self.layers.iter().all(|layer| layer.active) && files {
            "full"
        } else if self.holds("seccomp") && files {
            "kernel"
        } else {
            "process"
        }
    }
}

/// Where a worker's bot may write.
#[derive(Debug, Clone)]
pub(crate) enum Room {
    /// A tmpfs of its own at this path, which the zygote's root holds for that.
    Memory(PathBuf),
    /// A directory that the supervisor made and watches.
    Directory(PathBuf),
}

/// Takes the zygote apart from the machine. Called once, by a process with one thread.
///
/// Returns with a process that workers can be forked from: where there is a namespace of processes, its first.
/// `visible` are the paths that the root of its own shows, to be read.
#[cfg(target_os = "linux")]
pub(crate) fn apart(
    allowance: &Allowance,
    stage: &std::path::Path,
    visible: &[PathBuf],
) -> anyhow::Result<(Sandbox, Option<PathBuf>)> {
    let mut sandbox = Sandbox::default();
    let separate = sandbox.raise("namespaces", allowance, || {
        trial::run(namespaces::unshare)?;
        namespaces::unshare()
    });
    if separate {
        namespaces::become_first()?;
    }
    let mut room = None;
    sandbox.raise("root", allowance, || {
        anyhow::ensure!(separate, "needs namespaces");
        trial::run(|| {
            namespaces::unshare_mounts()?;
            let workspace = root::pivot(stage, visible)?;
            namespaces::mount_workspace(&workspace, allowance)
        })?;
        room = Some(root::pivot(stage, visible)?);
        Ok(())
    });
    Ok((sandbox, room))
}

/// Raises what is left of the sandbox around this worker, for good. Python is loaded, the bot is not there yet.
#[cfg(target_os = "linux")]
pub(crate) fn seal(
    sandbox: &mut Sandbox,
    allowance: &Allowance,
    room: &Room,
    readable: &[PathBuf],
    filter: &anyhow::Result<seccomp::Filter>,
) -> anyhow::Result<()> {
    let workspace = match room {
        Room::Memory(path) => {
            let mounted =
                sandbox.raise("workspace in memory", allowance, || namespaces::mount_workspace(path, allowance));
            anyhow::ensure!(mounted, "{:?}", sandbox.layers);
            path
        }
        Room::Directory(path) => {
            sandbox.layer(
                "workspace in memory",
                Err(anyhow::anyhow!("needs namespaces; the supervisor watches its size")),
            );
            path
        }
    };
    std::env::set_current_dir(workspace)?;
    sandbox.raise("capabilities", allowance, capabilities::drop_all);
    rlimits::set(allowance)?;
    sandbox.raise("landlock", allowance, || landlock::restrict(readable, workspace));
    sandbox.raise("seccomp", allowance, || match filter {
        Ok(filter) => filter.apply(),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    });
    Ok(())
}

/// Limits this process, where the platform has no more to offer.
pub(crate) fn limit(allowance: &Allowance, workspace: &std::path::Path) -> anyhow::Result<Sandbox> {
    std::env::set_current_dir(workspace)?;
    rlimits::set(allowance)?;
    Ok(Sandbox::default())
}
