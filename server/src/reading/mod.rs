//! Reading that is verified: nothing of a channel is shown to the model before it is part of a log that the relay has
//! signed, that follows the rules of channels, and that begins with everything that was shown before.
//!
//! [`VerifiedRelay`] asks for the log beside each answer and folds it to the signed checkpoint:
//!
//! - `exchange`: one request, and the comparison of the log in its answer with what is known;
//! - `known`: what follows from the entries that were verified; pure;
//! - `shown`: the answer that the model gets, and the comparison with what it requested;
//! - `source`: a bot's source, which must have the hash in the log;
//! - `files`, `pinned_log`: what is kept over restarts, and shared by all processes of a person;
//! - `contradiction`, `unverified`: evidence, and the errors that the model gets.
//!
//! The relay's word remains: previews and lists of channels, errors, waits and `has_more`.

mod contradiction;
mod exchange;
mod files;
mod known;
mod pinned_log;
mod shown;
mod source;
mod unverified;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::merkle::TreeHead;
use mcp_multiplayer_protocol::operation::{Health, HealthCheck, LogPage, LogRead, ReadLog, ReplyFuture};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Multiplayer, Reply, Request, SlotId, Timestamp};

use crate::{Destination, RelayClient, RelayUrl};
use contradiction::Answer;
use exchange::{Advance, Exchange, add, advance, check_note, check_note_for, own_seat};
use files::Folder;
use known::{Finding, KnownChannel, Received};
use shown::{Answered, Reading};
use source::Sources;
use unverified::{Unverified, cannot_keep, no_data_directory, unverifiable};

/// Number of times that a page of the log is asked for while the relay is busy.
const PAGE_ATTEMPTS: u32 = 8;

/// Longest time in which a relay that contradicts itself may say whether it has another key now.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// A relay whose answers are verified before anybody sees them.
#[derive(Debug)]
pub struct VerifiedRelay {
    client: RelayClient,
    /// The relay's address, or "this computer".
    relay: String,
    /// The folder for everything that is kept; `None` if the data directory is unknown.
    root: Option<PathBuf>,
    sources: Sources,
    memory: Mutex<Memory>,
}

/// State that a process keeps only while it runs.
#[derive(Debug, Default)]
struct Memory {
    /// The channels whose stored hashes were compared with the stored state.
    checked: HashSet<ChannelId>,
    /// For each channel, the size of the log that the relay has signed last, and the time when the request for it was sent.
    caught_up: HashMap<ChannelId, (u64, Timestamp)>,
}

impl VerifiedRelay {
    /// Verifies what `client` receives. What was verified is kept in `data_dir`; without one, channels cannot be read.
    pub fn new(client: RelayClient, data_dir: Option<PathBuf>) -> Self {
        Self {
            relay: client.destination().kept_as(),
            client,
            root: data_dir.map(|directory| root_in(&directory)),
            sources: Sources::default(),
            memory: Mutex::default(),
        }
    }

    /// Returns the relay that it connects to.
    pub(crate) fn destination(&self) -> &Destination {
        self.client.destination()
    }

    /// Returns the addresses of other relays that were used on this computer.
    pub(crate) fn other_relays(&self) -> Vec<String> {
        self.pins().into_iter().map(|(address, _)| address).collect()
    }

    /// Returns the address of another relay that has a channel, as far as something of the channel was verified.
    pub(crate) fn relay_that_has(&self, channel_id: ChannelId) -> Option<String> {
        let root = self.root.as_deref()?;
        let has = |log: &LogIdentity| pinned_log::folder_of_channel(root, log, &channel_id.to_string()).path().is_dir();
        self.pins().into_iter().find(|(_, log)| has(log)).map(|(address, _)| address)
    }

    fn pins(&self) -> Vec<(String, LogIdentity)> {
        let pins = self.root.as_deref().map(pinned_log::list).transpose();
        // Whatever cannot be read is reported when it is needed.
        let mut pins = pins.ok().flatten().unwrap_or_default();
        let own = pins.iter().find(|(address, _)| *address == self.relay).map(|(_, log)| log.clone());
        // The same relay may have been used by another address.
        pins.retain(|(address, log)| *address != self.relay && Some(log) != own.as_ref());
        pins
    }

