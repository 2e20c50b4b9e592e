//! The relay's key, and the secrets that are derived from it instead of being kept.
//!
//! An invite code or a rejoin token names its channel and slot and carries a MAC over them, so a
//! reply that was lost can be made again, and nothing in the database helps whoever steals it. The
//! key lives in a file of its own, beside the database and not in it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, Payload};
use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mcp_multiplayer_bot_supervisor::referee::Seeds;
use mcp_multiplayer_protocol::{BotId, ChannelId, Hash, Secret, SlotId};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::clock::Random;

/// 96 bits: guessing one is out of the question, and the code stays short enough to be copied.
const MAC_BYTES: usize = 12;

/// The seat that an invite code or rejoin token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeatClaim {
    pub(crate) channel_id: ChannelId,
    pub(crate) slot_id: SlotId,
    /// The invite's generation, or the tenure.
    pub(crate) number: u32,
}

/// The key that everything secret is derived from.
#[derive(Clone)]
pub struct RelayKey {
    invites: [u8; 32],
    rejoins: [u8; 32],
    pseudonyms: [u8; 32],
    bots: [u8; 32],
    env: [u8; 32],
    requests: [u8; 32],
    cookies: [u8; 64],
    consents: [u8; 32],
}

impl fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayKey([secret])")
    }
}

