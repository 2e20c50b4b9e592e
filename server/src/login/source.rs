//! The source of the token for a relay where none is configured: the login that is stored for it or, on this machine, the
//! relay's own local token. Where there is neither, a tool call returns a link with which the person can log in.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};
use oauth2::AccessToken;
use tokio::time::Instant;

use super::credential_store::CredentialStore;
use super::device_flow::DeviceFlow;
use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::refresh;
use crate::RelayUrl;
use crate::bearer_token::{TOKEN_VARIABLE, parse_token};

/// Minimum time between two links, unless the first one was used.
const LINK_INTERVAL: Duration = Duration::from_mins(10);
/// Time for which a login counts as completed just now.
const JUST_NOW: Duration = Duration::from_secs(3);
/// Time within which a refusal of a new token shows that refreshing it again would not help.
const NEW: Duration = Duration::from_secs(30);

/// The login at one relay, and the local token of a relay on this machine.
#[derive(Clone, Debug)]
pub struct Login(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    data_dir: Option<PathBuf>,
    /// `false` for a relay that has nothing to do with the local token.
    has_local_token: bool,
    tokens: Mutex<HandedOut>,
    link: tokio::sync::Mutex<Option<Link>>,
}

/// The access tokens of the stored login that this process used.
#[derive(Debug, Default)]
struct HandedOut {
    /// `None` if the local token was used, or none at all.
    current: Option<Secret>,
    /// Set if the local token was used.
    is_local: bool,
    /// The token that the relay did not accept.
    rejected: Option<Secret>,
    /// The token that replaced it, and the time at which it did.
    replacement: Option<(Secret, Instant)>,
}

/// The latest attempt to get a link for the person.
#[derive(Debug)]
struct Link {
    started: Instant,
    offer: Offer,
    /// Time until which the offer is right, unless the login ends before.
    valid_until: Instant,
    end: Arc<OnceLock<End>>,
}

/// Offer of the relay to a person without a login.
#[derive(Debug)]
enum Offer {
    /// Says how to use the link.
    Link(String),
    /// It issues no tokens by OAuth.
    NoLogin,
    /// No link; a login in a terminal may work.
    NoLink,
}

/// End of a login by link.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The login was stored at this time.
    Stored(Instant),
    Failed,
}

impl Link {
    /// Returns the hint for a call that still had no login, whose error has the hint `usual`; `None` if it is time for
    /// another link.
    fn hint(&self, usual: &str) -> Option<String> {
        match (self.end.get(), &self.offer) {
            // The call began before the login was stored.
            (Some(End::Stored(at)), _) if at.elapsed() < JUST_NOW => {
                Some("The login was completed just now: call again.".to_owned())
            }
            (Some(End::Stored(_)), _) => None,
            (None, Offer::Link(link)) if Instant::now() < self.valid_until => Some(format!("{link} {usual}")),
            (None, Offer::NoLogin) if Instant::now() < self.valid_until => Some(format!(
                "This relay offers no login. Set the environment variable {TOKEN_VARIABLE} for this server to a token from \
                 the relay's operator."
            )),
            _ => (self.started.elapsed() < LINK_INTERVAL).then(|| usual.to_owned()),
        }
    }
}

impl Login {
    /// Creates the source for one relay; `data_dir` is where logins and the local token are.
    pub fn new(data_dir: Option<PathBuf>) -> Self {
        Self::with(data_dir, true)
    }

    /// Creates the source for a relay that an invite link names. It does not get the local token, not even if it is on this
    /// machine: it may be another user's.
    pub(crate) fn at_another_relay(data_dir: Option<PathBuf>) -> Self {
        Self::with(data_dir, false)
    }

