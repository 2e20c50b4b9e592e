//! Who is at the browser: an id in a signed cookie, so that who comes back is the same principal.
//!
//! Where anyone may in, the id is random and the cookie is all there is. Where people are invited, it is the
//! id of an access code, and counts only as long as the store has that code.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::SignedCookieJar;
use axum_extra::extract::cookie::{Cookie, Key, SameSite};
use mcp_multiplayer_protocol::ChannelId;

use crate::clock::Random;
use crate::keys::RelayKey;

/// How long a browser is known after its last visit: a year.
const REMEMBERED: Duration = Duration::from_hours(365 * 24);

/// Reads and writes the cookie.
pub(super) struct Visitors {
    key: Key,
    /// Over https, the prefix keeps other hosts of the domain, and pages without TLS, from planting one (RFC 6265bis, 4.1.3).
    name: &'static str,
    secure: bool,
}

/// Somebody at a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The id in the cookie.
    pub(super) id: String,
}

impl Visitors {
    pub(super) fn new(key: &RelayKey, secure: bool) -> Self {
        let name = if secure { "__Host-mcp-multiplayer" } else { "mcp-multiplayer" };
        Self { key: Key::from(key.cookies()), name, secure }
    }

    /// Who comes back.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Visitor> {
        let cookie = SignedCookieJar::from_headers(headers, self.key.clone()).get(self.name)?;
        Some(Visitor { id: cookie.value().to_owned() })
    }

    /// Somebody who was never here.
    pub(super) fn welcome(random: &Random) -> Visitor {
        Visitor { id: ChannelId::encode_base32(&random.bytes::<15>()) }
    }

    /// The cookie that makes the browser come back as this visitor, for another year.
    pub(super) fn remember(&self, visitor: &Visitor) -> SignedCookieJar {
        let cookie = Cookie::build((self.name, visitor.id.clone()))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(REMEMBERED.try_into().expect("a year is no long time"))
            .build();
        SignedCookieJar::new(self.key.clone()).add(cookie)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::{COOKIE, SET_COOKIE};
    use axum::http::{HeaderMap, HeaderValue};
    use axum::response::IntoResponse as _;

    use super::Visitors;
    use crate::clock::Random;
    use crate::keys::RelayKey;

    fn cookie(visitors: &Visitors) -> (String, HeaderMap) {
        let visitor = Visitors::welcome(&Random::system());
        let response = visitors.remember(&visitor).into_response();
        let set = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        let pair = set.split(';').next().unwrap();
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(pair).unwrap())]);
        assert_eq!(visitors.find(&headers), Some(visitor));
        (set, headers)
    }

    #[test]
    fn a_cookie_makes_who_comes_back_the_same() {
        let visitors = Visitors::new(&RelayKey::new(&[1; 32]), true);
        let (set, headers) = cookie(&visitors);
        assert!(set.starts_with("__Host-mcp-multiplayer="), "{set}");
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=31536000"] {
            assert!(set.split("; ").any(|given| given == attribute), "{set}");
        }
        assert!(!set.contains("Domain"), "{set}");
        assert_eq!(Visitors::new(&RelayKey::new(&[2; 32]), true).find(&headers), None);
    }

    #[test]
    fn without_tls_the_cookie_works_too() {
        let visitors = Visitors::new(&RelayKey::new(&[1; 32]), false);
        let (set, headers) = cookie(&visitors);
        assert!(set.starts_with("mcp-multiplayer=") && !set.contains("Secure"), "{set}");
        // Over https, only the name that cannot be planted counts.
        assert_eq!(Visitors::new(&RelayKey::new(&[1; 32]), true).find(&headers), None);
    }

    #[test]
    fn an_altered_cookie_is_nobodys() {
        let visitors = Visitors::new(&RelayKey::new(&[1; 32]), false);
        let (_, headers) = cookie(&visitors);
        let good = headers[COOKIE].to_str().unwrap();
        for altered in [
            format!("{good}x"),
            good[..good.len() - 1].to_owned(),
            "mcp-multiplayer=alice".into(),
            "mcp-multiplayer=".into(),
        ] {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&altered).unwrap())]);
            assert_eq!(visitors.find(&headers), None, "{altered}");
        }
        assert_eq!(visitors.find(&HeaderMap::new()), None);
    }
}
