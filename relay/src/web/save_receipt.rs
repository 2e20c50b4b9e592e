//! `/save-receipt`: saves the receipt that `get_receipt` linked to. The secret is in the link's fragment, so browsers do not send
//! it with their request for the page. The page's script sends it in a body, to `/save-receipt/file`.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use mcp_multiplayer_protocol::{Error, Secret};
use serde::Deserialize;

use super::page::{Site, public_page};
use super::receipt_response;
use crate::operation::{Caller, ReceiptLink};
use crate::problem::{problem, status};
use crate::state::Relay;

#[derive(Debug, Template)]
#[template(path = "save_receipt.html")]
struct SaveReceiptPage {
    site: Site,
}

pub(super) async fn page(State(relay): State<Arc<Relay>>) -> Response {
    let page = SaveReceiptPage { site: Site::of(&relay.config) };
    let mut response = public_page(&page, "script-src 'self'; connect-src 'self'");
    response.headers_mut().insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    response
}

/// The body of a request for the file.
#[derive(Deserialize)]
pub(super) struct FileRequest {
    secret: Secret,
}

/// `POST /save-receipt/file`: streams the receipt, to whoever has the link.
pub(super) async fn file(
    State(relay): State<Arc<Relay>>,
    request: Result<Json<FileRequest>, JsonRejection>,
) -> Response {
    let Ok(Json(FileRequest { secret })) = request else {
        let error = Error::invalid("The body has no secret.", "Send {\"secret\": \"rcp_…\"} as JSON.");
        return problem(StatusCode::BAD_REQUEST, &error);
    };
    let response = respond(&relay, secret.expose()).await;
    response.unwrap_or_else(|error| problem(status(&error), &error))
}

async fn respond(relay: &Arc<Relay>, secret: &str) -> Result<Response, Error> {
    let (link, credential) = ReceiptLink::open(relay, secret)?;
    relay.quotas.take_request_of(credential.principal())?;
    let caller = Caller::new(Arc::clone(relay), credential);
    let plan = caller.plan_receipt(link.channel_id, link.slot_id).await?;
    receipt_response(Arc::clone(&relay.store), plan)
}
