//! The resources: documents about playing, messages and bots, and the newest messages of the caller's channels.

use std::time::Duration;

use mcp_multiplayer_protocol::operation::{ListChannels, SyncMessages, UpdateOp};
use mcp_multiplayer_protocol::{ChannelId, Error, Multiplayer, Reply, Request, SlotId};
use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::timeout;

use crate::channel_uri::ChannelUri;
use crate::compact::Form;
use crate::follow::head;
use crate::result;

/// Media type of documents (RFC 7763).
const MARKDOWN: &str = "text/markdown";
/// Media type of channels (RFC 8259).
const JSON: &str = "application/json";

/// Number of entries at the end of a channel's log that are read first.
const FIRST_WINDOW: u64 = 50;
/// Minimum number of messages in a result, if the channel has as many and they fit.
const MIN_MESSAGES: usize = 10;
/// Maximum number of listed channels, the newest first.
const MAX_CHANNELS: usize = 100;
/// Maximum time for which a list of resources waits for the relay. The documents do not depend on it.
const LIST_TIMEOUT: Duration = Duration::from_millis(500);

struct Document {
    uri: &'static str,
    name: &'static str,
    description: &'static str,
    text: &'static str,
}

const DOCUMENTS: [Document; 16] = [
    Document {
        uri: "doc://quick-start",
        name: "Quick Start Guide",
        description: "Host, join and play; check the referee; write a bot; what to do about errors.",
        text: include_str!("resources/quick-start.md"),
    },
    Document {
        uri: "doc://messages",
        name: "Messages Guide",
        description: "Posting, reading, private messages, and the custom of commands that bots understand.",
        text: include_str!("resources/messages.md"),
    },
    Document {
        uri: "doc://what-you-can-check",
        name: "What You Can Check",
        description: "What can be proven of a game, how, and what you have to believe.",
        text: include_str!("resources/what-you-can-check.md"),
    },
    Document {
        uri: "doc://presets/GuessBot",
        name: "GuessBot",
        description: "A number guessing game: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/GuessBot.md"),
    },
    Document {
        uri: "doc://presets/BlackjackBot",
        name: "BlackjackBot",
        description: "Blackjack: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/BlackjackBot.md"),
    },
    Document {
        uri: "doc://presets/TicTacToeBot",
        name: "TicTacToeBot",
        description: "Tic-tac-toe: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/TicTacToeBot.md"),
    },
    Document {
        uri: "doc://presets/ChessBot",
        name: "ChessBot",
        description: "Chess: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/ChessBot.md"),
    },
    Document {
        uri: "doc://presets/ConnectFourBot",
        name: "ConnectFourBot",
        description: "Connect Four: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/ConnectFourBot.md"),
    },
    Document {
        uri: "doc://presets/RockPaperScissorsBot",
        name: "RockPaperScissorsBot",
        description: "Rock, paper, scissors: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/RockPaperScissorsBot.md"),
    },
    Document {
        uri: "doc://presets/BargainBot",
        name: "BargainBot",
        description: "A deal between sealed limits: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/BargainBot.md"),
    },
    Document {
        uri: "doc://presets/AuctionBot",
        name: "AuctionBot",
        description: "A sealed-bid auction: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/AuctionBot.md"),
    },
    Document {
        uri: "doc://presets/TriviaBot",
        name: "TriviaBot",
        description: "A quiz with sealed answers: words, params, messages, and how to verify it.",
        text: include_str!("resources/presets/TriviaBot.md"),
    },
    Document {
        uri: "doc://presets/MemoryBot",
        name: "MemoryBot",
        description: "Questions between sessions, answered with consent: words, params, messages.",
        text: include_str!("resources/presets/MemoryBot.md"),
    },
    Document {
        uri: "doc://presets/ContractBot",
        name: "ContractBot",
        description: "Agreements with deadlines, claims and rulings: words, params, messages.",
        text: include_str!("resources/presets/ContractBot.md"),
    },
    Document {
        uri: "doc://presets/PriceBot",
        name: "PriceBot",
        description: "A number from a JSON address: words, params, messages.",
        text: include_str!("resources/presets/PriceBot.md"),
    },
    Document {
        uri: "doc://presets/TlsBot",
        name: "TlsBot",
        description: "A server's certificate: words, params, messages.",
        text: include_str!("resources/presets/TlsBot.md"),
    },
];

/// Returns the documents as resources.
pub(crate) fn documents() -> Vec<Resource> {
    let resource = |document: &Document| {
        Resource::new(document.uri, document.name)
            .with_title(document.name)
            .with_description(document.description)
            .with_mime_type(MARKDOWN)
            .with_size(document.text.len() as u64)
    };
    DOCUMENTS.iter().map(resource).collect()
}

/// A channel of the caller's, as `list_channels` describes it.
#[derive(Deserialize)]
pub(crate) struct OwnChannel {
    pub(crate) channel_id: ChannelId,
    pub(crate) name: String,
    pub(crate) your_slots: Vec<SlotId>,
}

