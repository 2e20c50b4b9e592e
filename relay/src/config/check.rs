//! Checks that concern more than the type of a value.

use anyhow::{Result, bail, ensure};
use url::Url;

use super::Config;

/// Values of `bot_sandbox_disable`: the layers of the bot sandbox, as the worker names them, and the zygote.
const SANDBOX_LAYERS: [&str; 7] =
    ["namespaces", "root", "workspace in memory", "capabilities", "landlock", "seccomp", "zygote"];

/// Checks values for which no relay could run, and values that contradict each other.
pub(super) fn check(config: &Config) -> Result<()> {
    ensure!(
        is_public_url(&config.public_url),
        "public_url is `{}`; it must start with http:// or https:// and name a host, as in https://relay.example.org",
        config.public_url
    );
    check_log(&config.log)?;
    for host in config.allowed_hosts.iter().filter(|host| !host.trim().is_empty()) {
        ensure!(
            is_host(host),
            "allowed_hosts: `{host}` is not a host name, with or without a port, as in relay.example.org"
        );
    }
    for origin in config.allowed_origins.iter().filter(|origin| !origin.trim().is_empty()) {
        ensure!(is_origin(origin), "allowed_origins: `{origin}` is not an origin, as in https://play.example.org");
    }
    for layer in &config.bot_sandbox_disable {
        let layers = SANDBOX_LAYERS.join(", ");
        ensure!(
            SANDBOX_LAYERS.contains(&layer.as_str()),
            "bot_sandbox_disable: there is no layer `{layer}`; the layers are: {layers}"
        );
    }
    for (name, is_zero) in [
        ("bot_hook_ms", config.bot_hook_ms == 0),
        ("bot_workers", config.bot_workers == 0),
        ("requests_per_connection", config.requests_per_connection == 0),
        ("requests_per_second", config.requests_per_second == 0),
        ("requests_burst", config.requests_burst == 0),
        ("address_requests_per_second", config.address_requests_per_second == 0),
        ("address_requests_burst", config.address_requests_burst == 0),
        ("channels_per_day", config.channels_per_day == 0),
        ("slow_client_seconds", config.slow_client_seconds == 0),
        ("connections", config.connections == 0),
        ("connections_per_address", config.connections_per_address == 0),
    ] {
        ensure!(!is_zero, "{name} must be at least 1");
    }
    ensure!(config.bot_hook_wall_ms >= config.bot_hook_ms, "bot_hook_wall_ms must be at least bot_hook_ms");
    check_tls(config)
}

/// Returns whether a text is a host name or address, with or without a port.
pub(super) fn is_host(text: &str) -> bool {
    is_origin(&format!("http://{text}")) && !text.ends_with('/')
}

/// Returns whether a text is an origin: a scheme and a host, with or without a port.
fn is_origin(text: &str) -> bool {
    let is_clean = !text.contains(|c: char| c.is_whitespace() || matches!(c, '\\' | '@' | '?' | '#'));
    is_clean && Url::parse(text).is_ok_and(|url| url.has_host() && matches!(url.path(), "" | "/"))
}

/// Returns whether people and programs can use a URL to reach a relay.
fn is_public_url(text: &str) -> bool {
    let is_plain =
        |url: &Url| url.has_host() && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (text.starts_with("http://") || text.starts_with("https://")) && Url::parse(text).as_ref().is_ok_and(is_plain)
}

/// Checks the log levels. The parser of `tracing-subscriber` reads a mistyped level as the name of a module, and would turn
/// everything else off.
fn check_log(log: &str) -> Result<()> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for directive in log.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        ensure!(
            LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)),
            "log: `{level}` is not a level; the levels are {}. For one module, write module=level",
            LEVELS.join(", ")
        );
    }
    Ok(())
}

fn check_tls(config: &Config) -> Result<()> {
    match (&config.tls_cert, &config.tls_key) {
        (Some(_), None) => bail!("tls_cert was given without tls_key; add the file of the private key"),
        (None, Some(_)) => bail!("tls_key was given without tls_cert; add the file of the certificate"),
        (Some(_), Some(_)) if !config.acme_domain.is_empty() => bail!(
            "tls_cert and acme_domain were both given; choose a certificate of your own, or one that the relay gets"
        ),
        _ => {}
    }
    ensure!(
        config.acme_directory.starts_with("https://"),
        "acme_directory must start with https://, as in https://acme-v02.api.letsencrypt.org/directory"
    );
    Ok(())
}
