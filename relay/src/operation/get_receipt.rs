use mcp_multiplayer_protocol::operation::{GetReceipt, ReceiptSummary};
use mcp_multiplayer_protocol::receipt::{Line, Verifier};
use mcp_multiplayer_protocol::{ChannelId, Error, SlotId, Timestamp};

use super::Caller;
use crate::auth::Credential;
use crate::error::internal;
use crate::keys::RelayKey;
use crate::receipt::{Sink, permit, write_receipt};
use crate::state::Relay;

/// Time for which a receipt link is valid, in minutes.
const LINK_MINUTES: u32 = 10;
/// Number of lines that are verified before other tasks get a turn.
const LINES_PER_TURN: u32 = 16;
/// Value of `checked_by`: nobody should take this for a check by somebody else.
const CHECKED_BY: &str =
    "the relay, about its own log; to trust nobody, check the file with 'mcp-multiplayer verify FILE'";

impl Caller {
    /// Verifies the caller's receipt while it is made, and returns what it proves with a link from which a browser saves the file.
    pub(super) async fn get_receipt(&self, args: GetReceipt) -> Result<ReceiptSummary, Error> {
        let GetReceipt { channel_id, slot_id } = args;
        let plan = self.plan_receipt(channel_id, slot_id).await?;
        let _permit = permit()?;
        let mut sink = VerifierSink { verifier: Verifier::new(None), lines: 0 };
        write_receipt(&*self.relay.store, plan, &mut sink).await.map_err(|error| internal(&error))?;
        let mut summary = ReceiptSummary::new(&sink.verifier.finish(), CHECKED_BY);
        summary.link = Some(self.new_receipt_link(channel_id, slot_id));
        summary.link_minutes = Some(LINK_MINUTES);
        Ok(summary)
    }

    /// Makes a link to a page that saves the receipt. The person behind an OAuth client has no token to fetch it with.
    ///
    /// The secret is in the fragment, so that browsers keep it out of requests and servers out of logs. It names the caller's
    /// token, which must still be valid when the link is used.
    fn new_receipt_link(&self, channel_id: ChannelId, slot_id: Option<SlotId>) -> String {
        let expires = self.relay.clock.now().after_millis(u64::from(LINK_MINUTES) * 60_000);
        let link = ReceiptLink { expires, channel_id, slot_id };
        let secret = self.relay.key.seal_receipt_link(&link.to_bytes(self.credential()), &self.relay.random);
        format!("{}/save-receipt#{}", self.relay.config.public_url.trim_end_matches('/'), secret.expose())
    }
}

/// The content of a receipt link.
pub(crate) struct ReceiptLink {
    expires: Timestamp,
    pub(crate) channel_id: ChannelId,
    pub(crate) slot_id: Option<SlotId>,
}

impl ReceiptLink {
    /// Opens a link, and returns it with the credential of the caller that asked for it, which must be validated.
    pub(crate) fn open(relay: &Relay, secret: &str) -> Result<(Self, Credential), Error> {
        let found = Self::open_at(&relay.key, relay.clock.now(), secret);
        found.ok_or_else(|| {
            Error::invalid(
                "This link is not valid, or has expired.",
                format!("Ask your AI for the receipt again: a link can be used for {LINK_MINUTES} minutes."),
            )
        })
    }

    fn open_at(key: &RelayKey, now: Timestamp, secret: &str) -> Option<(Self, Credential)> {
        let found = key.open_receipt_link(secret).and_then(|content| Self::from_bytes(&content));
        found.filter(|(link, _)| now < link.expires)
    }

    /// Writes the time of expiry (8 bytes, big-endian), the channel (10), the slot's number (4, big-endian; all ones for none), and
    /// the credential.
    fn to_bytes(&self, credential: &Credential) -> Vec<u8> {
        let slot = self.slot_id.map_or(u32::MAX, |slot| u32::try_from(slot.place()).unwrap_or(u32::MAX));
        let expires = self.expires.as_millis().to_be_bytes();
        [&expires, &self.channel_id.as_bytes()[..], &slot.to_be_bytes(), &credential.to_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<(Self, Credential)> {
        let (expires, rest) = bytes.split_first_chunk::<8>()?;
        let (channel_id, rest) = rest.split_first_chunk::<10>()?;
        let (slot, credential) = rest.split_first_chunk::<4>()?;
        let place = usize::try_from(u32::from_be_bytes(*slot)).ok();
        let link = Self {
            expires: Timestamp::from_millis(i64::from_be_bytes(*expires)),
            channel_id: ChannelId::from_bytes(*channel_id),
            slot_id: place.filter(|_| *slot != [0xff; 4]).map(SlotId::at),
        };
        Some((link, Credential::from_bytes(credential)?))
    }
}

/// Verifies the lines of a receipt in memory that does not grow with it.
struct VerifierSink {
    verifier: Verifier,
    lines: u32,
}

impl Sink for VerifierSink {
    async fn write(&mut self, line: Line) -> anyhow::Result<()> {
        self.verifier.read(&line.to_text());
        self.lines += 1;
        if self.lines.is_multiple_of(LINES_PER_TURN) {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{ChannelId, Hash, SlotId, Timestamp};

    use super::{ReceiptLink, RelayKey};
    use crate::auth::Credential;
    use crate::clock::Random;

    #[test]
    fn a_link_is_for_one_seat_and_token_until_it_expires() {
        let (key, now) = (RelayKey::new(&[1; 32]), Timestamp::from_millis(1_800_000_000_000));
        let token = [&[2], &Hash::of(&[b"token"]).as_bytes()[..], b"person:alice"].concat();
        for slot_id in [None, Some(SlotId::at(3))] {
            let link = ReceiptLink { expires: now, channel_id: ChannelId::from_bytes([7; 10]), slot_id };
            let credential = Credential::from_bytes(&token).unwrap();
            let secret = key.seal_receipt_link(&link.to_bytes(&credential), &Random::system());
            let open = |key: &RelayKey, millis| {
                let now = Timestamp::from_millis(now.as_millis() + millis);
                ReceiptLink::open_at(key, now, secret.expose())
            };
            let (opened, credential) = open(&key, -1).unwrap();
            assert_eq!((opened.channel_id, opened.slot_id), (link.channel_id, slot_id));
            assert_eq!(credential.to_bytes(), token);
            assert!(open(&key, 0).is_none(), "it has expired");
            assert!(open(&RelayKey::new(&[2; 32]), -1).is_none(), "it is another relay's");
            assert!(!secret.expose().contains("alice"));
        }
    }
}
