//! What clients send to the token and the revocation endpoint: a form, or a flat JSON object.

use std::fmt;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::refusal::Refusal;

/// Largest form.
const LARGEST: usize = 32 * 1024;

/// Parameters, each there once and not empty.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a request's body; parameters of its URL count for nothing (RFC 6749, section 3.2).
    pub(super) async fn read(request: Request) -> Result<(Parts, Self), Refusal> {
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, LARGEST).await.map_err(|_| Refusal::too_large(LARGEST))?;
        let kind = parts.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let form = match kind.as_deref() {
            None | Some("application/x-www-form-urlencoded") => Self::from_form(&bytes)?,
            Some("application/json") => Self::from_json(&bytes)?,
            Some(_) => {
                let forms = "Send the parameters as application/x-www-form-urlencoded or application/json.";
                return Err(Refusal::invalid_request(forms));
            }
        };
        Ok((parts, form))
    }

    fn from_form(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::once(url::form_urlencoded::parse(bytes).into_owned())
    }

    fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        // The error's own words may quote a secret.
        let Fields(fields) = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refusal::invalid_request(format!("The body is not a JSON object (line {line}, column {column})."))
        })?;
        let texts = fields.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Null => Ok((name, String::new())),
            _ => Err(Refusal::invalid_request(format!("{name} is to be a string."))),
        });
        Self::once(texts.collect::<Result<Vec<_>, _>>()?)
    }

    /// A parameter without a value is as good as none, and none may come twice (RFC 6749, section 3.2).
    fn once(parameters: impl IntoIterator<Item = (String, String)>) -> Result<Self, Refusal> {
        let mut once: Vec<(String, String)> = Vec::new();
        for (name, value) in parameters {
            if once.iter().any(|(other, _)| *other == name) {
                return Err(Refusal::invalid_request(format!("{name} is there more than once.")));
            }
            once.push((name, value));
        }
        once.retain(|(_, value)| !value.is_empty());
        Ok(Self(once))
    }

    /// A parameter, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::invalid_request(format!("{name} is missing.")))
    }
}

/// The members of an object in order, those that come twice included.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn forms_and_json_objects_are_read() {
        let form = Form::from_form(b"grant_type=client_credentials&scope=a+b%20c&code=").ok().unwrap();
        assert_eq!(form.get("grant_type"), Some("client_credentials"));
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("code"), None);
        assert_eq!(form.require("code").unwrap_err().error(), "invalid_request");
        let form = Form::from_json(br#"{"grant_type":"client_credentials","scope":null}"#).ok().unwrap();
        assert_eq!((form.get("grant_type"), form.get("scope")), (Some("client_credentials"), None));
    }

    #[test]
    fn what_comes_twice_or_is_no_text_is_refused() {
        for body in ["code=a&code=b", "code=a&code=a", "code=&code=a"] {
            assert!(Form::from_form(body.as_bytes()).is_err(), "{body}");
        }
        for body in [r#"{"code":"a","code":"b"}"#, r#"{"code":1}"#, r#"{"code":["a"]}"#, r#"["code"]"#, "", "{"] {
            assert!(Form::from_json(body.as_bytes()).is_err(), "{body}");
        }
    }
}
