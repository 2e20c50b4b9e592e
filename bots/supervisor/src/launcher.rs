//! Starts workers: forks them from the zygote where the platform has one, else executes the worker program.

use std::sync::Arc;

use crate::config::SupervisorConfig;
use crate::error::Unavailable;
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
    /// The live zygote; `None` before the first worker, and after the zygote has died.
    #[cfg(target_os = "linux")]
    zygote: tokio::sync::Mutex<Option<Zygote>>,
}

impl Launcher {
    /// Creates the directory for workspaces; starts no process yet.
    pub(crate) fn new(config: Arc<SupervisorConfig>) -> Result<Self, Unavailable> {
        Ok(Self {
            workspaces: Workspaces::new(&config.workspaces)?,
            #[cfg(target_os = "linux")]
            zygote: tokio::sync::Mutex::default(),
            config,
        })
    }

    pub(crate) fn workspaces(&self) -> &Workspaces {
        &self.workspaces
    }

    /// Starts a worker without a bot. It has no permit yet.
    pub(crate) async fn launch(&self) -> Result<Worker, Unavailable> {
        #[cfg(target_os = "linux")]
        if !self.config.disabled_layers.iter().any(|layer| layer == ZYGOTE_LAYER) {
            return match self.fork().await {
                // A zygote that died while nobody used it is noticed only by the next request, so one retry with a
                // new zygote is due. A new zygote that fails would fail again.
                Err(ForkError { zygote_was_running: true, .. }) => self.fork().await.map_err(|error| error.cause),
                forked => forked.map_err(|error| error.cause),
            };
        }
        Worker::execute(&self.config, self.workspaces.create()?).await
    }

    /// Ends the zygote and all its workers. The next worker gets a new one.
    pub(crate) async fn end_zygote(&self) {
        #[cfg(target_os = "linux")]
        self.zygote.lock().await.take();
    }

    /// Has the zygote fork a worker, and starts the zygote first if there is none.
    ///
    /// A failure is not answered by executing the worker program instead: that process would have no sandbox.
    #[cfg(target_os = "linux")]
    async fn fork(&self) -> Result<Worker, ForkError> {
        let mut zygote = self.zygote.lock().await;
        let zygote_was_running = zygote.is_some();
        let failed = |cause| ForkError { cause, zygote_was_running };
        let workspace = self.workspaces.create().map_err(failed)?;
        if zygote.is_none() {
            let stage = self.workspaces.create_stage().map_err(failed)?;
            *zygote = Some(Zygote::start(&self.config, &stage).map_err(failed)?);
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
