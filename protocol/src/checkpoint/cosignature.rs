//! Cosignatures of witnesses: C2SP `tlog-cosignature`, version 1 with Ed25519.

use super::note::{self, NoteError, Purpose};
use crate::PublicKey;

/// Length of the time before the signature proper: seconds since 1970, big-endian.
const TIME_BYTES: usize = 8;
/// Latest time that a cosignature may state.
const LATEST: u64 = i64::MAX as u64;

/// Verifies the cosignature of a key under a checkpoint; returns its time in seconds since 1970, `None` if there is none.
///
/// The latest one counts if there are several. All that claim to be this key's must be valid.
pub(super) fn verify(note: &str, name: &str, key: &PublicKey) -> Result<Option<u64>, NoteError> {
    let (text, signatures) = note::parse(note)?;
    let key_id = note::key_id(name, key, Purpose::Cosignature);
    let mut latest = None;
    for signature in signatures.iter().filter(|signature| signature.is_by(name, key_id)) {
        let (time, signature) =
            signature.bytes.split_first_chunk::<TIME_BYTES>().ok_or(NoteError::MalformedSignature)?;
        let time = u64::from_be_bytes(*time);
        if time > LATEST || !key.verify(format!("cosignature/v1\ntime {time}\n{text}").as_bytes(), signature) {
            return Err(NoteError::InvalidSignature);
        }
        latest = latest.max(Some(time));
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::verify;
    use crate::PublicKey;

    /// A checkpoint cosigned by another implementation, the Python package `cryptography`, with the secret key of 32 bytes 05.
    #[test]
    fn a_cosignature_of_other_software_is_verified() {
        let key = BASE64.decode(b"bnoc3Smwt4/ROvTFWY/v9O8qlxZuPKby5Pv8zYBQW/E=").unwrap();
        let key = PublicKey::ed25519(&key.try_into().unwrap()).unwrap();
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let signature = "EACK6wAAAABkGFDL7s5OOUhHwp4p21TTCJeMSo1Bl2UAhoc80ZEyygI4mjAE\
            yrcw3omPMCGsE8sDMQ4TJ7l/j9PTUaUqfUtqLx2GBA==";
        let note = &format!("{text}\n— witness.example.com/w1 {signature}\n");
        assert_eq!(verify(note, "witness.example.com/w1", &key), Ok(Some(1_679_315_147)));
        assert_eq!(verify(note, "witness.example.com/w2", &key), Ok(None));
        let other = note.replacen("20852163", "20852164", 1);
        assert!(verify(&other, "witness.example.com/w1", &key).is_err());
    }
}
