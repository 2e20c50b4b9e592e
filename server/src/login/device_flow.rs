//! The device authorization flow (RFC 8628): the person opens a link in any browser, on whatever machine.

use std::time::Duration;

use oauth2::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, RequestTokenError, StandardDeviceAuthorizationResponse,
};
use tokio::time::sleep;

use super::credentials::Credentials;
use super::discovery::AuthorizationServer;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::refresh::explain;
use super::registration::register;

/// A login that waits for a person's decision.
#[derive(Debug)]
pub(super) struct DeviceFlow {
    server: AuthorizationServer,
    client_id: String,
    codes: StandardDeviceAuthorizationResponse,
}

impl DeviceFlow {
    pub(super) async fn start(http: &HttpClient, server: AuthorizationServer) -> Result<Self, LoginError> {
        let Some(endpoint) = &server.device_authorization_endpoint else {
            return Err(LoginError::NoDeviceFlow(http.relay().base()));
        };
        let endpoint = DeviceAuthorizationUrl::new(endpoint.clone()).expect("discovery has parsed the endpoints");
        let client_id = register(http, &server).await?;
        let client = server.client(&client_id).set_device_authorization_url(endpoint);
        let request = client.exchange_device_code().add_extra_param("resource", &server.issuer);
        let codes: StandardDeviceAuthorizationResponse =
            request.request_async(http).await.map_err(|error| explain(http, error))?;
        let flow = Self { server, client_id, codes };
        if !flow.is_displayable() {
            return Err(http.invalid("its link or code for the login cannot be shown"));
        }
        Ok(flow)
    }

    /// Returns whether the link is to the relay, and both link and code are plain text. They are shown to models and to
    /// people as what to open and to compare.
    fn is_displayable(&self) -> bool {
        let is_own = |link: &str| {
            link.strip_prefix(&*self.server.issuer).is_some_and(|path| path.starts_with('/'))
                && link.len() < 500
                && link.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let code = self.user_code();
        let is_code = code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_code && is_own(self.codes.verification_uri().as_str()) && is_own(self.link())
    }

    /// Returns the link that the person opens. It contains the code, if the relay makes such links.
    pub(super) fn link(&self) -> &str {
        let complete = self.codes.verification_uri_complete();
        complete.map_or_else(|| self.codes.verification_uri().as_str(), |link| link.secret())
    }

    /// Returns the code that the person compares, or enters.
    pub(super) fn user_code(&self) -> &str {
        self.codes.user_code().secret()
    }

    /// Returns the time for which the code is valid.
    pub(super) fn lifetime(&self) -> Duration {
        self.codes.expires_in()
    }

    /// Waits for the person's decision, and returns the tokens.
    pub(super) async fn finish(&self, http: &HttpClient) -> Result<Credentials, LoginError> {
        let client = self.server.client(&self.client_id);
        let request = client.exchange_device_access_token(&self.codes);
        let request = request.add_extra_param("resource", &self.server.issuer);
        let tokens = request.request_async(http, sleep, None).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(response) => match response.error() {
                DeviceCodeErrorResponseType::AccessDenied => LoginError::Denied,
                DeviceCodeErrorResponseType::ExpiredToken => LoginError::Expired,
                other => {
                    let description = response.error_description().cloned().unwrap_or_else(|| other.to_string());
                    LoginError::Refused { relay: http.relay().base(), description }
                }
            },
            RequestTokenError::Request(error) => http.unreachable(&error),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                http.invalid("its answer to the request for tokens is malformed")
            }
        })?;
        Credentials::new(http, self.server.clone(), self.client_id.clone(), &tokens)
    }
}
