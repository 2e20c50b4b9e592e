//! Errors of the token endpoint (RFC 6749, section 5.2) and the revocation endpoint (RFC 7009, section 2.2.1).

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::client::ClientError;
use super::error_response::error_response;
use crate::store::StoreError;

/// The `error` of a response, spelled as in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    /// RFC 8707, section 2.
    InvalidTarget,
    /// RFC 8628, section 3.5, as are the three below.
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    /// Defined for the authorization endpoint only (RFC 6749, section 4.1.2.1), as is [`Self::ServerError`]. Section
    /// 5.2 has no code for either case.
    TemporarilyUnavailable,
    ServerError,
}

/// An error response of the token or the revocation endpoint.
#[derive(Debug)]
pub(super) struct TokenError {
    status: StatusCode,
    code: TokenErrorCode,
    description: String,
    /// Seconds.
    retry_after: Option<u64>,
    /// Adds a `WWW-Authenticate` header.
    basic_challenge: bool,
}

impl TokenError {
    /// Creates an error with status 400. The description tells the client's developer what to do.
    pub(super) fn new(code: TokenErrorCode, description: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, code, description: description.into(), retry_after: None, basic_challenge: false }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(TokenErrorCode::InvalidRequest, description)
    }

    pub(super) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(TokenErrorCode::InvalidGrant, description)
    }

    /// The client is unknown, or its authentication failed.
    pub(super) fn invalid_client(description: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::new(TokenErrorCode::InvalidClient, description) }
    }

    pub(super) fn too_large(max_bytes: usize) -> Self {
        let error = Self::invalid_request(format!("The request is larger than {max_bytes} bytes."));
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..error }
    }

    pub(super) fn too_many_requests(description: impl Into<String>, seconds: u64) -> Self {
        let error = Self::new(TokenErrorCode::TemporarilyUnavailable, description);
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(seconds), ..error }
    }

    pub(super) fn internal() -> Self {
        let description = "The relay had an internal error, and nothing was changed; try again.";
        let error = Self::new(TokenErrorCode::ServerError, description);
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..error }
    }

    /// Adds the `WWW-Authenticate` header that a 401 must have if the client tried to authenticate with the
    /// `Authorization` header (RFC 6749, section 5.2).
    pub(super) fn with_basic_challenge(self) -> Self {
        Self { basic_challenge: self.status == StatusCode::UNAUTHORIZED, ..self }
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> TokenErrorCode {
        self.code
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error.cause = %error, "token or revocation request failed");
        Self::internal()
    }
}

impl From<ClientError> for TokenError {
    fn from(error: ClientError) -> Self {
        let description = sentence(&error.to_string());
        match error {
            ClientError::NotRegistered | ClientError::InvalidMetadata(_) => Self::invalid_client(description),
            ClientError::TooManyFetches(seconds) => Self::too_many_requests(description, seconds),
            ClientError::Internal => Self::internal(),
        }
    }
}

/// Turns the text of an error, which starts in lower case and has no full stop, into a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let mut response = error_response(self.status, self.code, &self.description, self.retry_after);
        if self.basic_challenge {
            let challenge = HeaderValue::from_static("Basic realm=\"mcp-multiplayer\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
