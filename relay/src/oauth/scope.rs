//! Scopes (RFC 6749, section 3.3).

use std::fmt;

use serde::{Serialize, Serializer};

/// Permits all operations.
const MULTIPLAYER: &str = "multiplayer";
/// Asks for a refresh token (OIDC Core, section 11). A person's grant comes with one in any case.
const OFFLINE_ACCESS: &str = "offline_access";

/// The supported scopes, for the metadata.
pub(super) const SUPPORTED: [&str; 2] = [MULTIPLAYER, OFFLINE_ACCESS];

/// A granted scope: always `multiplayer`, and optionally `offline_access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) offline_access: bool,
}

impl Scope {
    /// Returns the scope that is granted for a requested one. Unsupported scopes are ignored. A request without any
    /// scope gets all of them.
    pub(super) fn requested(text: Option<&str>) -> Self {
        let mut scopes = text.unwrap_or_default().split_ascii_whitespace().peekable();
        Self { offline_access: scopes.peek().is_none() || scopes.any(|scope| scope == OFFLINE_ACCESS) }
    }

    /// Parses a granted scope from the store.
    pub(super) fn stored(text: &str) -> Self {
        Self { offline_access: text.split(' ').any(|scope| scope == OFFLINE_ACCESS) }
    }

    /// Returns this scope reduced to the requested one (RFC 6749, section 6); `None` if the request goes beyond it.
    pub(super) fn narrowed(self, text: &str) -> Option<Self> {
        let mut narrowed = Self { offline_access: false };
        for scope in text.split_ascii_whitespace() {
            match scope {
                MULTIPLAYER => {}
                OFFLINE_ACCESS if self.offline_access => narrowed.offline_access = true,
                _ => return None,
            }
        }
        Some(narrowed)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MULTIPLAYER)?;
        if self.offline_access { write!(f, " {OFFLINE_ACCESS}") } else { Ok(()) }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn unsupported_scopes_are_ignored_and_no_scope_means_all() {
        for (requested, granted) in [
            (None, "multiplayer offline_access"),
            (Some(""), "multiplayer offline_access"),
            (Some(" "), "multiplayer offline_access"),
            (Some("multiplayer"), "multiplayer"),
            (Some("offline_access"), "multiplayer offline_access"),
            (Some("openid  offline_access admin"), "multiplayer offline_access"),
            (Some("admin"), "multiplayer"),
            (Some("Offline_Access"), "multiplayer"),
        ] {
            let scope = Scope::requested(requested);
            assert_eq!(scope.to_string(), granted, "{requested:?}");
            assert_eq!(Scope::stored(granted), scope);
        }
    }

    #[test]
    fn a_scope_can_be_narrowed_but_not_extended() {
        let (all, less) = (Scope { offline_access: true }, Scope { offline_access: false });
        assert_eq!(all.narrowed("multiplayer"), Some(less));
        assert_eq!(all.narrowed("offline_access multiplayer"), Some(all));
        assert_eq!(less.narrowed("multiplayer"), Some(less));
        assert_eq!(less.narrowed("multiplayer offline_access"), None);
        assert_eq!(all.narrowed("multiplayer admin"), None);
    }
}
