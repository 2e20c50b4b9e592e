//! The authorization request (RFC 6749, section 4.1.1) and its validation.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};
use data_encoding::BASE64URL_NOPAD;
use mcp_multiplayer_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::authorization_response::{AuthorizationError, AuthorizationErrorCode};
use super::client::{Client, ClientError};
use super::error_page::ErrorPage;
use super::parameters::{Parameters, RepeatedParameter};
use super::scope::Scope;
use super::server::AuthorizationServer;
use crate::auth::resource;
use crate::config::Config;

/// Maximum length of `state`. Browsers and proxies may truncate URLs that are longer.
const MAX_STATE_BYTES: usize = 4_096;

/// A valid authorization request. The consent page carries it in a signed form field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) client_name: String,
    /// Host that serves the client's metadata document, if it has one.
    pub(super) metadata_host: Option<String>,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    /// The PKCE challenge (RFC 7636, method S256).
    pub(super) code_challenge: String,
    pub(super) scope: String,
    pub(super) resource: String,
    /// Time from which the consent page no longer counts.
    pub(super) expires_at: Timestamp,
}

/// A client, and a redirect URI that is verified to be its own.
///
/// The relay must not redirect the browser anywhere before it has both (RFC 6749, section 4.1.2.1): it would otherwise
/// be an open redirector. Errors up to this point are shown on a page, later ones are sent to the client.
#[derive(Debug)]
pub(super) struct VerifiedClient {
    pub(super) client: Client,
    pub(super) redirect_uri: String,
}

impl VerifiedClient {
    /// Resolves the client and verifies the redirect URI. The error is a page.
    pub(super) async fn resolve(
        server: &AuthorizationServer,
        parameters: &Parameters,
        requester: Option<IpAddr>,
    ) -> Result<Self, Response> {
        let invalid = |text: &str| ErrorPage::invalid_link(server, text).response(StatusCode::BAD_REQUEST);
        let repeated = |name: &str| invalid(&format!("The link contains the parameter {name} more than once."));
        let client_id = parameters.get("client_id").map_err(|RepeatedParameter| repeated("client_id"))?;
        let redirect_uri = parameters.get("redirect_uri").map_err(|RepeatedParameter| repeated("redirect_uri"))?;
        let client_id = client_id.ok_or_else(|| {
            invalid("The link does not name the program that wants to connect (client_id is missing).")
        })?;
        let client = match server.resolve_client(client_id, requester).await {
            Ok(client) => client,
            Err(ClientError::NotRegistered) => {
                return Err(invalid(
                    "The program that sent you here is not registered on this relay. Remove this relay from the program, or clear the sign-in data that it has stored for it, and add the relay again.",
                ));
            }
            Err(ClientError::InvalidMetadata(reason)) => {
                return Err(
                    ErrorPage::unidentified_client(server, client_id, &reason).response(StatusCode::BAD_REQUEST)
                );
            }
            Err(ClientError::TooManyFetches(seconds)) => {
                let page = ErrorPage::busy(server).response(StatusCode::TOO_MANY_REQUESTS);
                return Err(([(RETRY_AFTER, seconds.to_string())], page).into_response());
            }
            Err(ClientError::Internal) => {
                return Err(ErrorPage::internal(server).response(StatusCode::INTERNAL_SERVER_ERROR));
            }
        };
        let redirect_uri = match (redirect_uri, client.redirect_uris.as_slice()) {
            (Some(uri), _) if client.allows_redirect_uri(uri) => uri.to_owned(),
            (Some(_), _) => {
                return Err(invalid(
                    "The link would send you to an address that the program has not registered (redirect_uri).",
                ));
            }
            (None, [only]) => only.clone(),
            (None, _) => {
                return Err(invalid("The link does not say where to send you afterwards (redirect_uri is missing)."));
            }
        };
        Ok(Self { client, redirect_uri })
    }
}

