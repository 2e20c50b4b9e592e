//! The variables of the original system, which this relay took the place of:
//! `DOMAIN USE_SSL PROXY_HOST PROXY_PORT MCP_HOST MCP_PORT`. (`DATA_DIR` is understood everywhere.)

use serde_json::{Map, Value, json};

/// The settings that the original's variables mean, each with the names of its variables.
pub(super) fn settings(variable: impl Fn(&str) -> Option<String>) -> Map<String, Value> {
    let mut settings = Map::new();
    let place = |host: &str, port: &str| -> Option<String> {
        let (given_host, given_port) = (variable(host), variable(port));
        given_host.as_ref().or(given_port.as_ref())?;
        let host = given_host.map(|host| if host == "localhost" { "127.0.0.1".to_owned() } else { host });
        let default_port = if port == "PROXY_PORT" { "8100" } else { "8201" };
        Some(format!("{}:{}", host.as_deref().unwrap_or("127.0.0.1"), given_port.as_deref().unwrap_or(default_port)))
    };
    if let Some(listen) = place("PROXY_HOST", "PROXY_PORT") {
        settings.insert("listen".to_owned(), json!(listen));
    }
    if variable("MCP_PORT").is_some()
        && let Some(also_listen) = place("MCP_HOST", "MCP_PORT")
    {
        settings.insert("also_listen".to_owned(), json!(also_listen));
    }
    if let Some(domain) = variable("DOMAIN") {
        let secure = variable("USE_SSL").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let port = variable("PROXY_PORT").filter(|_| !secure).map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = if secure { "https" } else { "http" };
        settings.insert("public_url".to_owned(), json!(format!("{scheme}://{domain}{port}")));
    }
    settings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::settings;

    #[test]
    fn the_originals_example_file_means_what_it_meant() {
        let variables = [
            ("DOMAIN", "localhost"),
            ("USE_SSL", "false"),
            ("PROXY_PORT", "8100"),
            ("MCP_PORT", "8201"),
            ("PROXY_HOST", "0.0.0.0"),
            ("MCP_HOST", "0.0.0.0"),
        ];
        let found =
            settings(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
        assert_eq!(
            json!(found),
            json!({ "listen": "0.0.0.0:8100", "also_listen": "0.0.0.0:8201", "public_url": "http://localhost:8100" })
        );
        assert!(settings(|_| None).is_empty());
    }
}
