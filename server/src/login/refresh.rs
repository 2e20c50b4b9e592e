//! Refreshing the access token of a login, by one of all processes that share it.
//!
//! A refresh replaces the refresh token, and using a replaced one later is a sign of theft, for which the relay revokes the
//! login. So the process that refreshes holds the lock of the credentials from before it reads the refresh token until the
//! new one is stored.
//!
//! A relay accepts a replaced token for another minute, as long as no replacement was used. Two failures need that:
//!
//! - The reply is lost. The request is repeated at once, with the same token, and well within that time.
//! - The process is killed between the reply and the write. The operating system releases the lock, and the next process that
//!   needs a token finds the old one and uses it. If it comes later, the login has ended, and the person logs in again.

use std::time::Duration;

use oauth2::basic::BasicErrorResponseType;
use oauth2::{AccessToken, RequestTokenError, TokenUrl};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::credential_store::{CredentialStore, LockedCredentials};
use super::credentials::Credentials;
use super::error::LoginError;
use super::http_client::{HttpClient, HttpError};
use super::token_response::{TokenClient, TokenResponse};
use crate::RelayUrl;

/// Delays before the request is repeated. With the time limit of each request, all of them end within the relay's grace
/// period.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// Returns the login at a relay with a usable access token, which is refreshed if necessary; `None` if there is no login.
///
/// `rejected` is an access token that the relay no longer accepts. Fails with [`LoginError::Ended`] if the login has ended;
/// it is then deleted.
pub(super) async fn usable(
    store: &CredentialStore,
    relay: &RelayUrl,
    rejected: Option<AccessToken>,
) -> Result<Option<Credentials>, LoginError> {
    let is_rejected = move |credentials: &Credentials| {
        rejected.as_ref().is_some_and(|token| token.secret() == credentials.access_token.secret())
    };
    let (store, relay) = (store.clone(), relay.clone());
    let read = {
        let (store, relay) = (store.clone(), relay.clone());
        blocking(move || store.read(&relay)).await?
    };
    match read {
        None => return Ok(None),
        Some(credentials) if credentials.is_fresh() && !is_rejected(&credentials) => return Ok(Some(credentials)),
        Some(_) => {}
    }
    // On a task of its own: if the caller's time is up between the relay's reply and the write, the tokens are stored all
    // the same.
    let refreshed = tokio::spawn(async move {
        let locked = store.lock(&relay).await?;
        // Another process may have refreshed the token, or ended the login, before this one got the lock.
        let Some(credentials) = locked.read()? else { return Ok(None) };
        if credentials.is_fresh() && !is_rejected(&credentials) {
            return Ok(Some(credentials));
        }
        match refresh(locked, credentials.clone(), &relay).await {
            Ok(refreshed) => Ok(Some(refreshed)),
            // The last minute of the token may be longer than the failure.
            Err(LoginError::Unreachable { .. }) if credentials.is_valid() && !is_rejected(&credentials) => {
                Ok(Some(credentials))
            }
            Err(error) => Err(error),
        }
    });
    refreshed.await.unwrap_or_else(|error| Err(storage_failed(error.into())))
}

/// Runs file operations off the async thread.
async fn blocking<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, LoginError> + Send + 'static,
) -> Result<T, LoginError> {
    spawn_blocking(operation).await.unwrap_or_else(|error| Err(storage_failed(error.into())))
}

fn storage_failed(source: std::io::Error) -> LoginError {
    LoginError::Storage { path: "credentials".into(), source }
}

async fn refresh(
    locked: LockedCredentials,
    mut credentials: Credentials,
    relay: &RelayUrl,
) -> Result<Credentials, LoginError> {
    let http = HttpClient::new(relay.clone());
    match request_tokens(&http, &credentials).await {
        Ok(tokens) => {
            credentials.replace_tokens(&http, &tokens)?;
            blocking(move || locked.write(&credentials).map(|()| credentials)).await
        }
        Err(error @ LoginError::Ended(_)) => {
            blocking(move || locked.remove()).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

async fn request_tokens(http: &HttpClient, credentials: &Credentials) -> Result<TokenResponse, LoginError> {
    let Some(refresh_token) = &credentials.refresh_token else {
        return Err(LoginError::Ended("the relay issued no refresh token".to_owned()));
    };
    let endpoint = TokenUrl::new(credentials.token_endpoint.clone()).ok();
    // The tokens must not go anywhere else, whoever changed the file.
    let endpoint = endpoint.filter(|url| url.as_str().starts_with(&format!("{}/", credentials.relay)));
    let endpoint = endpoint.filter(|_| credentials.relay == http.relay().base());
    let endpoint = endpoint.ok_or_else(|| http.invalid("its stored endpoint is not a URL of the relay"))?;
    let client = TokenClient::new(credentials.client_id.clone()).set_token_uri(endpoint);
    let mut delays = RETRY_DELAYS.iter();
    loop {
        let request = client.exchange_refresh_token(refresh_token);
        match request.request_async(http).await {
            Ok(tokens) => return Ok(tokens),
            Err(error) if is_transient(&error) => match delays.next() {
                Some(delay) => sleep(*delay).await,
                None => return Err(explain(http, error)),
            },
            Err(error) => return Err(ended(&error)),
        }
    }
}

type TokenError = RequestTokenError<HttpError, oauth2::basic::BasicErrorResponse>;

/// Returns whether the same request may succeed later. Everything but a refusal in the form of RFC 6749 may be a fault of
/// the network or of a proxy.
fn is_transient(error: &TokenError) -> bool {
    match error {
        RequestTokenError::ServerResponse(response) => matches!(
            response.error(),
            BasicErrorResponseType::Extension(code) if code == "temporarily_unavailable" || code == "server_error"
        ),
        _ => true,
    }
}

fn ended(error: &TokenError) -> LoginError {
    let RequestTokenError::ServerResponse(response) = error else { return LoginError::Ended(String::new()) };
    let description = response.error_description().cloned().unwrap_or_else(|| response.error().to_string());
    LoginError::Ended(description.trim_end_matches('.').to_owned())
}

/// Converts an error of a token request. An unreadable answer is not quoted, because it may contain tokens.
pub(super) fn explain(http: &HttpClient, error: TokenError) -> LoginError {
    match error {
        RequestTokenError::ServerResponse(response) => {
            let description = response.error_description().cloned().unwrap_or_else(|| response.error().to_string());
            LoginError::Refused { relay: http.relay().base(), description }
        }
        RequestTokenError::Request(error) => http.unreachable(&error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            http.invalid("its answer to the request for tokens is malformed")
        }
    }
}