/// The `prompt` parameter (OIDC Core, section 3.1.2.1): whether the consent page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsentPrompt {
    /// The relay decides.
    IfNeeded,
    /// `none`: never shown; an error is sent to the client instead.
    Never,
    /// `consent`, `login` or `select_account`: always shown.
    Always,
}

impl ConsentPrompt {
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, AuthorizationError> {
        let prompt = get(parameters, "prompt")?.unwrap_or_default();
        let values: Vec<&str> = prompt.split_ascii_whitespace().collect();
        match values.as_slice() {
            ["none"] => Ok(Self::Never),
            values if values.contains(&"none") => {
                Err(AuthorizationError::invalid_request("prompt=none cannot be combined with other values."))
            }
            values if values.iter().any(|value| ["consent", "login", "select_account"].contains(value)) => {
                Ok(Self::Always)
            }
            _ => Ok(Self::IfNeeded),
        }
    }
}

impl AuthorizationRequest {
    /// Validates the parameters of a request from a verified client.
    pub(super) fn validate(
        config: &Config,
        parameters: &Parameters,
        verified: VerifiedClient,
        expires_at: Timestamp,
    ) -> Result<Self, AuthorizationError> {
        // RFC 8707 lets a client name several resources, and lets the authorization server refuse that.
        let resource = parameters.get("resource").map_err(|RepeatedParameter| {
            let description = "resource is given more than once; name one resource.";
            AuthorizationError::new(AuthorizationErrorCode::InvalidTarget, description)
        })?;
        if let Some(name) = parameters.find_repeated() {
            let name: String =
                name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
            return Err(AuthorizationError::invalid_request(format!("{name} is given more than once.")));
        }
        match get(parameters, "response_type")? {
            Some("code") => {}
            Some(_) => {
                return Err(AuthorizationError::new(
                    AuthorizationErrorCode::UnsupportedResponseType,
                    "This relay supports only response_type=code.",
                ));
            }
            None => {
                return Err(AuthorizationError::invalid_request("response_type is missing; send response_type=code."));
            }
        }
        if get(parameters, "response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(AuthorizationError::invalid_request("This relay supports only response_mode=query."));
        }
        if get(parameters, "code_challenge_method")? != Some("S256") {
            let description = "PKCE with code_challenge_method=S256 is required (RFC 7636).";
            return Err(AuthorizationError::invalid_request(description));
        }
        let code_challenge = get(parameters, "code_challenge")?;
        let code_challenge = code_challenge.filter(|challenge| is_s256_challenge(challenge)).ok_or_else(|| {
            AuthorizationError::invalid_request(
                "code_challenge must be the SHA-256 of the code_verifier in base64url, 43 characters.",
            )
        })?;
        let state = get(parameters, "state")?;
        if state.is_some_and(|state| state.len() > MAX_STATE_BYTES) {
            let description = format!("state is longer than {MAX_STATE_BYTES} bytes.");
            return Err(AuthorizationError::invalid_request(description));
        }
        let resource = match resource {
            None => resource::default_identifier(config),
            Some(requested) => resource::validate(config, requested).ok_or_else(|| {
                let own = resource::default_identifier(config);
                let description = format!("resource is not one of this relay's; use {own}.");
                AuthorizationError::new(AuthorizationErrorCode::InvalidTarget, description)
            })?,
        };
        let VerifiedClient { client, redirect_uri } = verified;
        Ok(Self {
            client_id: client.id,
            client_name: client.name,
            metadata_host: client.metadata_host,
            redirect_uri,
            state: state.map(str::to_owned),
            code_challenge: code_challenge.to_owned(),
            scope: Scope::requested(get(parameters, "scope")?).to_string(),
            resource,
            expires_at,
        })
    }
}

/// Returns whether a challenge has the form that S256 produces: 32 bytes in base64url without padding.
fn is_s256_challenge(challenge: &str) -> bool {
    BASE64URL_NOPAD.decode(challenge.as_bytes()).is_ok_and(|hash| hash.len() == 32)
}

