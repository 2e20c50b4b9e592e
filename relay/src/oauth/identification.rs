//! Identification of the person who submitted a consent page: by the access code if one was entered, else by the cookie.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};

use super::resource_owner::{OwnerStatus, ResourceOwner};
use super::server::AuthorizationServer;
use crate::auth::token_hash;
use crate::store::StoreError;
use crate::telemetry::SECURITY;

/// Outcome of identifying the person who submitted the form.
pub(super) enum Identification {
    Owner(ResourceOwner),
    Failed(OwnerStatus, AccessCodeProblem),
}

#[derive(Clone, Copy)]
pub(super) enum AccessCodeProblem {
    Missing,
    Invalid,
    /// Contains the time to wait, in seconds.
    TooManyAttempts(u64),
}

impl AccessCodeProblem {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Missing => "Enter your access code.",
            // The same text for wrong and revoked codes, so that nobody learns which codes exist.
            Self::Invalid => {
                "This access code is not valid. Check that you entered all of it, or ask the relay’s operator for a new one."
            }
            Self::TooManyAttempts(_) => "Too many access codes were tried. Wait a minute, then try again.",
        }
    }

    /// Logs an access code that was refused.
    pub(super) fn log(self, server: &AuthorizationServer, client_id: &str, requester: Option<IpAddr>) {
        match self {
            Self::Missing => {}
            Self::TooManyAttempts(_) => server.quotas.log_limit_of_address("access_codes", requester),
            Self::Invalid => {
                if let Some(suppressed) = server.quotas.admit_event("access_code_refused", requester) {
                    tracing::warn!(
                        target: SECURITY,
                        {
                            security.event = "access_code_refused",
                            oauth.client_id = client_id,
                            client.address = requester.map(tracing::field::display),
                            suppressed,
                        },
                        "a wrong access code was refused"
                    );
                }
            }
        }
    }

    /// Builds the response, which is the page again, with the status that fits the problem.
    pub(super) fn respond(self, page: impl FnOnce(StatusCode) -> Response) -> Response {
        match self {
            Self::TooManyAttempts(seconds) => {
                ([(RETRY_AFTER, seconds.to_string())], page(StatusCode::TOO_MANY_REQUESTS)).into_response()
            }
            Self::Missing | Self::Invalid => page(StatusCode::FORBIDDEN),
        }
    }
}

impl AuthorizationServer {
    /// Identifies the person by the access code if one was entered, else by the cookie.
    pub(super) async fn identify(
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
