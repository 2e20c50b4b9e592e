//! The output of `mcp-multiplayer-relay config`.

use std::fmt;

use serde_json::{Value, json};

use super::LoadedConfig;
use super::settings::SETTINGS;

/// Column of the source: wide enough for all but the longest values.
const SOURCE_COLUMN: usize = 48;

/// Prints a TOML file with every effective value, and its source as a comment. A setting without a value is commented out.
///
/// No setting contains a secret: keys and tokens are in files of `data_dir`.
impl fmt::Display for LoadedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = json!(self.config);
        let mut section = "";
        for setting in SETTINGS {
            if setting.section != section {
                let line_before = if section.is_empty() { "" } else { "\n" };
                section = setting.section;
                writeln!(f, "{line_before}## {section}")?;
            }
            let name = setting.name;
            let source = self.sources.get(name).map_or("default", String::as_str);
            match &values[name] {
                Value::Null => {
                    let default = setting.default_text().replace('`', "");
                    writeln!(f, "{:<SOURCE_COLUMN$} # {source}: {default}", format!("# {name} ="))?;
                }
                // JSON's strings, numbers, booleans and lists of them are TOML's, too.
                value => writeln!(f, "{:<SOURCE_COLUMN$} # {source}", format!("{name} = {value}"))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use crate::config::{Config, arguments, load};

    #[test]
    fn the_output_is_a_configuration_file_with_the_same_values() {
        let flags = ["relay", "--trusted-proxies", "a,\"b\"", "--listen", "0.0.0.0:1", "--bot-worker", "C:\\bot"];
        let matches = Command::new("relay").args(arguments()).try_get_matches_from(flags).unwrap();
        let loaded = load(&matches, |_| None).unwrap();
        let read: Config = toml::from_str(&loaded.to_string()).unwrap();
        assert_eq!(serde_json::json!(read), serde_json::json!(loaded.config));
    }
}
