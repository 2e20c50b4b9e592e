//! The relay's own log, on standard error.
//!
//! Field names have dots and units (`error.cause`, `retry_after_ms`). Never logged: tokens, codes, bodies of entries, bots'
//! source, params and state, and anything else that players or operators keep secret. Events with the target [`SECURITY`]
//! tell who got access, who was refused, and what was revoked; docs/OPERATING.md lists them. At the level `debug`, the output of
//! bots' `print` is logged, except of hooks that handle a private message.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Target of security events. Each of them also has a field `security.event` with its name, because log lines in the format
/// `text` do not contain targets.
pub const SECURITY: &str = "security";

/// Starts logging to standard error.
pub fn start(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log)
        .with_context(|| format!("log = {:?} is not a valid list of levels", config.log))?;
    // These crates log requests and responses, which contain codes, tokens and bodies. rmcp does so at every level, and
    // logs a client that disconnects as an error. The relay logs its own failures itself.
    let filter = ["rmcp=off", "tungstenite=warn", "tokio_tungstenite=warn", "hyper=warn"]
        .into_iter()
        .fold(filter, |filter, directive| filter.add_directive(directive.parse().expect("a valid directive")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
