//! Bots in real worker processes, as the relay runs them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod harness;

mod drawing;
mod evasion;
mod fairness;
mod freshness;
mod lifecycle;
mod limits;
mod ordinary_python;
#[cfg(target_os = "linux")]
mod plain_python;
mod presets;
mod refusal;
mod sandbox;
mod seed_bots;
#[cfg(target_os = "linux")]
mod zygote;
