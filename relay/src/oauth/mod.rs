//! The authorization server (OAuth 2.1).
//!
//! | endpoint | file | specification |
//! |---|---|---|
//! | `GET /oauth/authorize` (also `/authorize`) | `authorize.rs` | RFC 6749, section 3.1 |
//! | `POST /oauth/authorize/decision`, the consent page's form | `decision.rs` | |
//! | `POST /oauth/token` (also `/token`) | `token.rs` | RFC 6749, section 3.2 |
//! | `POST /device_authorization` | `device_authorization.rs` | RFC 8628, section 3.1 |
//! | `GET` and `POST /device`, where people enter the code that a device shows | `device_page.rs` | RFC 8628, section 3.3 |
//! | `POST /oauth/revoke` | `revoke.rs` | RFC 7009 |
//! | `POST /register` (also `/oauth/register`) | `register.rs` | RFC 7591 |
//! | `GET /.well-known/oauth-authorization-server`, `/.well-known/openid-configuration` | `metadata.rs` | RFC 8414 |
//! | `GET /.well-known/oauth-protected-resource` | `metadata.rs` | RFC 9728 |
//!
//! | shared by endpoints | file |
//! |---|---|
//! | a validated authorization request, and the redirect that answers it | `authorization_request.rs`, `authorization_response.rs` |
//! | which redirect URIs are allowed, and which need no consent | `redirect_uri.rs`, `preapproved.rs` |
//! | the consent page, and error pages for people | `consent.rs`, `redirect_target.rs`, `error_page.rs` |
//! | the person at the browser, and how they identify themselves | `resource_owner.rs`, `identification.rs` |
//! | the codes that devices show, and tokens for them | `user_code.rs`, `device_grant.rs` |
//! | clients, and how they authenticate | `client.rs`, `client_metadata.rs`, `client_authentication.rs` |
//! | what is checked before tokens are issued, and the tokens | `grant_checks.rs`, `token_response.rs` |
//! | errors in JSON | `error_response.rs`, `token_error.rs`, `registration_error.rs` |

mod authorization_request;
mod authorization_response;
mod authorize;
mod client;
mod client_authentication;
mod client_metadata;
mod consent;
mod decision;
mod device_authorization;
mod device_grant;
mod device_page;
mod endpoints;
mod error_page;
mod error_response;
mod form;
mod grant_checks;
mod grant_type;
mod identification;
mod metadata;
mod parameters;
mod preapproved;
mod redirect_target;
mod redirect_uri;
mod register;
mod registration_error;
mod resource_owner;
mod revoke;
mod scope;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod token_error;
mod token_response;
mod user_code;

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use self::server::AuthorizationServer;
use crate::state::Relay;

pub(crate) use self::endpoints::is_public_metadata;

/// Maximum size of a consent page's form, which contains the signed request, in bytes.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Routes of all endpoints and pages of the authorization server.
pub(crate) fn router(relay: &Arc<Relay>) -> Result<Router> {
    let server = Arc::new(AuthorizationServer::open(relay)?);
    let pages = Router::new()
        .route("/oauth/authorize", get(authorize::authorize))
        .route("/authorize", get(authorize::authorize))
        .route("/oauth/authorize/decision", post(decision::decide))
        .route("/device", get(device_page::show).post(device_page::decide))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(Arc::clone(&server));
    Ok(pages.merge(endpoints::router(&server)))
}
