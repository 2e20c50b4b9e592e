//! Names of environment variables.

use std::ffi::OsString;

use anyhow::{Result, bail};

use super::load::CONFIG_VARIABLE;
use super::setting::Setting;
use super::settings::SETTINGS;

const PREFIX: &str = "MCP_MULTIPLAYER_";

/// Variables with our prefix that are not settings of the relay: of the stdio server, of tests and of the build.
const OTHER: [&str; 5] = ["TOKEN", "TOKEN_FILE", "FAILPOINT", "BIN_DIR", "BOT_BASE"];

/// Beginnings of further such variables. `RELAY` is a variable of the stdio server. The others are made by Kubernetes and
/// Docker for a service that is called mcp-multiplayer or mcp-multiplayer-relay.
const OTHER_PREFIXES: [&str; 3] = ["RELAY", "SERVICE_", "PORT"];

/// Refuses variables that begin like the relay's settings but are none: a mistyped `MCP_MULTIPLAYER_ACCESS` would leave a
/// relay open. An empty variable counts as not set.
pub fn check_variable_names(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<()> {
    for (name, value) in variables {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let is_other = OTHER.contains(&rest) || OTHER_PREFIXES.iter().any(|prefix| rest.starts_with(prefix));
        let is_setting = name == CONFIG_VARIABLE || SETTINGS.iter().map(Setting::variable).any(|known| known == name);
        if !value.is_empty() && !is_other && !is_setting {
            bail!("variable {name}: there is no setting of this name; 'mcp-multiplayer-relay config' lists all");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_variable_names;

    #[test]
    fn variables_of_other_programs_are_ignored() {
        let check = |name: &str, value: &str| check_variable_names(std::iter::once((name.into(), value.into())));
        for name in [
            "MCP_MULTIPLAYER_ACCESS",
            "MCP_MULTIPLAYER_CONFIG",
            "MCP_MULTIPLAYER_TOKEN",
            "MCP_MULTIPLAYER_RELAY_SERVICE_HOST",
            "MCP_MULTIPLAYER_PORT_8100_TCP",
            "ACESS",
        ] {
            check(name, "x").unwrap();
        }
        check("MCP_MULTIPLAYER_ACESS", "").unwrap();
        assert!(check("MCP_MULTIPLAYER_ACESS", "closed").unwrap_err().to_string().contains("MCP_MULTIPLAYER_ACESS"));
    }
}