    fn with(data_dir: Option<PathBuf>, has_local_token: bool) -> Self {
        let (tokens, link) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { data_dir, has_local_token, tokens, link }))
    }

    /// Returns whether a login is stored for a relay.
    pub(crate) fn is_stored_for(relay: &RelayUrl, data_dir: &Path) -> bool {
        CredentialStore::in_data_dir(data_dir).path(relay).is_file()
    }

    /// Returns the path of the local token, if the relay may get it.
    pub(crate) fn local_token(&self) -> Option<PathBuf> {
        let directory = self.0.data_dir.as_ref().filter(|_| self.0.has_local_token);
        directory.map(|directory| directory.join("local-token"))
    }

    /// Returns whether the last token was that of a stored login.
    pub(crate) fn is_stored_login(&self) -> bool {
        self.tokens().current.is_some()
    }

    /// Returns a token for the relay, and refreshes it if necessary.
    pub(crate) async fn token(&self, relay: &RelayUrl) -> Result<Secret, Error> {
        let Some(data_dir) = &self.0.data_dir else {
            return Err(unauthenticated(
                "The data directory, where logins are stored, is unknown.",
                "Set DATA_DIR to a directory of yours.",
                relay,
            ));
        };
        let store = CredentialStore::in_data_dir(data_dir);
        let rejected = self.tokens().rejected.clone();
        let rejected = rejected.map(|token| AccessToken::new(token.expose().to_owned()));
        let reason = match refresh::usable(&store, relay, rejected).await {
            Ok(Some(credentials)) => return Ok(self.hand_out(credentials.access_token.secret())),
            Ok(None) => format!("You are not logged in to the relay at {}.", relay.base()),
            Err(LoginError::Ended(reason)) => {
                let ended = LoginError::Ended(reason);
                format!("You are not logged in to the relay at {} any more. {ended}", relay.base())
            }
            Err(error @ (LoginError::Unreachable { .. } | LoginError::Invalid { .. })) => {
                let hint = "Check your network connection, or ask the relay's operator; then try again.";
                return Err(Error::new(ErrorCode::RelayUnreachable, error.to_string(), hint).retry_after(1_000));
            }
            Err(error) => error.to_string(),
        };
        let local = (relay.is_loopback() && self.0.has_local_token)
            .then(|| read_local_token(&data_dir.join("local-token"), relay, &reason));
        let is_local = matches!(local, Some(Ok(_)));
        {
            let mut tokens = self.tokens();
            (tokens.current, tokens.is_local) = (None, is_local);
        }
        local.unwrap_or_else(|| Err(unauthenticated(&reason, "", relay)))
    }

    /// Notes the access token that is used from now on.
    fn hand_out(&self, token: &str) -> Secret {
        let token = Secret::new(token);
        let mut tokens = self.tokens();
        if tokens.current.as_ref() != Some(&token) {
            if tokens.rejected.is_some() && tokens.rejected == tokens.current {
                tokens.replacement = Some((token.clone(), Instant::now()));
            }
            (tokens.current, tokens.is_local) = (Some(token.clone()), false);
        }
        token
    }

    /// Notes that the relay did not accept a token. Returns whether another attempt can succeed, with another token.
    pub(crate) fn reject(&self, token: &Secret) -> bool {
        let mut tokens = self.tokens();
        if tokens.current.as_ref() != Some(token) {
            // The local token: its file may contain another one by now.
            let current = self.local_token().and_then(|path| fs::read_to_string(path).ok());
            return current.is_some_and(|text| parse_token(&text).is_some_and(|current| current != *token));
        }
        tokens.rejected = Some(token.clone());
        let replacement = tokens.replacement.take();
        !replacement.is_some_and(|(replacement, at)| replacement == *token && at.elapsed() < NEW)
    }

    /// Adds a link to the error of a call that needs a login, if the relay offers that. The person opens it in any browser,
    /// and this process stores the login; the next call finds it.
    ///
    /// There is one link at a time, and a new one at most every ten minutes, unless the previous one was used: a model may
    /// call tools as often as it likes.
    pub(crate) async fn offer(&self, relay: &RelayUrl, mut error: Error) -> Error {
        let Some(data_dir) = &self.0.data_dir else { return error };
        // A refused local token is a fault of the set-up, and a login would only hide it.
        if self.tokens().is_local {
            return error;
        }
        let mut link = self.0.link.lock().await;
        let mut hint = link.as_ref().and_then(|link| link.hint(&error.hint));
        if hint.is_none() {
            hint = link.insert(make_link(relay, data_dir).await).hint(&error.hint);
        }
        let Some(hint) = hint else { return error };
        error.hint = hint.into();
        error
    }

    fn tokens(&self) -> MutexGuard<'_, HandedOut> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the token of a relay on this machine; `reason` says why there is no login.
