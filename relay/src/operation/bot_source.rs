use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::referee::Memory;
use mcp_multiplayer_bot_supervisor::{InspectError, Inspected, Program, Unavailable, find_preset, presets};
use mcp_multiplayer_protocol::channel::{Hook, SlotKind};
use mcp_multiplayer_protocol::operation::BotSpec;
use mcp_multiplayer_protocol::{
    Actor, BotId, Error, ErrorCode, Hash, HookOutcome, Runtime, SandboxReport, Secret, Sender, SlotId, SystemEvent,
    canonical_text, limits,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::{Caller, checked_name, too_large};
use crate::channel::{LiveChannel, Proposal};
use crate::error::{internal, store_failed};
use crate::store::{BotChange, BotCursor, NewBot};

/// How long an answer waits for a bot's first hooks. They take 5 s each at most.
const START_WAIT: Duration = Duration::from_secs(30);

/// A bot whose source was found fit to be attached.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) slot: Option<String>,
    code_ref: Option<String>,
    source: Arc<str>,
    manifest: Map<String, Value>,
    manifest_text: String,
    params_text: String,
    hooks: Vec<Hook>,
    runtime: Runtime,
    sandbox: String,
    sandbox_report: SandboxReport,
    env: BTreeMap<String, Secret>,
}

impl Loaded {
    /// What the bot does, in a line.
    pub(super) fn summary(&self) -> String {
        let summary = self.manifest.get("summary").and_then(Value::as_str).unwrap_or_default();
        summary.chars().take(300).collect()
    }
}

/// A bot that was attached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attached {
    pub(super) bot_id: BotId,
    pub(super) slot_id: SlotId,
    pub(super) entry: u64,
    pub(super) code_hash: Hash,
    pub(super) manifest_hash: Hash,
}

impl Caller {
    /// Finds a bot's source and has it looked at by a worker.
    pub(super) async fn load_bot(&self, spec: BotSpec) -> Result<Loaded, Error> {
        let (code_ref, source, default_name, default_version, summary) = match (&spec.code_ref, spec.inline_code) {
            (Some(_), Some(_)) | (None, None) => {
                return Err(Error::invalid(
                    "A bot needs either code_ref or inline_code.",
                    "Pass code_ref 'builtin://GuessBot' for a preset, or Python source as inline_code.",
                ));
            }
            (Some(code_ref), None) => {
                let preset = find_preset(code_ref).ok_or_else(|| unknown_preset(code_ref))?;
                (Some(preset.code_ref()), preset.source(), preset.name, preset.version, preset.summary)
            }
            (None, Some(source)) => {
                self.may_attach_inline_code().await?;
                (None, Arc::from(source), "CustomBot", "1.0", "An inline bot.")
            }
        };
        if source.len() > limits::SOURCE_BYTES {
            return Err(too_large("The bot's source", source.len(), limits::SOURCE_BYTES));
        }
        let name = checked_name("name", spec.name.as_deref().unwrap_or(default_name))?;
        let version = checked_name("version", spec.version.as_deref().unwrap_or(default_version))?;
        let mut manifest = spec.manifest.unwrap_or_default();
        let mut params = match manifest.get("params") {
            Some(Value::Object(params)) => params.clone(),
            _ => Map::new(),
        };
        params.extend(spec.params.unwrap_or_default());
        let params_text = text_of("params", &Value::Object(params.clone()))?;

        let env = checked_env(spec.env.unwrap_or_default())?;
        let policy = self.relay.config.bot_policy || code_ref.is_some();
        let params = Value::Object(params);
        let program = Arc::new(Program { name: name.clone(), source: Arc::clone(&source), params, policy });
        let Inspected { hooks, runtime, .. } = self.relay.supervisor.inspect(&program).await.map_err(rejected)?;
        manifest.entry("summary").or_insert_with(|| json!(summary));
        manifest.entry("hooks").or_insert_with(|| json!(hooks));
        let manifest_text = text_of("manifest", &Value::Object(manifest.clone()))?;
        let sandbox = self.relay.sandbox_level().await.map_err(no_worker)?.to_owned();
        let sandbox_report = self.relay.sandbox_report().await.map_err(no_worker)?.clone();
        let lock_hash = runtime.lock_hash.parse().map_err(|error| internal(&error))?;
        Ok(Loaded {
            name,
            version,
            slot: spec.slot,
            code_ref,
            source,
            manifest,
            manifest_text,
            params_text,
            hooks,
            runtime: Runtime { worker: runtime.worker, python: runtime.python, lock_hash },
            sandbox,
            sandbox_report,
            env,
        })
    }

