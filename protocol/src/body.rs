use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{limits, unique};

/// Body of an entry: a JSON object, stored as the canonical text (RFC 8785) that is hashed.
///
/// Readers receive exactly the bytes that were hashed. Numbers are within ±(2⁵³−1), and nesting is at most [`limits::JSON_DEPTH`] levels deep.
#[derive(Clone)]
pub struct Body(Arc<RawValue>);

/// Error for a value that a body cannot contain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {reason}")]
pub struct BodyError {
    /// Location of the value, as in `body.score[2]`.
    pub path: String,
    /// Reason for which it is refused.
    pub reason: &'static str,
}

impl Body {
    /// Creates a body from `fields`. The paths in errors start with `name`.
    pub fn new(name: &str, fields: Map<String, Value>) -> Result<Self, BodyError> {
        let value = Value::Object(fields);
        Ok(Self::from_store(canonical_text(name, &value)?).expect("canonical text is JSON"))
    }

    /// Creates a body from one of this crate's own types, which serialize to objects of strings and small numbers.
    pub(crate) fn from_own_type<T: Serialize>(value: &T) -> Self {
        let text = serde_json_canonicalizer::to_string(value).expect("the crate's own bodies are plain JSON");
        Self::from_store(text).expect("canonical text is JSON")
    }

    /// Creates a body from canonical text; `None` if the text is not an object or not canonical.
    pub fn from_canonical(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let canonical = canonical_text("body", &value).ok()?;
        if value.is_object() && canonical == text { Self::from_store(canonical) } else { None }
    }

    /// Creates a body from a text of the store without checking again that it is canonical; `None` if it is not JSON.
    pub fn from_store(text: String) -> Option<Self> {
        Some(Self(RawValue::from_string(text).ok()?.into()))
    }

    /// Returns the canonical JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Parses the body's fields.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.0.get())
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Body {}

/// Returns the canonical JSON (RFC 8785) of a value, after checking that every JSON reader preserves it exactly.
pub fn canonical_text(name: &str, value: &Value) -> Result<String, BodyError> {
    check_exact(&mut name.to_owned(), value, 0)?;
    serde_json_canonicalizer::to_string(value)
        .map_err(|_| BodyError { path: name.to_owned(), reason: "cannot be written as canonical JSON" })
}

fn check_exact(path: &mut String, value: &Value, depth: usize) -> Result<(), BodyError> {
    let fail = |path: &str, reason| Err(BodyError { path: path.to_owned(), reason });
    if depth > limits::JSON_DEPTH {
        return fail(path, "nested deeper than 32 levels");
    }
    let length = path.len();
    match value {
        Value::Number(number) => {
            // Larger floats have no fraction. Whoever wrote 10^40 means an integer, and would find another one in the log.
            const END: f64 = 9_007_199_254_740_992.0;
            let exact = match number.as_i64() {
                Some(integer) => (-limits::SAFE_INTEGER..=limits::SAFE_INTEGER).contains(&integer),
                None => number.is_f64() && number.as_f64().is_some_and(|float| float.abs() < END),
            };
            if !exact {
                return fail(path, "numbers must lie within ±(2^53−1); send larger ones as text");
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let _ = write!(path, "[{index}]");
                check_exact(path, item, depth + 1)?;
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                path.push('.');
                path.extend(key.chars().take(40));
                check_exact(path, item, depth + 1)?;
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
    Ok(())
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.as_str().len())
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = unique::object(deserializer)?;
        Self::new("body", fields).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Body {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}

#[cfg(test)]
mod tests {
    use super::Body;
    use serde_json::{Value, json};

    fn body(value: Value) -> Result<Body, super::BodyError> {
        let Value::Object(fields) = value else { panic!("an object") };
        Body::new("body", fields)
    }

    #[test]
    fn text_is_canonical() {
        let body = body(json!({ "text": "é\u{1}", "b": [1.0, 0.1, -0.0], "a": null })).unwrap();
        assert_eq!(body.as_str(), "{\"a\":null,\"b\":[1,0.1,0],\"text\":\"é\\u0001\"}");
        assert_eq!(Body::from_canonical(body.as_str()), Some(body));
        assert_eq!(Body::from_canonical("{ }"), None);
        assert_eq!(Body::from_canonical("[]"), None);
    }

    #[test]
    fn errors_locate_a_number_that_is_too_large() {
        let error = body(json!({ "score": [1, { "x": 9_007_199_254_740_992_i64 }] })).unwrap_err();
        assert_eq!(error.path, "body.score[1].x");
        assert!(body(json!({ "n": -9_007_199_254_740_991_i64 })).is_ok());
        assert!(body(json!({ "n": u64::MAX })).is_err());
        assert!(body(json!({ "n": 1e20 })).is_err());
        assert!(body(json!({ "n": 1e40 })).is_err(), "an integer that no double represents");
    }

    #[test]
    fn excessive_nesting_is_refused() {
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(body(json!({ "deep": deep })).unwrap_err().reason, "nested deeper than 32 levels");
    }
}
