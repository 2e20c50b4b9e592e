//! Settings of a supervisor.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::egress::Egress;
use crate::limits::Limits;

/// Settings of a [`Supervisor`](crate::Supervisor).
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// The executable `mcp-multiplayer-bot`.
    pub worker: PathBuf,
    /// The Python executable whose environment has the bots' packages; `None`: the one that the
    /// worker was built with.
    pub python: Option<PathBuf>,
    /// The directory in which the bots' workspaces are created. Only this process's user may have access to it.
    pub workspaces: PathBuf,
    /// Limits of every hook.
    pub limits: Limits,
    /// Maximum number of live workers: 64. Further hooks wait until one is free. The bots of one owner use at most half of
    /// them at the same time.
    pub max_workers: usize,
    /// Maximum number of workers that run a hook or load a source at the same time: the number of cores. Further ones
    /// take turns.
    pub max_running: usize,
    /// Time after which a worker without a hook is ended: 10 minutes.
    pub idle_after: Duration,
    /// Sandbox layers to leave out, by name, as if the platform refused them: none. For tests of the other layers.
    pub disabled_layers: Vec<String>,
    /// Number of workers that are kept ready for new bots: 2.
    pub spares: usize,
    /// Directory of the control group for the zygote and its workers; `None`: they stay in this process's group.
    pub control_group: Option<PathBuf>,
    /// Makes the bots' outgoing connections; `None`: bots have no network.
    pub egress: Option<Arc<dyn Egress>>,
}

impl SupervisorConfig {
    /// The defaults, for a worker executable and a directory for workspaces.
    pub fn new(worker: impl Into<PathBuf>, workspaces: impl Into<PathBuf>) -> Self {
        Self {
            worker: worker.into(),
            python: None,
            workspaces: workspaces.into(),
            limits: Limits::default(),
            max_workers: 64,
            max_running: std::thread::available_parallelism().map_or(1, NonZero::get),
            idle_after: Duration::from_mins(10),
            disabled_layers: Vec::new(),
            spares: 2,
            control_group: None,
            egress: None,
        }
    }
}
