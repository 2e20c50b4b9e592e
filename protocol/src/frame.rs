//! The frames of the WebSocket subprotocol [`SUBPROTOCOL`]: one JSON text message each.
//!
//! The client numbers its requests; the relay answers each once, in any order. docs/PROTOCOL.md is
//! the specification; the tests below keep its examples true.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Error, Reply};

/// The name that both ends send in `Sec-WebSocket-Protocol`.
pub const SUBPROTOCOL: &str = "multiplayer.v1";

/// What a client sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClientToRelay {
    /// Perform an operation.
    Request {
        /// The client's number for it; not in use for another request under way.
        id: u64,
        /// The operation's name.
        op: String,
        /// Its arguments.
        #[serde(default)]
        args: Value,
    },
    /// Stop waiting for the answer to a request; what it appended stays.
    Cancel {
        /// The request's number.
        cancel: u64,
    },
}

/// What a relay sends.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RelayToClient {
    /// The operation was performed.
    Ok {
        /// The request's number.
        id: u64,
        /// Its result.
        ok: Reply,
    },
    /// The operation was not performed.
    Error {
        /// The request's number.
        id: u64,
        /// Why.
        error: Error,
    },
    /// Something that nobody asked for.
    Event(Event),
}

/// What a relay says unasked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The relay is shutting down: it answers what it has begun and takes no new requests; dial again later.
    Closing,
}

impl RelayToClient {
    /// The answer to a request.
    pub fn answer(id: u64, result: Result<Reply, Error>) -> Self {
        match result {
            Ok(ok) => Self::Ok { id, ok },
            Err(error) => Self::Error { id, error },
        }
    }

    /// Reads a frame. Untagged enums cannot hold raw JSON, hence the two steps.
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
    fn frames_look_as_documented() {
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
    fn what_is_sent_is_read_again() {
        for text in [r#"{"id":7,"ok":{"msg_id":3}}"#, r#"{"event":"closing"}"#] {
            let frame = RelayToClient::parse(text).unwrap();
            assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        }
        assert!(matches!(serde_json::from_str(r#"{"cancel":7}"#).unwrap(), ClientToRelay::Cancel { cancel: 7 }));
        let request = serde_json::from_str(r#"{"id":1,"op":"health_check"}"#).unwrap();
        assert!(matches!(request, ClientToRelay::Request { id: 1, .. }));
        assert!(RelayToClient::parse(r#"{"id":7}"#).is_err());
    }
}
