use data_encoding::BASE64;
use thiserror::Error;

use super::LogOrigin;
use crate::{Algorithm, Hash, PublicKey, SigningKey};

/// Start of a signature line: em dash, space.
const SIGNATURE_PREFIX: &str = "— ";
/// Largest note, in bytes. Larger ones are refused before they are looked at.
const MAX_BYTES: usize = 256 * 1024;
/// Most signatures of a note. The specification asks for at least 16.
const MAX_SIGNATURES: usize = 64;
/// Length of the key id before each signature.
pub(super) const KEY_ID_BYTES: usize = 4;

/// Reasons why a signed note is refused. A reader must not use a note's text before its signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    /// The note is larger than any that is expected.
    #[error("a signed note has at most {MAX_BYTES} bytes and {MAX_SIGNATURES} signatures")]
    TooLarge,
    /// The note contains a control character other than the newline, such as a carriage return.
    #[error("a signed note contains no control characters but newlines")]
    ControlCharacter,
    /// There is no blank line, or nothing after it.
    #[error(
        "a signed note is a text, a blank line, and at least one line with a signature, each with a newline at its end"
    )]
    NoSignatures,
    /// A line after the blank line is not a signature.
    #[error("a signature line is '— <key name> <base64>' with a key id of four bytes and a signature")]
    MalformedSignature,
    /// There is no signature of the expected key. Those of other keys are ignored.
    #[error("the note is not signed by the expected key")]
    NotSigned,
    /// The signature of the expected key is not one of this text.
    #[error("the signature of the expected key is not valid for this text")]
    InvalidSignature,
}

/// Purpose of a signature, which is a part of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The log's own signature.
    Log,
    /// A cosignature (C2SP `tlog-cosignature`).
    Cosignature,
}

/// Signature types that the specification assigns.
pub(super) fn signature_type(algorithm: Algorithm, purpose: Purpose) -> u8 {
    match (algorithm, purpose) {
        (Algorithm::Ed25519, Purpose::Log) => 0x01,
        (Algorithm::Ed25519, Purpose::Cosignature) => 0x04,
    }
}

/// Returns the first four bytes of SHA-256(name ‖ 0x0A ‖ signature type ‖ public key).
pub(super) fn key_id(name: &str, key: &PublicKey, purpose: Purpose) -> [u8; KEY_ID_BYTES] {
    let hash = Hash::of(&[name.as_bytes(), b"\n", &[signature_type(key.algorithm(), purpose)], key.as_bytes()]);
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// Returns a public key with its name in the form that other tools for signed notes read:
/// `<name>+<key id in hex>+<base64 of signature type ‖ public key>`.
pub fn verifier_key(name: &LogOrigin, key: &PublicKey) -> String {
    let key_id = u32::from_be_bytes(key_id(name.as_str(), key, Purpose::Log));
    let typed = [&[signature_type(key.algorithm(), Purpose::Log)], key.as_bytes()].concat();
    format!("{name}+{key_id:08x}+{}", BASE64.encode(&typed))
}

/// Signs a text, which must end with a newline, under the name of the key.
pub(super) fn sign(text: &str, name: &LogOrigin, key: &SigningKey) -> String {
    debug_assert!(text.ends_with('\n'), "a note's text ends with a newline");
    let signature = [&key_id(name.as_str(), &key.public(), Purpose::Log)[..], &key.sign(text.as_bytes())].concat();
    format!("{text}\n{SIGNATURE_PREFIX}{name} {}\n", BASE64.encode(&signature))
}

/// Verifies a note, and returns its text. At least one signature must be the key's, and every one that claims to be must be
/// valid.
pub(super) fn verify<'a>(note: &'a str, name: &LogOrigin, key: &PublicKey) -> Result<&'a str, NoteError> {
    let (text, signatures) = parse(note)?;
    let key_id = key_id(name.as_str(), key, Purpose::Log);
    let mut is_signed = false;
    for signature in signatures.iter().filter(|signature| signature.is_by(name.as_str(), key_id)) {
        if !key.verify(text.as_bytes(), &signature.bytes) {
            return Err(NoteError::InvalidSignature);
        }
        is_signed = true;
    }
    if is_signed { Ok(text) } else { Err(NoteError::NotSigned) }
}

