//! One declaration per setting: the macro [`settings!`], and [`Setting`], the part of a declaration that is data.

use std::net::SocketAddr;
use std::path::PathBuf;

use mcp_multiplayer_protocol::checkpoint::LogOrigin;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Access, Config, Database, LogFormat, SandboxLevel};

/// Declares the settings: the struct [`Config`], its defaults, and the table `SETTINGS`, from which the flags, the
/// variables, `--help`, `config` and the tables of docs/OPERATING.md are made.
///
/// A declaration is
///
/// ```text
/// /// The description, in Markdown. It is also the field's documentation.
/// name: Type = default value, "NAME OF THE VALUE" [, default "text"] [, variable "NAME"];
/// ```
///
/// `name` is the field and the key in the TOML file; the flag is `--name` with dashes, the variable
/// `MCP_MULTIPLAYER_NAME` unless `variable` gives another. `default "text"` describes a default that is not a constant.
macro_rules! settings {
    ($(
        $section:literal {$(
            $(#[doc = $line:literal])+
            $name:ident: $type:ty = $default:expr, $value_name:literal
                $(, default $default_text:literal)? $(, variable $variable:literal)?;
        )+}
    )+) => {
        /// The relay's configuration, with every default filled in.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {$($(
            $(#[doc = $line])+
            pub $name: $type,
        )+)+}

        impl Default for Config {
            fn default() -> Self {
                Self {$($( $name: $default, )+)+}
            }
        }

        /// Every setting, in the order of docs/OPERATING.md.
        pub(super) static SETTINGS: &[Setting] = &[$($(
            Setting {
                name: stringify!($name),
                section: $section,
                lines: &[$($line),+],
                value_name: $value_name,
                default_text: optional!($($default_text)?),
                variable: optional!($($variable)?),
                arity: <$type as SettingType>::ARITY,
                parse: <$type as SettingType>::parse,
            },
        )+)+];
    };
}
pub(super) use settings;

/// An optional part of a declaration.
macro_rules! optional {
    () => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}
pub(super) use optional;

/// A setting, apart from its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    /// Name of the field in [`Config`], and key in the TOML file.
    pub(super) name: &'static str,
    /// Heading under which `--help` and docs/OPERATING.md list the setting.
    pub(super) section: &'static str,
    /// Lines of the description.
    pub(super) lines: &'static [&'static str],
    /// Placeholder for the value in `--help`.
    pub(super) value_name: &'static str,
    /// Description of a default that is not a constant, in Markdown.
    pub(super) default_text: Option<&'static str>,
    /// Environment variable, where it is not named after the setting.
    pub(super) variable: Option<&'static str>,
    /// Number of values that a flag or a variable takes.
    pub(super) arity: Arity,
    /// Reads one value; the error says what is wrong with it.
    pub(super) parse: fn(&str) -> Result<Value, String>,
}

/// Number of values that a flag or a variable takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arity {
    /// Exactly one.
    One,
    /// `true` or `false`; a flag without a value means `true`.
    Switch,
    /// Any number, separated by commas; a flag may be repeated.
    Many,
}

impl Setting {
    /// The command-line flag, without its dashes: `bot-hook-ms`.
    pub(super) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The environment variable: `MCP_MULTIPLAYER_BOT_HOOK_MS`.
    pub(super) fn variable(&self) -> String {
        let named_after_setting = || format!("MCP_MULTIPLAYER_{}", self.name.to_uppercase());
        self.variable.map_or_else(named_after_setting, str::to_owned)
    }

    /// The description, in Markdown, on one line.
    pub(super) fn description(&self) -> String {
        self.lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// The default, in Markdown: `` `8` ``, `none`, or the declared text.
    pub(super) fn default_text(&self) -> String {
        if let Some(text) = self.default_text {
            return text.to_owned();
        }
        let defaults = json!(Config::default());
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &defaults[self.name] {
            Value::Null => "none".to_owned(),
            Value::Array(values) if values.is_empty() => "none".to_owned(),
            Value::Array(values) => format!("`{}`", values.iter().map(plain).collect::<Vec<_>>().join(",")),
            value => match value.as_u64().and_then(|number| self.in_larger_unit(number)) {
                Some(readable) => format!("`{value}` ({readable})"),
                None => format!("`{}`", plain(value)),
            },
        }
    }

    /// A large number of bytes or seconds in a unit that people can read.
    fn in_larger_unit(&self, number: u64) -> Option<String> {
        let units: &[(u64, &str)] = if self.name.ends_with("_bytes") {
            &[(1 << 20, "MiB"), (1 << 10, "KiB")]
        } else if self.name.ends_with("_seconds") {
            &[(24 * 3_600, "days"), (60, "minutes")]
        } else {
            &[]
        };
        let (size, unit) = units.iter().find(|(size, _)| number > *size && number.is_multiple_of(*size))?;
        Some(format!("{} {unit}", number / size))
    }
}

/// A type that a setting can have.
pub(super) trait SettingType {
    /// Number of values that a flag or a variable takes.
    const ARITY: Arity = Arity::One;

