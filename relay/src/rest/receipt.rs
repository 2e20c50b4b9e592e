//! `GET /receipt`: the receipt of a channel, as JSON Lines.

use std::sync::Arc;

use axum::extract::{Extension, Query, State};
use axum::response::Response;
use mcp_multiplayer_protocol::{ChannelId, Error, SlotId};
use serde::Deserialize;

use crate::auth::Credential;
use crate::operation::Caller;
use crate::problem::{problem, status};
use crate::state::Relay;
use crate::web::receipt_response;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    channel_id: ChannelId,
    slot_id: Option<SlotId>,
}

/// Streams the receipt.
pub(super) async fn serve(
    State(relay): State<Arc<Relay>>,
    Extension(credential): Extension<Credential>,
    arguments: Result<Query<Arguments>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(Arguments { channel_id, slot_id })) = arguments else {
        let error = Error::invalid(
            "The query of /receipt is channel_id, and slot_id if you hold several seats.",
            "For example: GET /receipt?channel_id=chn_0123456789abcdef",
        );
        return problem(status(&error), &error);
    };
    let plan = Caller::new(Arc::clone(&relay), credential).plan_receipt(channel_id, slot_id).await;
    let response = plan.and_then(|plan| receipt_response(Arc::clone(&relay.store), plan));
    response.unwrap_or_else(|error| problem(status(&error), &error))
}
