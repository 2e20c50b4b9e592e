//! The device authorization endpoint (RFC 8628, section 3.1), for programs that cannot open a browser: they show their
//! user a link and a code, and ask for tokens until the user has decided.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use mcp_multiplayer_protocol::{ChannelId, Timestamp};
use serde::Serialize;

use super::client_authentication::authenticate_client;
use super::form::Form;
use super::grant_checks::invalid_target;
use super::metadata::issuer;
use super::scope::Scope;
use super::server::{AuthorizationServer, POLL_INTERVAL_SECONDS};
use super::token_error::TokenError;
use super::user_code::UserCode;
use crate::auth::{resource, token_hash};
use crate::net::client_address;
use crate::store::{DeviceCode, DeviceCodeState, NewDeviceCode};

/// Lifetime of both codes, in seconds.
const CODE_SECONDS: i64 = 10 * 60;
/// Maximum number of attempts to find a user code that is not in use.
const MAX_ATTEMPTS: usize = 5;

/// The endpoint's route.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/device_authorization", post(handle))
}

async fn handle(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match authorize(&server, request).await {
        Ok(codes) => {
            let mut response = Json(codes).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => error.into_response(),
    }
}

/// A successful response (RFC 8628, section 3.2).
#[derive(Serialize)]
struct DeviceAuthorizationResponse {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    /// Lifetime of the codes, in seconds.
    expires_in: i64,
    /// Minimum time between two token requests, in seconds.
    interval: u64,
}

async fn authorize(server: &AuthorizationServer, request: Request) -> Result<DeviceAuthorizationResponse, TokenError> {
    let (parts, form) = Form::read(request).await?;
    let client = authenticate_client(server, &parts, &form).await?;
    let resource = match form.get("resource") {
        Some(requested) => resource::validate(&server.config, requested).ok_or_else(invalid_target)?,
        None => resource::default_identifier(&server.config),
    };
    let requester = client_address(&parts.extensions);
    server.device_authorizations.take(requester).map_err(|seconds| {
        server.quotas.log_limit_of_address("registrations_per_hour", requester);
        let description =
            format!("Too many device authorizations were requested from this address; try again in {seconds} seconds.");
        TokenError::too_many_requests(description, seconds)
    })?;
    let now = server.clock.now();
    let code = DeviceCode {
        grant_id: ChannelId::encode_base32(&server.random.bytes::<10>()),
        client_id: client.id,
        client_name: client.name,
        scope: Scope::requested(form.get("scope")).to_string(),
        resource,
        created_at: now,
        expires_at: Timestamp::from_millis(now.as_millis() + CODE_SECONDS * 1_000),
        state: DeviceCodeState::Pending,
    };
    let device_code = format!("mmd_{}", ChannelId::encode_base32(&server.random.bytes::<30>()));
    let user_code = insert(server, &device_code, code).await?;
    let verification_uri = format!("{}/device", issuer(&server.config));
    Ok(DeviceAuthorizationResponse {
        device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        user_code: user_code.to_string(),
        verification_uri,
        expires_in: CODE_SECONDS,
        interval: POLL_INTERVAL_SECONDS,
    })
}

/// Inserts a request with a user code that no other one has, and returns that code.
async fn insert(server: &AuthorizationServer, device_code: &str, code: DeviceCode) -> Result<UserCode, TokenError> {
    for _ in 0..MAX_ATTEMPTS {
        let user_code = UserCode::generate(&server.random);
        let new = NewDeviceCode {
            device_code_hash: token_hash(device_code),
            user_code_hash: user_code.hash(),
            code: code.clone(),
        };
        if server.store.insert_device_code(new).await? {
            return Ok(user_code);
        }
    }
    // With 25 billion codes, this takes a broken source of randomness.
    tracing::error!("no unused user code was found");
    Err(TokenError::internal())
}