fn get<'a>(parameters: &'a Parameters, name: &str) -> Result<Option<&'a str>, AuthorizationError> {
    let repeated = |RepeatedParameter| AuthorizationError::invalid_request(format!("{name} is given more than once."));
    parameters.get(name).map_err(repeated)
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{AuthorizationRequest, Client, ConsentPrompt, Parameters, VerifiedClient};
    use crate::config::Config;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn validate(query: &str) -> Result<AuthorizationRequest, &'static str> {
        let client = Client {
            id: "c1".into(),
            name: "An app".into(),
            redirect_uris: vec!["https://app.example/cb".into()],
            secret_hash: None,
            metadata_host: None,
        };
        let verified = VerifiedClient { client, redirect_uri: "https://app.example/cb".into() };
        let config = Config { public_url: "https://relay.example".into(), ..Config::default() };
        let parameters = Parameters::parse(query.as_bytes());
        AuthorizationRequest::validate(&config, &parameters, verified, Timestamp::from_millis(0))
            .map_err(|error| error.code.as_str())
    }

    #[test]
    fn optional_parameters_have_defaults() {
        let request =
            validate(&format!("response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256")).unwrap();
        assert_eq!(
            (request.resource.as_str(), request.scope.as_str()),
            ("https://relay.example/mcp", "multiplayer offline_access")
        );
        assert_eq!((request.state, request.code_challenge.as_str()), (None, CHALLENGE));
    }

    #[test]
    fn invalid_requests_are_rejected_with_the_right_error() {
        let good = format!("response_type=code&code_challenge_method=S256&code_challenge={CHALLENGE}");
        validate(&format!("{good}&state=x&scope=multiplayer&resource=https://relay.example&foo=1")).unwrap();
        for (query, error) in [
            (String::new(), "invalid_request"),
            (good.replace("=code&", "=token&"), "unsupported_response_type"),
            (good.replace("=code&", "=&"), "invalid_request"),
            (good.replace("S256", "plain"), "invalid_request"),
            (good.replace("S256", "s256"), "invalid_request"),
            (good.replace("&code_challenge_method=S256", ""), "invalid_request"),
            (good.replace(CHALLENGE, ""), "invalid_request"),
            (good.replace(CHALLENGE, "short"), "invalid_request"),
            (format!("{good}A"), "invalid_request"),
            (format!("{good}%3D"), "invalid_request"),
            (good.replace('-', "%2B"), "invalid_request"),
            (format!("{good}&code_challenge={CHALLENGE}"), "invalid_request"),
            (format!("{good}&state=1&state=2"), "invalid_request"),
            (format!("{good}&foo=1&foo=1"), "invalid_request"),
            (format!("{good}&state={}", "x".repeat(5_000)), "invalid_request"),
            (format!("{good}&response_mode=fragment"), "invalid_request"),
            (format!("{good}&resource=https://evil.example/mcp"), "invalid_target"),
            (format!("{good}&resource=https://relay.example&resource=https://relay.example"), "invalid_target"),
        ] {
            assert_eq!(validate(&query).unwrap_err(), error, "{query}");
        }
    }

    #[test]
    fn prompt_selects_when_consent_is_asked_for() {
        let parse = |query: &str| {
            ConsentPrompt::parse(&Parameters::parse(query.as_bytes())).map_err(|error| error.code.as_str())
        };
        assert_eq!(parse(""), Ok(ConsentPrompt::IfNeeded));
        assert_eq!(parse("prompt=create"), Ok(ConsentPrompt::IfNeeded));
        assert_eq!(parse("prompt=none"), Ok(ConsentPrompt::Never));
        assert_eq!(parse("prompt=login+consent"), Ok(ConsentPrompt::Always));
        assert_eq!(parse("prompt=none+login"), Err("invalid_request"));
    }
}
