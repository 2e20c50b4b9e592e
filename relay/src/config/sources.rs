use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::{Map, Value, json};

use super::{Config, Settings, original};
use crate::net::TrustedProxies;

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
    if !values.contains_key("public_url")
        && let Some((url, source)) = own_url(&values)
    {
        sources.insert("public_url".to_owned(), source.to_owned());
        values.insert("public_url".to_owned(), json!(url));
    }
    let mut config: Config = serde_path_to_error::deserialize(Value::Object(values)).map_err(|error| {
        let name = error.path().to_string();
        let source = sources.get(&name).cloned().unwrap_or_else(|| "the configuration".to_owned());
        anyhow::anyhow!("{name}, from {source}: {}", error.into_inner())
    })?;
    // A variable that is set to nothing is a list of one empty text.
    config.acme_domain.retain(|domain| !domain.trim().is_empty());
    check(&config)?;
    Ok(Loaded { config, sources })
}

/// The address that links should show when nobody chose one: that of the certificate, or where the relay listens.
fn own_url(values: &Map<String, Value>) -> Option<(String, &'static str)> {
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let domain = values.get("acme_domain").and_then(Value::as_array).and_then(|domains| domains.iter().find_map(text));
    if let Some(domain) = domain {
        return Some((format!("https://{domain}"), "acme_domain"));
    }
    let (tls, listen) = (values.contains_key("tls_cert"), values.get("listen").and_then(text));
    let scheme = if tls { "https" } else { "http" };
    let source = if listen.is_some() { "listen" } else { "tls_cert" };
    let listen = listen.or_else(|| tls.then(|| Config::default().listen.to_string()))?;
    Some((format!("{scheme}://{}", listen.replace("0.0.0.0", "127.0.0.1")), source))
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
    for (name, number) in [
        ("requests_per_second", config.requests_per_second),
        ("requests_burst", config.requests_burst),
        ("address_requests_per_second", config.address_requests_per_second),
        ("address_requests_burst", config.address_requests_burst),
        ("channels_per_day", config.channels_per_day),
    ] {
        ensure!(number > 0, "{name} must be at least 1");
    }
    ensure!(config.slow_client_seconds > 0, "slow_client_seconds must be at least 1");
    ensure!(
        config.connections > 0 && config.connections_per_address > 0,
        "connections and connections_per_address must be at least 1"
    );
    TrustedProxies::new(config)?;
    check_tls(config)
}

fn check_tls(config: &Config) -> Result<()> {
    match (&config.tls_cert, &config.tls_key) {
        (Some(_), None) => bail!("tls_cert was given without tls_key; name the file of its key, too"),
        (None, Some(_)) => bail!("tls_key was given without tls_cert; name the file of its certificate, too"),
        (Some(_), Some(_)) if !config.acme_domain.is_empty() => {
            bail!("tls_cert and acme_domain were both given; choose your own certificate, or one that the relay gets")
        }
        _ => {}
    }
    ensure!(
        config.acme_directory.starts_with("https://"),
        "acme_directory must start with https://, as in https://acme-v02.api.letsencrypt.org/directory"
    );
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
