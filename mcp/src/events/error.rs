use mcp_multiplayer_protocol::{Error, ErrorCode};
use rmcp::model::ErrorData;
use serde_json::{Value, json};

/// Error of an `events/…` method, or the reason why a subscription has ended (SEP-3415, "Error Handling").
#[derive(Clone, Debug)]
pub enum EventError {
    /// The params are not valid.
    InvalidParams(String),
    /// There is no such event type (`event`) or subscription (`subscription`).
    NotFound {
        /// Kind of what is missing.
        kind: &'static str,
        /// Description for people and models.
        message: String,
    },
    /// The caller may not read the channel, or no longer.
    Forbidden(String),
    /// A limit of the server is reached.
    ResourceExhausted {
        /// Name of the limit.
        limit: &'static str,
        /// Its value.
        max: u32,
        /// Description for people and models.
        message: String,
    },
    /// The event type does not offer this delivery mode.
    UnsupportedMode(String),
    /// The callback endpoint cannot be reached, or did not echo the challenge. The reason is one of the specification's.
    CallbackEndpoint(&'static str),
    /// The server failed for now.
    Internal(String),
}

impl EventError {
    /// Converts an error of an operation that reads a channel.
    pub fn of_operation(error: &Error) -> Self {
        let message = format!("{} {}", error.message, error.hint);
        match error.code {
            ErrorCode::NotMember | ErrorCode::Unauthenticated => Self::Forbidden(message),
            ErrorCode::InvalidRequest | ErrorCode::SeatAmbiguous => Self::InvalidParams(message),
            _ => Self::Internal(message),
        }
    }

    /// Returns the error as JSON-RPC has it: `code`, `message` and `data`.
    pub fn to_error_data(&self) -> ErrorData {
        let (code, message, data): (i32, String, Option<Value>) = match self {
            Self::InvalidParams(message) => (-32_602, message.clone(), None),
            Self::NotFound { kind, message } => (-32_023, message.clone(), Some(json!({ "kind": kind }))),
            Self::Forbidden(message) => (-32_024, message.clone(), None),
            Self::ResourceExhausted { limit, max, message } => {
                (-32_025, message.clone(), Some(json!({ "limit": limit, "max": max })))
            }
            Self::UnsupportedMode(mode) => {
                let message = format!("The delivery mode '{mode}' is not available here. See events/list.");
                (-32_026, message, Some(json!({ "feature": "deliveryMode", "value": mode })))
            }
            Self::CallbackEndpoint(reason) => {
                let message = "The callback URL cannot be used: see data.reason. It must be reachable from the relay, \
                               and echo the challenge of the signed request of type 'verification'.";
                (-32_027, message.to_owned(), Some(json!({ "reason": reason })))
            }
            Self::Internal(message) => (-32_603, message.clone(), None),
        };
        ErrorData::new(rmcp::model::ErrorCode(code), message, data)
    }
}

impl From<EventError> for ErrorData {
    fn from(error: EventError) -> Self {
        error.to_error_data()
    }
}
