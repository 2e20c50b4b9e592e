//! The token endpoint (RFC 6749, section 3.2; OAuth 2.1): codes, refresh tokens and clients' own credentials for tokens.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use data_encoding::BASE64URL_NOPAD;
use mcp_multiplayer_protocol::{ChannelId, Hash, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::authentication;
use super::client::KnownClient;
use super::form::Form;
use super::refusal::Refusal;
use super::scope::Scope;
use super::server::AuthorizationServer;
use crate::auth::Resource;
use crate::auth::{Principal, is_admitted, token_hash};
use crate::config::Access;
use crate::state::Relay;
use crate::store::oauth::{Grant, NewTokens, Rotated};

/// How long after a refresh the replaced token still works, in milliseconds: for a client that refreshes twice at once.
const GRACE_MS: i64 = 10_000;

/// The endpoint, at both of its paths.
pub(super) fn router() -> Router<Arc<AuthorizationServer>> {
    Router::new().route("/oauth/token", post(token)).route("/token", post(token))
}

async fn token(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    match issue(&server, request).await {
        Ok(issued) => {
            let mut response = Json(issued).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn issue(server: &AuthorizationServer, request: Request) -> Result<Value, Refusal> {
    let (parts, form) = Form::read(request).await?;
    let client = authentication::client(server, &parts, &form).await?;
    match form.require("grant_type")? {
        "authorization_code" => redeem(server, &client, &form).await,
        "refresh_token" => refresh(server, &client, &form).await,
        "client_credentials" => act_for_itself(server, &client, &form).await,
        _ => Err(Refusal::new(
            "unsupported_grant_type",
            "grant_type is to be authorization_code, refresh_token or client_credentials.",
        )),
    }
}

/// Tokens for an authorization code (RFC 6749, section 4.1.3). A request that is not in order does not use the code up.
async fn redeem(relay: &Relay, client: &KnownClient, form: &Form) -> Result<Value, Refusal> {
    let invalid = || Refusal::invalid_grant("This code is not valid, has ended, or is not for this client.");
    let code_hash = token_hash(form.require("code")?);
    let verifier = form.require("code_verifier")?;
    let code = relay.store.find_code(code_hash).await?.filter(|code| code.grant.client_id == client.id);
    let code = code.ok_or_else(invalid)?;
    if form.get("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return Err(Refusal::invalid_grant("redirect_uri is another than the code was sent to."));
    }
    if !is_verified(verifier, &code.challenge) {
        return Err(Refusal::invalid_grant("code_verifier does not fit the code_challenge."));
    }
    same_resource(relay, form, &code.grant)?;
    admit(relay, &code.grant).await?;
    // A code that was redeemed goes on to the store, which revokes what came of it.
    if !code.redeemed && code.expires_at <= relay.clock.now() {
        return Err(invalid());
    }
    let scope = Scope::stored(&code.grant.scope);
    // Whether it asked for offline_access or not: many clients do not know that they have to, and would send
    // their people back here every hour.
    let issued = Issued::new(relay, true);
    if !relay.store.redeem_code(code_hash, issued.kept(relay)).await? {
        relay.tokens.doubt();
        return Err(Refusal::invalid_grant("This code was redeemed before."));
    }
    Ok(issued.told(relay, scope))
}

/// New tokens for a refresh token, which is replaced (RFC 6749, section 6; OAuth 2.1, section 4.3).
async fn refresh(relay: &Relay, client: &KnownClient, form: &Form) -> Result<Value, Refusal> {
    let invalid = || Refusal::invalid_grant("This refresh token is not valid any more; ask for access again.");
    let refresh_hash = token_hash(form.require("refresh_token")?);
    let token = relay.store.find_refresh_token(refresh_hash).await?;
    let token = token.filter(|token| token.grant.client_id == client.id).ok_or_else(invalid)?;
    let granted = Scope::stored(&token.grant.scope);
    let scope = match form.get("scope") {
        Some(asked) => granted.narrowed(asked).ok_or_else(|| {
            Refusal::new("invalid_scope", format!("The scope is not within what was granted: {granted}."))
        })?,
        None => granted,
    };
    same_resource(relay, form, &token.grant)?;
    admit(relay, &token.grant).await?;
    let issued = Issued::new(relay, true);
    let grace_since = Timestamp::from_millis(relay.clock.now().as_millis() - GRACE_MS);
    match relay.store.rotate_refresh_token(refresh_hash, grace_since, issued.kept(relay)).await? {
        Rotated::Done => Ok(issued.told(relay, scope)),
        Rotated::Reused => {
            relay.tokens.doubt();
            let (grant, id) = (&token.grant.id, &client.id);
            tracing::warn!(
                oauth.grant_id = grant,
                oauth.client_id = id,
                "a replaced refresh token came again: revoked"
            );
            Err(invalid())
        }
        Rotated::Invalid => Err(invalid()),
    }
}

/// A token for the client itself (RFC 6749, section 4.4), where anyone may in; no refresh token comes with it.
async fn act_for_itself(relay: &Relay, client: &KnownClient, form: &Form) -> Result<Value, Refusal> {
    if relay.config.access() != Access::Open {
        let why =
            "Clients do not act for themselves on this relay; ask a person for access, or its operator for a token.";
        return Err(Refusal::new("unauthorized_client", why));
    }
    if client.secret_hash.is_none() {
        let why = "client_credentials is for clients with a secret; register with token_endpoint_auth_method client_secret_basic.";
        return Err(Refusal::new("unauthorized_client", why));
    }
    let resource = match form.get("resource") {
        Some(asked) => Resource::valid(&relay.config, asked).ok_or_else(foreign_resource)?,
        None => Resource::default_of(&relay.config),
    };
    let scope = Scope { offline: false };
    // The same grant each time, so that the operator sees the client once, and revokes it once.
    let id = Hash::of(&[b"mcp-multiplayer/client-grant/v1", client.id.as_bytes(), b"\0", resource.as_bytes()]);
    let grant = Grant {
        id: ChannelId::encode_base32(&id.as_bytes()[..10]),
        principal: Principal::client(&client.id).as_str().to_owned(),
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        scope: scope.to_string(),
        resource,
        created_at: relay.clock.now(),
    };
    let issued = Issued::new(relay, false);
    relay.store.insert_access_token(grant, issued.kept(relay)).await?;
    // A grant that was revoked stays so.
    if relay.store.find_access_token(token_hash(&issued.access), relay.clock.now()).await?.is_none() {
        return Err(Refusal::new("unauthorized_client", "The relay's operator has revoked the access of this client."));
    }
    Ok(issued.told(relay, scope))
}

/// Whether the verifier is one (RFC 7636, section 4.1), and the one whose S256 challenge this is.
fn is_verified(verifier: &str, challenge: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let computed = BASE64URL_NOPAD.encode(&Sha256::digest(verifier.as_bytes()));
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(fits)
        && bool::from(computed.as_bytes().ct_eq(challenge.as_bytes()))
}

/// Refuses a resource that is not the one which access was granted to (RFC 8707, section 2.2).
fn same_resource(relay: &Relay, form: &Form, grant: &Grant) -> Result<(), Refusal> {
    let is_ours = Resource::valid(&relay.config, &grant.resource).is_some();
    let is_same = form.get("resource").is_none_or(|asked| Resource::is_same(asked, &grant.resource));
    if is_ours && is_same { Ok(()) } else { Err(foreign_resource()) }
}

fn foreign_resource() -> Refusal {
    Refusal::new(
        "invalid_target",
        "resource is not what access was granted to: the relay's public URL, or /mcp under it.",
    )
}

/// Refuses a principal whom the operator does not let in any more.
async fn admit(relay: &Relay, grant: &Grant) -> Result<(), Refusal> {
    if is_admitted(&*relay.store, relay.config.access(), &grant.principal).await? {
        return Ok(());
    }
    Err(Refusal::invalid_grant("The relay's operator does not let this person in any more; ask for access again."))
}

/// New tokens, which are told once and kept as hashes.
struct Issued {
    access: String,
    refresh: Option<String>,
}

impl Issued {
    fn new(relay: &Relay, refresh: bool) -> Self {
        let token = |kind| format!("{kind}_{}", ChannelId::encode_base32(&relay.random.bytes::<30>()));
        Self { access: token("mma"), refresh: refresh.then(|| token("mmr")) }
    }

    fn kept(&self, relay: &Relay) -> NewTokens {
        let now = relay.clock.now();
        let after = |seconds: u64| {
            let millis = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.as_millis().saturating_add(millis))
        };
        NewTokens {
            issued_at: now,
            access: (token_hash(&self.access), after(relay.config.access_token_seconds)),
            refresh: self
                .refresh
                .as_deref()
                .map(|token| (token_hash(token), after(relay.config.refresh_token_seconds))),
        }
    }

    /// The answer (RFC 6749, section 5.1).
    fn told(self, relay: &Relay, scope: Scope) -> Value {
        let mut told = json!({
            "access_token": self.access,
            "token_type": "Bearer",
            "expires_in": relay.config.access_token_seconds,
            "scope": scope.to_string(),
        });
        if let Some(refresh) = self.refresh {
            told["refresh_token"] = json!(refresh);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::is_verified;

    #[test]
    fn a_verifier_is_the_one_of_its_challenge() {
        // RFC 7636, appendix B.
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_verified(verifier, challenge));
        assert!(!is_verified(verifier, &format!("{challenge}=")));
        assert!(!is_verified(challenge, challenge), "a plain one");
        assert!(!is_verified(&verifier[1..], challenge));
        for odd in ["short".to_owned(), "x".repeat(129), format!("{verifier} "), format!("{verifier}é")] {
            let challenge = data_encoding::BASE64URL_NOPAD.encode(&<sha2::Sha256 as sha2::Digest>::digest(&odd));
            assert!(!is_verified(&odd, &challenge), "{odd}");
        }
    }
}
