//! Errors of the registration endpoint (RFC 7591, section 3.2.2).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error_response::error_response;
use crate::store::StoreError;

/// The `error` of a response, spelled as in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RegistrationErrorCode {
    InvalidRedirectUri,
    InvalidClientMetadata,
    /// Borrowed from RFC 6749, as are the codes below: RFC 7591 has none for these cases.
    InvalidRequest,
    TemporarilyUnavailable,
    ServerError,
}

/// An error response of the registration endpoint.
#[derive(Debug)]
pub(super) struct RegistrationError {
    status: StatusCode,
    code: RegistrationErrorCode,
    description: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl RegistrationError {
    /// Creates an error with status 400. The description tells the client's developer what to do.
    fn new(code: RegistrationErrorCode, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description: description.into(), retry_after: None }
    }

    pub(super) fn invalid_redirect_uri(description: impl Into<String>) -> Self {
        Self::new(RegistrationErrorCode::InvalidRedirectUri, description)
    }

    pub(super) fn invalid_client_metadata(description: impl Into<String>) -> Self {
        Self::new(RegistrationErrorCode::InvalidClientMetadata, description)
    }

    pub(super) fn too_large(max_bytes: usize) -> Self {
        let description = format!("The request is larger than {max_bytes} bytes.");
        let error = Self::new(RegistrationErrorCode::InvalidRequest, description);
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..error }
    }

    pub(super) fn too_many_requests(seconds: u64) -> Self {
        let description =
            format!("Too many clients were registered from this address; try again in {seconds} seconds.");
        let error = Self::new(RegistrationErrorCode::TemporarilyUnavailable, description);
        Self { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(seconds), ..error }
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> RegistrationErrorCode {
        self.code
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error.cause = %error, "client registration failed");
        let description = "The relay had an internal error, and the client was not registered; try again.";
        let error = Self::new(RegistrationErrorCode::ServerError, description);
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..error }
    }
}

impl IntoResponse for RegistrationError {
    fn into_response(self) -> Response {
        error_response(self.status, self.code, &self.description, self.retry_after)
    }
}
