//! Environment variables of the original system, which this relay replaces:
//! `DOMAIN USE_SSL PROXY_HOST PROXY_PORT MCP_HOST MCP_PORT`. (`DATA_DIR` is this relay's variable, too.)
//!
//! `PROXY_HOST` and `PROXY_PORT` were the original's public address, `MCP_HOST` and `MCP_PORT` that of its MCP server.
//! This relay serves the same at both addresses.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::check::is_host;

/// Settings that the original's variables stand for: name, value and source.
pub(super) fn settings(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<(&'static str, Value, String)>> {
    let secure = match variable("USE_SSL").unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => true,
        "" | "false" | "0" | "no" => false,
        other => bail!("variable USE_SSL: `{other}` is neither true nor false"),
    };
    let mut settings = vec![];
    let address = |host: &str, port: &str, default_port: &str| {
        let host = match variable(host).as_deref() {
            None | Some("localhost") => "127.0.0.1".to_owned(),
            Some(host) => host.to_owned(),
        };
        json!(format!("{host}:{}", variable(port).as_deref().unwrap_or(default_port)))
    };
    let mut set = |name, value, variables: &[&str]| {
        let given: Vec<&str> = variables.iter().copied().filter(|name| variable(name).is_some()).collect();
        settings.push((name, value, format!("original system's {}", given.join(", "))));
    };
    if variable("PROXY_HOST").is_some() || variable("PROXY_PORT").is_some() {
        set("listen", address("PROXY_HOST", "PROXY_PORT", "8100"), &["PROXY_HOST", "PROXY_PORT"]);
    }
    if variable("MCP_PORT").is_some() {
        set("also_listen", address("MCP_HOST", "MCP_PORT", "8201"), &["MCP_HOST", "MCP_PORT"]);
    }
    if let Some(domain) = variable("DOMAIN") {
        ensure!(
            is_host(&domain),
            "variable DOMAIN: `{domain}` is not a host name such as relay.example.org; a complete address goes into public_url"
        );
        let port = variable("PROXY_PORT").filter(|_| !secure).map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = if secure { "https" } else { "http" };
        set("public_url", json!(format!("{scheme}://{domain}{port}")), &["DOMAIN", "USE_SSL", "PROXY_PORT"]);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::settings;

    #[test]
    fn the_originals_example_file_is_understood() {
        let variables = [
            ("DOMAIN", "localhost"),
            ("USE_SSL", "false"),
            ("PROXY_PORT", "8100"),
            ("MCP_PORT", "8201"),
            ("PROXY_HOST", "0.0.0.0"),
            ("MCP_HOST", "0.0.0.0"),
        ];
        let found =
            settings(|name| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned()));
        let source = |names: &str| format!("original system's {names}");
        assert_eq!(
            found.unwrap(),
            [
                ("listen", json!("0.0.0.0:8100"), source("PROXY_HOST, PROXY_PORT")),
                ("also_listen", json!("0.0.0.0:8201"), source("MCP_HOST, MCP_PORT")),
                ("public_url", json!("http://localhost:8100"), source("DOMAIN, USE_SSL, PROXY_PORT")),
            ]
        );
        assert!(settings(|_| None).unwrap().is_empty());
    }

    #[test]
    fn localhost_is_an_address() {
        let found = settings(|name| (name == "PROXY_HOST").then(|| "localhost".to_owned()));
        assert_eq!(found.unwrap(), [("listen", json!("127.0.0.1:8100"), "original system's PROXY_HOST".to_owned())]);
    }
}