    /// Returns `true` if a website's address is that of this relay.
    pub(crate) async fn is_at(&self, url: &RelayUrl) -> bool {
        match self.destination() {
            Destination::Address(own) if own == url => return true,
            // Links of the relay of this computer have the port that it had then.
            Destination::ThisComputer(_) if url.is_loopback() => return true,
            _ => {}
        }
        // It may have another address for its own computer than for others. Its log has the name of its website.
        let website = url.base();
        let name = website.split_once("://").map(|(_, name)| name);
        self.root.is_some() && self.log().await.is_ok_and(|log| Some(log.origin.as_str()) == name)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn perform_verified(&self, mut request: Request) -> Result<Reply, Error> {
        match &request {
            // The relay's own word, and nothing of a channel's log.
            Request::ListChannels(_) | Request::GetProof(_) | Request::ReadLog(_) => {
                return self.client.submit(&request, None).await;
            }
            Request::HealthCheck(_) => return self.health_check(&request).await,
            Request::GetReceipt(_) => return self.get_receipt(request).await,
            _ => {}
        }
        let root = self.root.as_deref().ok_or_else(no_data_directory)?;
        let log = self.log().await?;
        let seat = self.client.complete(&mut request);
        let slot_id = seat.and_then(|(_, slot_id)| slot_id);
        let folder_of = |channel_id: ChannelId| pinned_log::folder_of_channel(root, &log, &channel_id.to_string());
        let mut sent_size = 0;
        if let Some(channel_id) = request.channel_id() {
            let folder = folder_of(channel_id);
            if let Some(error) = contradiction::earlier(&folder).map_err(|error| cannot_keep(&error))? {
                return Err(error);
            }
            sent_size = self.known_size(&folder, channel_id).map_err(|error| cannot_keep(&error))?;
        }
        let log_after = Reading::base_of(&request).map_or(sent_size, |base| base.min(sent_size));
        let sent_at = now();
        let result = self.client.submit(&request, Some(log_after)).await;
        let verified = match (result, request.channel_id()) {
            (Ok(reply), None) if is_preview(&request) => {
                return self.sources.check_preview(&self.client, &request, reply).await;
            }
            (Ok(reply), channel_id) => {
                let Subject { channel_id, slot_id } = Subject::of(&request, channel_id, slot_id, &reply)?;
                let folder = folder_of(channel_id);
                if let Some(error) = contradiction::earlier(&folder).map_err(|error| cannot_keep(&error))? {
                    return Err(error);
                }
                let exchange = Exchange { request: &request, channel_id, folder, log: &log, slot_id, sent_size };
                self.verify(&exchange, log_after, reply, sent_at).await
            }
            (Err(error), Some(channel_id)) if error.code == ErrorCode::InvalidRequest && sent_size > 0 => {
                // A relay that has lost a part of the log says that the cursor is too large.
                let folder = folder_of(channel_id);
                let exchange = Exchange { request: &request, channel_id, folder, log: &log, slot_id, sent_size };
                self.look_for_loss(&exchange).await.and(Err(error))
            }
            (Err(error), _) => Err(error),
        };
        self.client.track_seats(&request, seat, &verified);
        verified
    }

    /// Fetches the receipt of a channel, which must be signed with the known key.
    async fn get_receipt(&self, mut request: Request) -> Result<Reply, Error> {
        let key = self.log().await?.key;
        self.client.complete(&mut request);
        let Request::GetReceipt(args) = &request else { return Err(Error::internal()) };
        let directory = self.root.as_ref().map(|root| root.with_file_name("receipts"));
        self.client.get_receipt(args, Some(key), directory).await
    }

    /// Reports the relay's health, after comparing its log with the known one.
    async fn health_check(&self, request: &Request) -> Result<Reply, Error> {
        let reply = self.client.submit(request, None).await?;
        let (Some(root), Ok(health)) = (&self.root, serde_json::from_str::<Health>(reply.get())) else {
            return Ok(reply);
        };
        let folder = pinned_log::folder_of_relay(root, &self.relay);
        if let Some(kept) = pinned_log::load(&folder).map_err(|error| cannot_keep(&error))? {
            pinned_log::check(&kept, &health).map_err(|finding| self.report_relay(&folder, &kept, finding))?;
        }
        Ok(reply)
    }

    /// The relay's log. It is asked for at the first use of the address.
    async fn log(&self) -> Result<LogIdentity, Error> {
        let root = self.root.as_deref().ok_or_else(no_data_directory)?;
        let folder = pinned_log::folder_of_relay(root, &self.relay);
        if let Some(error) = contradiction::earlier(&folder).map_err(|error| cannot_keep(&error))? {
            return Err(error);
        }
        if let Some(log) = pinned_log::load(&folder).map_err(|error| cannot_keep(&error))? {
            return Ok(log);
        }
        let health = self.health().await?;
        pinned_log::store(&folder, &self.relay, &health).map_err(|error| cannot_keep(&error))
    }

    async fn health(&self) -> Result<Health, Error> {
        let reply = self.client.submit(&Request::from(HealthCheck {}), None).await?;
        serde_json::from_str(reply.get()).map_err(|_| unverifiable("it does not say which key it signs with"))
    }

    fn report_relay(&self, folder: &Folder, log: &LogIdentity, finding: Finding) -> Error {
        let answer = Answer {
            relay: &self.relay,
            log: Some(log),
            operation: "health_check",
            verified_checkpoint: "",
            received_checkpoint: "",
        };
        contradiction::report(folder, now(), answer, finding, &Received::default())
    }

    /// Number of entries of a channel that are known.
    fn known_size(&self, folder: &Folder, channel_id: ChannelId) -> io::Result<u64> {
        let locked = folder.lock()?;
        let known = locked.known(channel_id)?;
        if !self.memory().checked.insert(channel_id) || locked.is_consistent(&known)? {
            return Ok(known.size());
        }
        locked.store(&KnownChannel::nothing(channel_id), 0, &[])?;
        Ok(0)
    }

    /// Verifies an answer, and returns the one for the model.
    async fn verify(
        &self,
        exchange: &Exchange<'_>,
        log_after: u64,
        reply: Reply,
        sent_at: Timestamp,
    ) -> Result<Reply, Error> {
        let (mut received, mut note) = (Received::default(), String::new());
        match self.verify_answer(exchange, log_after, &reply, sent_at, &mut received, &mut note).await {
            Ok(reply) => Ok(reply),
            Err(Unverified::Error(error)) => Err(error),
            Err(Unverified::Contradiction(finding)) => Err(self.report(exchange, finding, &received, &note).await),
        }
    }

    async fn verify_answer(
        &self,
        exchange: &Exchange<'_>,
        log_after: u64,
        reply: &Reply,
        sent_at: Timestamp,
        received: &mut Received,
        note: &mut String,
    ) -> Result<Reply, Unverified> {
        let mut answered = Answered::parse(reply)?;
        let Some(checkpoint) = answered.take::<String>("checkpoint")? else {
            return Err(unverifiable("it has no signed checkpoint; the channel may have been deleted just now").into());
        };
        *note = checkpoint;
        if let Some(page) = answered.take::<LogPage>("log")? {
            add(received, page, exchange.channel_id, log_after)?;
        }
        let tree = check_note(exchange, note)?;
        let reading = Reading::of(exchange.request, &answered)?;
        if let Some(reading) = &reading {
            reading.check_end(tree.size)?;
        }
        let msg_id = answered.get::<u64>("msg_id")?;
        if msg_id.is_some_and(|msg_id| !(1..=tree.size).contains(&msg_id)) {
            return Err(Finding::new(
                "What the relay acknowledges is in the log that it signs.",
                "Your message is not.",
            )
            .into());
        }
        let is_wanted =
            |id: u64| msg_id == Some(id) || reading.as_ref().is_some_and(|reading| reading.ids.contains(&id));
        let known = self.read_up_to(exchange, received, tree, note, &is_wanted).await?;
        let known = match answered.get::<SlotId>("slot_id")?.filter(|_| is_seat_taken(exchange.request)) {
            Some(slot_id) => own_seat(exchange, slot_id)?,
            None => known,
        };
        let wanted = msg_id.into_iter().chain(reading.iter().flat_map(|reading| reading.ids.clone()));
        for id in wanted {
            if !received.entries.contains_key(&id) {
                self.read_page(exchange, received, id - 1, &is_wanted).await?;
            }
        }
        if received.reader.is_none() {
            self.read_page(exchange, received, tree.size, &is_wanted).await?;
        }
        // A body may be gone because of an entry that came after the checkpoint.
        let mut known = known;
        while received.missing_body(&known).is_some() {
            let size = known.size();
            self.read_page(exchange, received, size, &is_wanted).await?;
            known = exchange.folder.lock()?.known(exchange.channel_id)?;
            if known.size() == size {
                break;
            }
        }
        known.check_reader(received.reader.as_deref().unwrap_or_default(), exchange.slot_id)?;
        received.check_bodies(&known)?;
        shown::check_acknowledged(&mut answered, exchange.request, &known, received)?;
        if let Request::GetBotCode(args) = exchange.request {
            let bot = known.bots.get(&args.bot_id);
            self.sources.check(&self.client, args, bot, &answered).await?;
        }
        shown::complete(&mut answered, exchange.request, reading.as_ref(), &known, received)?;
        let earlier = self.memory().caught_up.insert(exchange.channel_id, (tree.size, sent_at));
        if let Some(warning) = earlier.and_then(|(size, then)| shown::late_note(received, size, then)) {
            answered.set("warning", &warning);
        }
        Ok(answered.to_reply())
    }

    /// Verifies the log up to a signed checkpoint, with further pages if they are needed. Keeps no entries but those that are
    /// wanted.
    async fn read_up_to(
        &self,
        exchange: &Exchange<'_>,
        received: &mut Received,
        tree: TreeHead,
        note: &str,
        is_wanted: &(impl Fn(u64) -> bool + Sync),
    ) -> Result<KnownChannel, Unverified> {
        loop {
            match advance(exchange, received, tree, note) {
                Ok(known) => {
                    received.entries.retain(|id, _| is_wanted(*id));
                    return Ok(known);
                }
                Err(Advance::Missing(after)) => self.read_page(exchange, received, after, is_wanted).await?,
                Err(Advance::Unverified(unverified)) => return Err(unverified),
            }
        }
    }

    /// Reads the page of the log after an entry, and verifies the log up to its end.
    async fn read_page(
        &self,
        exchange: &Exchange<'_>,
        received: &mut Received,
        after: u64,
        is_wanted: &(impl Fn(u64) -> bool + Sync),
    ) -> Result<(), Unverified> {
        let LogRead { page, checkpoint } = self.request_page(exchange, after).await?;
        let count = page.entries.len() as u64;
        add(received, page, exchange.channel_id, after)?;
        let tree = check_note_for(exchange, &checkpoint, 0)?;
        let is_end = count == 0 && after == tree.size;
        if !is_end && (count == 0 || tree.size != after + count) {
            return Err(Finding::new(
                format!("The log has an entry {}: the relay has signed it.", after + 1),
                format!("Asked for it, the relay sent {count} entries and a signed log of {}.", tree.size),
            )
            .into());
        }
        match advance(exchange, received, tree, &checkpoint) {
            Ok(_) => {
                // Those before the page were needed only to get there.
                received.entries.retain(|id, _| is_wanted(*id) || *id > after + count);
                Ok(())
            }
            // The caller asks for what is missing before.
            Err(Advance::Missing(_)) => Ok(()),
            Err(Advance::Unverified(unverified)) => Err(unverified),
        }
    }

    async fn request_page(&self, exchange: &Exchange<'_>, after: u64) -> Result<LogRead, Unverified> {
        let args = ReadLog { channel_id: exchange.channel_id, after, limit: None, slot_id: exchange.slot_id };
        let request = Request::from(args);
        let mut attempt = 1;
        let reply = loop {
            match self.client.submit(&request, None).await {
                Err(error) if error.code == ErrorCode::RateLimit && attempt < PAGE_ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(error.retry_after_ms.unwrap_or(250))).await;
                    attempt += 1;
                }
                result => break result?,
            }
        };
        serde_json::from_str(reply.get()).map_err(|_| unverifiable("its page of the log cannot be read").into())
    }

    /// Looks whether the relay still has all of the log that it has signed.
    async fn look_for_loss(&self, exchange: &Exchange<'_>) -> Result<(), Error> {
        let (mut received, mut note) = (Received::default(), String::new());
        let looked = async {
            let LogRead { checkpoint, .. } = self.request_page(exchange, exchange.sent_size).await?;
            note = checkpoint;
            check_note(exchange, &note).map(|_| ())
        };
        match looked.await {
            // Somebody who may not read the log learns no more from this.
            Ok(()) | Err(Unverified::Error(_)) => Ok(()),
            Err(Unverified::Contradiction(finding)) => {
                received.entries.clear();
                Err(self.report(exchange, finding, &received, &note).await)
            }
        }
    }

    /// Keeps the evidence of a contradiction, and returns the error for the model.
    async fn report(&self, exchange: &Exchange<'_>, finding: Finding, received: &Received, note: &str) -> Error {
        // Another key explains everything else, and concerns all channels of the relay.
        let health = tokio::time::timeout(HEALTH_TIMEOUT, self.health()).await;
        if let (Some(root), Ok(Ok(health))) = (&self.root, health)
            && let Err(finding) = pinned_log::check(exchange.log, &health)
        {
            return self.report_relay(&pinned_log::folder_of_relay(root, &self.relay), exchange.log, finding);
        }
        let known = exchange.folder.lock().and_then(|locked| locked.known(exchange.channel_id));
        let verified = known.map(|known| known.checkpoint).unwrap_or_default();
        let answer = Answer {
            relay: &self.relay,
            log: Some(exchange.log),
            operation: exchange.request.name(),
            verified_checkpoint: &verified,
            received_checkpoint: note,
        };
        contradiction::report(&exchange.folder, now(), answer, finding, received)
    }
}

