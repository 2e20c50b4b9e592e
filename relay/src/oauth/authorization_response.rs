//! The authorization response: a redirect to the client with a code (RFC 6749, section 4.1.2) or an error (section
//! 4.1.2.1).
//!
//! It always has the `iss` parameter (RFC 9207), so that a client of several authorization servers knows which of them
//! the response is from.

use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::form_urlencoded;

/// An authorization response, without its code or error.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthorizationResponse<'a> {
    /// A verified redirect URI of the client.
    pub(super) redirect_uri: &'a str,
    /// The `state` of the request.
    pub(super) state: Option<&'a str>,
    /// The relay's public URL.
    pub(super) issuer: &'a str,
    /// Status of the redirect: 302, or 303 after a form submission.
    pub(super) status: StatusCode,
}

/// The `error` of an authorization response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthorizationErrorCode {
    InvalidRequest,
    AccessDenied,
    UnsupportedResponseType,
    ServerError,
    /// RFC 8707, section 2.
    InvalidTarget,
    /// OIDC Core, section 3.1.2.6.
    LoginRequired,
    /// OIDC Core, section 3.1.2.6.
    ConsentRequired,
}

impl AuthorizationErrorCode {
    /// Returns the code as the specifications spell it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::ServerError => "server_error",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
        }
    }
}

/// An error of the authorization endpoint that is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthorizationError {
    pub(super) code: AuthorizationErrorCode,
    /// Sentence for the client's developer.
    pub(super) description: String,
}

impl AuthorizationError {
    pub(super) fn new(code: AuthorizationErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    pub(super) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(AuthorizationErrorCode::InvalidRequest, description)
    }
}

impl AuthorizationResponse<'_> {
    /// Builds the response with an authorization code.
    pub(super) fn with_code(self, code: &str) -> Response {
        self.redirect(&[("code", code)])
    }

    /// Builds the response with an error.
    pub(super) fn with_error(self, error: &AuthorizationError) -> Response {
        self.redirect(&[("error", error.code.as_str()), ("error_description", &error.description)])
    }

    fn redirect(self, parameters: &[(&str, &str)]) -> Response {
        // The parameters are appended to the text of the URI. Parsing it and writing it again could change it, and the
        // browser must go exactly where the client registered.
        let mut location = self.redirect_uri.to_owned();
        location.push(if self.redirect_uri.contains('?') { '&' } else { '?' });
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        query.extend_pairs(self.state.map(|state| ("state", state)));
        query.append_pair("iss", self.issuer);
        location.push_str(&query.finish());
        let Ok(location) = HeaderValue::try_from(location) else {
            // Cannot happen: redirect URIs consist of printable ASCII characters.
            tracing::error!("redirect URI is not a valid header value");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let headers = [
            (LOCATION, location),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        (self.status, headers).into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{AuthorizationError, AuthorizationErrorCode, AuthorizationResponse};

    fn location(redirect_uri: &str, state: Option<&str>, error: Option<&AuthorizationError>) -> String {
        let issuer = "https://relay.example";
        let response = AuthorizationResponse { redirect_uri, state, issuer, status: StatusCode::FOUND };
        let response = error.map_or_else(|| response.with_code("mmc_1"), |error| response.with_error(error));
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    #[test]
    fn responses_repeat_the_state_and_name_the_issuer() {
        assert_eq!(
            location("https://app.example/cb", Some("a b&code=x#"), None),
            "https://app.example/cb?code=mmc_1&state=a+b%26code%3Dx%23&iss=https%3A%2F%2Frelay.example"
        );
        let error = AuthorizationError::new(AuthorizationErrorCode::AccessDenied, "No.");
        assert_eq!(
            location("com.example:/cb?tenant=1", None, Some(&error)),
            "com.example:/cb?tenant=1&error=access_denied&error_description=No.&iss=https%3A%2F%2Frelay.example"
        );
    }
}
