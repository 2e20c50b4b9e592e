//! Error pages for people, for requests that must not lead to a redirect.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use url::Url;

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

    /// The client's metadata document cannot be used; `reason` says why. Without it, no redirect URI is verified, so the
    /// client gets no response and keeps waiting.
    pub(super) fn unidentified_client(relay: &Relay, client_id: &str, reason: &str) -> Self {
        let url = Url::parse(client_id).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("its own address");
        Self::new(
            relay,
            "This program cannot sign in here",
            &format!("The program that sent you here identifies itself by a document at {host}, but {reason}."),
            "No program was given access, and the program is still waiting: cancel the sign-in there. Then clear the sign-in data that it has stored for this relay, and connect again. If it sends you to this page again, let it use a token instead of signing in; the set-up instructions show how.",
            Link::SetUp,
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
