//! `POST /oauth/authorize/decision`: the submitted form of the consent page.

use std::sync::Arc;

use axum::extract::{FromRequest as _, RawForm, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::authorization_request::AuthorizationRequest;
use super::authorization_response::{AuthorizationError, AuthorizationErrorCode, AuthorizationResponse};
use super::authorize::server_error;
use super::consent;
use super::error_page::ErrorPage;
use super::identification::{AccessCodeProblem, Identification};
use super::metadata::issuer;
use super::parameters::Parameters;
use super::resource_owner::OwnerStatus;
use super::server::AuthorizationServer;
use crate::auth::Principal;
use crate::config::Access;
use crate::net::client_address;
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
            problem.log(&server, &authorization.client_id, requester);
            page_with_problem(&server, &authorization, signed_request, &status, problem)
        }
        Err(error) => response.with_error(&server_error(&error)),
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
    problem.respond(page)
}
