use std::str::FromStr;

use mcp_multiplayer_protocol::{ChannelId, SlotId};

/// URI of a channel as a resource: `channel://chn_…`, or `channel://chn_…?slot_id=s1` for a caller with several seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelUri {
    pub(crate) channel_id: ChannelId,
    /// The caller's seat; required only if the caller holds several seats in the channel.
    pub(crate) slot_id: Option<SlotId>,
}

impl ChannelUri {
    pub(crate) const SCHEME: &str = "channel://";
    /// URI template (RFC 6570).
    pub(crate) const TEMPLATE: &str = "channel://{channel_id}{?slot_id}";

    /// Returns the URI of a channel.
    pub(crate) fn for_channel(channel_id: ChannelId) -> String {
        format!("{}{channel_id}", Self::SCHEME)
    }
}

impl FromStr for ChannelUri {
    type Err = ();

    fn from_str(uri: &str) -> Result<Self, ()> {
        let rest = uri.strip_prefix(Self::SCHEME).ok_or(())?;
        let (channel_id, slot_id) = match rest.split_once("?slot_id=") {
            Some((channel_id, slot_id)) => (channel_id, Some(slot_id.parse().map_err(drop)?)),
            None => (rest, None),
        };
        Ok(Self { channel_id: channel_id.parse().map_err(drop)?, slot_id })
    }
}

#[cfg(test)]
mod tests {
    use super::ChannelUri;

    #[test]
    fn only_channel_uris_are_parsed() {
        let plain: ChannelUri = "channel://chn_0123456789abcdef".parse().unwrap();
        assert_eq!(ChannelUri::for_channel(plain.channel_id), "channel://chn_0123456789abcdef");
        assert_eq!(plain.slot_id, None);
        let seat: ChannelUri = "channel://chn_0123456789abcdef?slot_id=s1".parse().unwrap();
        assert_eq!((seat.channel_id, seat.slot_id), (plain.channel_id, Some("s1".parse().unwrap())));
        for uri in [
            "",
            "channel://",
            "channel://chn_0",
            "doc://quick-start",
            "channel://chn_0123456789abcdef/",
            "channel://chn_0123456789abcdef?slot_id=",
            "channel://chn_0123456789abcdef?cursor=1",
            "CHANNEL://chn_0123456789abcdef",
            "channel://chn_0123456789abcdef?slot_id=s1&x",
        ] {
            assert!(uri.parse::<ChannelUri>().is_err(), "{uri}");
        }
    }
}
