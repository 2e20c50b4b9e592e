//! The documentation that a model can open: how to play, and how messages and bots work.

use rmcp::model::{ErrorData, ReadResourceResult, Resource, ResourceContents};

/// The type of all documents (RFC 7763).
const MARKDOWN: &str = "text/markdown";

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

pub(crate) fn all() -> Vec<Resource> {
    let resource = |document: &Document| {
        Resource::new(document.uri, document.name)
            .with_title(document.name)
            .with_description(document.description)
            .with_mime_type(MARKDOWN)
            .with_size(document.text.len() as u64)
    };
    DOCUMENTS.iter().map(resource).collect()
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let Some(document) = DOCUMENTS.iter().find(|document| document.uri == uri) else {
        let known = DOCUMENTS.map(|document| document.uri).join(", ");
        return Err(ErrorData::resource_not_found(format!("Unknown resource. There are: {known}"), None));
    };
    let contents = ResourceContents::text(document.text, document.uri).with_mime_type(MARKDOWN);
    Ok(ReadResourceResult::new(vec![contents]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_document_can_be_read() {
        for resource in super::all() {
            let contents = serde_json::to_value(super::read(&resource.uri).unwrap()).unwrap();
            assert_eq!(contents["contents"][0]["mimeType"], "text/markdown");
            assert!(contents["contents"][0]["text"].as_str().is_some_and(|text| text.starts_with("# ")));
        }
        assert!(super::read("doc://nothing").is_err());
    }
}
