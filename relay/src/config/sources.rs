use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::{Map, Value, json};

use super::{Config, Settings, original};

/// A configuration, and where each of its values comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    sources: BTreeMap<String, String>,
}

/// Puts the configuration together.
///
/// `matches` tells flags from variables; `file` is read when it is given and must then exist.
pub fn load(settings: &Settings, matches: &ArgMatches, file: Option<&Path>) -> Result<Loaded> {
    let mut values = Map::new();
    let mut sources = BTreeMap::new();
    let mut take = |layer: Map<String, Value>, source: &dyn Fn(&str) -> String| {
        for (name, value) in layer {
            sources.insert(name.clone(), source(&name));
            values.insert(name, value);
        }
    };
    if let Some(path) = file {
        take(read_file(path)?, &|_| format!("file {}", path.display()));
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    take(original::settings(variable), &|_| "environment, as the original system named it".to_owned());
    take(given(settings), &|name| match matches.value_source(name) {
        Some(ValueSource::CommandLine) => format!("flag --{}", name.replace('_', "-")),
        _ => "environment".to_owned(),
    });
    // An address that was chosen is the one that links should show.
    if !values.contains_key("public_url")
        && let Some(listen) = values.get("listen").and_then(Value::as_str)
    {
        let url = format!("http://{}", listen.replace("0.0.0.0", "127.0.0.1"));
        sources.insert("public_url".to_owned(), "listen".to_owned());
        values.insert("public_url".to_owned(), json!(url));
    }
    let config: Config = serde_path_to_error::deserialize(Value::Object(values)).map_err(|error| {
        let name = error.path().to_string();
        let source = sources.get(&name).cloned().unwrap_or_else(|| "the configuration".to_owned());
        anyhow::anyhow!("{name}, from {source}: {}", error.into_inner())
    })?;
    check(&config)?;
    Ok(Loaded { config, sources })
}

/// The settings that flags and variables gave.
fn given(settings: &Settings) -> Map<String, Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(settings) else { return Map::new() };
    fields.retain(|_, value| !value.is_null());
    fields
}

fn read_file(path: &Path) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))
}

fn check(config: &Config) -> Result<()> {
    if !config.public_url.starts_with("http://") && !config.public_url.starts_with("https://") {
        bail!("public_url must start with http:// or https://, as in https://relay.example.org");
    }
    if config.hook_ms == 0 || config.bot_workers == 0 || config.requests_per_connection == 0 {
        bail!("hook_ms, bot_workers and requests_per_connection must be at least 1");
    }
    Ok(())
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(Value::Object(values)) = serde_json::to_value(&self.config) else { return Err(fmt::Error) };
        for (name, value) in values {
            let source = self.sources.get(&name).map_or("default", String::as_str);
            let value = if value.is_null() { "(none)".to_owned() } else { value.to_string() };
            writeln!(f, "{name:<24} = {value:<40} # {source}")?;
        }
        Ok(())
    }
}
