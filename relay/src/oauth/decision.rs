//! `POST /oauth/authorize/decision`: what the person at the consent page said.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequest as _, RawForm, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse as _, Response};

use super::answer::{Answer, Denial};
use super::authorize::failed;
use super::consent::{self, Known};
use super::metadata::issuer;
use super::notice::Notice;
use super::parameters::Parameters;
use super::person::Visitor;
use super::request::Asked;
use super::server::AuthorizationServer;
use crate::auth::token_hash;
use crate::config::Access;
use crate::net::client_address;
use crate::store::StoreError;

pub(super) async fn decide(State(server): State<Arc<AuthorizationServer>>, request: Request) -> Response {
    let relay = &server.relay;
    if relay.config.access() == Access::Closed {
        return Notice::closed(relay).page(StatusCode::FORBIDDEN);
    }
    let from = client_address(request.extensions());
    let visitor = server.visitors.find(request.headers());
    let form = match RawForm::from_request(request, &()).await {
        Ok(RawForm(form)) => Parameters::parse(&form),
        Err(_) => return Notice::stale(relay).page(StatusCode::BAD_REQUEST),
    };
    let field = form.one("request").ok().flatten().unwrap_or_default();
    let opened = visitor.and_then(|visitor| {
        let asked = consent::open(&relay.key, &visitor, field, relay.clock.now())?;
        Some((visitor, asked))
    });
    let Some((visitor, asked)) = opened else { return Notice::stale(relay).page(StatusCode::FORBIDDEN) };
    let answer = Answer {
        redirect_uri: &asked.redirect_uri,
        state: asked.state.as_deref(),
        issuer: issuer(&relay.config),
        status: StatusCode::SEE_OTHER,
    };
    match form.one("decision") {
        Ok(Some("allow")) => {}
        Ok(Some("deny")) => return answer.deny(&Denial::new("access_denied", "The person said no.")),
        _ => return Notice::stale(relay).page(StatusCode::BAD_REQUEST),
    }
    let given = form.one("access_code").ok().flatten().map(str::trim);
    match server.person(visitor, given, from).await {
        Ok(Who::Person(person)) => match server.grant(&person, &asked).await {
            Ok(code) => (server.visitors.remember(&person), answer.code(&code)).into_response(),
            Err(error) => answer.deny(&failed(&error)),
        },
        Ok(Who::Nobody(known, why)) => again(&server, &asked, field, &known, why),
        Err(error) => answer.deny(&failed(&error)),
    }
}

/// Who decided.
enum Who {
    Person(Visitor),
    /// It cannot be told: what the relay knows, and why that is not enough.
    Nobody(Known, Why),
}

/// Why it cannot be told.
#[derive(Clone, Copy)]
enum Why {
    NoCode,
    WrongCode,
    /// Seconds to wait.
    TooMany(u64),
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Self::NoCode => "Enter your access code.",
            // The same of every code that does not open, whatever is the matter with it.
            Self::WrongCode => {
                "This access code is not valid here. Look at it again, or ask the relay’s operator for another."
            }
            Self::TooMany(_) => "Too many codes were tried. Wait a minute, then try again.",
        }
    }
}

impl AuthorizationServer {
    /// The person that the access code stands for, or else the visitor, if known.
    async fn person(&self, visitor: Visitor, code: Option<&str>, from: Option<IpAddr>) -> Result<Who, StoreError> {
        let known = self.known(&visitor).await?;
        let code = match (code, &known) {
            (_, Known::Anyone) | (None, Known::As(_)) => return Ok(Who::Person(visitor)),
            (None, Known::Unknown) => return Ok(Who::Nobody(known, Why::NoCode)),
            (Some(code), _) => code,
        };
        if let Err(seconds) = self.tries.take(from) {
            return Ok(Who::Nobody(known, Why::TooMany(seconds)));
        }
        Ok(match self.relay.store.find_access_code(token_hash(code)).await? {
            Some(code) => Who::Person(Visitor { id: code.id }),
            None => Who::Nobody(known, Why::WrongCode),
        })
    }
}

/// The page once more, with what was wrong.
fn again(server: &AuthorizationServer, asked: &Asked, field: &str, known: &Known, why: Why) -> Response {
    let page = |status| consent::page(&server.relay, status, asked, known, field, Some(why.text()));
    match why {
        Why::TooMany(seconds) => {
            ([(RETRY_AFTER, seconds.to_string())], page(StatusCode::TOO_MANY_REQUESTS)).into_response()
        }
        Why::NoCode | Why::WrongCode => page(StatusCode::FORBIDDEN),
    }
}
