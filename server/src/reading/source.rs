//! Bots' sources, which must have the hash that the log names.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use mcp_multiplayer_protocol::operation::{BotCode, ChannelPreview, GetBotCode};
use mcp_multiplayer_protocol::{Error, Hash, Reply, Request};
use serde_json::Value;

use super::known::{Finding, KnownBot, canonical_hash};
use super::shown::Answered;
use super::unverified::{Unverified, unverifiable};
use crate::RelayClient;

/// Most parts in which a source arrives.
const MAX_PARTS: usize = 64;

/// Verifies sources, and remembers those that it has verified.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Hashes of parts that belong to a verified source: of its hash, the offset and the part.
    verified: Mutex<HashSet<Hash>>,
}

impl Sources {
    /// Checks the code of a bot against the log.
    pub(super) async fn check(
        &self,
        client: &RelayClient,
        args: &GetBotCode,
        bot: Option<&KnownBot>,
        answered: &Answered,
    ) -> Result<(), Unverified> {
        let code = parse(&answered.to_reply())?;
        let is_bots = bot.is_some_and(|bot| {
            bot.name == code.name
                && bot.version == code.version
                && (bot.code_hash, bot.manifest_hash, bot.params_hash)
                    == (code.code_hash, code.manifest_hash, code.params_hash)
                && bot.preset.as_ref().map(|preset| format!("builtin://{preset}")) == code.code_ref
        });
        if !is_bots {
            return Err(Finding::new(
                format!("The code of {} is what bot:attach in the log says.", args.bot_id),
                "The relay showed code with another name or other hashes.".to_owned(),
            )
            .into());
        }
        self.check_parts(client, args, &code).await
    }

    /// Checks a preview: that it is one, and that code in it has the hash that the relay states. Whether the channel has this
    /// bot, and is as it is shown, is the relay's word.
    pub(super) async fn check_preview(
        &self,
        client: &RelayClient,
        request: &Request,
        reply: Reply,
    ) -> Result<Reply, Error> {
        let Request::GetBotCode(args) = request else {
            return match serde_json::from_str::<ChannelPreview>(reply.get()) {
                Ok(ChannelPreview { preview: true, terms, terms_hash, .. }) if terms.hash() == terms_hash => Ok(reply),
                _ => Err(unverifiable("it is not a preview, or its terms have another hash")),
            };
        };
        let checked = async {
            let code = parse(&reply)?;
            self.check_parts(client, args, &code).await
        };
        match checked.await {
            Ok(()) => Ok(reply),
            Err(Unverified::Error(error)) => Err(error),
            Err(Unverified::Contradiction(finding)) => Err(unverifiable(&finding.found)),
        }
    }

    async fn check_parts(&self, client: &RelayClient, args: &GetBotCode, code: &BotCode) -> Result<(), Unverified> {
        let of_manifest = canonical_hash(&Value::Object(code.manifest.clone()));
        let of_params = canonical_hash(&Value::Object(code.params.clone()));
        if (of_manifest, of_params) != (Some(code.manifest_hash), Some(code.params_hash)) {
            return Err(Finding::new(
                "A bot's manifest and params have their hashes.",
                "Those that the relay showed have others.",
            )
            .into());
        }
        let Some(part) = source_of(code) else { return Ok(()) };
        let offset = args.offset.unwrap_or(0);
        if self.lock().contains(&part_hash(code.code_hash, offset, part)) {
            return Ok(());
        }
        // All parts together have the hash.
        let (mut source, mut parts, mut next) = (String::new(), Vec::new(), Some(0));
        while let Some(offset) = next {
            if parts.len() == MAX_PARTS {
                break;
            }
            let args = GetBotCode { offset: Some(offset), known_hash: None, ..args.clone() };
            let page = parse(&client.submit(&Request::from(args), None).await?)?;
            let part = source_of(&page).unwrap_or_default();
            parts.push(part_hash(code.code_hash, offset, part));
            source.push_str(part);
            next = page.next_offset;
        }
        if Hash::of(&[source.as_bytes()]) == code.code_hash && parts.contains(&part_hash(code.code_hash, offset, part))
        {
            self.lock().extend(parts);
            return Ok(());
        }
        Err(Finding::new(
            format!("The source of {} has the hash {}.", code.bot_id, code.code_hash),
            "The source that the relay showed has another one.".to_owned(),
        )
        .into())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Hash>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source_of(code: &BotCode) -> Option<&str> {
    code.inline_code.as_deref().or(code.source.as_deref())
}

fn part_hash(code_hash: Hash, offset: u64, part: &str) -> Hash {
    Hash::of(&[code_hash.as_bytes(), &offset.to_be_bytes(), part.as_bytes()])
}

fn parse(reply: &Reply) -> Result<BotCode, Error> {
    serde_json::from_str(reply.get()).map_err(|_| unverifiable("it does not describe a bot"))
}
