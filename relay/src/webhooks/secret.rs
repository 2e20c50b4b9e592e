use std::fmt;
use std::ops::RangeInclusive;

use data_encoding::{BASE64, BASE64_NOPAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mcp_multiplayer_protocol::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Random;
use crate::keys::RelayKey;

/// Allowed lengths of a key, in bytes (Standard Webhooks).
const KEY_BYTES: RangeInclusive<usize> = 24..=64;
/// Time for which deliveries are signed with a replaced secret, too, in milliseconds: ten minutes.
const ROTATION_MS: u64 = 600_000;

/// The secrets that sign the deliveries of a subscription: the present one, and for a while the one that it replaced.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SigningSecrets {
    present: Secret,
    replaced: Option<ReplacedSecret>,
}

#[derive(Clone, Serialize, Deserialize)]
struct ReplacedSecret {
    secret: Secret,
    until: Timestamp,
}

impl SigningSecrets {
    /// Checks a secret of a client: `whsec_`, then a key in base64.
    pub(super) fn new(secret: Secret) -> Option<Self> {
        key(&secret)?;
        Some(Self { present: secret, replaced: None })
    }

    /// Returns these secrets as the successors of others.
    pub(super) fn replacing(self, earlier: Self, now: Timestamp) -> Self {
        let replaced = if earlier.present == self.present {
            earlier.replaced.filter(|replaced| now < replaced.until)
        } else {
            Some(ReplacedSecret { secret: earlier.present, until: now.after_millis(ROTATION_MS) })
        };
        Self { replaced, ..self }
    }

    /// Signs a message (Standard Webhooks, `v1`), with each secret that is in use.
    pub(super) fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let replaced = self.replaced.as_ref().filter(|replaced| now < replaced.until).map(|replaced| &replaced.secret);
        let signatures = std::iter::once(&self.present).chain(replaced).filter_map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)?).ok()?;
            mac.update(format!("{id}.{}.", now.as_millis() / 1_000).as_bytes());
            mac.update(body);
            Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// Encrypts the secrets of a subscription for the database.
    pub(super) fn seal(&self, key: &RelayKey, id: &str, random: &Random) -> Vec<u8> {
        let bytes = serde_json::to_vec(self).expect("texts can be written as JSON");
        key.seal_webhook_secrets(id, &bytes, random)
    }

    /// Decrypts the secrets of a subscription; `None` if they are those of another subscription, or relay.
    pub(super) fn open(key: &RelayKey, id: &str, sealed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&key.open_webhook_secrets(id, sealed)?).ok()
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecrets([secret])")
    }
}

/// Decodes the key of a secret; `None` if it is not a secret of Standard Webhooks.
fn key(secret: &Secret) -> Option<Vec<u8>> {
    let encoded = secret.expose().strip_prefix("whsec_")?;
    let key = BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()).ok()?;
    KEY_BYTES.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use mcp_multiplayer_protocol::{Secret, Timestamp};

    use super::{ROTATION_MS, SigningSecrets};
    use crate::clock::Random;
    use crate::keys::RelayKey;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_614_265_330_999)
    }

    fn secrets(text: &str) -> Option<SigningSecrets> {
        SigningSecrets::new(Secret::new(text))
    }

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secrets = secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now(), br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_has_24_to_64_bytes() {
        for (bytes, valid) in [(23, false), (24, true), (25, true), (64, true), (65, false)] {
            assert_eq!(secrets(&format!("whsec_{}", BASE64.encode(&vec![7; bytes]))).is_some(), valid, "{bytes}");
        }
        assert!(secrets(&BASE64.encode(&[7; 32])).is_none());
        assert!(secrets("whsec_not base64 at all, not base64 at all").is_none());
    }

    #[test]
    fn a_replaced_secret_signs_for_ten_minutes_more() {
        let (old, new) = (format!("whsec_{}", "A".repeat(32)), format!("whsec_{}", "B".repeat(32)));
        let rotated = secrets(&new).unwrap().replacing(secrets(&old).unwrap(), now());
        let rotated = secrets(&new).unwrap().replacing(rotated, now());
        let key = RelayKey::new(&[1; 32]);
        let sealed = rotated.seal(&key, "sub_1", &Random::system());
        assert!(SigningSecrets::open(&key, "sub_2", &sealed).is_none());
        let rotated = SigningSecrets::open(&key, "sub_1", &sealed).unwrap();
        let of = |secret: &str, now| secrets(secret).unwrap().sign("evt", now, b"{}");
        assert_eq!(rotated.sign("evt", now(), b"{}"), format!("{} {}", of(&new, now()), of(&old, now())));
        let later = now().after_millis(ROTATION_MS);
        assert_eq!(rotated.sign("evt", later, b"{}"), of(&new, later));
        assert!(!format!("{rotated:?}").contains("BBBB"));
    }
}