impl RelayKey {
    /// The key made of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, bytes);
        let derive = |purpose: &str| {
            let mut key = [0; 32];
            hkdf.expand(purpose.as_bytes(), &mut key).expect("32 bytes are not too many");
            key
        };
        let mut cookies = [0; 64];
        hkdf.expand(b"mcp-multiplayer/cookie/v1", &mut cookies).expect("64 bytes are not too many");
        Self {
            invites: derive("mcp-multiplayer/invite/v1"),
            rejoins: derive("mcp-multiplayer/rejoin/v1"),
            pseudonyms: derive("mcp-multiplayer/pseudonym/v1"),
            bots: derive("mcp-multiplayer/bot/v1"),
            env: derive("mcp-multiplayer/env/v1"),
            requests: derive("mcp-multiplayer/request/v1"),
            cookies,
            consents: derive("mcp-multiplayer/consent/v1"),
        }
    }

    /// Reads the key from its file, or makes one there.
    pub fn open(path: &Path, random: &Random) -> io::Result<Self> {
        let text = read_or_create(path, || ChannelId::encode_base32(&random.bytes::<32>()))?;
        let bytes = ChannelId::decode_base32(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} does not hold a relay key", path.display()))
        })?;
        Ok(Self::new(&bytes))
    }

    /// The code that fills an invite slot.
    pub(crate) fn invite_code(&self, grant: SeatClaim) -> Secret {
        Secret::new(format!("inv_{}", seal(&self.invites, grant)))
    }

    /// The token that brings the holder of a seat back to it.
    pub(crate) fn rejoin_token(&self, grant: SeatClaim) -> Secret {
        Secret::new(format!("rejoin_{}", seal(&self.rejoins, grant)))
    }

    /// What an invite code opens; `None` when this relay did not make it.
    pub(crate) fn open_invite(&self, code: &str) -> Option<SeatClaim> {
        unseal(&self.invites, code.strip_prefix("inv_")?)
    }

    /// What a rejoin token opens; `None` when this relay did not make it.
    pub(crate) fn open_rejoin(&self, token: &str) -> Option<SeatClaim> {
        unseal(&self.rejoins, token.strip_prefix("rejoin_")?)
    }

    /// What a principal is called in a channel: the same each time, and not to be linked across channels.
    pub(crate) fn pseudonym(&self, channel_id: ChannelId, principal: &str) -> Hash {
        Hash::from_bytes(mac(&self.pseudonyms, &[channel_id.as_bytes(), principal.as_bytes()]))
    }

    /// Seals a bot's secrets, for the database: a fresh nonce, and ChaCha20-Poly1305 (RFC 8439).
    pub(crate) fn seal_env(
        &self,
        channel_id: ChannelId,
        bot_id: &BotId,
        env: &BTreeMap<String, Secret>,
        random: &Random,
    ) -> Vec<u8> {
        let nonce = random.bytes::<12>();
        let text = serde_json::to_string(env).expect("names and texts are plain JSON");
        let payload = Payload { msg: text.as_bytes(), aad: bot_id.as_str().as_bytes() };
        let sealed = self.env_cipher(channel_id).encrypt(&nonce.into(), payload).expect("a short text can be sealed");
        [&nonce[..], &sealed].concat()
    }

    /// Opens them again; `None` when another key sealed them, or for another bot.
    pub(crate) fn open_env(
        &self,
        channel_id: ChannelId,
        bot_id: &BotId,
        sealed: &[u8],
    ) -> Option<BTreeMap<String, Secret>> {
        let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
        let payload = Payload { msg: sealed, aad: bot_id.as_str().as_bytes() };
        let text = self.env_cipher(channel_id).decrypt(&(*nonce).into(), payload).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// One key for each channel, so that no two ever meet the same nonce by chance.
    fn env_cipher(&self, channel_id: ChannelId) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&mac(&self.env, &[channel_id.as_bytes()]).into())
    }

    /// Stands for a secret in the hash of a request, which is kept: nobody can try secrets against it.
    pub(crate) fn blind(&self, secret: &Secret) -> Hash {
        Hash::from_bytes(mac(&self.requests, &[secret.expose().as_bytes()]))
    }

    /// What signs the cookies by which the relay knows people again.
    pub(crate) fn cookies(&self) -> &[u8; 64] {
        &self.cookies
    }

    /// Signs what a page shown to this visitor sends back, so that it comes back unchanged and from that visitor alone.
    pub(crate) fn sign_consent(&self, visitor: &str, content: &[u8]) -> String {
        let tag = mac(&self.consents, &[visitor.as_bytes(), content]);
        BASE64URL_NOPAD.encode(&[&tag[..], content].concat())
    }

    /// What was signed for this visitor; `None` when it is altered, or was signed for another.
    pub(crate) fn open_consent(&self, visitor: &str, signed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(signed.as_bytes()).ok()?;
        let (tag, content) = bytes.split_first_chunk::<32>()?;
        bool::from(mac(&self.consents, &[visitor.as_bytes(), content]).ct_eq(tag)).then(|| content.to_vec())
    }

    /// The secret seeds of a bot, from which its salts and its randomness come.
    pub(crate) fn bot_seeds(&self, channel_id: ChannelId, bot_id: &BotId) -> Seeds {
        Seeds::new(mac(&self.bots, &[channel_id.as_bytes(), bot_id.as_str().as_bytes()]))
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do for HMAC");
    for part in parts {
        // Lengths in front, so that no two lists of parts run into the same bytes.
        mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn seal(key: &[u8; 32], grant: SeatClaim) -> String {
    let mut bytes = Vec::with_capacity(10 + 1 + 4 + MAC_BYTES);
    bytes.extend_from_slice(grant.channel_id.as_bytes());
    bytes.push(u8::try_from(grant.slot_id.place()).expect("a channel has at most 32 slots"));
    bytes.extend_from_slice(&grant.number.to_be_bytes());
    let mac = mac(key, &[&bytes]);
    bytes.extend_from_slice(&mac[..MAC_BYTES]);
    ChannelId::encode_base32(&bytes)
}

fn unseal(key: &[u8; 32], text: &str) -> Option<SeatClaim> {
    let bytes = ChannelId::decode_base32(text)?;
    let (named, tag) = bytes.split_at_checked(15)?;
    if !bool::from(mac(key, &[named])[..MAC_BYTES].ct_eq(tag)) {
        return None;
    }
    let (channel_id, rest) = named.split_first_chunk::<10>()?;
    let (place, number) = rest.split_first()?;
    Some(SeatClaim {
        channel_id: ChannelId::from_bytes(*channel_id),
        slot_id: SlotId::at(usize::from(*place)),
        number: u32::from_be_bytes(number.try_into().ok()?),
    })
}

/// Reads a secret file, or makes one with mode 0600; refuses a file that others can read.
pub(crate) fn read_or_create(path: &Path, make: impl FnOnce() -> String) -> io::Result<String> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match File::open(path) {
        Ok(mut file) => {
            if file.metadata()?.permissions().mode() & 0o077 != 0 {
                let message = format!("{} can be read by other users; run: chmod 600 {0}", path.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
            }
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make();
            // Written aside and renamed, so that a crash never leaves half a secret.
            let aside = path.with_extension("new");
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, path)?;
            if let Some(directory) = path.parent() {
                File::open(directory)?.sync_all()?;
            }
            Ok(text)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{BotId, ChannelId, SlotId};

    use super::{RelayKey, SeatClaim};

    fn grant() -> SeatClaim {
        SeatClaim { channel_id: ChannelId::from_bytes([7; 10]), slot_id: SlotId::at(3), number: 2 }
    }

    #[test]
    fn codes_open_what_they_name_and_nothing_else() {
        let key = RelayKey::new(&[1; 32]);
        let code = key.invite_code(grant());
        assert_eq!(key.open_invite(code.expose()), Some(grant()));
        assert_eq!(key.open_rejoin(&code.expose().replace("inv_", "rejoin_")), None);
        assert_eq!(RelayKey::new(&[2; 32]).open_invite(code.expose()), None);
        assert_eq!(format!("{code:?} {key:?}"), "[secret] RelayKey([secret])");
    }

    #[test]
    fn any_other_text_opens_nothing() {
        let key = RelayKey::new(&[1; 32]);
        let code = key.rejoin_token(grant()).expose().to_owned();
        for place in "rejoin_".len()..code.len() {
            let mut altered = code.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.open_rejoin(std::str::from_utf8(&altered).unwrap()), None);
        }
        for text in ["", "rejoin_", "rejoin_0", "inv_00", "rejoin_é", &code[..code.len() - 1], &format!("{code}0")] {
            assert_eq!(key.open_rejoin(text), None, "{text}");
        }
    }

    #[test]
    fn pseudonyms_and_seeds_differ_by_channel() {
        let key = RelayKey::new(&[1; 32]);
        let (here, there) = (ChannelId::from_bytes([1; 10]), ChannelId::from_bytes([2; 10]));
        assert_eq!(key.pseudonym(here, "alice"), key.pseudonym(here, "alice"));
        assert_ne!(key.pseudonym(here, "alice"), key.pseudonym(there, "alice"));
        assert_ne!(key.pseudonym(here, "alice"), key.pseudonym(here, "bob"));
        let bot = BotId::new("GuessBot", 0);
        assert_ne!(key.bot_seeds(here, &bot).commitment(0), key.bot_seeds(there, &bot).commitment(0));
    }

    #[test]
    fn sealed_secrets_open_for_their_bot_alone() {
        use std::collections::BTreeMap;

        use mcp_multiplayer_protocol::Secret;
        let (key, random) = (RelayKey::new(&[1; 32]), crate::clock::Random::system());
        let (here, there) = (ChannelId::from_bytes([1; 10]), ChannelId::from_bytes([2; 10]));
        let (bot, other) = (BotId::new("Judge", 0), BotId::new("Judge", 1));
        let env = BTreeMap::from([("API_KEY".to_owned(), Secret::new("sk-1234567890"))]);
        let mut sealed = key.seal_env(here, &bot, &env, &random);
        assert_eq!(key.open_env(here, &bot, &sealed).as_ref(), Some(&env));
        assert_ne!(sealed, key.seal_env(here, &bot, &env, &random));
        assert!(!sealed.windows(6).any(|window| window == b"123456" || window == b"API_KE"));
        assert_eq!(key.open_env(there, &bot, &sealed), None);
        assert_eq!(key.open_env(here, &other, &sealed), None);
        assert_eq!(RelayKey::new(&[2; 32]).open_env(here, &bot, &sealed), None);
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(key.open_env(here, &bot, &sealed), None);
        assert_eq!(key.open_env(here, &bot, &[0; 5]), None);
    }

    #[test]
    fn what_a_page_sends_back_is_what_was_signed_for_its_visitor() {
        let key = RelayKey::new(&[1; 32]);
        let signed = key.sign_consent("alice", b"a request");
        assert_eq!(key.open_consent("alice", &signed).as_deref(), Some(&b"a request"[..]));
        assert_eq!(key.open_consent("bob", &signed), None);
        assert_eq!(RelayKey::new(&[2; 32]).open_consent("alice", &signed), None);
        for place in 0..signed.len() {
            let mut altered = signed.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open_consent("alice", std::str::from_utf8(&altered).unwrap()), None);
        }
        for text in ["", "AAAA", "é", &signed[1..], &format!("{signed}=")] {
            assert_eq!(key.open_consent("alice", text), None, "{text}");
        }
    }

    #[test]
    fn the_key_is_made_once_and_kept_from_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.key");
        let random = crate::clock::Random::system();
        let code = RelayKey::open(&path, &random).unwrap().invite_code(grant());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RelayKey::open(&path, &random).unwrap().invite_code(grant()), code);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(RelayKey::open(&path, &random).unwrap_err().to_string().contains("chmod 600"));
    }
}
