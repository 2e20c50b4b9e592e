//! Keys that sign, and the public keys that verify.
//!
//! A key knows its algorithm, so that another one can be added beside Ed25519. This module says nothing of what is signed:
//! every kind of text that is signed must differ from all others, by a tag or by its form.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use ed25519_dalek::Signer as _;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), with public keys of 32 bytes and signatures of 64.
    Ed25519,
}

/// A public key, written `ed25519:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(Verifier);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Creates an Ed25519 key from its 32 bytes (RFC 8032, section 5.1.5); `None` if they are not a point of the curve, or one of
    /// the few under which a signature is valid for several messages.
    pub fn ed25519(bytes: &[u8; 32]) -> Option<Self> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).ok()?;
        // A point has one spelling only: two keys are equal exactly if their texts are.
        let is_canonical = key.to_edwards().compress().as_bytes() == bytes;
        (is_canonical && !key.is_weak()).then_some(Self(Verifier::Ed25519(key)))
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Verifier::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// Returns the key's bytes, in the form of its algorithm.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Verifier::Ed25519(key) => key.as_bytes(),
        }
    }

    /// Returns `true` if this is the key's signature of the message. A signature of another length, or with parts that are
    /// not in their one allowed form, is none.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Verifier::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm() {
            Algorithm::Ed25519 => write!(f, "ed25519:{}", HEXLOWER.encode_display(self.as_bytes())),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = "a public key is 'ed25519:' followed by the 64 lower-case hex digits of a valid key";
        let bytes = text.strip_prefix("ed25519:").and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok()).ok_or(error)?;
        Self::ed25519(&bytes.try_into().map_err(|_| error)?).ok_or(error)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PublicKey {
    fn schema_name() -> Cow<'static, str> {
        "PublicKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^ed25519:[0-9a-f]{64}$" })
    }
}

/// A key that signs. It is erased from memory when it is dropped, and never printed.
#[derive(Clone)]
pub struct SigningKey(Signer);

#[derive(Clone)]
enum Signer {
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl SigningKey {
    /// Creates an Ed25519 key from its secret 32 bytes (RFC 8032, section 5.1.5), which must be random.
    pub fn ed25519(secret: &[u8; 32]) -> Self {
        Self(Signer::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(secret))))
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Signer::Ed25519(key) => PublicKey(Verifier::Ed25519(key.verifying_key())),
        }
    }

    /// Signs a message. The same message always gets the same signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Signer::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{PublicKey, SigningKey};

    /// RFC 8032, section 7.1: secret key, public key, message and signature of tests 1 and 3.
    const PUBLISHED: [[&str; 4]; 2] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        HEXLOWER.decode(hex.as_bytes()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_published_examples() {
        for [secret, public, message, signature] in PUBLISHED.map(|example| example.map(bytes)) {
            let key = SigningKey::ed25519(&secret.try_into().unwrap());
            assert_eq!((key.public().as_bytes(), key.sign(&message)), (&public[..], signature.clone()));
            assert!(key.public().verify(&message, &signature));
            assert!(!key.public().verify(b"another", &signature));
        }
    }

    #[test]
    fn altered_and_malleated_signatures_are_refused() {
        let key = SigningKey::ed25519(&[7; 32]);
        let signature = key.sign(b"message");
        assert!(!key.public().verify(b"message", &signature[..63]));
        assert!(!key.public().verify(b"message", &[&signature[..], &[0]].concat()));
        for place in 0..signature.len() {
            let mut altered = signature.clone();
            altered[place] ^= 1;
            assert!(!key.public().verify(b"message", &altered), "{place}");
        }
        // The same signature with the group's order added to its second half, which RFC 8032 forbids.
        let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0;
        let mut malleated = signature.clone();
        for (byte, added) in malleated[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(added) + carry;
            *byte = u8::try_from(sum & 0xff).unwrap();
            carry = sum >> 8;
        }
        assert!(!key.public().verify(b"message", &malleated));
    }

    #[test]
    fn public_keys_have_one_text() {
        let key = SigningKey::ed25519(&[7; 32]).public();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(serde_json::from_value::<PublicKey>(serde_json::to_value(key).unwrap()).unwrap(), key);
        let hex = &text["ed25519:".len()..];
        for text in [
            hex.to_owned(),
            format!("ed25519:{}", hex.to_uppercase()),
            format!("ed25519:{}", &hex[2..]),
            format!("ed25519:{hex}00"),
            format!("rsa:{hex}"),
            String::new(),
        ] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_under_which_a_signature_means_nothing_are_refused() {
        let neutral = "0100000000000000000000000000000000000000000000000000000000000000";
        let of_order_two = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        // The neutral element again, written with the field's prime added.
        let not_canonical = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let not_on_the_curve = "0200000000000000000000000000000000000000000000000000000000000000";
        for hex in [neutral, of_order_two, not_canonical, not_on_the_curve] {
            assert!(format!("ed25519:{hex}").parse::<PublicKey>().is_err(), "{hex}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", SigningKey::ed25519(&[7; 32])), "SigningKey([secret])");
    }
}