impl Multiplayer for VerifiedRelay {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(self.perform_verified(request))
    }
}

/// The log of a relay, as far as this computer's user knows it from earlier.
#[derive(Debug)]
pub(crate) enum KeptLog {
    /// The relay was never used from here.
    Nothing,
    /// The name and key that it had at its first use, and the folder in which they are kept.
    Identity(LogIdentity, PathBuf),
    /// It has contradicted what it signed.
    Contradicted(Error),
}

/// Looks up what is kept about the log of the relay at an address, and changes nothing.
pub(crate) fn kept_log(data_dir: &Path, relay: &Destination) -> io::Result<KeptLog> {
    let folder = pinned_log::folder_of_relay(&root_in(data_dir), &relay.kept_as());
    if let Some(error) = contradiction::earlier(&folder)? {
        return Ok(KeptLog::Contradicted(error));
    }
    let kept = pinned_log::load(&folder)?;
    Ok(kept.map_or(KeptLog::Nothing, |log| KeptLog::Identity(log, folder.path().to_owned())))
}

/// Requests the preview of a channel, or of a bot's code with an invite, checks the hashes in it, and keeps nothing.
pub(crate) async fn preview(client: &RelayClient, request: &Request) -> Result<Reply, Error> {
    let reply = client.submit(request, None).await?;
    Sources::default().check_preview(client, request, reply).await
}

