//! Damaged frames and arbitrary texts are refused without a panic.

use mcp_multiplayer_protocol::frame::{ClientToRelay, Event, RelayToClient};
use mcp_multiplayer_protocol::{Body, Entry, Error, Request};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn frames() -> Vec<String> {
    let reply = serde_json::from_str(r#"{"msg_id":3,"ts":"2026-11-20T12:00:00.000Z"}"#).expect("JSON");
    let args = json!({ "channel_id": "chn_0123456789abcdef", "body": "é \u{1f600}", "wait_ms": 20_000 });
    let sent = [
        serde_json::to_string(&ClientToRelay::Request { id: 1, op: "post_message".to_owned(), args, log_after: None }),
        serde_json::to_string(&ClientToRelay::Cancel { cancel: 1 }),
        serde_json::to_string(&RelayToClient::answer(1, Ok(reply))),
        serde_json::to_string(&RelayToClient::answer(1, Err(Error::internal()))),
        serde_json::to_string(&RelayToClient::Event(Event::Closing)),
    ];
    sent.map(|frame| frame.expect("a frame is JSON")).to_vec()
}

/// Parses a text in every way in which texts from the network or the store are parsed.
fn parse_every_way(text: &str) {
    let _ = RelayToClient::parse(text);
    if let Ok(ClientToRelay::Request { op, args, .. }) = serde_json::from_str(text) {
        let _ = Request::parse(&op, args);
    }
    let _ = serde_json::from_str::<Entry>(text);
    let _ = Body::from_canonical(text);
}

proptest! {
    #[test]
    fn a_frame_with_a_flipped_bit_does_not_panic(which in 0..5_usize, at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = frames()[which].clone().into_bytes();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        parse_every_way(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_truncated_frame_is_refused(which in 0..5_usize, at: prop::sample::Index) {
        let frame = &frames()[which];
        let cut: String = frame.chars().take(at.index(frame.chars().count())).collect();
        parse_every_way(&cut);
        prop_assert!(RelayToClient::parse(&cut).is_err());
        prop_assert!(serde_json::from_str::<ClientToRelay>(&cut).is_err());
    }

    #[test]
    fn any_text_does_not_panic(text in ".{0,200}") {
        parse_every_way(&text);
    }

    #[test]
    fn any_arguments_are_accepted_or_refused_with_message_and_hint(args in json(), name in prop::sample::select(Request::NAMES)) {
        if let Err(error) = Request::parse(name, args) {
            prop_assert!(!error.message.is_empty() && !error.hint.is_empty());
        }
    }

    #[test]
    fn bodies_round_trip_as_text(fields in prop::collection::vec((".{0,8}", json()), 0..6)) {
        let fields: Map<String, Value> = fields.into_iter().collect();
        if let Ok(body) = Body::new("body", fields) {
            prop_assert_eq!(Body::from_canonical(body.as_str()), Some(body.clone()));
            let again: Map<String, Value> = body.parse().unwrap();
            prop_assert_eq!(Body::new("body", again).unwrap(), body);
        }
    }
}

/// A recursive parser would overflow its stack at this depth.
#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{{\"id\":1,\"op\":\"post_message\",\"args\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(serde_json::from_str::<ClientToRelay>(&deep).is_err());
    parse_every_way(&deep);
    let deep = format!("{{\"id\":1,\"ok\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    parse_every_way(&deep);
}
