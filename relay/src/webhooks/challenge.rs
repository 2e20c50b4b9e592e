use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::message::Message;
use super::post::{PostError, Poster, Recipient};
use crate::clock::Random;

/// Maximum size of the response to a challenge, in bytes.
const MAX_RESPONSE_BYTES: usize = 4 * 1_024;

/// Reasons why an endpoint is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChallengeError {
    /// The operator's egress rules forbid the connection.
    Forbidden,
    /// The endpoint did not respond, or did not echo the challenge; a category of SEP-3415.
    Endpoint(&'static str),
}

/// Verifies that an endpoint wants to receive deliveries: it has to echo a challenge that is sent only once.
pub(super) async fn verify(poster: &Poster, recipient: Recipient<'_>, random: &Random) -> Result<(), ChallengeError> {
    #[derive(Deserialize)]
    struct Echo {
        challenge: String,
    }
    let challenge = BASE64URL_NOPAD.encode(&random.bytes::<32>());
    let message = Message::verification(&challenge, random);
    let response = poster.post(recipient, &message, MAX_RESPONSE_BYTES).await.map_err(|error| match error {
        PostError::Forbidden => ChallengeError::Forbidden,
        other => ChallengeError::Endpoint(other.category()),
    })?;
    if !response.status.is_success() {
        return Err(ChallengeError::Endpoint(response.category()));
    }
    let echo = serde_json::from_slice(&response.body).map_or_else(|_| String::new(), |Echo { challenge }| challenge);
    if bool::from(echo.as_bytes().ct_eq(challenge.as_bytes())) {
        Ok(())
    } else {
        Err(ChallengeError::Endpoint("challenge_failed"))
    }
}
