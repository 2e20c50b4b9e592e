use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{Client, EndpointNotSet, ExtraTokenFields, StandardRevocableToken, StandardTokenResponse};
use serde::{Deserialize, Serialize};

/// Response of a relay to a request for tokens.
pub(super) type TokenResponse = StandardTokenResponse<RelayFields, BasicTokenType>;

/// OAuth client of a relay.
pub(super) type TokenClient<Auth = EndpointNotSet, Token = EndpointNotSet> = Client<
    BasicErrorResponse,
    TokenResponse,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    Auth,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    Token,
>;

/// Members of a response that relays add to those of OAuth.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct RelayFields {
    /// The name that the relay's operator gave to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

impl ExtraTokenFields for RelayFields {}
