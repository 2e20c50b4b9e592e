//! Checks that concern more than the type of a value.

use anyhow::{Result, bail, ensure};

use super::Config;

/// Checks values for which no relay could run, and values that contradict each other.
pub(super) fn check(config: &Config) -> Result<()> {
    if !config.public_url.starts_with("http://") && !config.public_url.starts_with("https://") {
        bail!("public_url must start with http:// or https://, as in https://relay.example.org");
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
    check_tls(config)
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
