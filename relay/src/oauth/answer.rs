//! What goes back to the client: a code, or why there is none (RFC 6749, sections 4.1.2 and 4.1.2.1), always with the
//! issuer (RFC 9207), so that a client of several relays knows whose answer it is.

use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::form_urlencoded;

/// Where an answer goes, and what it repeats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// One of the client's own, to the letter.
    pub(super) redirect_uri: &'a str,
    /// What the client wants back.
    pub(super) state: Option<&'a str>,
    /// The relay's public URL.
    pub(super) issuer: &'a str,
    /// How the browser is sent there: 302, or 303 after a form.
    pub(super) status: StatusCode,
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// A word of RFC 6749, RFC 8707 or OIDC Core, section 3.1.2.6.
    pub(super) error: &'static str,
    /// A sentence for whoever wrote the client.
    pub(super) description: String,
}

impl Denial {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }
}

impl Answer<'_> {
    /// Success.
    pub(super) fn code(self, code: &str) -> Response {
        self.send(&[("code", code)])
    }

    /// An error.
    pub(super) fn deny(self, denial: &Denial) -> Response {
        self.send(&[("error", denial.error), ("error_description", &denial.description)])
    }

    fn send(self, answer: &[(&str, &str)]) -> Response {
        // Nothing of the client's URI is read and written anew: it gets its answer where it said.
        let mut location = self.redirect_uri.to_owned();
        location.push(if self.redirect_uri.contains('?') { '&' } else { '?' });
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(answer);
        query.extend_pairs(self.state.map(|state| ("state", state)));
        query.append_pair("iss", self.issuer);
        location.push_str(&query.finish());
        let Ok(location) = HeaderValue::try_from(location) else {
            // Registration lets printable ASCII pass only.
            tracing::error!("a redirect URI is no header");
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

    use super::{Answer, Denial};

    fn location(redirect_uri: &str, state: Option<&str>, denial: Option<&Denial>) -> String {
        let answer = Answer { redirect_uri, state, issuer: "https://relay.example", status: StatusCode::FOUND };
        let response = denial.map_or_else(|| answer.code("mmc_1"), |denial| answer.deny(denial));
        assert_eq!(response.headers()["cache-control"], "no-store");
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    #[test]
    fn an_answer_repeats_the_state_and_names_the_issuer() {
        assert_eq!(
            location("https://app.example/cb", Some("a b&code=x#"), None),
            "https://app.example/cb?code=mmc_1&state=a+b%26code%3Dx%23&iss=https%3A%2F%2Frelay.example"
        );
        assert_eq!(
            location("com.example:/cb?tenant=1", None, Some(&Denial::new("access_denied", "No."))),
            "com.example:/cb?tenant=1&error=access_denied&error_description=No.&iss=https%3A%2F%2Frelay.example"
        );
    }
}
