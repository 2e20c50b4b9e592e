use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use mcp_multiplayer_protocol::{Error, Secret};

/// Most secrets that a bot may be given.
const MAX_SECRETS: usize = 32;
/// Length of a secret, in bytes. Messages that contain a secret are refused; a shorter one would occur in many that
/// are harmless.
const SECRET_BYTES: RangeInclusive<usize> = 8..=4096;

/// Checks the names and secrets of a bot's `env`.
pub(super) fn checked_env(env: BTreeMap<String, Secret>) -> Result<BTreeMap<String, Secret>, Error> {
    if env.len() > MAX_SECRETS {
        return Err(Error::invalid(format!("env has {} names; at most {MAX_SECRETS}.", env.len()), "Leave some out."));
    }
    for (place, (name, value)) in env.iter().enumerate() {
        let is_name = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.as_bytes()[0].is_ascii_digit();
        // The caller may have put the secret in place of the name, so the message contains neither.
        if !is_name {
            return Err(Error::invalid(
                format!("Name number {} in env is not valid.", place + 1),
                "Names are 1 to 64 letters, digits and underscores, such as OPENAI_API_KEY.",
            ));
        }
        if !SECRET_BYTES.contains(&value.expose().len()) {
            return Err(Error::invalid(
                format!("The secret {name} in env is {} bytes long.", value.expose().len()),
                format!(
                    "Secrets are {} to {} bytes; put shorter values into params.",
                    SECRET_BYTES.start(),
                    SECRET_BYTES.end()
                ),
            ));
        }
    }
    Ok(env)
}
