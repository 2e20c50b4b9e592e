//! Starts, feeds, limits and kills the processes that run bots.
//!
//! A bot runs in a worker process of its own (`mcp-multiplayer-bot`), which stays alive between its
//! hooks. A worker is never trusted: its replies are capped and checked, late replies are discarded,
//! and a worker that breaks a rule is killed. This crate contains no Python and does not know what a
//! channel is.
//!
//! Modules import only those below them: `replay` → `supervisor` → `pool` → `launcher` → `worker` →
//! `execution` → `schedule`, `zygote` → `process`, `output`, `cgroup` → `config` and the data types.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use mcp_multiplayer_bot_supervisor::*;
//! # async fn example(request: HookRequest) -> Result<(), Box<dyn std::error::Error>> {
//! let supervisor = Supervisor::new(SupervisorConfig::new("target/release/mcp-multiplayer-bot", "/var/lib/relay/workspaces"))?;
//! let program = Arc::new(Program {
//!     name: "EchoBot".to_owned(),
//!     source: "class EchoBot:\n    def on_init(self):\n        self.ctx.post('bot', 'ready')".into(),
//!     params: serde_json::json!({}),
//!     policy: true,
//!     limits: Default::default(),
//! });
//! let inspected = supervisor.inspect(&Owner::new("alice"), &program).await?;
//! assert_eq!(inspected.hooks, [Hook::OnInit]);
//! let report = supervisor.run(&BotKey::new("chn_1", "bot_1"), &program, request).await?;
//! # Ok(())
//! # }
//! ```

#[cfg(target_os = "linux")]
mod cgroup;
mod check;
mod config;
mod drawing;
mod egress;
mod error;
mod execution;
mod frame;
mod hook;
mod launcher;
mod limits;
mod modules;
mod output;
mod pool;
mod preset;
mod process;
mod program;
mod program_cache;
mod record;
pub mod referee;
pub mod replay;
mod report;
mod sandbox;
mod schedule;
mod share;
mod supervisor;
mod worker;
mod workspace;
#[cfg(target_os = "linux")]
mod zygote;

pub use mcp_multiplayer_protocol::channel::Hook;

#[cfg(target_os = "linux")]
pub use crate::cgroup::{NoControlGroup, create_bots_group};
pub use crate::config::SupervisorConfig;
pub use crate::drawing::{DrawError, Drawing};
pub use crate::egress::{BoxFuture, Bytes, Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
pub use crate::error::{InspectError, Unavailable};
pub use crate::hook::{HookRequest, Player, Slot, Stream};
pub use crate::limits::Limits;
pub use crate::preset::{Preset, find_preset, presets};
pub use crate::program::{BotKey, Owner, Program};
pub use crate::record::{EgressExchange, EgressRecord};
pub use crate::report::{Completion, Effect, FailureKind, HookReport, Inspected, Outcome};
pub use crate::sandbox::{ForbiddenAction, Layer, RuntimeInfo, Sandbox, SandboxLevel};
pub use crate::supervisor::Supervisor;
