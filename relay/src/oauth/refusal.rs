//! Errors as OAuth clients read them (RFC 6749, section 5.2; RFC 7591, section 3.2.2).

use axum::Json;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::client::ClientError;
use crate::store::StoreError;

/// Why a request was refused: `{error, error_description}`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: String,
    retry_after: Option<u64>,
    challenged: bool,
}

impl Refusal {
    /// A refusal with this code, and what to do next in words.
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, error, description: description.into(), retry_after: None, challenged: false }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// The client is not known, or did not prove who it is.
    pub(super) fn invalid_client(description: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new("invalid_client", description) }
    }

    /// There was too much of something; come back after so many seconds.
    pub(super) fn too_many(description: impl Into<String>, seconds: u64) -> Self {
        let refusal = Self::new("temporarily_unavailable", description);
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(seconds), ..refusal }
    }

    /// The request is larger than any that is of use.
    pub(super) fn too_large(bytes: usize) -> Self {
        let refusal = Self::invalid_request(format!("The request has more than {bytes} bytes."));
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..refusal }
    }

    fn failed() -> Self {
        let refusal = Self::new("server_error", "The relay failed, and nothing was changed; try again.");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..refusal }
    }

    /// The same; and it was the `Authorization` header that did not convince (RFC 6749, section 5.2).
    pub(super) fn challenged(self) -> Self {
        Self { challenged: self.status == StatusCode::UNAUTHORIZED, ..self }
    }

    #[cfg(test)]
    pub(super) fn error(&self) -> &'static str {
        self.error
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(error.cause = %error, "an OAuth request failed");
        Self::failed()
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unknown | ClientError::Document(_) => Self::invalid_client(sentence(&error.to_string())),
            ClientError::Busy(seconds) => Self::too_many(sentence(&error.to_string()), seconds),
            ClientError::Failed => Self::failed(),
        }
    }
}

/// Errors of clients begin small, as errors do.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // What RFC 6749 lets a description hold; parts of it may be a caller's own words.
        let plain = |character: char| match character {
            '"' | '\\' => '\'',
            ' '..='~' => character,
            _ => '?',
        };
        let description: String = self.description.chars().map(plain).collect();
        let body = json!({ "error": self.error, "error_description": description });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.challenged {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"mcp-multiplayer\""));
        }
        response
    }
}