/// Returns the caller's own channels, the newest first; none if the relay does not answer in time.
pub(crate) async fn own_channels(multiplayer: &dyn Multiplayer) -> Vec<OwnChannel> {
    #[derive(Deserialize)]
    struct List {
        channels: Vec<OwnChannel>,
    }
    let listed = timeout(LIST_TIMEOUT, multiplayer.perform(Request::from(ListChannels {}))).await;
    let Ok(Ok(reply)) = listed else { return vec![] };
    serde_json::from_str(reply.get()).map_or_else(|_| vec![], |List { channels }| channels)
}

/// Returns the caller's own channels as resources.
pub(crate) async fn channels(multiplayer: &dyn Multiplayer) -> Vec<Resource> {
    // Clients show the name, so it must say which channel it is, and two channels may have the same one.
    let resource = |channel: OwnChannel| {
        let name = format!("{} ({})", channel.name, channel.channel_id);
        Resource::new(ChannelUri::for_channel(channel.channel_id), name).with_title(channel.name).with_mime_type(JSON)
    };
    own_channels(multiplayer).await.into_iter().take(MAX_CHANNELS).map(resource).collect()
}

/// Returns whether an operation, if it succeeds, may change the list of the caller's channels or the name of one.
pub(crate) fn may_change_list(request: &Request) -> bool {
    match request {
        Request::CreateChannel(_) | Request::LeaveChannel(_) => true,
        Request::JoinChannel(args) => args.preview != Some(true),
        Request::UpdateChannel(args) => args.ops.iter().any(|op| matches!(op, UpdateOp::Rename { .. })),
        _ => false,
    }
}

/// Returns the resource template of channels.
pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(ChannelUri::TEMPLATE, "Channel")
        .with_title("A channel's newest messages")
        .with_description(
            "What was said last in a channel that you are in, as sync_messages returns it. Can be subscribed to: an \
             update says that there is something new for you to read.",
        )
        .with_mime_type(JSON)
}

/// Reads the newest messages of a channel, as many as fit into one page.
pub(crate) async fn newest(
    multiplayer: &dyn Multiplayer,
    channel: ChannelUri,
    uri: &str,
    form: Form,
) -> Result<ReadResourceResult, Error> {
    #[derive(Deserialize)]
    struct Page {
        messages: Vec<IgnoredAny>,
        has_more: bool,
    }
    let end = head(multiplayer, channel).await?;
    // A page is filled from its start, so it must begin far enough before the end of the log to contain enough messages,
    // but not so far that it does not reach the end. The distance from the end, the window, is found by growing it and
    // then by bisection between the largest window that fits and the smallest that does not.
    let (mut window, mut fitting, mut too_large) = (FIRST_WINDOW, 0, None);
    let mut best: Option<Reply> = None;
    let reply = loop {
        let request = Request::from(SyncMessages {
            channel_id: channel.channel_id,
            cursor: Some(end.saturating_sub(window)),
            timeout_ms: Some(0),
            limit: None,
            wait_for: None,
            include_own: None,
            include_trace: None,
            slot_id: channel.slot_id,
        });
        let reply = multiplayer.perform(request).await?;
        let page: Page = serde_json::from_str(reply.get()).map_err(|_| Error::internal())?;
        if page.has_more && window > 1 {
            too_large = Some(window);
        } else if page.messages.len() >= MIN_MESSAGES || window >= end {
            break reply;
        } else {
            (fitting, best) = (window, Some(reply));
        }
        window = match (too_large, best.take()) {
            (Some(too_large), Some(best)) if too_large - fitting <= 1 => break best,
            (Some(too_large), reply) => {
                best = reply;
                fitting + (too_large - fitting) / 2
            }
            (None, reply) => {
                best = reply;
                window * 8
            }
        };
    };
    let contents = ResourceContents::text(result::text(reply, form), uri).with_mime_type(JSON);
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Reads a document.
pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let Some(document) = DOCUMENTS.iter().find(|document| document.uri == uri) else {
        let available = DOCUMENTS.map(|document| document.uri).join(", ");
        let message = format!("Unknown resource. Available resources: {available}, {}", ChannelUri::TEMPLATE);
        return Err(ErrorData::resource_not_found(message, Some(json!({ "uri": uri }))));
    };
    let contents = ResourceContents::text(document.text, document.uri).with_mime_type(MARKDOWN);
    Ok(ReadResourceResult::new(vec![contents]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_document_can_be_read() {
        for resource in super::documents() {
            let contents = serde_json::to_value(super::read(&resource.uri).unwrap()).unwrap();
            assert_eq!(contents["contents"][0]["mimeType"], "text/markdown");
            assert!(contents["contents"][0]["text"].as_str().is_some_and(|text| text.starts_with("# ")));
        }
        assert!(super::read("doc://nothing").is_err());
    }
}
