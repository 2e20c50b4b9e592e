//! Command-line arguments that several commands have in common.

use std::collections::BTreeMap;
use std::env::VarError;

use anyhow::{Context as _, Result, bail};
use mcp_multiplayer_bot_supervisor::Hook;
use mcp_multiplayer_protocol::Secret;
use serde_json::{Map, Value};

/// Parses the value of `--params`.
pub(crate) fn parse_params(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text)
        .with_context(|| format!("--params must be a JSON object, such as {}", r#"'{"rounds": 3}'"#))
}

/// Reads the environment variables named by `--env`.
pub(crate) fn read_secrets(names: &[String]) -> Result<BTreeMap<String, Secret>> {
    let secret = |name: &String| match std::env::var(name) {
        Ok(value) => Ok((name.clone(), Secret::new(value))),
        Err(VarError::NotPresent) => bail!("--env {name}: the environment variable {name} is not set"),
        Err(VarError::NotUnicode(_)) => bail!("--env {name}: the value of the environment variable is not UTF-8 text"),
    };
    names.iter().map(secret).collect()
}

/// The names of hooks, separated by commas.
pub(crate) fn hook_names(hooks: &[Hook]) -> String {
    hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ")
}
