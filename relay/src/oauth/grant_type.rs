use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use crate::config::Access;

/// A grant type that the relay supports (RFC 6749, section 1.3, and RFC 8628), spelled as in the RFC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum GrantType {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

impl GrantType {
    /// Parses a grant type; `None` if the relay does not support it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
        Self::deserialize(deserializer).ok()
    }

    /// Returns the grant types that clients can use on a relay with this access.
    ///
    /// Only an open relay offers `client_credentials`: that grant involves no person, and on an invitation-only relay a
    /// client must act for somebody who was invited.
    pub(super) fn supported(access: Access) -> &'static [Self] {
        match access {
            Access::Open => &[Self::AuthorizationCode, Self::RefreshToken, Self::DeviceCode, Self::ClientCredentials],
            Access::Invite => &[Self::AuthorizationCode, Self::RefreshToken, Self::DeviceCode],
            Access::Closed => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GrantType;

    #[test]
    fn grant_types_are_spelled_as_in_the_rfc() {
        for (text, parsed) in [
            ("authorization_code", Some(GrantType::AuthorizationCode)),
            ("refresh_token", Some(GrantType::RefreshToken)),
            ("client_credentials", Some(GrantType::ClientCredentials)),
            ("urn:ietf:params:oauth:grant-type:device_code", Some(GrantType::DeviceCode)),
            ("device_code", None),
            ("AuthorizationCode", None),
            ("password", None),
            ("", None),
        ] {
            assert_eq!(GrantType::parse(text), parsed, "{text}");
            assert!(parsed.is_none_or(|grant_type| serde_json::to_value(grant_type).unwrap() == text), "{text}");
        }
    }
}
