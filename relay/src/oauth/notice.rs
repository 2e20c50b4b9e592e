//! Pages for when there is nothing to decide: a request in disorder must never lead anywhere else.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::state::Relay;
use crate::web::{Site, private_page};

/// A page that says what is wrong, and what to do.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub(super) struct Notice {
    site: Site,
    title: &'static str,
    text: String,
    hint: &'static str,
}

impl Notice {
    fn new(relay: &Relay, title: &'static str, text: impl Into<String>, hint: &'static str) -> Self {
        Self { site: Site::of(&relay.config), title, text: text.into(), hint }
    }

    /// The link that led here is not in order.
    pub(super) fn broken_link(relay: &Relay, text: String) -> Self {
        Self::new(
            relay,
            "This link does not work",
            text,
            "Nobody was let in. Go back to the program that sent you here and connect once more; if it was no program of yours, close this page.",
        )
    }

    /// The page from which the form came is too old, or was another browser's.
    pub(super) fn stale(relay: &Relay) -> Self {
        Self::new(
            relay,
            "This page is out of date",
            "The question on it is more than ten minutes old, or was asked in another browser.",
            "Nobody was let in. Go back to the program that sent you here and connect once more, with cookies allowed for this relay.",
        )
    }

    /// Nobody is let in this way.
    pub(super) fn closed(relay: &Relay) -> Self {
        Self::new(
            relay,
            "This relay is closed",
            "Programs cannot be connected by this page here.",
            "Ask the relay's operator for a token, and give that to your program.",
        )
    }

    /// Too many ask.
    pub(super) fn busy(relay: &Relay) -> Self {
        Self::new(relay, "One moment, please", "Too many programs ask at once.", "Connect once more in a minute.")
    }

    /// The relay failed, and has logged why.
    pub(super) fn failed(relay: &Relay) -> Self {
        Self::new(
            relay,
            "Something went wrong",
            "The relay failed. It was not your doing.",
            "Connect once more in a minute.",
        )
    }

    pub(super) fn page(&self, status: StatusCode) -> Response {
        private_page(status, self, "'none'")
    }
}
