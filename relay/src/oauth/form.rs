//! Request bodies of the token and the revocation endpoint: a form, or a flat JSON object.

use std::fmt;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::token_error::TokenError;

/// Maximum size of a body.
const MAX_BYTES: usize = 32 * 1024;

/// Parameters of a request. Each is given once and is not empty.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request. Parameters in its URL are ignored (RFC 6749, section 3.2).
    pub(super) async fn read(request: Request) -> Result<(Parts, Self), TokenError> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BYTES).await.map_err(|_| TokenError::too_large(MAX_BYTES))?;
        let kind = parts.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let form = match kind.as_deref() {
            None | Some("application/x-www-form-urlencoded") => Self::from_form(&bytes)?,
            Some("application/json") => Self::from_json(&bytes)?,
            Some(_) => {
                let description = "Send the parameters as application/x-www-form-urlencoded or application/json.";
                return Err(TokenError::invalid_request(description));
            }
        };
        Ok((parts, form))
    }

    fn from_form(bytes: &[u8]) -> Result<Self, TokenError> {
        Self::from_pairs(url::form_urlencoded::parse(bytes).into_owned())
    }

    fn from_json(bytes: &[u8]) -> Result<Self, TokenError> {
        // The message of the JSON error may quote a secret.
        let JsonObject(members) = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            TokenError::invalid_request(format!("The body is not a JSON object (line {line}, column {column})."))
        })?;
        let pairs = members.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Null => Ok((name, String::new())),
            _ => Err(TokenError::invalid_request(format!("{name} must be a string."))),
        });
        Self::from_pairs(pairs.collect::<Result<Vec<_>, _>>()?)
    }

    /// Drops parameters without a value, and rejects repeated ones (RFC 6749, section 3.2).
    fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, TokenError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in pairs {
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err(TokenError::invalid_request(format!("{name} is given more than once.")));
            }
            parameters.push((name, value));
        }
        parameters.retain(|(_, value)| !value.is_empty());
        Ok(Self(parameters))
    }

    /// Returns the value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a required parameter.
    pub(super) fn require(&self, name: &str) -> Result<&str, TokenError> {
        self.get(name).ok_or_else(|| TokenError::invalid_request(format!("{name} is missing.")))
    }
}

/// The members of a JSON object, in order and including repeated ones, which `serde_json::Map` would drop.
struct JsonObject(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = JsonObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<JsonObject, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonObject(members))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::Form;
    use crate::oauth::token_error::TokenErrorCode;

    #[test]
    fn forms_and_json_objects_are_read() {
        let form = Form::from_form(b"grant_type=client_credentials&scope=a+b%20c&code=").ok().unwrap();
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("code"), None);
        assert_eq!(form.require("code").unwrap_err().code(), TokenErrorCode::InvalidRequest);
        let form = Form::from_json(br#"{"grant_type":"client_credentials","scope":null}"#).ok().unwrap();
        assert_eq!((form.get("grant_type"), form.get("scope")), (Some("client_credentials"), None));
    }

    #[test]
    fn repeated_parameters_and_values_that_are_not_strings_are_rejected() {
        for body in ["code=a&code=b", "code=a&code=a", "code=&code=a"] {
            assert!(Form::from_form(body.as_bytes()).is_err(), "{body}");
        }
        for body in [r#"{"code":"a","code":"b"}"#, r#"{"code":1}"#, r#"{"code":["a"]}"#, r#"["code"]"#, "", "{"] {
            assert!(Form::from_json(body.as_bytes()).is_err(), "{body}");
        }
    }
}
