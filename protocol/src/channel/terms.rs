use serde::{Deserialize, Serialize};

use super::{BotsChange, Composition, RULES};
use crate::checkpoint::LogIdentity;
use crate::{BotLimits, Hash, canonical_text};

/// The terms of a channel: everything about it that players accept before they play, and that stays as it is while they do.
///
/// A pure function of the log. The terms say nothing of the channel's name, its slots or its players, so channels of one relay with equal
/// settings and equal bots have equal terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Terms {
    /// Version of the rules of channels.
    pub rules: u32,
    /// The relay's log, with the key that signs it; missing for a game that is played without a relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogIdentity>,
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
    /// Version of the API that it is written for.
    pub api: u32,
    /// The limits of its hooks.
    pub limits: BotLimits,
    /// Hash of the relay's rules for its connections; missing where bots have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_hash: Option<Hash>,
    /// Version of the policy that its source passed; missing if the operator has switched the check off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<u32>,
    /// True if it may open its DMs, so that all can read them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseals: bool,
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
            api: bot.api,
            limits: bot.limits,
            egress_hash: bot.egress_hash,
            policy: bot.policy,
            unseals: bot.unseals,
        });
        Self {
            rules: RULES,
            log: composition.log.clone(),
            bots_change: composition.bots_change,
            require_terms: composition.require_terms,
            bots: bots.collect(),
        }
    }

    /// SHA-256 of a tag, a zero byte and the terms' canonical JSON (RFC 8785).
    pub fn hash(&self) -> Hash {
        let value = serde_json::to_value(self).expect("terms are plain JSON");
        let text = canonical_text("terms", &value).expect("terms have no numbers but a small one");
        Hash::of(&[b"mcp-multiplayer/terms/v2\0", text.as_bytes()])
    }

    /// Names of the fields in which the terms differ from others, such as `bots.GuessBot.code_hash`. Bots are
    /// matched by their place in the list.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: String, equal: bool| {
            if !equal {
                found.push(name);
            }
        };
        compare("rules".to_owned(), self.rules == other.rules);
        compare("log".to_owned(), self.log == other.log);
        compare("bots_change".to_owned(), self.bots_change == other.bots_change);
        compare("require_terms".to_owned(), self.require_terms == other.require_terms);
        for place in 0..self.bots.len().max(other.bots.len()) {
            let (bot, old) = match (self.bots.get(place), other.bots.get(place)) {
                (Some(bot), Some(old)) if bot.name == old.name => (bot, old),
                (bot, old) => {
                    bot.into_iter().chain(old).for_each(|bot| compare(format!("bots.{}", bot.name), false));
                    continue;
                }
            };
            let path = |field: &str| format!("bots.{}.{field}", bot.name);
            compare(path("preset"), bot.preset == old.preset);
            compare(path("code_hash"), bot.code_hash == old.code_hash);
            compare(path("manifest_hash"), bot.manifest_hash == old.manifest_hash);
            compare(path("params_hash"), bot.params_hash == old.params_hash);
            compare(path("env"), bot.env == old.env);
            compare(path("api"), bot.api == old.api);
            compare(path("limits"), bot.limits == old.limits);
            compare(path("egress_hash"), bot.egress_hash == old.egress_hash);
            compare(path("policy"), bot.policy == old.policy);
            compare(path("unseals"), bot.unseals == old.unseals);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{BotTerms, RULES, Terms};
    use crate::channel::BotsChange;
    use crate::{BotLimits, Hash};

    fn terms(bots: &[(&str, &str)]) -> Terms {
        let bot = |(name, code): &(&str, &str)| BotTerms {
            name: (*name).to_owned(),
            preset: None,
            code_hash: Hash::of(&[code.as_bytes()]),
            manifest_hash: Hash::of(&[]),
            params_hash: Hash::of(&[]),
            env: Vec::new(),
            api: 1,
            limits: BotLimits::default(),
            egress_hash: None,
            policy: Some(1),
            unseals: false,
        };
        Terms {
            rules: RULES,
            log: None,
            bots_change: BotsChange::Never,
            require_terms: false,
            bots: bots.iter().map(bot).collect(),
        }
    }

    #[test]
    fn differences_between_bots_of_one_name_are_found() {
        let (first, second) = (terms(&[("Two", "a"), ("Two", "b")]), terms(&[("Two", "a"), ("Two", "a")]));
        assert_eq!(second.differences(&first), ["bots.Two.code_hash"]);
        assert!(first.differences(&first).is_empty());
        assert_eq!(terms(&[("One", "a")]).differences(&terms(&[])), ["bots.One"]);
    }
}
