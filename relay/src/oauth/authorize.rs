//! `GET /oauth/authorize`: a client has sent somebody here to be let in (RFC 6749, section 4.1; OAuth 2.1).
//!
//! Until the client and its redirect URI are known, whatever is wrong is said on a page; after that, to the client.
//!
//! Where anyone may in, a request whose answer goes to a client everybody knows (its exact redirect URI, never its name)
//! is granted without a click. What a click would prevent is this: a link on a foreign page makes a browser fetch a code
//! that nobody wished for. The code still goes to that client alone, which ties `state` to the browser that began
//! (RFC 6749, section 10.12) and has the PKCE verifier of that beginning only (RFC 7636): it drops the code. The foreign page
//! never sees it, and a code that was begun by an attacker's own browser does not fit the visitor's. So this rests on
//! those clients' care with `state`, which is why the list is short. Wherever a person was invited, one click is asked for.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use mcp_multiplayer_protocol::{ChannelId, Timestamp};

use super::answer::{Answer, Denial};
use super::consent::{self, Known};
use super::decision::decide;
use super::destination::is_known_client;
use super::metadata::issuer;
use super::notice::Notice;
use super::parameters::Parameters;
use super::person::{Visitor, Visitors};
use super::request::{Asked, Prompt, Recipient};
use super::server::AuthorizationServer;
use crate::auth::{Principal, token_hash};
use crate::config::Access;
use crate::error::internal;
use crate::net::client_address;
use crate::state::Relay;
use crate::store::{Code, Grant, NewCode, StoreError};

/// How long a code may be redeemed.
const CODE_MS: i64 = 60_000;
/// How long the page may be looked at before it is answered.
const PAGE_MS: i64 = 10 * 60_000;
/// Largest form: a request, signed.
const FORM_BYTES: usize = 64 * 1024;

/// The authorization endpoint, and where its page's form goes.
pub(super) fn router(server: &Arc<AuthorizationServer>) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/authorize", get(authorize))
        .route("/oauth/authorize/decision", post(decide))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .with_state(Arc::clone(server))
}

async fn authorize(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let relay = &server.relay;
    if relay.config.access() == Access::Closed {
        return Notice::closed(relay).page(StatusCode::FORBIDDEN);
    }
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes());
    let recipient = match Recipient::find(&server, &parameters, client_address(request.extensions())).await {
        Ok(recipient) => recipient,
        Err(page) => return page,
    };
    let redirect_uri = recipient.redirect_uri.clone();
    // One that is given twice is not repeated to anybody.
    let state = parameters.one("state").ok().flatten();
    let answer =
        Answer { redirect_uri: &redirect_uri, state, issuer: issuer(&relay.config), status: StatusCode::FOUND };
    let expires_at = Timestamp::from_millis(relay.clock.now().as_millis() + PAGE_MS);
    let asked = match Asked::check(&relay.config, &parameters, recipient, expires_at) {
        Ok(asked) => asked,
        Err(denial) => return answer.deny(&denial),
    };
    let prompt = match Prompt::of(&parameters) {
        Ok(prompt) => prompt,
        Err(denial) => return answer.deny(&denial),
    };
    let visitor = server.visitors.find(request.headers()).unwrap_or_else(|| Visitors::welcome(&relay.random));
    let known = match server.known(&visitor).await {
        Ok(known) => known,
        Err(error) => return answer.deny(&failed(&error)),
    };
    let cookie = server.visitors.remember(&visitor);
    let at_once = known == Known::Anyone && is_known_client(&redirect_uri);
    match prompt {
        Prompt::Default | Prompt::None if at_once => match server.grant(&visitor, &asked).await {
            Ok(code) => (cookie, answer.code(&code)).into_response(),
            Err(error) => answer.deny(&failed(&error)),
        },
        Prompt::None => {
            let error = if known == Known::Unknown { "login_required" } else { "consent_required" };
            answer.deny(&Denial::new(error, "The person has to be asked."))
        }
        Prompt::Default | Prompt::Page => {
            let field = consent::sign(&relay.key, &visitor, &asked);
            (cookie, consent::page(relay, StatusCode::OK, &asked, &known, &field, None)).into_response()
        }
    }
}

impl AuthorizationServer {
    /// What the relay knows of a visitor by the cookie alone.
    pub(super) async fn known(&self, visitor: &Visitor) -> Result<Known, StoreError> {
        if self.relay.config.access() == Access::Open {
            return Ok(Known::Anyone);
        }
        let code = self.relay.store.lookup_access_code(visitor.id.clone()).await?;
        Ok(code.map_or(Known::Unknown, |code| Known::As(code.name)))
    }

    /// Makes a code by which the client gets what it asked for, as this person.
    pub(super) async fn grant(&self, person: &Visitor, asked: &Asked) -> Result<String, StoreError> {
        let Relay { random, clock, store, .. } = &*self.relay;
        let code = format!("mmc_{}", ChannelId::encode_base32(&random.bytes::<30>()));
        let now = clock.now();
        let grant = Grant {
            id: ChannelId::encode_base32(&random.bytes::<10>()),
            principal: Principal::person(&person.id).as_str().to_owned(),
            client_id: asked.client_id.clone(),
            client_name: asked.client_name.clone(),
            scope: asked.scope.clone(),
            resource: asked.resource.clone(),
            created_at: now,
        };
        let new = NewCode {
            code_hash: token_hash(&code),
            code: Code {
                grant,
                redirect_uri: asked.redirect_uri.clone(),
                challenge: asked.challenge.clone(),
                expires_at: Timestamp::from_millis(now.as_millis() + CODE_MS),
                redeemed: false,
            },
        };
        store.insert_code(new).await?;
        Ok(code)
    }
}

/// What the client hears when the relay failed.
pub(super) fn failed(error: &StoreError) -> Denial {
    internal(error);
    Denial::new("server_error", "The relay failed; try again.")
}
