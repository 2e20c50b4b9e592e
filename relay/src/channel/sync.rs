use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::channel::{Composition, Visibility};
use mcp_multiplayer_protocol::operation::{Message, Synced, View, WaitFor};
use mcp_multiplayer_protocol::{Entry, Error, Kind, Sender, SystemEvent, limits};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::live::LiveChannel;
use super::news::News;
use crate::error::store_failed;

/// Longest time that a reader waits for the hooks that are due on the entries it is about to read, so
/// that a move arrives together with the referee's response.
const HOOK_GRACE: Duration = Duration::from_millis(250);
/// Most entries that are looked at for one page. Somebody who may see few of them gets pages with few messages, or none.
const PAGE_SCANNED: u64 = 20_000;
/// Size of a message in JSON without its body and the names of its sender and kind, in bytes.
const MESSAGE_BYTES: usize = 200;

/// A request for a page of messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Highest id that the reader has seen.
    pub(crate) cursor: u64,
    /// Longest time to wait for something new.
    pub(crate) wait: Duration,
    /// The entries that end the wait.
    pub(crate) wait_for: WaitFor,
    /// `true` if the page includes the reader's own posts.
    pub(crate) include_own: bool,
    /// Most messages of the page.
    pub(crate) limit: usize,
    /// Most bytes of messages, in JSON. One message is returned even if it is larger.
    pub(crate) bytes: usize,
}

impl Page {
    /// A page of the entries after `cursor`, without waiting.
    pub(crate) fn at_once(cursor: u64, bytes: usize) -> Self {
        Self {
            cursor,
            wait: Duration::ZERO,
            wait_for: WaitFor::Any,
            include_own: true,
            limit: limits::PAGE_ENTRIES as usize,
            bytes,
        }
    }
}

/// Waits until the channel changes, and returns `true`; `false` at the deadline or the relay's shutdown.
///
/// `progress` counts the channel's changes. A caller that looked first and began to wait afterwards
/// would miss a change in between, and sleep although there is something to read: a lost wake-up.
/// Hence every loop around this function marks the counter as seen with `mark_unchanged()` *before*
/// it looks at the channel. A change after the mark then ends the wait at once, even if it came
/// before the wait began. At worst a caller looks once too often.
pub(crate) async fn wait_for_change(
    progress: &mut watch::Receiver<u64>,
    deadline: Instant,
    shutdown: &CancellationToken,
) -> bool {
    tokio::select! {
        changed = timeout_at(deadline, progress.changed()) => matches!(changed, Ok(Ok(()))),
        () = shutdown.cancelled() => false,
    }
}

impl LiveChannel {
    /// Reads a page of new entries for a member, and waits for some if there are none: the long-poll.
    ///
    /// `authorize` is called again whenever the wait is woken, and once more for the page itself, because
    /// the member may have lost the seat meanwhile. `shutdown` ends the wait early.
    pub(crate) async fn sync(
        &self,
        page: Page,
        shutdown: &CancellationToken,
        authorize: impl Fn(&Composition) -> Result<Visibility, Error>,
    ) -> Result<Synced, Error> {
        self.wait_for_news(page, shutdown, &authorize).await?;
        self.read_page(page, &authorize).await
    }

