use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::operation::{AttachBot, BotAttached, BotSpec};

use super::Caller;
use super::bot_attachment::AttachedBot;
use super::idempotency::RequestKey;
use crate::channel::{CommitError, Member};
use crate::error::{internal, store_failed};

impl Caller {
    /// Attaches a bot, and answers once its `on_init` is durable.
    pub(super) async fn attach_bot(&self, mut args: AttachBot) -> Result<BotAttached, Error> {
        let request_key = self.request_key_with_secrets("attach_bot", &args, args.idempotency_key.as_ref())?;
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
        let attached = match self.attach_once(&args, spec, request_key.as_ref()).await {
            Ok(attached) => attached,
            Err(refusal) => self.repeat_outcome_or(refusal, request_key.as_ref(), seat).await?,
        };
        let channel = self.relay.channels.get(args.channel_id).await.map_err(store_failed)?;
        let channel = channel.ok_or_else(Error::not_member)?;
        self.wait_until_started(&channel, &attached).await?;
        let AttachedBot { bot_id, slot_id, code_hash, manifest_hash, .. } = attached;
        Ok(BotAttached { bot_id, slot_id, code_hash, manifest_hash })
    }

    async fn attach_once(
        &self,
        args: &AttachBot,
        spec: BotSpec,
        request_key: Option<&RequestKey>,
    ) -> Result<AttachedBot, CommitError> {
        let (channel, player) = self.channel(args.channel_id).await?;
        // Checked before a worker is started, which is expensive. It is checked again when the attach is proposed,
        // because the channel may have changed while the worker inspected the source.
        let composition = channel.composition();
        Member::resolve(&composition, &player, args.slot_id)?.may_change_bots(&composition)?;
        channel.check_storage(&self.relay.quotas)?;
        let bot = self.prepare_bot(spec).await?;
        let (caller, request_key) = (self.clone(), request_key.cloned());
        let (channel_id, slot_id) = (args.channel_id, args.slot_id);
        // On a task of its own: once the bot is attached its runner must be started, even if the caller goes away.
        let attached = tokio::spawn(async move {
            let attached = channel
                .commit(|proposal| {
                    let member = Member::resolve(&proposal.state().composition, &player, slot_id)?;
                    let attached = caller.propose_attach(proposal, &bot, None, Some(member.actor))?;
                    let scope = caller.member_scope(channel_id, member);
                    proposal.idempotency =
                        request_key.as_ref().map(|request_key| request_key.record(scope, channel_id, &attached));
                    Ok(attached)
                })
                .await?;
            caller.relay.channels.start_runner(&channel, attached.bot_id.clone());
            Ok(attached)
        });
        attached.await.map_err(|error| internal(&error))?
    }
}
