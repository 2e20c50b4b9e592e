//! Log lines.
//!
//! Fields are named with dots and units. Never logged: tokens, codes, bodies of entries, bot source,
//! params, state, and whatever else players or operators keep to themselves. At the level `debug` a
//! bot's prints are logged, but not those about a private message.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts logging to standard error.
pub fn start(config: &Config) -> Result<()> {
    let filter =
        EnvFilter::try_new(&config.log).with_context(|| format!("log = {:?} is not understood", config.log))?;
    // These write requests and answers out, and with them codes, tokens and bodies; rmcp at every
    // level, and it takes a client that hangs up for an error. What fails here is logged here.
    let filter = ["rmcp=off", "tungstenite=warn", "tokio_tungstenite=warn", "hyper=warn"]
        .into_iter()
        .fold(filter, |filter, quiet| filter.add_directive(quiet.parse().expect("a valid directive")));
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
