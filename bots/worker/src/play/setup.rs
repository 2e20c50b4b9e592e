//! The beginning of a game, also after `reload`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use mcp_multiplayer_bot_supervisor::{InspectError, Owner, Program, Supervisor, find_preset, presets};
use mcp_multiplayer_protocol::{BotLimits, Secret, Timestamp};
use serde_json::{Map, Value};

use super::channel::Seats;
use super::session::{LoadedBot, Session};
use super::{START_MS, seed_digest};

/// Everything that the bot's file and the players' commands are added to.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) origin: Origin,
    /// The name of the bot; empty if it is to be that of its class.
    pub(super) name: String,
    pub(super) params: Map<String, Value>,
    pub(super) env: BTreeMap<String, Secret>,
    pub(super) seats: Seats,
    /// Names of the players who are seated from the start.
    pub(super) players: Vec<String>,
    pub(super) seed: u64,
    pub(super) supervisor: Supervisor,
}

/// Source of the bot's code.
#[derive(Debug)]
pub(super) enum Origin {
    File(PathBuf),
    /// The name of a preset.
    Preset(String),
}

/// A source that a relay would accept.
#[derive(Debug)]
pub(super) struct LoadedSource {
    /// The file, for messages.
    pub(super) file: String,
    pub(super) source: Arc<str>,
    pub(super) bot: LoadedBot,
}

impl Setup {
    /// Reads and inspects the bot's source.
    pub(super) async fn load(&self) -> Result<LoadedSource> {
        let (file, name, source) = match &self.origin {
            Origin::Preset(wanted) => {
                let found = find_preset(wanted).with_context(|| {
                    let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
                    format!("there is no preset {wanted}; the presets are {}", names.join(", "))
                })?;
                (found.code_ref(), found.name.to_owned(), found.source())
            }
            Origin::File(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                (path.display().to_string(), self.name.clone(), text.into())
            }
        };
        let params = Value::Object(self.params.clone());
        let program =
            Arc::new(Program { name, source: Arc::clone(&source), params, policy: true, limits: BotLimits::default() });
        match self.supervisor.inspect(&Owner::default(), &program).await {
            Ok(inspected) => {
                let program = program.named(&inspected.class_name);
                Ok(LoadedSource { file, source, bot: LoadedBot { program, inspected, env: self.env.clone() } })
            }
            Err(InspectError::Rejected { message, line, .. }) => {
                let place = line.map(|line| format!(":{line}")).unwrap_or_default();
                bail!("{file}{place}: {message}\nRun `mcp-multiplayer-bot check {file}` to see all problems.")
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Creates the channel and attaches the bot. Nobody is seated yet.
    pub(super) fn session(&self, bot: LoadedBot) -> Result<Session> {
        let start = Timestamp::from_millis(START_MS);
        Session::create(self.supervisor.clone(), bot, &self.seats, start, seed_digest(self.seed))
    }
}
