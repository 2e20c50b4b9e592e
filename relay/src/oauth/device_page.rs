//! `/device`: the pages on which a person enters the code that a program shows, and decides whether that program may act
//! for them (RFC 8628, section 3.3).
//!
//! They work as the consent page does: without JavaScript and without a server-side session, by a form field that the relay
//! signed for this person. There is always a click. The danger here is a code that somebody else sent (section 5.4), so the
//! page shows the code and says what it would mean to allow it.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequest as _, RawForm, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Position, Url};

use super::error_page::ErrorPage;
use super::identification::Identification;
use super::parameters::Parameters;
use super::resource_owner::{OwnerStatus, ResourceOwner};
use super::server::AuthorizationServer;
use super::user_code::UserCode;
use crate::auth::Principal;
use crate::config::Access;
use crate::error::internal;
use crate::net::client_address;
use crate::store::{DeviceCode, StoreError};
use crate::telemetry::SECURITY;
use crate::web::{Site, private_page};

/// A device authorization request, as the page's hidden field contains it. Its members differ from those of an
/// authorization request, whose field is signed with the same key, so that neither can be taken for the other.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceRequest {
    user_code: String,
    client_id: String,
    client_name: String,
    grant_id: String,
    expires_at: Timestamp,
}

#[derive(Debug, Template)]
#[template(path = "device_code.html")]
struct CodePage<'a> {
    site: Site,
    problem: Option<&'static str>,
    /// The code that was entered before.
    entered: &'a str,
}

#[derive(Debug, Template)]
#[template(path = "device.html")]
struct ConsentPage<'a> {
    site: Site,
    client_name: &'a str,
    metadata_host: Option<String>,
    user_code: &'a str,
    /// Days after which an unused connection ends.
    offline_days: u64,
    owner_status: &'a OwnerStatus,
    problem: Option<&'a str>,
    /// The signed request.
    request: &'a str,
}

#[derive(Debug, Template)]
#[template(path = "device_done.html")]
struct DonePage<'a> {
    site: Site,
    client_name: &'a str,
    is_allowed: bool,
}

/// Asks for the code or, if the URL contains it, for a decision.
pub(super) async fn show(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    if server.config.access() == Access::Closed {
        return ErrorPage::closed(&server).response(StatusCode::FORBIDDEN);
    }
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes());
    let Some(entered) = parameters.get("user_code").ok().flatten() else {
        return code_page(&server, StatusCode::OK, None, "");
    };
    let requester = client_address(request.extensions());
    let (user_code, code) = match find(&server, entered, requester).await {
        Ok(found) => found,
        Err(CodeError::Invalid) => {
            let problem = "This code does not exist, or has expired. Check that you entered it exactly as shown, or have the program show a new one.";
            return code_page(&server, StatusCode::NOT_FOUND, Some(problem), entered);
        }
        Err(CodeError::TooManyAttempts(seconds)) => {
            let problem = "Too many codes were tried. Wait a minute, then try again.";
            let page = code_page(&server, StatusCode::TOO_MANY_REQUESTS, Some(problem), entered);
            return ([(RETRY_AFTER, seconds.to_string())], page).into_response();
        }
        Err(CodeError::Store(error)) => return failed(&server, &error),
    };
    let owner = server.identity_cookie.read(request.headers());
    let owner = owner.unwrap_or_else(|| ResourceOwner::new_anonymous(&server.random));
    let status = match server.owner_status(&owner).await {
        Ok(status) => status,
        Err(error) => return failed(&server, &error),
    };
    let device = DeviceRequest {
        user_code: user_code.to_string(),
        client_id: code.client_id,
        client_name: code.client_name,
        grant_id: code.grant_id,
        expires_at: code.expires_at,
    };
    let content = serde_json::to_vec(&device).expect("strings and a time can be written as JSON");
    let field = server.key.sign_consent(&owner.id, &content);
    let page = consent_page(&server, StatusCode::OK, &device, &status, &field, None);
    (server.identity_cookie.set(&owner), page).into_response()
}

/// Reason why no request belongs to what was entered.
enum CodeError {
    Invalid,
    /// Contains the time to wait, in seconds.
    TooManyAttempts(u64),
    Store(StoreError),
}

/// Finds the pending request whose code was entered. Guessing is limited for each address and for all together.
async fn find(
    server: &AuthorizationServer,
    entered: &str,
    requester: Option<IpAddr>,
) -> Result<(UserCode, DeviceCode), CodeError> {
    let user_code = UserCode::parse(entered).ok_or(CodeError::Invalid)?;
    let limited = |seconds| {
        server.quotas.log_limit_of_address("user_codes", requester);
        CodeError::TooManyAttempts(seconds)
    };
    server.user_code_attempts.take(requester).map_err(limited)?;
    if let Some(wait) = server.wrong_user_codes.exhausted_for(&()) {
        return Err(limited(wait.as_secs() + 1));
    }
    let found = server.store.find_pending_device_code(user_code.hash(), server.clock.now()).await;
    if let Some(code) = found.map_err(CodeError::Store)? {
        return Ok((user_code, code));
    }
    server.wrong_user_codes.add((), 1);
    if let Some(suppressed) = server.quotas.admit_event("user_code_refused", requester) {
        tracing::warn!(
            target: SECURITY,
            {
                security.event = "user_code_refused",
                client.address = requester.map(tracing::field::display),
                suppressed,
            },
            "a wrong user code was refused"
        );
    }
    Err(CodeError::Invalid)
}