    /// Reads one value from the text of a flag or a variable, into the form that the TOML file would have it in.
    fn parse(text: &str) -> Result<Value, String>;
}

impl SettingType for bool {
    const ARITY: Arity = Arity::Switch;

    fn parse(text: &str) -> Result<Value, String> {
        text.parse::<Self>().map(Value::Bool).map_err(|_| format!("`{text}` is neither true nor false"))
    }
}

impl SettingType for String {
    fn parse(text: &str) -> Result<Value, String> {
        Ok(json!(text))
    }
}

impl SettingType for PathBuf {
    fn parse(text: &str) -> Result<Value, String> {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(json!(text)) }
    }
}

impl SettingType for SocketAddr {
    fn parse(text: &str) -> Result<Value, String> {
        let address = text.parse::<Self>().map(|address| json!(address));
        address.map_err(|_| format!("`{text}` is not an IP address with a port, such as 127.0.0.1:8100"))
    }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl SettingType for $type {
            fn parse(text: &str) -> Result<Value, String> {
                let number = text.parse::<Self>().map(|number| json!(number));
                number.map_err(|_| format!("`{text}` is not a whole number from 0 to {}", Self::MAX))
            }
        }
    )+};
}

integers!(u16, u32, u64, usize);

/// Types whose form in the TOML file is a string: the file's errors are good enough for flags and variables, too.
macro_rules! strings {
    ($($type:ty),+) => {$(
        impl SettingType for $type {
            fn parse(text: &str) -> Result<Value, String> {
                as_in_file::<Self>(text)
            }
        }
    )+};
}

strings!(Access, Database, LogFormat, LogOrigin, SandboxLevel);

fn as_in_file<T: DeserializeOwned + Serialize>(text: &str) -> Result<Value, String> {
    let value: T = serde_json::from_value(json!(text)).map_err(|error| error.to_string())?;
    Ok(json!(value))
}

impl<T: SettingType> SettingType for Option<T> {
    const ARITY: Arity = T::ARITY;

    fn parse(text: &str) -> Result<Value, String> {
        T::parse(text)
    }
}

impl<T: SettingType> SettingType for Vec<T> {
    const ARITY: Arity = Arity::Many;

    fn parse(text: &str) -> Result<Value, String> {
        T::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Config;
    use super::super::settings::SETTINGS;
    use super::Setting;

    fn setting(name: &str) -> &'static Setting {
        SETTINGS.iter().find(|setting| setting.name == name).unwrap()
    }

    #[test]
    fn flags_and_variables_are_named_after_the_setting() {
        let setting = setting("bot_hook_ms");
        assert_eq!(setting.flag(), "bot-hook-ms");
        assert_eq!(setting.variable(), "MCP_MULTIPLAYER_BOT_HOOK_MS");
        let variables: HashSet<String> = SETTINGS.iter().map(Setting::variable).collect();
        assert_eq!(variables.len(), SETTINGS.len(), "two settings share a variable");
    }

    #[test]
    fn defaults_are_shown_with_units() {
        for (name, text) in [
            ("listen", "`127.0.0.1:8100`"),
            ("also_listen", "none"),
            ("allowed_hosts", "none"),
            ("local_token", "`true`"),
            ("bot_network_ports", "`80,443`"),
            ("body_bytes", "`32768` (32 KiB)"),
            ("refresh_token_seconds", "`2592000` (30 days)"),
            ("access_token_seconds", "`3600` (60 minutes)"),
            ("ping_seconds", "`20`"),
        ] {
            assert_eq!(setting(name).default_text(), text, "{name}");
        }
    }

    #[test]
    fn values_are_read_in_the_form_of_the_file() {
        let parsed = |name: &str, text: &str| (setting(name).parse)(text);
        assert_eq!(parsed("bot_hook_ms", "5"), Ok(5.into()));
        assert_eq!(parsed("access", "invite"), Ok("invite".into()));
        assert_eq!(parsed("database", "sqlite:x.db"), Ok("sqlite:x.db".into()));
        for (name, text, message) in [
            ("bot_hook_ms", "soon", "whole number"),
            ("bot_network_ports", "70000", "65535"),
            ("listen", "here", "127.0.0.1:8100"),
            ("local_token", "yes", "true nor false"),
            ("access", "everybody", "`invite`"),
            ("database", "postgres://u:secret@db/x", "sqlite:PATH"),
            ("data_dir", "", "empty"),
        ] {
            let error = parsed(name, text).unwrap_err();
            assert!(error.contains(message) && !error.contains("secret"), "{name}: {error}");
        }
    }

    #[test]
    fn descriptions_are_sentences() {
        for setting in SETTINGS {
            let description = setting.description();
            assert!(description.ends_with('.') && !description.contains('|'), "{}: {description}", setting.name);
        }
        let names: Vec<String> = match serde_json::to_value(Config::default()) {
            Ok(serde_json::Value::Object(fields)) => fields.keys().cloned().collect(),
            other => panic!("{other:?}"),
        };
        assert_eq!(names.len(), SETTINGS.len());
    }
}
