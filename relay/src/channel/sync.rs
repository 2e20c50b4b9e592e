use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::channel::Composition;
use mcp_multiplayer_protocol::operation::{Message, Synced, View};
use mcp_multiplayer_protocol::{Entry, Error, Sender, limits};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::live::LiveChannel;
use super::standing::Reader;
use crate::error::store_failed;

/// How long a reader waits for the hooks that are due on what it is about to read, so that a move
/// comes with its judgement.
const HOOK_GRACE: Duration = Duration::from_millis(250);
/// What a message weighs besides its body and its sender's and kind's names.
const MESSAGE_BYTES: usize = 200;

/// What a reader asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The highest id that the reader has seen.
    pub(crate) cursor: u64,
    /// How long to wait for something new.
    pub(crate) wait: Duration,
    /// At most so many messages.
    pub(crate) limit: usize,
    /// At most so many bytes of them, in JSON, but at least one message.
    pub(crate) bytes: usize,
}

impl Page {
    /// As much as fits from the start on, without a wait for more.
    pub(crate) fn from_start(bytes: usize) -> Self {
        Self { cursor: 0, wait: Duration::ZERO, limit: limits::PAGE_ENTRIES as usize, bytes }
    }
}

impl LiveChannel {
    /// Reads what is new for a reader, waiting for it when there is nothing.
    ///
    /// `authorize` is asked again whenever the wait wakes. `shutdown` ends the wait early.
    pub(crate) async fn sync(
        &self,
        page: Page,
        shutdown: &CancellationToken,
        authorize: impl Fn(&Composition) -> Result<Reader, Error>,
    ) -> Result<Synced, Error> {
        let deadline = Instant::now() + page.wait;
        let mut progress = self.progress();
        let mut scanned = page.cursor;
        // First, something to read that somebody else said.
        loop {
            progress.mark_unchanged();
            let reader = authorize(&self.composition())?;
            // A timer would round no wait at all up to a millisecond.
            if self.has_news(reader, &mut scanned).await? || page.wait.is_zero() {
                break;
            }
            tokio::select! {
                changed = timeout_at(deadline, progress.changed()) => if !matches!(changed, Ok(Ok(()))) { break },
                () = shutdown.cancelled() => break,
            }
        }
        // Then, what the bots make of it.
        let head = self.durable().size();
        let grace = Instant::now() + HOOK_GRACE;
        if head > page.cursor {
            loop {
                progress.mark_unchanged();
                if !self.has_due_hooks(head) {
                    break;
                }
                tokio::select! {
                    changed = timeout_at(grace, progress.changed()) => if !matches!(changed, Ok(Ok(()))) { break },
                    () = shutdown.cancelled() => break,
                }
            }
        }
        self.read(page, &authorize).await
    }

    /// Whether an entry after `scanned` that the reader may see was said by another; moves `scanned` on.
    async fn has_news(&self, reader: Reader, scanned: &mut u64) -> Result<bool, Error> {
        loop {
            let entries = self.entries_after(*scanned).await.map_err(store_failed)?;
            let Some(last) = entries.last() else { return Ok(false) };
            if entries.iter().any(|entry| reader.sees(entry) && !reader.wrote(entry)) {
                return Ok(true);
            }
            *scanned = last.id();
        }
    }

    /// The page itself: as many visible messages as fit.
    async fn read(
        &self,
        page: Page,
        authorize: &impl Fn(&Composition) -> Result<Reader, Error>,
    ) -> Result<Synced, Error> {
        let state = self.durable();
        let composition = &*state.composition;
        let reader = authorize(composition)?;
        let (mut messages, mut cursor, mut bytes, mut has_more) = (Vec::new(), page.cursor, 0, false);
        'reading: while cursor < state.size() {
            let entries = self.entries_after(cursor).await.map_err(store_failed)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if reader.sees(&entry) {
                    let message = message(composition, &entry);
                    let weight = weight(&message);
                    let full = messages.len() >= page.limit || bytes + weight > page.bytes;
                    if full && !messages.is_empty() {
                        has_more = true;
                        break 'reading;
                    }
                    bytes += weight;
                    messages.push(message);
                }
                cursor = entry.id();
            }
        }
        let view = (composition.revision > page.cursor).then(|| View::of(composition));
        Ok(Synced { messages, cursor, has_more, view })
    }
}

/// About how many bytes a message takes in JSON, rather too many than too few.
fn weight(message: &Message) -> usize {
    let sender = match &message.sender {
        Sender::Bot(bot_id) => bot_id.as_str().len(),
        _ => 0,
    };
    let label = message.sender_label.as_deref().unwrap_or_default();
    let escapes = label.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let body = message.body.as_ref().map_or(0, |body| body.as_str().len());
    body + sender + label.len() + escapes + message.kind.as_str().len() + MESSAGE_BYTES
}

fn message(composition: &Composition, entry: &Arc<Entry>) -> Message {
    let envelope = &entry.envelope;
    Message {
        id: envelope.id,
        channel_id: envelope.channel_id,
        sender_label: composition.sender_label(&envelope.sender).map(str::to_owned),
        sender: envelope.sender.clone(),
        kind: envelope.kind.clone(),
        body: entry.body().cloned(),
        ts: envelope.ts,
        to_slot: envelope.to_slot,
    }
}
