use std::str::FromStr;

use mcp_multiplayer_protocol::{ChannelId, SlotId};

/// A channel as a resource: `channel://chn_…`, or `channel://chn_…?slot_id=s1` as one of several own seats sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelUri {
    pub(crate) channel_id: ChannelId,
    /// Needed only by who holds several seats there.
    pub(crate) slot_id: Option<SlotId>,
}

impl ChannelUri {
    pub(crate) const SCHEME: &str = "channel://";
    /// RFC 6570.
    pub(crate) const TEMPLATE: &str = "channel://{channel_id}{?slot_id}";

    pub(crate) fn of(channel_id: ChannelId) -> String {
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
    fn what_names_a_channel() {
        let plain: ChannelUri = "channel://chn_0123456789abcdef".parse().unwrap();
        assert_eq!(ChannelUri::of(plain.channel_id), "channel://chn_0123456789abcdef");
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
