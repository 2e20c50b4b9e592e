//! What a client asks of the authorization endpoint (RFC 6749, section 4.1.1), once it is known to be in order.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};
use data_encoding::BASE64URL_NOPAD;
use mcp_multiplayer_protocol::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::Denial;
use super::client::{self, ClientError, KnownClient};
use super::notice::Notice;
use super::parameters::{Parameters, Repeated};
use super::scope::Scope;
use super::server::AuthorizationServer;
use crate::auth::Resource;
use crate::config::Config;

/// Longest `state`: what is longer does not come back in one piece through every browser and proxy.
const LONGEST_STATE: usize = 4_096;

/// A request that may be granted. It travels through the consent page, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) client_id: String,
    pub(super) client_name: String,
    /// The host that vouches for the client's description.
    pub(super) document_host: Option<String>,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    /// The PKCE challenge (RFC 7636, S256).
    pub(super) challenge: String,
    pub(super) scope: String,
    pub(super) resource: String,
    /// When the page that asks for it has gone stale.
    pub(super) expires_at: Timestamp,
}

/// Who asks, and where the answer goes. Nothing may be sent anywhere before this is known.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) client: KnownClient,
    pub(super) redirect_uri: String,
}

impl Recipient {
    /// The client, and a redirect URI that is its own; else a page that says what is wrong.
    pub(super) async fn find(
        server: &AuthorizationServer,
        parameters: &Parameters,
        from: Option<IpAddr>,
    ) -> Result<Self, Response> {
        let wrong = |text: String| Notice::broken_link(server, text).page(StatusCode::BAD_REQUEST);
        let repeated = |name: &str| wrong(format!("It has the parameter {name} more than once."));
        let client_id = parameters.one("client_id").map_err(|Repeated| repeated("client_id"))?;
        let redirect_uri = parameters.one("redirect_uri").map_err(|Repeated| repeated("redirect_uri"))?;
        let client_id = client_id.ok_or_else(|| wrong("It does not say which program asks (client_id).".to_owned()))?;
        let client = match client::find_for(server, client_id, from).await {
            Ok(client) => client,
            Err(ClientError::Busy(seconds)) => {
                let page = Notice::busy(server).page(StatusCode::TOO_MANY_REQUESTS);
                return Err(([(RETRY_AFTER, seconds.to_string())], page).into_response());
            }
            Err(ClientError::Failed) => return Err(Notice::failed(server).page(StatusCode::INTERNAL_SERVER_ERROR)),
            Err(error) => return Err(wrong(format!("About the program that asks: {error}."))),
        };
        let redirect_uri = match (redirect_uri, client.redirect_uris.as_slice()) {
            (Some(asked), _) if client.redirects_to(asked) => asked.to_owned(),
            (Some(_), _) => {
                return Err(wrong(
                    "It would send you to a place that the program never named as its own (redirect_uri).".to_owned(),
                ));
            }
            (None, [only]) => only.clone(),
            (None, _) => return Err(wrong("It does not say where to send you afterwards (redirect_uri).".to_owned())),
        };
        Ok(Self { client, redirect_uri })
    }
}

/// How the visitor is to be asked (OIDC Core, section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// As the relay sees fit.
    Default,
    /// Not at all.
    None,
    /// In any case.
    Page,
}

impl Prompt {
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Denial> {
        let words: Vec<&str> = one(parameters, "prompt")?.unwrap_or_default().split_ascii_whitespace().collect();
        match words.as_slice() {
            ["none"] => Ok(Self::None),
            words if words.contains(&"none") => Err(Denial::new("invalid_request", "prompt=none stands alone.")),
            words if words.iter().any(|word| ["consent", "login", "select_account"].contains(word)) => Ok(Self::Page),
            _ => Ok(Self::Default),
        }
    }
}

