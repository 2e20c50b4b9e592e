use mcp_multiplayer_protocol::channel::Composition;
use mcp_multiplayer_protocol::operation::{BotCode, BotView, GetBotCode};
use mcp_multiplayer_protocol::{ChannelId, Error, Hash, limits};
use serde::de::DeserializeOwned;

use super::Caller;
use super::caller::seats_of_member;
use crate::error::{internal, store_failed};
use crate::store::NewBot;

impl Caller {
    /// Returns the exact code of a bot, attached or detached. Former members get the code of bots that were attached before
    /// they left.
    pub(super) async fn get_bot_code(&self, args: GetBotCode) -> Result<BotCode, Error> {
        let (channel_id, latest) = match (args.channel_id, &args.invite_code) {
            (Some(channel_id), None) => (channel_id, self.latest_readable_bot(channel_id).await?),
            (None, Some(code)) => (self.channel_of_invite(code).await?.0.channel_id(), u64::MAX),
            _ => {
                return Err(Error::invalid(
                    "get_bot_code needs either channel_id or invite_code.",
                    "Pass channel_id for a channel that you are in, invite_code for one that you are invited to.",
                ));
            }
        };
        let stored = self.relay.store.lookup_bot(channel_id, args.bot_id).await.map_err(store_failed)?;
        let stored = stored.filter(|stored| stored.bot.attached <= latest);
        let bot = stored.ok_or_else(Error::bot_not_found)?.bot;
        let room = limits::PAGE_BYTES.saturating_sub(bot.manifest.len() + bot.params.len());
        let code_hash = Hash::of(&[bot.source.as_bytes()]);
        let (part, next_offset) = if args.known_hash == Some(code_hash) {
            (None, None)
        } else {
            let (part, next_offset) = source_part(&bot.source, args.offset.unwrap_or(0), room)?;
            (Some(part), next_offset)
        };
        let (inline_code, source) = if bot.code_ref.is_some() { (None, part) } else { (part, None) };
        Ok(BotCode {
            manifest: parsed(&bot.manifest)?,
            params: parsed(&bot.params)?,
            code_hash,
            manifest_hash: Hash::of(&[bot.manifest.as_bytes()]),
            params_hash: Hash::of(&[bot.params.as_bytes()]),
            bot_id: bot.bot_id,
            name: bot.name,
            version: bot.version,
            inline_code,
            code_ref: bot.code_ref,
            source,
            next_offset,
        })
    }

    /// The last entry that may have attached a bot whose code the caller may read.
    async fn latest_readable_bot(&self, channel_id: ChannelId) -> Result<u64, Error> {
        let (channel, player) = self.channel(channel_id).await?;
        if seats_of_member(&channel.composition(), &player).is_ok() {
            return Ok(u64::MAX);
        }
        let tenures = self.former_tenures(channel_id, None).await?;
        Ok(tenures.iter().filter_map(|tenure| tenure.ended).max().unwrap_or(0))
    }

    /// The channel's bots as members see them.
    pub(super) async fn bot_views(&self, composition: &Composition) -> Result<Vec<BotView>, Error> {
        let mut views = Vec::with_capacity(composition.bots.len());
        for bot in &composition.bots {
            let stored = self.relay.store.lookup_bot(composition.channel_id, bot.bot_id.clone()).await;
            let Some(stored) = stored.map_err(store_failed)? else { continue };
            let NewBot { bot_id, slot_id, name, version, manifest, .. } = stored.bot;
            let manifest = parsed(&manifest)?;
            let (code_hash, manifest_hash) = (bot.code_hash, bot.manifest_hash);
            let (preset, inline) = (bot.preset.clone(), bot.preset.is_none());
            views.push(BotView { bot_id, slot_id, name, version, preset, inline, manifest, code_hash, manifest_hash });
        }
        BotView::abridge(&mut views);
        Ok(views)
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| internal(&error))
}

/// The part of the source that begins at `offset` and fits into `room` bytes of JSON, and the offset of the rest.
fn source_part(source: &str, offset: u64, room: usize) -> Result<(String, Option<u64>), Error> {
    let start = usize::try_from(offset).ok().filter(|start| source.is_char_boundary(*start));
    let Some(start) = start else {
        return Err(Error::invalid(
            "Argument 'offset' is not a place in this source.",
            "Leave it out in the first call; then pass the next_offset of the previous answer.",
        ));
    };
    let mut written = 0;
    let rest = source[start..].char_indices();
    let beyond = rest.skip(1).find(|(_, c)| {
        written += bytes_in_json(*c);
        written > room
    });
    let end = beyond.map_or(source.len(), |(place, _)| start + place);
    let next = (end < source.len()).then_some(end as u64);
    Ok((source[start..end].to_owned(), next))
}

/// Number of bytes of a character in a JSON text.
fn bytes_in_json(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}
