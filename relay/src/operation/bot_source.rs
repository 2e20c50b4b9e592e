use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{
    InspectError, Inspected, Owner, Preset, Program, Unavailable, find_preset, presets,
};
use mcp_multiplayer_protocol::channel::{BOT_API, Hook};
use mcp_multiplayer_protocol::operation::BotSpec;
use mcp_multiplayer_protocol::{BotLimits, Error, ErrorCode, Runtime, SandboxReport, Secret, canonical_text, limits};
use serde_json::{Map, Value, json};

use super::Caller;
use super::arguments::too_large;
use super::bot_env::checked_env;
use super::names::{check_inline_name, checked_name};

/// A bot whose source was inspected by a worker and found fit to be attached.
#[derive(Clone, Debug)]
pub(super) struct AttachableBot {
    pub(super) name: String,
    pub(super) version: String,
    /// Slot that the caller asked for, by its id or as `bot:<label>`.
    pub(super) slot: Option<String>,
    pub(super) code_ref: Option<String>,
    pub(super) source: Arc<str>,
    pub(super) manifest: Map<String, Value>,
    pub(super) manifest_text: String,
    pub(super) params_text: String,
    pub(super) hooks: Vec<Hook>,
    pub(super) limits: BotLimits,
    /// True if the source passed the policy.
    pub(super) policy: bool,
    pub(super) runtime: Runtime,
    pub(super) sandbox: String,
    pub(super) sandbox_report: SandboxReport,
    pub(super) env: BTreeMap<String, Secret>,
}

impl AttachableBot {
    /// Name of the preset, if it is one.
    pub(super) fn preset_name(&self) -> Option<String> {
        self.code_ref.as_deref().map(|code_ref| code_ref.trim_start_matches("builtin://").to_owned())
    }

    /// Summary of what the bot does, in one line.
    pub(super) fn summary(&self) -> String {
        let summary = self.manifest.get("summary").and_then(Value::as_str).unwrap_or_default();
        summary.chars().take(300).collect()
    }
}

impl Caller {
    /// Finds a bot's source, checks everything that comes with it, and has a worker inspect it.
    pub(super) async fn prepare_bot(&self, spec: BotSpec) -> Result<AttachableBot, Error> {
        let (preset, source) = match (&spec.code_ref, spec.inline_code) {
            (Some(_), Some(_)) | (None, None) => {
                return Err(Error::invalid(
                    "A bot needs either code_ref or inline_code.",
                    "Pass code_ref 'builtin://GuessBot' for a preset, or Python source as inline_code.",
                ));
            }
            (Some(code_ref), None) => {
                let preset = find_preset(code_ref).ok_or_else(|| unknown_preset(code_ref))?;
                (Some(preset), preset.source())
            }
            (None, Some(source)) => {
                self.check_inline_code_allowed().await?;
                (None, Arc::from(source))
            }
        };
        let code_ref = preset.map(Preset::code_ref);
        if source.len() > limits::SOURCE_BYTES {
            return Err(too_large("The bot's source", source.len(), limits::SOURCE_BYTES));
        }
        let version =
            checked_name("version", spec.version.as_deref().unwrap_or(preset.map_or("1.0", |preset| preset.version)))?;
        let mut manifest = spec.manifest.unwrap_or_default();
        check_api_version(&manifest)?;
        let mut params = match manifest.get("params") {
            Some(Value::Object(params)) => params.clone(),
            _ => Map::new(),
        };
        params.extend(spec.params.unwrap_or_default());
        if preset.is_some_and(|preset| preset.unseals(&params)) {
            manifest.entry("unseals").or_insert(Value::Bool(true));
        }
        let params = Value::Object(params);
        let params_text = checked_text("params", &params)?;

        let env = checked_env(spec.env.unwrap_or_default())?;
        let policy = self.relay.config.bot_policy || code_ref.is_some();
        let name = spec.name.as_deref().or(preset.map(|preset| preset.name));
        let name = name.map(|name| checked_name("name", name)).transpose()?;
        let program_name = name.clone().unwrap_or_default();
        let limits = self.relay.config.bot_limits();
        let program = Arc::new(Program { name: program_name, source: Arc::clone(&source), params, policy, limits });
        let owner = Owner::new(self.principal.as_str());
        let inspected = self.relay.supervisor.inspect(&owner, &program).await.map_err(rejected)?;
        let Inspected { class_name, hooks, summary: docstring, .. } = inspected;
        // Names of classes have no limit.
        let name = name.unwrap_or_else(|| class_name.chars().take(limits::NAME_CHARS).collect());
        if code_ref.is_none() {
            check_inline_name(&name)?;
        }
        let summary = preset.map(|preset| preset.summary).or(docstring.as_deref()).unwrap_or("An inline bot.");
        manifest.entry("summary").or_insert_with(|| json!(summary));
        manifest.entry("hooks").or_insert_with(|| json!(hooks));
        let manifest_text = checked_text("manifest", &Value::Object(manifest.clone()))?;
        let sandbox = self.relay.sandbox_status().await.map_err(worker_unavailable)?;
        Ok(AttachableBot {
            name,
            version,
            slot: spec.slot,
            code_ref,
            source,
            manifest,
            manifest_text,
            params_text,
            hooks,
            limits,
            policy,
            runtime: sandbox.runtime().clone(),
            sandbox: sandbox.level().to_owned(),
            sandbox_report: sandbox.report().clone(),
            env,
        })
    }

