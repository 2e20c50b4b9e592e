//! Parses the arguments of an operation from a request's body or query.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use mcp_multiplayer_protocol::{Error, ErrorCode, Request as Operation};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::net::is_json;
use crate::problem;

/// An error with its status, which may be more specific than the one of its code.
type Refusal = (StatusCode, Error);

/// Parses the operation called `name` with the arguments in a JSON body of at most `limit` bytes. An empty body means no
/// arguments.
pub(super) async fn from_body(name: &str, request: Request, limit: usize) -> Result<Operation, Refusal> {
    let (parts, body) = request.into_parts();
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(invalid("A POST takes its arguments in the body, not in the URL."));
    }
    let bytes = read(&parts, body, limit).await?;
    if bytes.is_empty() {
        return parse(name, Value::Null);
    }
    if !is_json(&parts.headers) {
        let error = Error::invalid(
            "The body must be JSON.",
            "Send the arguments as one JSON object, with the header 'Content-Type: application/json'.",
        );
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
    }
    // The position of the error only, without the text there: it may be a secret.
    let args: Value = serde_json::from_slice(&bytes).map_err(|error| {
        invalid(format!("The body is not valid JSON: line {}, column {}.", error.line(), error.column()))
    })?;
    if args.is_null() {
        return Err(invalid("The arguments must be a JSON object."));
    }
    parse(name, args)
}

async fn read(parts: &Parts, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let declared = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => Err(invalid("The body ended before it was complete.")),
    }
}

/// Parses the operation called `name` with the arguments in a query (`application/x-www-form-urlencoded`).
pub(super) fn from_query(name: &str, query: Option<&str>) -> Result<Operation, Error> {
    let schema = Operation::schema(name).map(Value::from).unwrap_or_default();
    let mut args = Map::new();
    for (key, text) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if key == SECRET {
            return Err(Error::invalid(
                "An invite code must not be part of a URL, which proxies and browsers write down.",
                "Send it in the body of a POST request.",
            ));
        }
        let value = typed(&schema["properties"][&*key], &text);
        if args.insert(key.into_owned(), value).is_some() {
            return Err(Error::invalid("The query contains an argument twice.", HINT));
        }
    }
    parse(name, Value::Object(args)).map_err(|(_, error)| error)
}

/// Converts a text to the type in the schema. A text that cannot be converted stays one, and is refused later with the
/// argument's name.
fn typed(schema: &Value, text: &str) -> Value {
    let accepts = |kind: &str| {
        let kinds = &schema["type"];
        kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "true" | "false" if accepts("boolean") => Value::Bool(text == "true"),
        _ if accepts("integer") && digits => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}

/// The argument that is a secret.
pub(super) const SECRET: &str = "invite_code";

const HINT: &str = "Compare the request with /openapi.json and send it again.";

fn parse(name: &str, args: Value) -> Result<Operation, Refusal> {
    Operation::parse(name, args).map_err(|error| {
        let error = Error { hint: HINT.into(), ..error };
        (problem::status(&error), error)
    })
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    (StatusCode::BAD_REQUEST, Error::invalid(message, HINT))
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("The request is larger than {limit} bytes.");
    (StatusCode::PAYLOAD_TOO_LARGE, Error::new(ErrorCode::TooLarge, message, "Send less, or split it."))
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{ErrorCode, Request as Operation};
    use serde_json::{Value, json};

    use super::from_query;

    fn args(name: &str, query: &str) -> Value {
        serde_json::to_value(from_query(name, Some(query)).unwrap()).unwrap()["args"].clone()
    }

    #[test]
    fn query_values_are_converted_by_type() {
        let query = "channel_id=chn_0123456789abcdef&cursor=7&timeout_ms=0&include_trace=true&slot_id=s1";
        assert_eq!(
            args("sync_messages", query),
            json!({ "channel_id": "chn_0123456789abcdef", "cursor": 7, "timeout_ms": 0, "include_trace": true, "slot_id": "s1" })
        );
        assert_eq!(args("get_channel_info", "channel_id=chn%5F0123456789abcdef")["channel_id"], "chn_0123456789abcdef");
        assert!(matches!(from_query("list_channels", None), Ok(Operation::ListChannels(_))));
        assert!(matches!(from_query("list_channels", Some("")), Ok(Operation::ListChannels(_))));
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let channel = "channel_id=chn_0123456789abcdef";
        for (more, named) in [
            ("cursor=-1", "'cursor'"),
            ("cursor=1.0", "'cursor'"),
            ("cursor=1e3", "'cursor'"),
            ("cursor=%201", "'cursor'"),
            ("cursor=", "'cursor'"),
            ("cursor=18446744073709551616", "'cursor'"),
            ("include_trace=1", "'include_trace'"),
            ("include_trace=TRUE", "'include_trace'"),
            ("slot_id=1", "'slot_id'"),
            ("access_token=mm_secret", "access_token"),
            ("channel_id=chn_0123456789abcdef", "twice"),
            ("%ff=1", "unknown field"),
        ] {
            let error = from_query("sync_messages", Some(&format!("{channel}&{more}"))).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{more}");
            assert!(error.message.contains(named), "{more}: {}", error.message);
            assert!(!error.message.contains("mm_secret"));
        }
    }
}
