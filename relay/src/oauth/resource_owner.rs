//! The resource owner (RFC 6749, section 1.1): the person at the browser.
//!
//! A signed cookie holds the person's id, so that the same browser is the same principal every time. On an open relay
//! the id is random, and the cookie is all that identifies the person. On an invitation-only relay it is the id
//! of an access code, and counts only while that code is not revoked.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, Key, SameSite};
use mcp_multiplayer_protocol::ChannelId;

use crate::clock::Random;
use crate::keys::RelayKey;

/// Lifetime of the cookie: one year from the last visit.
const MAX_AGE: Duration = Duration::from_hours(365 * 24);

/// The person at a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResourceOwner {
    /// The id in the cookie.
    pub(super) id: String,
}

impl ResourceOwner {
    /// Creates an id for a browser without a cookie.
    pub(super) fn new_anonymous(random: &Random) -> Self {
        Self { id: ChannelId::encode_base32(&random.bytes::<15>()) }
    }
}

/// The relay's knowledge of a person, which decides what the consent page asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OwnerStatus {
    /// The relay is open, and needs to know nothing about the person.
    Anonymous,
    /// The person was invited. Contains the name that the operator gave them.
    Invited(String),
    /// The relay is invitation-only, and no valid access code has been entered in this browser.
    Unidentified,
}

/// The cookie with the person's id.
pub(super) struct IdentityCookie {
    key: Key,
    name: &'static str,
    secure: bool,
}

impl IdentityCookie {
    /// Creates the cookie; `secure` if the relay is reached over https.
    pub(super) fn new(key: &RelayKey, secure: bool) -> Self {
        // The prefix keeps other hosts of the same domain, and pages without TLS, from setting this cookie (RFC
        // 6265bis, section 4.1.3). Browsers accept it over https only.
        let name = if secure { "__Host-mcp-multiplayer" } else { "mcp-multiplayer" };
        Self { key: Key::from(key.cookie_key()), name, secure }
    }

    /// Reads the cookie of a request; `None` if there is none or its signature is wrong.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<ResourceOwner> {
        let cookie = SignedCookieJar::from_headers(headers, self.key.clone()).get(self.name)?;
        Some(ResourceOwner { id: cookie.value().to_owned() })
    }

    /// Returns the cookie that identifies this person for another year.
    pub(super) fn set(&self, owner: &ResourceOwner) -> SignedCookieJar {
        let cookie = Cookie::build((self.name, owner.id.clone()))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(MAX_AGE.try_into().expect("a year is within the range"))
            .build();
        SignedCookieJar::new(self.key.clone()).add(cookie)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{COOKIE, SET_COOKIE};
    use axum::http::{HeaderMap, HeaderValue};
    use axum::response::IntoResponse as _;

    use super::{IdentityCookie, ResourceOwner};
    use crate::clock::Random;
    use crate::keys::RelayKey;

    /// Sets a cookie; returns the `Set-Cookie` header, and the headers of the browser's next request.
    fn set(cookie: &IdentityCookie) -> (String, HeaderMap) {
        let owner = ResourceOwner::new_anonymous(&Random::system());
        let response = cookie.set(&owner).into_response();
        let set = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let pair = set.split(';').next().unwrap();
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(pair).unwrap())]);
        assert_eq!(cookie.read(&headers), Some(owner));
        (set, headers)
    }

    #[test]
    fn the_cookie_identifies_a_returning_browser() {
        let (set, headers) = set(&IdentityCookie::new(&RelayKey::new(&[1; 32]), true));
        assert!(set.starts_with("__Host-mcp-multiplayer="), "{set}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=31536000"] {
            assert!(set.split("; ").any(|given| given == attribute), "{set}");
        }
        assert!(!set.contains("Domain"), "{set}");
        assert_eq!(IdentityCookie::new(&RelayKey::new(&[2; 32]), true).read(&headers), None);
    }

    #[test]
    fn the_cookie_also_works_without_tls() {
        let (set, headers) = set(&IdentityCookie::new(&RelayKey::new(&[1; 32]), false));
        assert!(set.starts_with("mcp-multiplayer=") && !set.contains("Secure"), "{set}");
        // Over https, only the cookie with the prefix is read.
        assert_eq!(IdentityCookie::new(&RelayKey::new(&[1; 32]), true).read(&headers), None);
    }

    #[test]
    fn altered_cookies_are_ignored() {
        let cookie = IdentityCookie::new(&RelayKey::new(&[1; 32]), false);
        let (_, headers) = set(&cookie);
        let valid = headers[COOKIE].to_str().unwrap();
        for altered in [
            format!("{valid}x"),
            valid[..valid.len() - 1].to_owned(),
            "mcp-multiplayer=alice".into(),
            "mcp-multiplayer=".into(),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&altered).unwrap())]);
            assert_eq!(cookie.read(&headers), None, "{altered}");
        }
        assert_eq!(cookie.read(&HeaderMap::new()), None);
    }
}
