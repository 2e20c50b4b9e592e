//! The settings as command-line flags.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, value_parser};
use serde_json::Value;

use super::setting::{Arity, Setting};
use super::settings::SETTINGS;

/// Name of the flag that names the configuration file.
const CONFIG: &str = "config";

/// The flag for the configuration file, and one flag for each setting. All of them may also follow a subcommand.
pub fn arguments() -> Vec<Arg> {
    let config = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Configuration file in TOML format")
        .global(true);
    std::iter::once(config).chain(SETTINGS.iter().map(argument)).collect()
}

/// The flags for a subcommand that only needs the database: it accepts all of them, because a script may pass the
/// relay's own flags, but its help shows only those that matter to it.
pub fn hidden_arguments() -> Vec<Arg> {
    let matters = |argument: &Arg| [CONFIG, "data_dir", "database"].contains(&argument.get_id().as_str());
    let show =
        |argument: Arg| if matters(&argument) { argument.help_heading(None::<&str>) } else { argument.hide(true) };
    arguments().into_iter().map(show).collect()
}

fn argument(setting: &Setting) -> Arg {
    let description = setting.description();
    let description = description.strip_suffix('.').unwrap_or(&description);
    let help = match setting.default_text().as_str() {
        "none" => description.to_owned(),
        default => format!("{description} [default: {default}]"),
    };
    // Descriptions are Markdown; a terminal shows no code spans.
    let help = help.replace('`', "");
    let argument = Arg::new(setting.name)
        .long(setting.flag())
        .value_name(setting.value_name)
        .value_parser(setting.parse)
        .help(help)
        .help_heading(setting.section)
        .global(true);
    match setting.arity {
        Arity::One => argument,
        Arity::Switch => argument.num_args(0..=1).default_missing_value("true"),
        Arity::Many => argument.action(ArgAction::Append).value_delimiter(','),
    }
}

/// The configuration file that a flag names.
pub(super) fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one(CONFIG).cloned()
}

/// The value that a flag gives to a setting.
pub(super) fn value(matches: &ArgMatches, setting: &Setting) -> Option<Value> {
    let mut values = matches.get_many::<Value>(setting.name)?.cloned();
    match setting.arity {
        Arity::One | Arity::Switch => values.next(),
        Arity::Many => Some(values.collect()),
    }
}
