//! What a model can open: how to play, how messages and bots work, and what was said last in its channels.

use std::time::Duration;

use mcp_multiplayer_protocol::operation::{ListChannels, SyncMessages};
use mcp_multiplayer_protocol::{ChannelId, Error, Multiplayer, Reply, Request};
use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tokio::time::timeout;

use crate::channel_uri::ChannelUri;
use crate::following::head;
use crate::result;

/// The type of all documents (RFC 7763).
const MARKDOWN: &str = "text/markdown";
/// The type of channels (RFC 8259).
const JSON: &str = "application/json";

/// How many of a channel's newest messages are read, if they fit.
const NEWEST: u64 = 50;
/// How many of them are too few, if there are others.
const FEW: usize = 10;
/// How many channels are listed, the newest first.
const LISTED: usize = 100;
/// How long a list of resources waits for the relay; the documents are there without it.
const PATIENCE: Duration = Duration::from_millis(500);

struct Document {
    uri: &'static str,
    name: &'static str,
    description: &'static str,
    text: &'static str,
}

const DOCUMENTS: [Document; 2] = [
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
];

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

/// The caller's own channels; none when the relay does not answer soon.
pub(crate) async fn channels(multiplayer: &dyn Multiplayer) -> Vec<Resource> {
    #[derive(Deserialize)]
    struct List {
        channels: Vec<Channel>,
    }
    #[derive(Deserialize)]
    struct Channel {
        channel_id: ChannelId,
        name: String,
    }
    let listed = timeout(PATIENCE, multiplayer.perform(Request::from(ListChannels {}))).await;
    let Ok(Ok(reply)) = listed else { return vec![] };
    let Ok(List { channels }) = serde_json::from_str(reply.get()) else { return vec![] };
    let resource = |channel: Channel| {
        Resource::new(ChannelUri::of(channel.channel_id), channel.channel_id.to_string())
            .with_title(channel.name)
            .with_mime_type(JSON)
    };
    channels.into_iter().take(LISTED).map(resource).collect()
}

/// How channels are named.
pub(crate) fn template() -> ResourceTemplate {
    ResourceTemplate::new(ChannelUri::TEMPLATE, "Channel")
        .with_title("A channel's newest messages")
        .with_description(
            "What was said last in a channel that you are in, as sync_messages returns it. Can be subscribed to: an \
             update says that there is something new for you to read.",
        )
        .with_mime_type(JSON)
}

/// The newest messages of a channel, as many as fit.
pub(crate) async fn newest(
    multiplayer: &dyn Multiplayer,
    channel: ChannelUri,
    uri: &str,
) -> Result<ReadResourceResult, Error> {
    #[derive(Deserialize)]
    struct Page {
        messages: Vec<IgnoredAny>,
        has_more: bool,
    }
    let end = head(multiplayer, channel).await?;
    // A page is filled from its start. What is looked for is one that begins far enough back to hold something, but
    // not so far that it does not reach the end.
    let (mut window, mut reaching, mut exceeding) = (NEWEST, 0, None);
    let mut found: Option<Reply> = None;
    let reply = loop {
        let request = Request::from(SyncMessages {
            channel_id: channel.channel_id,
            cursor: Some(end.saturating_sub(window)),
            timeout_ms: Some(0),
            limit: None,
            include_trace: None,
            slot_id: channel.slot_id,
        });
        let reply = multiplayer.perform(request).await?;
        let page: Page = serde_json::from_str(reply.get()).map_err(|_| Error::internal())?;
        if page.has_more && window > 1 {
            exceeding = Some(window);
        } else if page.messages.len() >= FEW || window >= end {
            break reply;
        } else {
            (reaching, found) = (window, Some(reply));
        }
        window = match (exceeding, found.take()) {
            (Some(exceeding), Some(found)) if exceeding - reaching <= 1 => break found,
            (Some(exceeding), kept) => {
                found = kept;
                reaching + (exceeding - reaching) / 2
            }
            (None, kept) => {
                found = kept;
                window * 8
            }
        };
    };
    let contents = ResourceContents::text(result::mark_messages(reply), uri).with_mime_type(JSON);
    Ok(ReadResourceResult::new(vec![contents]))
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let Some(document) = DOCUMENTS.iter().find(|document| document.uri == uri) else {
        let known = DOCUMENTS.map(|document| document.uri).join(", ");
        let message = format!("Unknown resource. There are: {known}, {}", ChannelUri::TEMPLATE);
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
