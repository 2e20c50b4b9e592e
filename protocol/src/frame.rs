//! The frames of the WebSocket subprotocol [`SUBPROTOCOL`]: one JSON text message each.
//!
//! The client numbers its requests; the relay answers each one once, in any order. docs/PROTOCOL.md is
//! the specification; the tests below check its examples.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Error, Reply};

/// Name of the subprotocol, sent by both sides in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "multiplayer.v1";

/// A frame that a client sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClientToRelay {
    /// Requests an operation.
    Request {
        /// The client's number for the request; must differ from those of its other unanswered requests.
        id: u64,
        /// Name of the operation.
        op: String,
        /// Arguments of the operation.
        #[serde(default)]
        args: Value,
        /// Asks for the log of the channel after this entry beside the result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        log_after: Option<u64>,
    },
    /// Cancels a request. Entries that it has already appended remain.
    Cancel {
        /// The request's number.
        cancel: u64,
    },
}

/// A frame that a relay sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RelayToClient {
    /// Reports that the operation was performed.
    Ok {
        /// The request's number.
        id: u64,
        /// Result of the operation.
        ok: Reply,
    },
    /// Reports that the operation failed.
    Error {
        /// The request's number.
        id: u64,
        /// The error.
        error: Error,
    },
    /// Notifies the client of an event.
    Event(Event),
}

/// A notification that is not the answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The relay is shutting down: it answers the requests that it has begun and accepts no new ones. The client should
    /// reconnect later.
    Closing,
}

impl RelayToClient {
    /// Creates the answer to a request.
    pub fn answer(id: u64, result: Result<Reply, Error>) -> Self {
        match result {
            Ok(ok) => Self::Ok { id, ok },
            Err(error) => Self::Error { id, error },
        }
    }

    /// Parses a frame. Done by hand because serde cannot deserialize raw JSON inside an untagged enum.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Frame<'a> {
            id: Option<u64>,
            #[serde(borrow)]
            ok: Option<&'a RawValue>,
            error: Option<Error>,
        }
        match serde_json::from_str::<Frame<'_>>(text)? {
            Frame { id: Some(id), ok: Some(ok), error: None } => Ok(Self::Ok { id, ok: ok.to_owned() }),
            Frame { id: Some(id), ok: None, error: Some(error) } => Ok(Self::Error { id, error }),
            _ => serde_json::from_str(text).map(Self::Event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientToRelay, Event, RelayToClient};
    use crate::Error;

    #[test]
    fn frames_have_the_documented_form() {
        let frames = [
            serde_json::to_string(&RelayToClient::answer(7, Ok(serde_json::from_str("{\"msg_id\":3}").unwrap()))),
            serde_json::to_string(&RelayToClient::answer(8, Err(Error::bot_not_found()))),
            serde_json::to_string(&RelayToClient::Event(Event::Closing)),
        ];
        insta::assert_snapshot!(frames.map(Result::unwrap).join("\n"), @r#"
        {"id":7,"ok":{"msg_id":3}}
        {"id":8,"error":{"code":"BOT_NOT_FOUND","message":"This channel has no bot with this bot_id.","hint":"get_channel_info lists the channel's bots."}}
        {"event":"closing"}
        "#);
    }

    #[test]
    fn frames_round_trip_as_text() {
        for text in [r#"{"id":7,"ok":{"msg_id":3}}"#, r#"{"event":"closing"}"#] {
            let frame = RelayToClient::parse(text).unwrap();
            assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        }
        assert!(matches!(serde_json::from_str(r#"{"cancel":7}"#).unwrap(), ClientToRelay::Cancel { cancel: 7 }));
        let request = serde_json::from_str(r#"{"id":1,"op":"health_check"}"#).unwrap();
        assert!(matches!(request, ClientToRelay::Request { id: 1, log_after: None, .. }));
        let request = serde_json::from_str(r#"{"id":1,"op":"leave_channel","args":{},"log_after":12}"#).unwrap();
        assert!(matches!(request, ClientToRelay::Request { log_after: Some(12), .. }));
        assert!(RelayToClient::parse(r#"{"id":7}"#).is_err());
    }
}
