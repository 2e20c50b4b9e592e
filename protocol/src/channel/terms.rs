use serde::{Deserialize, Serialize};

use super::{BotsChange, Composition};
use crate::{Hash, canonical_text};

/// The terms of a channel: everything about it that players accept before they play, and that stays as it is while they do.
///
/// A pure function of the log. The terms say nothing of the channel's name, its slots or its players, so channels with equal
/// settings and equal bots have equal terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Terms {
    /// Version of the rules of channels.
    pub rules: u32,
    /// Condition on which bots may be changed.
    pub bots_change: BotsChange,
    /// True if players post only after they have accepted the terms.
    pub require_terms: bool,
    /// The bots, in the order in which they were attached.
    pub bots: Vec<BotTerms>,
}

/// The part of the terms that concerns one bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BotTerms {
    /// Name of the bot.
    pub name: String,
    /// Name of the preset, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// SHA-256 of its source text.
    pub code_hash: Hash,
    /// SHA-256 of its manifest's canonical JSON.
    pub manifest_hash: Hash,
    /// SHA-256 of its params' canonical JSON.
    pub params_hash: Hash,
    /// Names of the secrets that it was attached with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// True if the operator has switched off the policy check of its source.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub policy_off: bool,
}

impl Terms {
    /// The terms of a channel of this composition.
    pub fn of(composition: &Composition) -> Self {
        let bots = composition.bots.iter().map(|bot| BotTerms {
            name: bot.name.clone(),
            preset: bot.preset.clone(),
            code_hash: bot.code_hash,
            manifest_hash: bot.manifest_hash,
            params_hash: bot.params_hash,
            env: bot.env.clone(),
            policy_off: bot.policy_off,
        });
        Self {
            rules: 1,
            bots_change: composition.bots_change,
            require_terms: composition.require_terms,
            bots: bots.collect(),
        }
    }

    /// SHA-256 of a tag, a zero byte and the terms' canonical JSON (RFC 8785).
    pub fn hash(&self) -> Hash {
        let value = serde_json::to_value(self).expect("terms are plain JSON");
        let text = canonical_text("terms", &value).expect("terms have no numbers but a small one");
        Hash::of(&[b"mcp-multiplayer/terms/v1\0", text.as_bytes()])
    }

    /// Names of the fields in which the terms differ from others, such as `bots.GuessBot.code_hash`. Bots are matched by name.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: String, equal: bool| {
            if !equal {
                found.push(name);
            }
        };
        compare("rules".to_owned(), self.rules == other.rules);
        compare("bots_change".to_owned(), self.bots_change == other.bots_change);
        compare("require_terms".to_owned(), self.require_terms == other.require_terms);
        for bot in &self.bots {
            let path = |field: &str| format!("bots.{}.{field}", bot.name);
            let Some(old) = other.bots.iter().find(|old| old.name == bot.name) else {
                compare(format!("bots.{}", bot.name), false);
                continue;
            };
            compare(path("preset"), bot.preset == old.preset);
            compare(path("code_hash"), bot.code_hash == old.code_hash);
            compare(path("manifest_hash"), bot.manifest_hash == old.manifest_hash);
            compare(path("params_hash"), bot.params_hash == old.params_hash);
            compare(path("env"), bot.env == old.env);
            compare(path("policy_off"), bot.policy_off == old.policy_off);
        }
        for old in &other.bots {
            compare(format!("bots.{}", old.name), self.bots.iter().any(|bot| bot.name == old.name));
        }
        found
    }
}
