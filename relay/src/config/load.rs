//! Loads the values from all sources, and records the source of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ArgMatches;
use serde_json::{Map, Value, json};

use super::setting::{Arity, Setting};
use super::settings::SETTINGS;
use super::{Config, check, command_line, original};

/// Variable that names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "MCP_MULTIPLAYER_CONFIG";

/// A configuration, with the source of each value.
#[derive(Clone, Debug)]
pub struct LoadedConfig {
    /// The configuration.
    pub config: Config,
    /// Description of the source of each value that is not a default, by setting.
    pub(super) sources: BTreeMap<&'static str, String>,
}

/// The values found so far, by setting. A later source replaces the values of earlier ones.
#[derive(Default)]
struct Layers {
    values: Map<String, Value>,
    sources: BTreeMap<&'static str, String>,
}

impl Layers {
    fn set(&mut self, name: &'static str, value: Value, source: String) {
        self.values.insert(name.to_owned(), value);
        self.sources.insert(name, source);
    }
}

/// Loads the configuration from flags (`matches`), environment variables, and the file that one of them names.
///
/// `variable` returns the value of an environment variable. An empty one counts as not set.
pub fn load(matches: &ArgMatches, variable: impl Fn(&str) -> Option<String>) -> Result<LoadedConfig> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut layers = Layers::default();
    let file = command_line::config_file(matches).or_else(|| variable(CONFIG_VARIABLE).map(PathBuf::from));
    if let Some(path) = file {
        for (setting, value) in read_file(&path)? {
            layers.set(setting.name, value, format!("file {}", path.display()));
        }
    }
    for (name, value, source) in original::settings(variable)? {
        layers.set(name, value, source);
    }
    for setting in SETTINGS {
        let name = setting.variable();
        if let Some(text) = variable(&name) {
            let value = from_variable(setting, &text);
            let value = value.map_err(|error| anyhow!("variable {name}: {error}"))?;
            layers.set(setting.name, value, format!("variable {name}"));
        }
        if let Some(value) = command_line::value(matches, setting) {
            layers.set(setting.name, value, format!("flag --{}", setting.flag()));
        }
    }
    if !layers.values.contains_key("public_url")
        && let Some((url, source)) = default_public_url(&layers.values)
    {
        layers.set("public_url", json!(url), format!("default, from {source}"));
    }
    let Layers { values, mut sources } = layers;
    let mut config: Config = serde_path_to_error::deserialize(Value::Object(values)).map_err(|error| {
        let name = error.path().to_string();
        let source = sources.get(name.as_str()).cloned().unwrap_or_else(|| "the configuration".to_owned());
        anyhow!("{name}, from {source}: {}", error.into_inner())
    })?;
    // A list that consists of an empty text is written as `--acme-domain ''`.
    config.acme_domain.retain(|domain| !domain.trim().is_empty());
    if config.access.is_none() {
        config.access = Some(config.access());
        if sources.contains_key("listen") || sources.contains_key("also_listen") {
            sources.insert("access", "default, from listen".to_owned());
        }
    }
    check::check(&config)?;
    Ok(LoadedConfig { config, sources })
}

fn from_variable(setting: &Setting, text: &str) -> Result<Value, String> {
    match setting.arity {
        Arity::One | Arity::Switch => (setting.parse)(text),
        Arity::Many => text.split(',').map(setting.parse).collect(),
    }
}

/// The public URL when none is configured: the address of the certificate, or else the one that the relay listens on.
fn default_public_url(values: &Map<String, Value>) -> Option<(String, &'static str)> {
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let domain = values.get("acme_domain").and_then(Value::as_array).and_then(|domains| domains.iter().find_map(text));
    if let Some(domain) = domain {
        return Some((format!("https://{domain}"), "acme_domain"));
    }
    let (tls, listen) = (values.contains_key("tls_cert"), values.get("listen").and_then(text));
    let scheme = if tls { "https" } else { "http" };
    let source = if listen.is_some() { "listen" } else { "tls_cert" };
    let listen = listen.or_else(|| tls.then(|| Config::default().listen.to_string()))?;
    // Nothing connects to the address that stands for all addresses of a machine.
    let listen = match listen.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(v4)) if v4.ip().is_unspecified() => format!("127.0.0.1:{}", v4.port()),
        Ok(SocketAddr::V6(v6)) if v6.ip().is_unspecified() => format!("[::1]:{}", v6.port()),
        _ => listen,
    };
    Some((format!("{scheme}://{listen}"), source))
}

/// Reads the settings of a file.
fn read_file(path: &Path) -> Result<Vec<(&'static Setting, Value)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let values: Map<String, Value> =
        toml::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))?;
    let mut found = vec![];
    for (name, value) in values {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            bail!("{}: there is no setting `{name}`; 'mcp-multiplayer-relay config' lists all", path.display());
        };
        found.push((setting, value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::{LoadedConfig, load};
    use crate::config::{Access, arguments};

    fn loaded(flags: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<LoadedConfig> {
        let matches = Command::new("relay").args(arguments()).try_get_matches_from([&["relay"], flags].concat())?;
        load(&matches, |name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn lists_are_separated_by_commas_or_repeated() {
        let loaded = loaded(
            &["--allowed-hosts", "a,b", "--allowed-hosts", "c"],
            &[("MCP_MULTIPLAYER_BOT_NETWORK_PORTS", "80,8080"), ("MCP_MULTIPLAYER_ALLOWED_HOSTS", "d")],
        );
        let loaded = loaded.unwrap();
        assert_eq!(loaded.config.allowed_hosts, ["a", "b", "c"]);
        assert_eq!(loaded.config.bot_network_ports, [80, 8080]);
        assert_eq!(loaded.sources["bot_network_ports"], "variable MCP_MULTIPLAYER_BOT_NETWORK_PORTS");
    }

    #[test]
    fn a_switch_needs_no_value() {
        assert!(loaded(&["--bot-allow-unsandboxed"], &[]).unwrap().config.bot_allow_unsandboxed);
        assert!(!loaded(&["--bot-network", "false"], &[]).unwrap().config.bot_network);
    }

    #[test]
    fn empty_variables_count_as_not_set() {
        let loaded = loaded(&[], &[("MCP_MULTIPLAYER_BOT_HOOK_MS", ""), ("DATA_DIR", "")]).unwrap();
        assert_eq!(loaded.config.bot_hook_ms, 5_000);
        assert!(loaded.sources.is_empty(), "{:?}", loaded.sources);
    }

    #[test]
    fn access_depends_on_the_addresses_until_it_is_configured() {
        for (flags, access, source) in [
            (&[][..], Access::Open, None),
            (&["--listen", "127.0.0.1:9000"], Access::Open, Some("default, from listen")),
            (&["--listen", "0.0.0.0:9000"], Access::Invite, Some("default, from listen")),
            (&["--also-listen", "[::]:9000"], Access::Invite, Some("default, from listen")),
            (&["--listen", "0.0.0.0:9000", "--access", "closed"], Access::Closed, Some("flag --access")),
        ] {
            let loaded = loaded(flags, &[]).unwrap();
            assert_eq!(loaded.config.access, Some(access), "{flags:?}");
            assert_eq!(loaded.sources.get("access").map(String::as_str), source, "{flags:?}");
        }
    }

    #[test]
    fn errors_name_the_variable() {
        let error = loaded(&[], &[("MCP_MULTIPLAYER_BOT_HOOK_MS", "soon")]).unwrap_err().to_string();
        assert!(error.starts_with("variable MCP_MULTIPLAYER_BOT_HOOK_MS: `soon` is not a whole number"), "{error}");
    }
}