    /// Code of people's own runs only behind a sandbox that holds.
    async fn may_attach_inline_code(&self) -> Result<(), Error> {
        if self.relay.takes_inline_code().await.map_err(no_worker)? {
            return Ok(());
        }
        let presets: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
        Err(Error::new(
            ErrorCode::BotRejected,
            format!(
                "This relay runs presets only: the bot sandbox is '{}', and its operator asks for '{}'.",
                self.relay.sandbox_level().await.unwrap_or("none"),
                self.relay.config.sandbox_minimum.name()
            ),
            format!("Use a preset ({}), or another relay; health_check shows the sandbox.", presets.join(", ")),
        ))
    }

    /// Proposes that a bot is attached: to the slot it asks for, to the first empty one, or to a new one.
    pub(super) fn attach(
        &self,
        proposal: &mut Proposal,
        loaded: &Loaded,
        slot_id: Option<SlotId>,
        by: Option<Actor>,
    ) -> Result<Attached, Error> {
        let composition = &proposal.state().composition;
        let slot_id = match slot_id {
            Some(slot_id) => slot_id,
            None => match &loaded.slot {
                Some(wanted) => composition
                    .slots()
                    .find(|(slot_id, slot)| {
                        let named = *wanted == slot_id.to_string() || *wanted == format!("bot:{}", slot.label);
                        slot.kind == SlotKind::Bot && slot.holder.is_none() && named
                    })
                    .map(|(slot_id, _)| slot_id)
                    .ok_or_else(|| no_slot(wanted))?,
                None => composition
                    .slots()
                    .find(|(_, slot)| slot.kind == SlotKind::Bot && slot.holder.is_none() && !slot.closed)
                    .map_or_else(|| self.next_slot(composition.slots.len()), |(slot_id, _)| Ok(slot_id))?,
            },
        };
        let slot_label = (slot_id.place() == composition.slots.len()).then(|| loaded.name.clone());
        let channel_id = composition.channel_id;
        let bot_id = BotId::new(&loaded.name, composition.bots_attached);
        let code_hash = Hash::of(&[loaded.source.as_bytes()]);
        let manifest_hash = Hash::of(&[loaded.manifest_text.as_bytes()]);
        let seeds = self.relay.key.bot_seeds(channel_id, &bot_id);
        let seal = |env| self.relay.key.seal_env(channel_id, &bot_id, env, &self.relay.random);
        let env = Some(&loaded.env).filter(|env| !env.is_empty()).map(seal);
        let event = SystemEvent::BotAttach {
            bot_id: bot_id.clone(),
            slot_id,
            slot_label,
            name: loaded.name.clone(),
            version: loaded.version.clone(),
            code_hash,
            manifest_hash,
            params_hash: Hash::of(&[loaded.params_text.as_bytes()]),
            hooks: loaded.hooks.clone(),
            runtime: loaded.runtime.clone(),
            sandbox: loaded.sandbox.clone(),
            sandbox_report: Some(loaded.sandbox_report.clone()),
            policy_off: !self.relay.config.bot_policy && loaded.code_ref.is_none(),
            seed_commitment: seeds.commitment(0).ok_or_else(Error::internal)?,
            by,
        };
        let entry = proposal.push_event(&event, None)?.id();
        let manifest = SystemEvent::BotManifest { bot_id: bot_id.clone(), manifest: loaded.manifest.clone() };
        proposal.push_event(&manifest, None)?;
        proposal.bots.push(BotChange::Attach(NewBot {
            bot_id: bot_id.clone(),
            slot_id,
            attached: entry,
            name: loaded.name.clone(),
            version: loaded.version.clone(),
            code_ref: loaded.code_ref.clone(),
            source: Arc::clone(&loaded.source),
            manifest: loaded.manifest_text.clone(),
            params: loaded.params_text.clone(),
            env,
        }));
        let start = BotCursor { entry, step: 0 };
        let state = Some(Memory::new(Arc::clone(&proposal.state().composition)).to_text());
        proposal.bots.push(BotChange::Advance { bot_id: bot_id.clone(), from: start, to: start, state, timer: None });
        Ok(Attached { bot_id, slot_id, entry, code_hash, manifest_hash })
    }

    #[expect(clippy::unused_self, reason = "reads as a part of attach")]
    fn next_slot(&self, slots: usize) -> Result<SlotId, Error> {
        if slots < limits::SLOTS {
            return Ok(SlotId::at(slots));
        }
        Err(Error::bad_op(
            "The channel has no slot left for a bot.",
            "Remove a bot first, with update_channel remove_bot.",
        ))
    }

    /// Returns when a bot's first hooks are durable; the error says why it was detached instead.
    pub(super) async fn started(&self, channel: &LiveChannel, attached: &Attached) -> Result<(), Error> {
        let mut progress = channel.progress();
        let deadline = Instant::now() + START_WAIT;
        loop {
            progress.mark_unchanged();
            match channel.is_started(&attached.bot_id) {
                Some(true) => return Ok(()),
                None => return why_detached(channel, attached).await?.map_or(Ok(()), Err),
                Some(false) => {}
            }
            let waited = tokio::select! {
                changed = timeout_at(deadline, progress.changed()) => matches!(changed, Ok(Ok(()))),
                () = self.relay.shutdown.cancelled() => false,
            };
            if !waited {
                return Err(Error::new(
                    ErrorCode::BotsUnavailable,
                    format!("{} is attached, but has not started yet; the relay keeps trying.", attached.bot_id),
                    "Read on with sync_messages; if its first message stays away, tell the relay's operator.",
                ));
            }
        }
    }
}

