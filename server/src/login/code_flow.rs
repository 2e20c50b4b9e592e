//! The authorization code flow with PKCE, in a browser on this machine (OAuth 2.1; RFC 8252).

use std::time::Duration;

use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use tokio::time::timeout;

use super::callback::{Arrival, Callback, Page};
use super::credentials::Credentials;
use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::refresh::explain;
use super::registration::register;

/// Time that the person has, as long as the relay's page is valid.
const TIMEOUT: Duration = Duration::from_mins(10);

/// A login that waits for the browser.
#[derive(Debug)]
pub(super) struct CodeFlow {
    server: AuthorizationServer,
    client_id: String,
    redirect_uri: RedirectUrl,
    link: String,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    callback: Callback,
}

impl CodeFlow {
    pub(super) async fn start(http: &HttpClient, server: AuthorizationServer) -> Result<Self, LoginError> {
        let client_id = register(http, &server).await?;
        let callback = Callback::bind().await.map_err(LoginError::NoListener)?;
        let redirect_uri = RedirectUrl::new(callback.redirect_uri()).expect("an address and a path make a URL");
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = server.client(&client_id).set_redirect_uri(redirect_uri.clone());
        let (link, state) = client
            .authorize_url(CsrfToken::new_random)
            .set_pkce_challenge(challenge)
            .add_extra_param("resource", &server.issuer)
            .url();
        Ok(Self { client_id, redirect_uri, link: link.to_string(), state, verifier, callback, server })
    }

    /// Returns the link that the person opens.
    pub(super) fn link(&self) -> &str {
        &self.link
    }

    /// Waits for the browser, and exchanges the code that it brings for tokens.
    pub(super) async fn finish(mut self, http: &HttpClient) -> Result<Credentials, LoginError> {
        let arrival = timeout(TIMEOUT, self.own_arrival()).await.map_err(|_| LoginError::Expired)??;
        let result = match self.code(http, &arrival) {
            Ok(code) => self.redeem(http, code).await,
            Err(error) => Err(error),
        };
        arrival.show(if result.is_ok() { Page::LoggedIn } else { Page::Failed });
        self.callback.finish().await;
        result
    }

    /// Waits for the browser to bring this login's `state`. Any page can send a browser to the redirect URI, so that other
    /// arrivals mean nothing.
    async fn own_arrival(&mut self) -> Result<Arrival, LoginError> {
        loop {
            let arrival = self.callback.next().await.map_err(LoginError::NoListener)?;
            if arrival.parameter("state") == Some(self.state.secret()) {
                return Ok(arrival);
            }
            arrival.show(Page::Unknown);
        }
    }

    /// Returns the code that the browser brings, if it is from the relay and access was allowed.
    fn code(&self, http: &HttpClient, arrival: &Arrival) -> Result<AuthorizationCode, LoginError> {
        match arrival.parameter("iss") {
            Some(issuer) if issuer != self.server.issuer => return Err(LoginError::OtherIssuer),
            None if self.server.authorization_response_iss_parameter_supported => return Err(LoginError::OtherIssuer),
            _ => {}
        }
        match (arrival.parameter("error"), arrival.parameter("code")) {
            (Some("access_denied"), _) => Err(LoginError::Denied),
            (Some(error), _) => {
                let description = arrival.parameter("error_description").unwrap_or(error).to_owned();
                Err(LoginError::Refused { relay: http.relay().base(), description })
            }
            (None, Some(code)) => Ok(AuthorizationCode::new(code.to_owned())),
            (None, None) => Err(http.invalid("it sent the browser back without a code")),
        }
    }

    async fn redeem(&mut self, http: &HttpClient, code: AuthorizationCode) -> Result<Credentials, LoginError> {
        let client = self.server.client(&self.client_id).set_redirect_uri(self.redirect_uri.clone());
        let verifier = PkceCodeVerifier::new(self.verifier.secret().clone());
        let tokens = client
            .exchange_code(code)
            .set_pkce_verifier(verifier)
            .add_extra_param("resource", &self.server.issuer)
            .request_async(http)
            .await
            .map_err(|error| explain(http, error))?;
        Credentials::new(http, self.server.clone(), self.client_id.clone(), &tokens)
    }
}
