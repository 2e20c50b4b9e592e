use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::operation::{AttachBot, BotAttached, BotSpec};
use serde::{Deserialize, Serialize};

use super::Session;
use super::bot_spec::{Attached, Loaded};
use super::repeat::Keyed;
use crate::channel::{CommitError, Standing};
use crate::error::store_failed;

/// What a repeat is answered with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Outcome {
    answer: BotAttached,
    entry: u64,
}

impl Session {
    /// Adds a bot; answers once its `on_init` is durable.
    pub(super) async fn attach_bot(&self, mut args: AttachBot) -> Result<BotAttached, Error> {
        let keyed = Keyed::new("attach_bot", &args, args.idempotency_key.as_ref())?;
        let seat = Some((args.channel_id, args.slot_id));
        let spec = BotSpec {
            name: Some(args.name.clone()),
            version: None,
            code_ref: args.code_ref.take(),
            inline_code: args.inline_code.take(),
            manifest: args.manifest.take(),
            params: args.params.take(),
            slot: None,
        };
        let once = self.attach_once(&args, spec, keyed.as_ref()).await;
        let outcome = match once {
            Ok(outcome) => outcome,
            Err(refused) => self.or_repeat(keyed.as_ref(), seat, refused).await?,
        };
        let channel = self.relay.channels.get(args.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(Error::not_member)?;
        let BotAttached { bot_id, slot_id, code_hash, manifest_hash } = outcome.answer.clone();
        let attached = Attached { bot_id, slot_id, entry: outcome.entry, code_hash, manifest_hash };
        self.started(&channel, &attached).await?;
        Ok(outcome.answer)
    }

    async fn attach_once(
        &self,
        args: &AttachBot,
        spec: BotSpec,
        keyed: Option<&Keyed>,
    ) -> Result<Outcome, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        // A worker is started only for somebody who may attach bots.
        let composition = channel.composition();
        let standing = Standing::resolve(&composition, &player, args.slot_id)?;
        standing.may_change_bots(&composition)?;
        let loaded: Loaded = self.load_bot(spec).await?;
        let outcome = channel
            .commit(|proposal| {
                let standing = Standing::resolve(&proposal.state().composition, &player, args.slot_id)?;
                let attached = self.attach(proposal, &loaded, None, Some(standing.actor))?;
                let Attached { bot_id, slot_id, entry, code_hash, manifest_hash } = attached;
                let outcome = Outcome { answer: BotAttached { bot_id, slot_id, code_hash, manifest_hash }, entry };
                let scope = self.scope(args.channel_id, standing);
                proposal.idempotency = keyed.map(|keyed| keyed.record(scope, args.channel_id, &outcome));
                Ok(outcome)
            })
            .await?;
        self.relay.channels.start_runner(&channel, outcome.answer.bot_id.clone());
        Ok(outcome)
    }
}
