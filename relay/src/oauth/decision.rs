//! `POST /oauth/authorize/decision`: the submitted form of the consent page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest as _, RawForm, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};

use super::authorization_request::AuthorizationRequest;
use super::authorization_response::{AuthorizationError, AuthorizationErrorCode, AuthorizationResponse};
use super::authorize::server_error;
use super::consent;
use super::error_page::ErrorPage;
use super::metadata::issuer;
use super::parameters::Parameters;
use super::resource_owner::{OwnerStatus, ResourceOwner};
use super::server::AuthorizationServer;
use crate::auth::{Principal, token_hash};
use crate::config::Access;
use crate::net::client_address;
use crate::store::StoreError;
use crate::telemetry::SECURITY;

pub(super) async fn decide(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let relay = &server.relay;
    if relay.config.access() == Access::Closed {
        return ErrorPage::closed(relay).response(StatusCode::FORBIDDEN);
    }
    let requester = client_address(request.extensions());
    let owner = server.identity_cookie.read(request.headers());
    let form = match RawForm::from_request(request, &()).await {
        Ok(RawForm(form)) => Parameters::parse(&form),
        Err(_) => return ErrorPage::expired(relay).response(StatusCode::BAD_REQUEST),
    };
    let signed_request = form.get("request").ok().flatten().unwrap_or_default();
    let verified = owner.and_then(|owner| {
        let authorization = consent::verify_request(&relay.key, &owner, signed_request, relay.clock.now())?;
        Some((owner, authorization))
    });
    let Some((owner, authorization)) = verified else {
        return ErrorPage::expired(relay).response(StatusCode::FORBIDDEN);
    };
    let response = AuthorizationResponse {
        redirect_uri: &authorization.redirect_uri,
        state: authorization.state.as_deref(),
        issuer: issuer(&relay.config),
        status: StatusCode::SEE_OTHER,
    };
    match form.get("decision") {
        Ok(Some("allow")) => {}
        Ok(Some("deny")) => {
            tracing::info!(
                target: SECURITY,
                {
                    security.event = "authorization_denied",
                    principal = Principal::person(&owner.id).as_str(),
                    oauth.client_id = authorization.client_id,
                    client.address = requester.map(tracing::field::display),
                },
                "authorization denied"
            );
            let error = AuthorizationError::new(AuthorizationErrorCode::AccessDenied, "The user denied access.");
            return response.with_error(&error);
        }
        _ => return ErrorPage::expired(relay).response(StatusCode::BAD_REQUEST),
    }
    let access_code = form.get("access_code").ok().flatten().map(str::trim);
    match server.identify(owner, access_code, requester).await {
        Ok(Identification::Owner(owner)) => match server.issue_code(&owner, &authorization, requester).await {
            Ok(code) => (server.identity_cookie.set(&owner), response.with_code(&code)).into_response(),
            Err(error) => response.with_error(&server_error(&error)),
        },
        Ok(Identification::Failed(status, problem)) => {
            log_problem(&server, &authorization, requester, problem);
            page_with_problem(&server, &authorization, signed_request, &status, problem)
        }
        Err(error) => response.with_error(&server_error(&error)),
    }
}

/// Outcome of identifying the person who submitted the form.
enum Identification {
    Owner(ResourceOwner),
    Failed(OwnerStatus, AccessCodeProblem),
}

#[derive(Clone, Copy)]
enum AccessCodeProblem {
    Missing,
    Invalid,
    /// Contains the time to wait, in seconds.
    TooManyAttempts(u64),
}

impl AccessCodeProblem {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => "Enter your access code.",
            // The same text for wrong and revoked codes, so that nobody learns which codes exist.
            Self::Invalid => {
                "This access code is not valid. Check that you entered all of it, or ask the relay’s operator for a new one."
            }
            Self::TooManyAttempts(_) => "Too many access codes were tried. Wait a minute, then try again.",
        }
    }
}

impl AuthorizationServer {
    /// Identifies the person by the access code if one was entered, else by the cookie.
    async fn identify(
        &self,
        owner: ResourceOwner,
        access_code: Option<&str>,
        requester: Option<IpAddr>,
    ) -> Result<Identification, StoreError> {
        let status = self.owner_status(&owner).await?;
        let access_code = match (access_code, &status) {
            (_, OwnerStatus::Anonymous) | (None, OwnerStatus::Invited(_)) => return Ok(Identification::Owner(owner)),
            (None, OwnerStatus::Unidentified) => {
                return Ok(Identification::Failed(status, AccessCodeProblem::Missing));
            }
            (Some(access_code), _) => access_code,
        };
        if let Err(seconds) = self.access_code_attempts.take(requester) {
            return Ok(Identification::Failed(status, AccessCodeProblem::TooManyAttempts(seconds)));
        }
        Ok(match self.relay.store.find_access_code(token_hash(access_code)).await? {
            Some(code) => Identification::Owner(ResourceOwner { id: code.id }),
            None => Identification::Failed(status, AccessCodeProblem::Invalid),
        })
    }
}

/// Logs an access code that was refused.
fn log_problem(
    server: &AuthorizationServer,
    authorization: &AuthorizationRequest,
    requester: Option<IpAddr>,
    problem: AccessCodeProblem,
) {
    match problem {
        AccessCodeProblem::Missing => {}
        AccessCodeProblem::TooManyAttempts(_) => server.quotas.log_limit_of_address("access_codes", requester),
        AccessCodeProblem::Invalid => {
            if let Some(suppressed) = server.quotas.admit_event("access_code_refused", requester) {
                tracing::warn!(
                    target: SECURITY,
                    {
                        security.event = "access_code_refused",
                        oauth.client_id = authorization.client_id,
                        client.address = requester.map(tracing::field::display),
                        suppressed,
                    },
                    "a wrong access code was refused"
                );
            }
        }
    }
}

/// Shows the consent page again, with the problem.
fn page_with_problem(
    server: &AuthorizationServer,
    authorization: &AuthorizationRequest,
    signed_request: &str,
    owner_status: &OwnerStatus,
    problem: AccessCodeProblem,
) -> Response {
    let page = |status| {
        consent::page(&server.relay, status, authorization, owner_status, signed_request, Some(problem.text()))
    };
    match problem {
        AccessCodeProblem::TooManyAttempts(seconds) => {
            ([(RETRY_AFTER, seconds.to_string())], page(StatusCode::TOO_MANY_REQUESTS)).into_response()
        }
        AccessCodeProblem::Missing | AccessCodeProblem::Invalid => page(StatusCode::FORBIDDEN),
    }
}