/// Records the decision of the person to whom the page was shown.
pub(super) async fn decide(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    if server.config.access() == Access::Closed {
        return ErrorPage::closed(&server).response(StatusCode::FORBIDDEN);
    }
    let requester = client_address(request.extensions());
    let owner = server.identity_cookie.read(request.headers());
    let form = match RawForm::from_request(request, &()).await {
        Ok(RawForm(form)) => Parameters::parse(&form),
        Err(_) => return ErrorPage::expired(&server).response(StatusCode::BAD_REQUEST),
    };
    let field = form.get("request").ok().flatten().unwrap_or_default();
    let verified = owner.and_then(|owner| {
        let device = verify(&server, &owner, field)?;
        Some((owner, device))
    });
    let Some((owner, device)) = verified else {
        return ErrorPage::expired(&server).response(StatusCode::FORBIDDEN);
    };
    let owner = match form.get("decision") {
        Ok(Some("deny")) => return conclude(&server, &device, Err(owner), requester).await,
        Ok(Some("allow")) => owner,
        _ => return ErrorPage::expired(&server).response(StatusCode::BAD_REQUEST),
    };
    let access_code = form.get("access_code").ok().flatten().map(str::trim);
    match server.identify(owner, access_code, requester).await {
        Ok(Identification::Owner(owner)) => {
            let cookie = server.identity_cookie.set(&owner);
            (cookie, conclude(&server, &device, Ok(owner), requester).await).into_response()
        }
        Ok(Identification::Failed(status, problem)) => {
            problem.log(&server, &device.client_id, requester);
            let page = |code| consent_page(&server, code, &device, &status, field, Some(problem.text()));
            problem.respond(page)
        }
        Err(error) => failed(&server, &error),
    }
}

/// Returns the request in the hidden field, if the page was shown to this person and the request has not expired.
fn verify(server: &AuthorizationServer, owner: &ResourceOwner, field: &str) -> Option<DeviceRequest> {
    let content = server.key.verify_consent(&owner.id, field)?;
    let device: DeviceRequest = serde_json::from_slice(&content).ok()?;
    (server.clock.now() < device.expires_at).then_some(device)
}

/// Stores a decision, `Err` if access is denied, and shows it.
async fn conclude(
    server: &AuthorizationServer,
    device: &DeviceRequest,
    decision: Result<ResourceOwner, ResourceOwner>,
    requester: Option<IpAddr>,
) -> Response {
    let is_allowed = decision.is_ok();
    let (Ok(owner) | Err(owner)) = &decision;
    let principal = Principal::person(&owner.id);
    let Some(user_code) = UserCode::parse(&device.user_code) else {
        return ErrorPage::expired(server).response(StatusCode::BAD_REQUEST);
    };
    let approver = is_allowed.then(|| principal.as_str().to_owned());
    match server.store.decide_device_code(user_code.hash(), approver, server.clock.now()).await {
        Ok(true) => {}
        Ok(false) => return ErrorPage::expired(server).response(StatusCode::CONFLICT),
        Err(error) => return failed(server, &error),
    }
    tracing::info!(
        target: SECURITY,
        {
            security.event = if is_allowed { "authorization_granted" } else { "authorization_denied" },
            principal = principal.as_str(),
            oauth.grant_id = is_allowed.then_some(device.grant_id.as_str()),
            oauth.client_id = device.client_id,
            oauth.client_name = is_allowed.then_some(device.client_name.as_str()),
            client.address = requester.map(tracing::field::display),
        },
        "decision on a device code"
    );
    let page = DonePage { site: Site::of(&server.config), client_name: &device.client_name, is_allowed };
    private_page(StatusCode::OK, &page, "'none'")
}

fn code_page(
    server: &AuthorizationServer,
    status: StatusCode,
    problem: Option<&'static str>,
    entered: &str,
) -> Response {
    private_page(status, &CodePage { site: Site::of(&server.config), problem, entered }, "'self'")
}

fn consent_page(
    server: &AuthorizationServer,
    status: StatusCode,
    device: &DeviceRequest,
    owner_status: &OwnerStatus,
    field: &str,
    problem: Option<&str>,
) -> Response {
    let page = ConsentPage {
        site: Site::of(&server.config),
        client_name: &device.client_name,
        metadata_host: metadata_host(&device.client_id),
        user_code: &device.user_code,
        offline_days: server.config.refresh_token_seconds.div_ceil(24 * 60 * 60),
        owner_status,
        problem,
        request: field,
    };
    private_page(status, &page, "'self'")
}

/// Returns the host that serves the client's metadata document, if its id is the document's URL.
fn metadata_host(client_id: &str) -> Option<String> {
    let url = Url::parse(client_id).ok().filter(|url| url.scheme() == "https")?;
    Some(url[Position::BeforeHost..Position::AfterPort].to_owned())
}

fn failed(server: &AuthorizationServer, error: &StoreError) -> Response {
    internal(error);
    ErrorPage::internal(server).response(StatusCode::INTERNAL_SERVER_ERROR)
}