/// The folder for everything that is kept.
fn root_in(data_dir: &Path) -> PathBuf {
    data_dir.join("verified")
}

/// The channel that an answer is about, and the caller's seat in it, if that is known.
struct Subject {
    channel_id: ChannelId,
    slot_id: Option<SlotId>,
}

impl Subject {
    fn of(
        request: &Request,
        channel_id: Option<ChannelId>,
        slot_id: Option<SlotId>,
        reply: &Reply,
    ) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        struct Joined {
            channel_id: ChannelId,
            slot_id: Option<SlotId>,
        }
        if let (Some(channel_id), false) = (channel_id, is_seat_taken(request)) {
            return Ok(Self { channel_id, slot_id });
        }
        let joined: serde_json::Result<Joined> = serde_json::from_str(reply.get());
        let Joined { channel_id, slot_id } = joined.map_err(|_| unverifiable("it names no channel"))?;
        Ok(Self { channel_id, slot_id })
    }
}

/// Returns `true` for a request of somebody who need not be in the channel yet.
fn is_preview(request: &Request) -> bool {
    match request {
        Request::JoinChannel(args) => args.preview == Some(true),
        Request::GetBotCode(args) => args.channel_id.is_none(),
        _ => false,
    }
}

fn is_seat_taken(request: &Request) -> bool {
    matches!(request, Request::JoinChannel(_) | Request::CreateChannel(_))
}

/// The time by the clock of this computer.
#[expect(
    clippy::disallowed_methods,
    reason = "a client has no injected clock: arrival is when this computer says that it is"
)]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