impl Asked {
    /// Checks the rest of a request, whose answer may be sent to the client from now on.
    pub(super) fn check(
        config: &Config,
        parameters: &Parameters,
        recipient: Recipient,
        expires_at: Timestamp,
    ) -> Result<Self, Denial> {
        // RFC 8707 lets a client name several resources, and an authorization server refuse that.
        let resource = parameters
            .one("resource")
            .map_err(|Repeated| Denial::new("invalid_target", "This relay is one resource; name that one."))?;
        if let Some(name) = parameters.repeated() {
            let name: String =
                name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
            return Err(Denial::new("invalid_request", format!("The parameter {name} is given more than once.")));
        }
        match one(parameters, "response_type")? {
            Some("code") => {}
            Some(_) => {
                return Err(Denial::new("unsupported_response_type", "This relay knows response_type=code only."));
            }
            None => return Err(Denial::new("invalid_request", "response_type=code is missing.")),
        }
        if one(parameters, "response_mode")?.is_some_and(|mode| mode != "query") {
            return Err(Denial::new("invalid_request", "This relay knows response_mode=query only."));
        }
        match one(parameters, "code_challenge_method")? {
            Some("S256") => {}
            _ => {
                return Err(Denial::new(
                    "invalid_request",
                    "PKCE with code_challenge_method=S256 is required (RFC 7636).",
                ));
            }
        }
        let challenge = one(parameters, "code_challenge")?;
        let challenge = challenge.filter(|challenge| is_sha256(challenge)).ok_or_else(|| {
            Denial::new(
                "invalid_request",
                "code_challenge must be the SHA-256 of the verifier in base64url, 43 characters.",
            )
        })?;
        let state = one(parameters, "state")?;
        if state.is_some_and(|state| state.len() > LONGEST_STATE) {
            return Err(Denial::new("invalid_request", format!("state is longer than {LONGEST_STATE} bytes.")));
        }
        let resource = match resource {
            None => Resource::default_of(config),
            Some(asked) => Resource::valid(config, asked).ok_or_else(|| {
                let ours = Resource::default_of(config);
                Denial::new("invalid_target", format!("That resource is not here; this relay's is {ours}."))
            })?,
        };
        let Recipient { client, redirect_uri } = recipient;
        Ok(Self {
            client_id: client.id,
            client_name: client.name,
            document_host: client.document_host,
            redirect_uri,
            state: state.map(str::to_owned),
            challenge: challenge.to_owned(),
            scope: Scope::asked(one(parameters, "scope")?).to_string(),
            resource,
            expires_at,
        })
    }
}

/// Whether this is what S256 makes: 32 bytes in base64url without padding.
fn is_sha256(challenge: &str) -> bool {
    BASE64URL_NOPAD.decode(challenge.as_bytes()).is_ok_and(|hash| hash.len() == 32)
}

fn one<'a>(parameters: &'a Parameters, name: &str) -> Result<Option<&'a str>, Denial> {
    let repeated = |Repeated| Denial::new("invalid_request", format!("The parameter {name} is given more than once."));
    parameters.one(name).map_err(repeated)
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Timestamp;

    use super::{Asked, KnownClient, Parameters, Prompt, Recipient};
    use crate::config::Config;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn check(query: &str) -> Result<Asked, &'static str> {
        let client = KnownClient {
            id: "c1".into(),
            name: "An app".into(),
            redirect_uris: vec!["https://app.example/cb".into()],
            secret_hash: None,
            document_host: None,
        };
        let recipient = Recipient { client, redirect_uri: "https://app.example/cb".into() };
        let config = Config { public_url: "https://relay.example".into(), ..Config::default() };
        let parameters = Parameters::parse(query.as_bytes());
        Asked::check(&config, &parameters, recipient, Timestamp::from_millis(0)).map_err(|denial| denial.error)
    }

    #[test]
    fn a_request_is_taken_with_all_defaults() {
        let asked =
            check(&format!("response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256")).unwrap();
        assert_eq!(
            (asked.resource.as_str(), asked.scope.as_str()),
            ("https://relay.example/mcp", "multiplayer offline_access")
        );
        assert_eq!((asked.state, asked.challenge.as_str()), (None, CHALLENGE));
    }

    #[test]
    fn what_is_out_of_order_is_refused_by_the_right_word() {
        let good = format!("response_type=code&code_challenge_method=S256&code_challenge={CHALLENGE}");
        check(&format!("{good}&state=x&scope=multiplayer&resource=https://relay.example&foo=1")).unwrap();
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
            assert_eq!(check(&query).unwrap_err(), error, "{query}");
        }
    }

    #[test]
    fn prompt_says_how_to_ask() {
        let prompt = |query: &str| Prompt::of(&Parameters::parse(query.as_bytes())).map_err(|denial| denial.error);
        assert_eq!(prompt(""), Ok(Prompt::Default));
        assert_eq!(prompt("prompt=create"), Ok(Prompt::Default));
        assert_eq!(prompt("prompt=none"), Ok(Prompt::None));
        assert_eq!(prompt("prompt=login+consent"), Ok(Prompt::Page));
        assert_eq!(prompt("prompt=none+login"), Err("invalid_request"));
    }
}