/// Why a bot that is no longer attached did not start; `None` when it had started.
async fn why_detached(channel: &LiveChannel, attached: &Attached) -> Result<Option<Error>, Error> {
    let mut after = attached.entry - 1;
    loop {
        let entries = channel.entries_after(after).await.map_err(store_failed)?;
        let Some(last) = entries.last() else { break };
        after = last.id();
        // The attach itself, and what it led to by the word of the relay.
        let events = entries.iter().filter(|entry| {
            let caused = entry.id() == attached.entry || entry.envelope.cause == Some(attached.entry);
            caused && entry.envelope.sender == Sender::System
        });
        for event in events.filter_map(|entry| entry.body()?.parse().ok()) {
            match event {
                SystemEvent::BotAttach { hooks, .. } if !hooks.contains(&Hook::OnInit) => return Ok(None),
                SystemEvent::BotRan { hook: Hook::OnInit, outcome: HookOutcome::Ok, .. } => return Ok(None),
                SystemEvent::BotError { hook: Hook::OnInit, reason, line, .. } => {
                    return Ok(Some(bot_rejected(&format!("on_init failed: {reason}"), line, None)));
                }
                _ => {}
            }
        }
    }
    Ok(Some(bot_rejected("it was removed before it started", None, None)))
}

/// A preset that does not exist.
pub(super) fn unknown_preset(name: &str) -> Error {
    let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
    let name: String = name.chars().take(64).collect();
    Error::new(
        ErrorCode::BotRejected,
        format!("There is no preset bot '{name}'."),
        format!("The presets are: {}. Or pass Python source as bot_code.", names.join(", ")),
    )
}

fn no_slot(wanted: &str) -> Error {
    let wanted: String = wanted.chars().take(64).collect();
    Error::invalid(
        format!("There is no empty bot slot '{wanted}'."),
        "Name one of the channel's 'bot:label' slots, or leave slot out.",
    )
}

/// Secrets that a bot may be given.
const ENV_NAMES: usize = 32;
/// Length of a secret, in bytes: a shorter one would stand in many an innocent message, which could not be posted then.
const ENV_VALUE: RangeInclusive<usize> = 8..=4096;

fn checked_env(env: BTreeMap<String, Secret>) -> Result<BTreeMap<String, Secret>, Error> {
    if env.len() > ENV_NAMES {
        return Err(Error::invalid(format!("env has {} names; at most {ENV_NAMES}.", env.len()), "Leave some out."));
    }
    for (place, (name, value)) in env.iter().enumerate() {
        let named = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit();
        // Somebody may have put the secret where the name belongs: the message shows neither.
        if !named {
            return Err(Error::invalid(
                format!("Name number {} in env is none.", place + 1),
                "Names are 1 to 64 letters, digits and underscores, such as OPENAI_API_KEY.",
            ));
        }
        if !ENV_VALUE.contains(&value.expose().len()) {
            return Err(Error::invalid(
                format!("The secret {name} in env is {} bytes long.", value.expose().len()),
                format!(
                    "Secrets are {} to {} bytes; what is shorter belongs into params.",
                    ENV_VALUE.start(),
                    ENV_VALUE.end()
                ),
            ));
        }
    }
    Ok(env)
}

fn text_of(name: &str, value: &Value) -> Result<String, Error> {
    let text = canonical_text(name, value)
        .map_err(|error| Error::invalid(format!("{error}."), "Change that value and try again."))?;
    if text.len() > limits::MANIFEST_BYTES {
        return Err(too_large(&format!("Argument '{name}'"), text.len(), limits::MANIFEST_BYTES));
    }
    Ok(text)
}

fn rejected(error: InspectError) -> Error {
    match error {
        InspectError::Rejected { message, line, hint } => bot_rejected(&message, line, hint),
        InspectError::Unavailable(error) => no_worker(error),
    }
}

/// Logs why there is no worker, and makes the error for the caller.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn no_worker(error: Unavailable) -> Error {
    tracing::error!(error.cause = %error, remedy = error.remedy(), "bots cannot be run");
    Error::bots_unavailable()
}

fn bot_rejected(reason: &str, line: Option<u32>, hint: Option<String>) -> Error {
    let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let reason: String = reason.chars().take(1_000).collect();
    let hint = hint.unwrap_or_else(|| {
        "Correct the source and attach it again; doc://quick-start describes what bots may do.".to_owned()
    });
    Error::new(ErrorCode::BotRejected, format!("The bot was rejected: {}{place}.", reason.trim_end_matches('.')), hint)
}