    async fn wait_for_news(
        &self,
        page: Page,
        shutdown: &CancellationToken,
        authorize: &impl Fn(&Composition) -> Result<Visibility, Error>,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + page.wait;
        let mut progress = self.progress();
        let size = self.durable().size();
        if page.cursor > size {
            authorize(&self.composition())?;
            return Err(Error::invalid(
                format!("Argument 'cursor' is {}, but the channel's last entry is {size}.", page.cursor),
                "Pass the cursor of your last answer about this channel, or 0 to read from the start.",
            ));
        }
        let mut news = News::new(page.wait_for, page.cursor);
        // First, wait for an entry that somebody else wrote.
        loop {
            progress.mark_unchanged();
            let visibility = authorize(&self.composition())?;
            // Without a wait, no timer is started: it would round up to a millisecond.
            if page.wait.is_zero() || self.has_news(&visibility, &mut news).await? {
                break;
            }
            if !wait_for_change(&mut progress, deadline, shutdown).await {
                break;
            }
        }
        // Then, give the hooks that are due on it a moment to respond.
        let mut head = self.durable().size();
        let grace = Instant::now() + HOOK_GRACE;
        while head > page.cursor {
            progress.mark_unchanged();
            if self.has_due_hooks(head) {
                if !wait_for_change(&mut progress, grace, shutdown).await {
                    break;
                }
            } else if let Some(opened) = self.draw_opened_after(head).await? {
                // The response to an entry may begin with a draw: `ctx.start()`, then `on_start`.
                head = opened;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// The `entropy:open` entry after `head` with which the response to an entry up to `head` goes on.
    async fn draw_opened_after(&self, head: u64) -> Result<Option<u64>, Error> {
        let later = self.entries_after(head).await.map_err(store_failed)?;
        let is_opened = |entry: &&Arc<Entry>| {
            entry.envelope.kind == Kind::SYSTEM
                && entry.envelope.cause.is_some_and(|cause| cause <= head)
                && matches!(entry.body().and_then(|body| body.parse().ok()), Some(SystemEvent::EntropyOpened { .. }))
        };
        Ok(later.iter().rfind(is_opened).map(|entry| entry.id()))
    }

    /// Returns `true` if there is an entry that ends the wait. Entries are looked at once, also over several calls.
    async fn has_news(&self, visibility: &Visibility, news: &mut News) -> Result<bool, Error> {
        loop {
            let entries = self.entries_after(news.scanned()).await.map_err(store_failed)?;
            if entries.is_empty() {
                return Ok(news.ends_wait(visibility));
            }
            for entry in &entries {
                news.look_at(entry, visibility);
            }
            if news.is_certain() {
                return Ok(true);
            }
        }
    }

    /// Reads as many visible entries as fit the page.
    async fn read_page(
        &self,
        page: Page,
        authorize: &impl Fn(&Composition) -> Result<Visibility, Error>,
    ) -> Result<Synced, Error> {
        let state = self.durable();
        let composition = &*state.composition;
        let visibility = authorize(composition)?;
        let (mut messages, mut cursor, mut bytes, mut has_more) = (Vec::new(), page.cursor, 0, false);
        let end = state.size().min(page.cursor.saturating_add(PAGE_SCANNED));
        'reading: while cursor < end {
            let entries = self.entries_after(cursor).await.map_err(store_failed)?;
            if entries.is_empty() {
                break;
            }
            // What became durable after `state` is for a later page: the reader may not be a member any more.
            for entry in entries.into_iter().filter(|entry| entry.id() <= state.size()) {
                if visibility.includes(&entry) && (page.include_own || !visibility.is_own(&entry)) {
                    let message = Message::of(composition, &entry);
                    let size = approximate_size(&message);
                    let full = messages.len() >= page.limit || bytes + size > page.bytes;
                    if full && !messages.is_empty() {
                        has_more = true;
                        break 'reading;
                    }
                    bytes += size;
                    messages.push(message);
                }
                cursor = entry.id();
            }
        }
        has_more |= cursor < state.size();
        let is_view_due = visibility.is_member() && composition.revision > page.cursor;
        let view = is_view_due.then(|| View::of(&state));
        Ok(Synced { messages, cursor, has_more, now: self.now(), view })
    }
}

/// Size of a message in JSON, in bytes; an estimate that is rather too large than too small.
fn approximate_size(message: &Message) -> usize {
    let sender = match &message.sender {
        Sender::Bot(bot_id) => bot_id.as_str().len(),
        _ => 0,
    };
    let label = message.sender_label.as_deref().unwrap_or_default();
    let escapes = label.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let body = message.body.as_ref().map_or(0, |body| body.as_str().len());
    body + sender + label.len() + escapes + message.kind.as_str().len() + MESSAGE_BYTES
}