    /// Checks that people may bring code of their own: the sandbox must reach the level that the operator requires.
    async fn check_inline_code_allowed(&self) -> Result<(), Error> {
        if self.relay.takes_inline_code().await.map_err(worker_unavailable)? {
            return Ok(());
        }
        let presets: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
        Err(Error::new(
            ErrorCode::BotRejected,
            format!(
                "This relay runs presets only: the bot sandbox is '{}', and its operator asks for '{}'.",
                self.relay.sandbox_level().await.unwrap_or("none"),
                self.relay.config.bot_sandbox_minimum.name()
            ),
            format!("Use a preset ({}), or another relay; health_check shows the sandbox.", presets.join(", ")),
        ))
    }
}

/// Checks that a manifest asks for the version of the bot API that this relay has, or for none.
fn check_api_version(manifest: &Map<String, Value>) -> Result<(), Error> {
    let Some(api) = manifest.get("api").filter(|api| api.as_u64() != Some(BOT_API.into())) else { return Ok(()) };
    let api: String = api.to_string().chars().take(64).collect();
    Err(Error::new(
        ErrorCode::BotRejected,
        format!("The bot's manifest asks for version {api} of the bot API, and this relay has version {BOT_API}."),
        format!(
            "Write \"api\": {BOT_API} in the manifest if the bot can do with that, or use a relay with the other version."
        ),
    ))
}

/// The error for a preset that does not exist.
pub(super) fn unknown_preset(name: &str) -> Error {
    let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
    let name: String = name.chars().take(64).collect();
    Error::new(
        ErrorCode::BotRejected,
        format!("There is no preset bot '{name}'."),
        format!("The presets are: {}. Or pass Python source as bot_code.", names.join(", ")),
    )
}

/// The error for a bot that cannot be attached because of its own code.
pub(super) fn bot_rejected(reason: &str, line: Option<u32>, hint: Option<String>) -> Error {
    let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
    let reason: String = reason.chars().take(1_000).collect();
    let hint = hint.unwrap_or_else(|| {
        "Correct the source and attach it again; doc://quick-start describes what bots may do.".to_owned()
    });
    Error::new(ErrorCode::BotRejected, format!("The bot was rejected: {}{place}.", reason.trim_end_matches('.')), hint)
}

/// Canonical JSON of an argument, if it is not too large.
fn checked_text(name: &str, value: &Value) -> Result<String, Error> {
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
        InspectError::Unavailable(error) => worker_unavailable(error),
    }
}

/// Logs why no worker could be started, and returns the error for the caller.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
pub(super) fn worker_unavailable(error: Unavailable) -> Error {
    tracing::error!(error.cause = %error, remedy = error.remedy(), "bots cannot be run");
    Error::bots_unavailable()
}
