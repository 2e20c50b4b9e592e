//! Error pages for people, for requests that must not lead to a redirect.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::state::Relay;
use crate::web::{Site, private_page};

/// A page that says what happened and what to do.
#[derive(Debug, Template)]
#[template(path = "error_page.html")]
pub(super) struct ErrorPage {
    site: Site,
    title: &'static str,
    text: String,
    hint: &'static str,
    link: Link,
}

/// The way on from an error page.
#[derive(Debug)]
enum Link {
    Home,
    /// The instructions for each client, on the landing page.
    SetUp,
    /// The address that led to this page.
    TryAgain,
}

impl ErrorPage {
    fn new(relay: &Relay, title: &'static str, text: &str, hint: &'static str, link: Link) -> Self {
        Self { site: Site::of(&relay.config), title, text: text.to_owned(), hint, link }
    }

    /// The link that led to the relay is invalid; `text` says why.
    pub(super) fn invalid_link(relay: &Relay, text: &str) -> Self {
        Self::new(
            relay,
            "This link does not work",
            text,
            "No program was given access. Go back to the program that sent you here and connect again. If you did not start this yourself, close this page.",
            Link::Home,
        )
    }

    /// The consent page has expired, or its form was sent from another browser.
    pub(super) fn expired(relay: &Relay) -> Self {
        Self::new(
            relay,
            "This page has expired",
            "It was opened more than ten minutes ago, or in another browser.",
            "No program was given access. Go back to the program that sent you here and connect again. Your browser must allow cookies for this relay.",
            Link::Home,
        )
    }

    /// The relay does not offer OAuth.
    pub(super) fn closed(relay: &Relay) -> Self {
        Self::new(
            relay,
            "This relay is closed",
            "Programs cannot connect to this relay through the browser.",
            "Ask the relay’s operator for a token and enter it in your program’s settings.",
            Link::SetUp,
        )
    }

    /// Too many programs connect at once.
    pub(super) fn busy(relay: &Relay) -> Self {
        Self::new(
            relay,
            "Please try again in a minute",
            "Too many programs are connecting at the moment.",
            "Wait a minute, then try again. If it still fails, go back to the program that sent you here and connect again.",
            Link::TryAgain,
        )
    }

    /// Internal error, already logged.
    pub(super) fn internal(relay: &Relay) -> Self {
        Self::new(
            relay,
            "Something went wrong",
            "The relay had an internal error. You did nothing wrong.",
            "Wait a minute, then try again. If it still fails, go back to the program that sent you here and connect again.",
            Link::TryAgain,
        )
    }

    pub(super) fn response(&self, status: StatusCode) -> Response {
        private_page(status, self, "'none'")
    }
}
