//! Boards in the chat, by the extension MCP Apps (`io.modelcontextprotocol/ui`, 2026-01-26).
//!
//! The tool `show_board` and its page are listed only for clients that declare the extension: others pay nothing for it. A
//! call of the tool, and reading the page, need no declaration, because clients over HTTP do not repeat it in each request.

mod board_result;

use std::sync::LazyLock;

use rmcp::RoleServer;
use rmcp::model::{ClientCapabilities, MetaObject, ReadResourceResult, Resource, ResourceContents};
use rmcp::service::RequestContext;
use serde_json::{Map, Value, json};

pub(crate) use board_result::board_result;

/// Id of the extension, as servers and clients advertise it.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// Name of the tool that shows a board.
pub(crate) const SHOW_BOARD: &str = "show_board";
/// Address of the page that shows a board.
pub(crate) const BOARD_URI: &str = "ui://mcp-multiplayer/board";

/// Media type of pages.
const MEDIA_TYPE: &str = "text/html;profile=mcp-app";
/// The page: it loads nothing, and asks the server by way of its host.
static BOARD_PAGE: LazyLock<String> = LazyLock::new(|| {
    [
        ("/* style.css */", include_str!("page/style.css")),
        ("/* host.js */", include_str!("page/host.js")),
        ("/* moves.js */", include_str!("page/moves.js")),
        ("/* view.js */", include_str!("page/view.js")),
        ("/* app.js */", include_str!("page/app.js")),
    ]
    .into_iter()
    .fold(include_str!("page/page.html").to_owned(), |page, (place, part)| page.replacen(place, part, 1))
});

/// Returns whether a client can show pages.
pub(crate) fn is_declared(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|capabilities| declares(&capabilities))
}

fn declares(capabilities: &ClientCapabilities) -> bool {
    let settings = capabilities.extensions.as_ref().and_then(|extensions| extensions.get(EXTENSION));
    // The list of media types is required. A client that leaves it out can only mean the one that there is.
    settings.is_some_and(|settings| match settings.get("mimeTypes") {
        Some(Value::Array(types)) => types.iter().any(|media_type| media_type == MEDIA_TYPE),
        _ => true,
    })
}

/// Returns the metadata of the tool, which names its page.
pub(crate) fn tool_meta() -> MetaObject {
    meta(json!({ "resourceUri": BOARD_URI }))
}

/// Returns the page as a resource.
pub(crate) fn page() -> Resource {
    Resource::new(BOARD_URI, "Board")
        .with_title("Board")
        .with_description("A page that shows the board of a channel's game, for the tool show_board.")
        .with_mime_type(MEDIA_TYPE)
        .with_size(BOARD_PAGE.len() as u64)
        .with_meta(page_meta())
}

/// Reads the page; `None` if this is not its address.
pub(crate) fn read(uri: &str) -> Option<ReadResourceResult> {
    let contents =
        || ResourceContents::text(BOARD_PAGE.as_str(), BOARD_URI).with_mime_type(MEDIA_TYPE).with_meta(page_meta());
    (uri == BOARD_URI).then(|| ReadResourceResult::new(vec![contents()]))
}

/// The metadata of the page: it needs no connections, resources, frames or base addresses.
fn page_meta() -> MetaObject {
    let none: [&str; 0] = [];
    let csp = json!({ "connectDomains": none, "resourceDomains": none, "frameDomains": none, "baseUriDomains": none });
    meta(json!({ "csp": csp, "prefersBorder": true }))
}

fn meta(ui: Value) -> MetaObject {
    MetaObject(Map::from_iter([("ui".to_owned(), ui)]))
}

#[cfg(test)]
mod tests {
    use rmcp::model::ClientCapabilities;
    use serde_json::{Value, json};

    use super::{BOARD_PAGE, BOARD_URI, declares, read};

    #[test]
    fn clients_declare_the_media_type_of_pages() {
        let is_declared = |extensions: Value| {
            let capabilities: ClientCapabilities = serde_json::from_value(json!({ "extensions": extensions })).unwrap();
            declares(&capabilities)
        };
        let page = "text/html;profile=mcp-app";
        assert!(is_declared(json!({ "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html", page] } })));
        assert!(is_declared(json!({ "io.modelcontextprotocol/ui": {} })));
        assert!(!is_declared(json!({ "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html"] } })));
        assert!(!is_declared(json!({ "io.modelcontextprotocol/events": { "mimeTypes": [page] } })));
        assert!(!declares(&ClientCapabilities::default()));
    }

    #[test]
    fn the_page_says_that_it_loads_nothing_and_does_not() {
        let contents = serde_json::to_value(read(BOARD_URI).unwrap()).unwrap()["contents"][0].take();
        assert_eq!(contents["mimeType"], "text/html;profile=mcp-app");
        assert_eq!(contents["_meta"]["ui"]["csp"]["connectDomains"], json!([]));
        assert_eq!(contents["_meta"]["ui"]["prefersBorder"], true);
        assert!(!BOARD_PAGE.contains(".js */") && BOARD_PAGE.ends_with("</html>\n"));
        for loading in ["http://", "https://", "<link", "src=", "@import", "url(", "fetch(", "innerHTML", "eval("] {
            assert!(!BOARD_PAGE.contains(loading), "{loading}");
        }
        assert!(read("ui://mcp-multiplayer/other").is_none());
    }
}
