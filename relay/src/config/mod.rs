//! The relay's configuration.
//!
//! Every setting is declared once, in `settings.rs`. A value comes from a command-line flag, else from an environment
//! variable, else from a variable of the original system, else from the TOML file, else from the declared default.

mod check;
mod choice;
mod command_line;
mod load;
mod log_origin;
mod machine;
#[cfg(test)]
mod operating;
mod original;
mod print;
mod setting;
mod settings;
mod variable_names;
mod warnings;

pub use choice::{Access, Database, LogFormat, SandboxLevel};
pub use command_line::{arguments, hidden_arguments};
pub use load::{LoadedConfig, load};
pub use settings::Config;
pub use variable_names::check_variable_names;
