use mcp_multiplayer_protocol::operation::{ChannelCreated, JoinOutcome, RefusalFuture, ReplyFuture};
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer, Request};

use super::Caller;
use super::answer::reply;
use super::signed_reply::Subject;
use crate::auth::Principal;
use crate::store::failpoint;

impl Multiplayer for Caller {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(async move {
            let op = request.name();
            if self.relay.shutdown.is_cancelled() {
                return Err(Error::new(
                    ErrorCode::RelayUnreachable,
                    "The relay is shutting down.",
                    "Repeat the call in a moment; nothing that was acknowledged is lost.",
                )
                .retry_after(1_000));
            }
            // The token was valid when the connection or the body of the request began, which may be long ago.
            self.check().await?;
            let pending = PendingCall::new(op, &self.principal);
            // A future is as large as its largest branch, and thousands may wait for messages: the less frequent operations have
            // futures of their own.
            let result = match request {
                Request::HealthCheck(_) => reply(self.health_check().await),
                Request::PostMessage(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    self.signed_reply(self.post_message(args).await, |_| subject).await
                }
                Request::SyncMessages(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    self.signed_reply(self.sync_messages(args).await, |_| subject).await
                }
                Request::CreateChannel(args) => {
                    let subject = |created: &ChannelCreated| Subject::seat(created.channel_id, created.slot_id);
                    Box::pin(async { self.signed_reply(self.create_channel(args).await, subject).await }).await
                }
                Request::JoinChannel(args) => {
                    Box::pin(async { self.signed_reply(self.join_channel(args).await, subject_of_joined).await }).await
                }
                Request::LeaveChannel(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.signed_reply(self.leave_channel(args).await, |_| subject).await }).await
                }
                Request::DmBot(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.signed_reply(self.dm_bot(args).await, |_| subject).await }).await
                }
                Request::GetBoard(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.reply_with_log(self.get_board(args).await, Some(subject)).await }).await
                }
                Request::GetChannelInfo(args) => {
                    let subject = Subject::seat(args.channel_id, None);
                    Box::pin(async { self.reply_with_log(self.get_channel_info(args).await, Some(subject)).await })
                        .await
                }
                Request::GetBotCode(args) => {
                    let subject = args.channel_id.map(|channel_id| Subject::seat(channel_id, None));
                    Box::pin(async { self.reply_with_log(self.get_bot_code(args).await, subject).await }).await
                }
                Request::GetReceipt(args) => reply(Box::pin(self.get_receipt(args)).await),
                Request::DeleteEntries(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.signed_reply(self.delete_entries(args).await, |_| subject).await }).await
                }
                Request::GetProof(args) => reply(Box::pin(self.get_proof(args)).await),
                Request::ReadLog(args) => reply(Box::pin(self.read_log(args)).await),
                Request::ListChannels(_) => reply(Box::pin(self.list_channels()).await),
                Request::UpdateChannel(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.signed_reply(self.update_channel(args).await, |_| subject).await }).await
                }
                Request::AttachBot(args) => {
                    let subject = Subject::seat(args.channel_id, args.slot_id);
                    Box::pin(async { self.signed_reply(self.attach_bot(args).await, |_| subject).await }).await
                }
            };
            failpoint::hit("reply");
            pending.answered();
            match &result {
                Ok(_) => tracing::debug!(op, principal = ?self.principal, "performed"),
                Err(error) => tracing::debug!(op, principal = ?self.principal, error.code = ?error.code, "refused"),
            }
            result
        })
    }

    fn end_of_access(&self) -> RefusalFuture<'_> {
        Box::pin(self.wait_for_end_of_token())
    }
}

fn subject_of_joined(outcome: &JoinOutcome) -> Subject {
    match outcome {
        JoinOutcome::Joined(joined) => Subject::seat(joined.channel_id, Some(joined.slot_id)),
        JoinOutcome::Preview(preview) => Subject { channel_id: preview.channel_id, slot_id: None, is_member: false },
    }
}

/// A call that has not been answered yet. Logs "abandoned" when it is dropped before: the client hung up.
struct PendingCall<'a> {
    op: &'static str,
    principal: &'a Principal,
    answered: bool,
}

impl<'a> PendingCall<'a> {
    fn new(op: &'static str, principal: &'a Principal) -> Self {
        Self { op, principal, answered: false }
    }

    fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for PendingCall<'_> {
    fn drop(&mut self) {
        if !self.answered {
            tracing::debug!(op = self.op, principal = ?self.principal, "abandoned");
        }
    }
}
