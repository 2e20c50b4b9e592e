use mcp_multiplayer_protocol::{Error, ErrorCode};
use rmcp::model::ErrorData;
use serde_json::{Value, json};

/// Error of an `events/…` method, or the reason why a subscription has ended (SEP-3415, "Error Handling").
#[derive(Clone, Debug)]
pub enum EventError {
    /// The params are not valid.
    InvalidParams(String),
    /// There is no such event type (`event`).
    NotFound {
        /// Kind of what is missing.
        kind: &'static str,
        /// Description for people and models.
        message: String,
    },
    /// The caller may not read the channel, or no longer.
    Forbidden(String),
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