fn read_local_token(path: &Path, relay: &RelayUrl, reason: &str) -> Result<Secret, Error> {
    let shown = path.display();
    let (problem, hint) = match fs::read_to_string(path).map(|text| parse_token(&text)) {
        Ok(Some(token)) => return Ok(token),
        Ok(None) => (format!("{shown} does not contain a valid token."), "Restart the relay, which writes this file."),
        Err(error) if error.kind() == ErrorKind::NotFound => (
            format!("There is no local token at {shown} either."),
            "If you run the relay yourself, set DATA_DIR to its data directory.",
        ),
        Err(error) => (
            format!("The local token {shown} cannot be read: {error}."),
            "If you run the relay yourself, run both programs as the same user.",
        ),
    };
    Err(unauthenticated(&format!("{reason} {problem}"), hint, relay))
}

/// Asks the relay for a link, and waits in the background until the person has used it.
async fn make_link(relay: &RelayUrl, data_dir: &Path) -> Link {
    let (http, started, end) = (HttpClient::new(relay.clone()), Instant::now(), Arc::new(OnceLock::new()));
    match start(&http).await {
        Ok(flow) => {
            let offer = Offer::Link(link_hint(&flow));
            let valid_until = started + flow.lifetime().min(LINK_INTERVAL);
            tokio::spawn(finish(http, flow, CredentialStore::in_data_dir(data_dir), Arc::clone(&end)));
            Link { started, offer, valid_until, end }
        }
        Err(reason) => {
            tracing::debug!(%reason, "no link for a login");
            let offer = if matches!(reason, LoginError::NotOffered(_)) { Offer::NoLogin } else { Offer::NoLink };
            Link { started, offer, valid_until: started + LINK_INTERVAL, end }
        }
    }
}

async fn start(http: &HttpClient) -> Result<DeviceFlow, LoginError> {
    let server = AuthorizationServer::discover(http).await?;
    DeviceFlow::start(http, server).await
}

/// Waits for the person's decision, and stores the login.
async fn finish(http: HttpClient, flow: DeviceFlow, store: CredentialStore, end: Arc<OnceLock<End>>) {
    let stored = async {
        let credentials = flow.finish(&http).await?;
        store.store_login(&http, &credentials).await
    };
    let outcome = match stored.await {
        Ok(()) => End::Stored(Instant::now()),
        Err(error) => {
            tracing::warn!("{error}");
            End::Failed
        }
    };
    // It is set only here.
    let _ = end.set(outcome);
}

fn link_hint(flow: &DeviceFlow) -> String {
    format!(
        "Show your user this link: {} They open it in a browser, check that the page shows the code {}, and allow the access. \
         The link is valid for {} minutes. Once they have done so, call again.",
        flow.link(),
        flow.user_code(),
        flow.lifetime().as_secs() / 60,
    )
}

fn unauthenticated(message: &str, hint: &str, relay: &RelayUrl) -> Error {
    let separator = if hint.is_empty() { "" } else { " " };
    let hint = format!(
        "{hint}{separator}To log in with a terminal, run `mcp-multiplayer login {}`, and try again. Or set the environment \
         variable {TOKEN_VARIABLE} for this server to a token from the relay's operator.",
        relay.base(),
    );
    Error::new(ErrorCode::Unauthenticated, message.to_owned(), hint)
}
