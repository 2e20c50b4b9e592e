//! Starts, feeds, limits and kills the processes that run bots.
//!
//! A bot runs in a worker process of its own (`mcp-multiplayer-bot`), warm between its hooks. A
//! worker is never trusted: what it sends is capped, checked and thrown away when it is late, and a
//! worker that breaks a rule is killed. This crate holds no Python and knows no channel.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use mcp_multiplayer_bot_supervisor::*;
//! # async fn example(call: HookRequest) -> Result<(), Box<dyn std::error::Error>> {
//! let supervisor = Supervisor::new(SupervisorConfig::new("target/release/mcp-multiplayer-bot", "/var/lib/relay/workspaces"))?;
//! let program = Arc::new(Program {
//!     name: "EchoBot".to_owned(),
//!     source: "class EchoBot:\n    def on_init(self):\n        self.ctx.post('bot', 'ready')".into(),
//!     params: serde_json::json!({}),
//!     policy: true,
//! });
//! let inspected = supervisor.inspect(&program).await?;
//! assert_eq!(inspected.hooks, [Hook::OnInit]);
//! let report = supervisor.run(&BotKey::new("chn_1", "bot_1"), &program, call).await?;
//! # Ok(())
//! # }
//! ```

mod check;
mod egress;
mod error;
mod fleet;
mod frame;
mod hook;
mod limits;
mod preset;
mod process;
mod program;
mod record;
pub mod referee;
pub mod replay;
mod report;
mod sandbox;
mod supervisor;
mod worker;
mod workspace;
#[cfg(target_os = "linux")]
mod zygote;

pub use mcp_multiplayer_protocol::channel::Hook;

pub use crate::egress::{BoxFuture, Bytes, Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
pub use crate::error::{InspectError, Unavailable};
pub use crate::hook::{HookRequest, Player, Slot, Stream};
pub use crate::limits::Limits;
pub use crate::preset::{Preset, find_preset, presets};
pub use crate::program::{BotKey, Program};
pub use crate::record::{Record, Step};
pub use crate::report::{Done, Effect, FailureKind, HookReport, Inspected, Outcome, RuntimeInfo};
pub use crate::sandbox::{Act, Layer, Sandbox};
pub use crate::supervisor::{Supervisor, SupervisorConfig};
