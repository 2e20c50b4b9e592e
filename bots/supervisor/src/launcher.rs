//! Starts workers: forks them from the zygote where the platform has one, else executes the worker program.

use std::sync::Arc;

use crate::config::SupervisorConfig;
use crate::error::Unavailable;
use crate::modules::Modules;
use crate::worker::Worker;
use crate::workspace::Workspaces;
#[cfg(target_os = "linux")]
use crate::zygote::Zygote;

/// Name of the pseudo-layer in [`SupervisorConfig::disabled_layers`] that turns the zygote off.
#[cfg(target_os = "linux")]
const ZYGOTE_LAYER: &str = "zygote";

/// Starts workers, each with a workspace of its own.
#[derive(Debug)]
pub(crate) struct Launcher {
    config: Arc<SupervisorConfig>,
    workspaces: Workspaces,
    /// Forks workers with the basic modules.
    #[cfg(target_os = "linux")]
    basic_zygote: ZygotePlace,
    /// Forks workers with all modules.
    #[cfg(target_os = "linux")]
    full_zygote: ZygotePlace,
}

/// A live zygote; `None` before its first worker, and after it has died.
#[cfg(target_os = "linux")]
type ZygotePlace = tokio::sync::Mutex<Option<Zygote>>;

impl Launcher {
    /// Creates the directory for workspaces; starts no process yet.
    pub(crate) fn new(config: Arc<SupervisorConfig>) -> Result<Self, Unavailable> {
        Ok(Self {
            workspaces: Workspaces::new(&config.workspaces)?,
            #[cfg(target_os = "linux")]
            basic_zygote: ZygotePlace::default(),
            #[cfg(target_os = "linux")]
            full_zygote: ZygotePlace::default(),
            config,
        })
    }

    pub(crate) fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    /// Starts a worker without a bot, which has at least these modules. It has no permit yet.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(unused_variables, reason = "a worker without a zygote has all modules")
    )]
    pub(crate) async fn launch(&self, modules: Modules) -> Result<Worker, Unavailable> {
        #[cfg(target_os = "linux")]
        if !self.config.disabled_layers.iter().any(|layer| layer == ZYGOTE_LAYER) {
            return match self.fork(modules).await {
                // A zygote that died while nobody used it is noticed only by the next request, so one retry with a
                // new zygote is due. A new zygote that fails would fail again.
                Err(ForkError { zygote_was_running: true, .. }) => {
                    self.fork(modules).await.map_err(|error| error.cause)
                }
                forked => forked.map_err(|error| error.cause),
            };
        }
        let workspace = self.workspaces.new_workspace();
        workspace.create()?;
        Worker::execute(&self.config, workspace).await
    }

    /// Ends the zygotes and all their workers. The next worker gets a new one.
    pub(crate) async fn end_zygotes(&self) {
        #[cfg(target_os = "linux")]
        for zygote in [&self.basic_zygote, &self.full_zygote] {
            zygote.lock().await.take();
        }
    }

    /// Has the zygote fork a worker, and starts the zygote first if there is none.
    ///
    /// A failure is not answered by executing the worker program instead: that process would have no sandbox.
    #[cfg(target_os = "linux")]
    async fn fork(&self, modules: Modules) -> Result<Worker, ForkError> {
        let mut zygote = match modules {
            Modules::Basic => self.basic_zygote.lock().await,
            Modules::All => self.full_zygote.lock().await,
        };
        let zygote_was_running = zygote.is_some();
        let failed = |cause| ForkError { cause, zygote_was_running };
        let workspace = self.workspaces.new_workspace();
        if zygote.is_none() {
            let stage = self.workspaces.create_stage().map_err(failed)?;
            *zygote = Some(Zygote::start(&self.config, &stage, modules).map_err(failed)?);
        }
        Worker::fork(&self.config, zygote, workspace).await.map_err(failed)
    }
}

#[cfg(target_os = "linux")]
struct ForkError {
    cause: Unavailable,
    /// True if the zygote had been started by an earlier request.
    zygote_was_running: bool,
}