/// A signature of a note, not verified.
pub(super) struct NoteSignature<'a> {
    name: &'a str,
    key_id: [u8; KEY_ID_BYTES],
    pub(super) bytes: Vec<u8>,
}

impl NoteSignature<'_> {
    /// Returns `true` if it claims to be the signature of this key.
    pub(super) fn is_by(&self, name: &str, key_id: [u8; KEY_ID_BYTES]) -> bool {
        (self.name, self.key_id) == (name, key_id)
    }
}

/// Parses a note, and returns its text and signatures. Nothing is verified.
pub(super) fn parse(note: &str) -> Result<(&str, Vec<NoteSignature<'_>>), NoteError> {
    if note.len() > MAX_BYTES {
        return Err(NoteError::TooLarge);
    }
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    let (text, lines) = split(note).ok_or(NoteError::NoSignatures)?;
    let mut signatures = Vec::new();
    for line in lines.lines() {
        if signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::TooLarge);
        }
        signatures.push(parse_signature(line).ok_or(NoteError::MalformedSignature)?);
    }
    Ok((text, signatures))
}

/// Splits a note at its last blank line, into the text with its last newline, and the signature lines.
fn split(note: &str) -> Option<(&str, &str)> {
    let end = note.rfind("\n\n")? + 1;
    let (text, lines) = (&note[..end], &note[end + 1..]);
    lines.ends_with('\n').then_some((text, lines))
}

fn parse_signature(line: &str) -> Option<NoteSignature<'_>> {
    let (name, signature) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let signature = BASE64.decode(signature.as_bytes()).ok()?;
    let (key_id, bytes) = signature.split_first_chunk().filter(|(_, bytes)| !bytes.is_empty())?;
    is_key_name(name).then(|| NoteSignature { name, key_id: *key_id, bytes: bytes.to_vec() })
}

/// Returns `true` for a text that can be the name of a key.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::{NoteError, sign, verifier_key, verify};
    use crate::SigningKey;

    /// The example in the documentation of the Go package `sumdb/note`, from which the specification comes.
    #[test]
    fn notes_are_those_of_the_published_example() {
        let text = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n";
        let secret = BASE64.decode(b"AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = SigningKey::ed25519(&secret[1..].try_into().unwrap());
        let name = "PeterNeumann".parse().unwrap();
        let note = sign(text, &name, &key);
        let signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert_eq!(note, format!("{text}\n— PeterNeumann {signature}\n"));
        assert_eq!(verify(&note, &name, &key.public()), Ok(text));
        let published = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(verifier_key(&name, &key.public()), published);
        // Signatures of others are ignored, before and after the expected one.
        let other = sign(text, &"EnochRoot".parse().unwrap(), &SigningKey::ed25519(&[1; 32]));
        let (_, line) = note.rsplit_once('—').unwrap();
        let both = format!("{other}—{line}");
        assert_eq!(verify(&both, &name, &key.public()), Ok(text));
        assert_eq!(verify(&other, &name, &key.public()), Err(NoteError::NotSigned));
        assert_eq!(verify(&format!("{note}—{line}"), &name, &key.public()), Ok(text));
    }

    #[test]
    fn notes_are_refused_before_they_become_expensive() {
        let (name, key) = ("log".parse().unwrap(), SigningKey::ed25519(&[1; 32]));
        let note = sign("text\n", &name, &key);
        let line = &note["text\n\n".len()..];
        let with_signatures = |count| format!("text\n\n{}", line.repeat(count));
        assert_eq!(verify(&with_signatures(64), &name, &key.public()), Ok("text\n"));
        assert_eq!(verify(&with_signatures(65), &name, &key.public()), Err(NoteError::TooLarge));
        let large = format!("{}{note}", "text\n".repeat(60_000));
        assert_eq!(verify(&large, &name, &key.public()), Err(NoteError::TooLarge));
    }
}
