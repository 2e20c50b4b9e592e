//! The sandbox around a bot: the access that a process gives up before it runs any code of a bot.
//!
//! It is set up in two steps. [`isolate_zygote`] moves the zygote, from which all workers are forked, into
//! namespaces and a root directory that contains little but the Python library. [`confine_worker`] then restricts
//! each worker for good: a workspace of its own, no capabilities, resource limits, Landlock, a system call filter.
//! Each layer is a file here. A layer that the platform refuses is left out, and is reported with the reason.

#[cfg(target_os = "linux")]
mod capabilities;
mod config;
#[cfg(target_os = "linux")]
mod landlock;
mod layers;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
pub(crate) mod oom;
mod rlimits;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
pub(crate) mod seccomp;
#[cfg(target_os = "linux")]
pub(crate) mod self_test;
#[cfg(target_os = "linux")]
mod trial;

#[cfg(target_os = "linux")]
use std::path::PathBuf;

pub(crate) use self::config::{SandboxConfig, Workspace};
pub(crate) use self::layers::Layers;
#[cfg(target_os = "linux")]
pub(crate) use self::root::outermost;

/// Name of the layer that gives each worker a workspace in memory.
#[cfg(target_os = "linux")]
const WORKSPACE_LAYER: &str = "workspace in memory";
/// Name of the layer that drops privileges.
#[cfg(target_os = "linux")]
const CAPABILITIES_LAYER: &str = "capabilities";
/// Name of the layer that filters system calls.
#[cfg(target_os = "linux")]
const FILTER_LAYER: &str = "seccomp";

/// Isolates the zygote: namespaces, then its own root file system. Must be called once, by a process with one thread.
///
/// The new root shows only the paths in `visible`, read-only. Returns the layers, and the path at which each worker
/// mounts its workspace if there is such a root. The caller may go on in another process than it called from: with
/// namespaces, in the first process of the new process namespace.
#[cfg(target_os = "linux")]
pub(crate) fn isolate_zygote(
    config: &SandboxConfig,
    stage: &std::path::Path,
    visible: &[PathBuf],
) -> anyhow::Result<(Layers, Option<PathBuf>)> {
    let mut layers = Layers::default();
    let has_namespaces = layers.enable("namespaces", config, || {
        trial::run(namespaces::unshare)?;
        namespaces::unshare()
    });
    if has_namespaces {
        namespaces::continue_as_init()?;
    }
    let mut mount_point = None;
    layers.enable("root", config, || {
        anyhow::ensure!(has_namespaces, "needs namespaces");
        trial::run(|| {
            namespaces::unshare_mounts()?;
            let workspace = root::pivot(stage, visible)?;
            namespaces::mount_workspace(&workspace, config)
        })?;
        mount_point = Some(root::pivot(stage, visible)?);
        Ok(())
    });
    if !config.is_disabled(CAPABILITIES_LAYER) {
        capabilities::drop_bounding_set();
    }
    Ok((layers, mount_point))
}

/// Enables the remaining layers for this worker, irrevocably. Python is loaded by then, but no code of the bot.
#[cfg(target_os = "linux")]
pub(crate) fn confine_worker(
    layers: &mut Layers,
    config: &SandboxConfig,
    workspace: &Workspace,
    readable: &[PathBuf],
    filter: &anyhow::Result<seccomp::WorkerFilter>,
) -> anyhow::Result<()> {
    match workspace {
        Workspace::Memory(path) => {
            let mounted = layers.enable(WORKSPACE_LAYER, config, || namespaces::mount_workspace(path, config));
            anyhow::ensure!(mounted, "{:?}", layers.as_slice());
        }
        Workspace::Directory(_) => {
            layers.record_missing(WORKSPACE_LAYER, "needs namespaces; the supervisor checks the size of the workspace");
        }
    }
    std::env::set_current_dir(workspace.path())?;
    layers.enable(CAPABILITIES_LAYER, config, capabilities::drop_all);
    rlimits::set(config)?;
    layers.enable("landlock", config, || landlock::restrict(readable, workspace.path()));
    // Last, because the filter forbids the system calls that set up the other layers.
    layers.enable(FILTER_LAYER, config, || match filter {
        Ok(filter) => filter.apply(),
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    });
    Ok(())
}

/// Leaves the zygote few system calls but those that set up workers. Returns what takes those away from a worker.
#[cfg(target_os = "linux")]
pub(crate) fn filter_zygote(config: &SandboxConfig, in_memory: bool) -> anyhow::Result<seccomp::WorkerFilter> {
    anyhow::ensure!(!config.is_disabled(FILTER_LAYER), "switched off");
    seccomp::restrict_zygote(in_memory)
}

/// Sets resource limits only, for platforms that have no other layer.
pub(crate) fn limit_resources(config: &SandboxConfig, workspace: &std::path::Path) -> anyhow::Result<Layers> {
    std::env::set_current_dir(workspace)?;
    rlimits::set(config)?;
    Ok(Layers::default())
}
