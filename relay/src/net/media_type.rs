use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

/// Returns whether a request declares that its body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(CONTENT_TYPE).map(|kind| kind.to_str()) else { return false };
    essence(kind).eq_ignore_ascii_case("application/json")
}

/// Returns whether a request names HTML among the types that it accepts, as browsers do. `*/*` is not enough: curl and other
/// programs send it.
pub(crate) fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.split(',').any(|range| essence(range).eq_ignore_ascii_case("text/html")))
}

/// Returns a media type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}
