use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::operation::{AttachBot, BotAttached, BotSpec};

use super::Caller;
use super::bot_spec::{Attached, Loaded};
use super::repeat::Keyed;
use crate::channel::{CommitError, Standing};
use crate::error::{internal, store_failed};

impl Caller {
    /// Adds a bot; answers once its `on_init` is durable.
    pub(super) async fn attach_bot(&self, mut args: AttachBot) -> Result<BotAttached, Error> {
        let keyed = self.keyed("attach_bot", &args, args.idempotency_key.as_ref())?;
        let seat = Some((args.channel_id, args.slot_id));
        let spec = BotSpec {
            name: Some(args.name.clone()),
            version: None,
            code_ref: args.code_ref.take(),
            inline_code: args.inline_code.take(),
            manifest: args.manifest.take(),
            params: args.params.take(),
            env: args.env.take(),
            slot: None,
        };
        let once = self.attach_once(&args, spec, keyed.as_ref()).await;
        let attached = match once {
            Ok(attached) => attached,
            Err(refused) => self.or_repeat(keyed.as_ref(), seat, refused).await?,
        };
        let channel = self.relay.channels.get(args.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(Error::not_member)?;
        self.started(&channel, &attached).await?;
        let Attached { bot_id, slot_id, code_hash, manifest_hash, .. } = attached;
        Ok(BotAttached { bot_id, slot_id, code_hash, manifest_hash })
    }

    async fn attach_once(
        &self,
        args: &AttachBot,
        spec: BotSpec,
        keyed: Option<&Keyed>,
    ) -> Result<Attached, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        // A worker is started only for somebody who may attach bots.
        let composition = channel.composition();
        let standing = Standing::resolve(&composition, &player, args.slot_id)?;
        standing.may_change_bots(&composition)?;
        let loaded: Loaded = self.load_bot(spec).await?;
        let (caller, keyed) = (self.clone(), keyed.cloned());
        let (channel_id, slot_id) = (args.channel_id, args.slot_id);
        // On a task of its own: a bot that was attached is run, even if the caller goes away.
        let attached = tokio::spawn(async move {
            let attached = channel
                .commit(|proposal| {
                    let standing = Standing::resolve(&proposal.state().composition, &player, slot_id)?;
                    let attached = caller.attach(proposal, &loaded, None, Some(standing.actor))?;
                    let scope = caller.scope(channel_id, standing);
                    proposal.idempotency = keyed.as_ref().map(|keyed| keyed.record(scope, channel_id, &attached));
                    Ok(attached)
                })
                .await?;
            caller.relay.channels.start_runner(&channel, attached.bot_id.clone());
            Ok(attached)
        });
        attached.await.map_err(|error| internal(&error))?
    }
}
