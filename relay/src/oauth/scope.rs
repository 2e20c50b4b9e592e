//! What a client may do (RFC 6749, section 3.3).

use std::fmt;

/// All operations.
const MULTIPLAYER: &str = "multiplayer";
/// A refresh token, by the name that clients ask for it. A person's grant comes with one in any case.
const OFFLINE_ACCESS: &str = "offline_access";

/// Scopes that are offered, as metadata lists them.
pub(super) const OFFERED: [&str; 2] = [MULTIPLAYER, OFFLINE_ACCESS];

/// What is asked for, or granted: `multiplayer`, which is always in it, and maybe `offline_access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// Whether `offline_access` is in it.
    pub(super) offline: bool,
}

impl Scope {
    /// What is granted to whoever asks for this: scopes that are not known here are left out, and who asks for none gets all.
    pub(super) fn asked(text: Option<&str>) -> Self {
        let mut scopes = text.unwrap_or_default().split_ascii_whitespace().peekable();
        Self { offline: scopes.peek().is_none() || scopes.any(|scope| scope == OFFLINE_ACCESS) }
    }

    /// What was granted, from the store.
    pub(super) fn stored(text: &str) -> Self {
        Self { offline: text.split(' ').any(|scope| scope == OFFLINE_ACCESS) }
    }

    /// What is left when no more than this is asked for (RFC 6749, section 6); `None` when something else is.
    pub(super) fn narrowed(self, text: &str) -> Option<Self> {
        let mut narrowed = Self { offline: false };
        for scope in text.split_ascii_whitespace() {
            match scope {
                MULTIPLAYER => {}
                OFFLINE_ACCESS if self.offline => narrowed.offline = true,
                _ => return None,
            }
        }
        Some(narrowed)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MULTIPLAYER)?;
        if self.offline { write!(f, " {OFFLINE_ACCESS}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn who_asks_for_nothing_gets_all_and_unknown_scopes_are_left_out() {
        for (asked, granted) in [
            (None, "multiplayer offline_access"),
            (Some(""), "multiplayer offline_access"),
            (Some(" "), "multiplayer offline_access"),
            (Some("multiplayer"), "multiplayer"),
            (Some("offline_access"), "multiplayer offline_access"),
            (Some("openid  offline_access admin"), "multiplayer offline_access"),
            (Some("admin"), "multiplayer"),
            (Some("Offline_Access"), "multiplayer"),
        ] {
            let scope = Scope::asked(asked);
            assert_eq!(scope.to_string(), granted, "{asked:?}");
            assert_eq!(Scope::stored(granted), scope);
        }
    }

    #[test]
    fn a_scope_shrinks_and_never_grows() {
        let (all, less) = (Scope { offline: true }, Scope { offline: false });
        assert_eq!(all.narrowed("multiplayer"), Some(less));
        assert_eq!(all.narrowed("offline_access multiplayer"), Some(all));
        assert_eq!(less.narrowed("multiplayer"), Some(less));
        assert_eq!(less.narrowed("multiplayer offline_access"), None);
        assert_eq!(all.narrowed("multiplayer admin"), None);
    }
}
