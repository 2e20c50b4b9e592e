//! The relay's key, and everything that is derived from it.
//!
//! The file `relay.key` contains 32 random bytes. HKDF-SHA256 (RFC 5869) derives an independent key for each purpose from
//! them; the purpose is HKDF's `info`:
//!
//! | `info` | the derived key |
//! |---|---|
//! | `mcp-multiplayer/invite/v1` | authenticates invite codes |
//! | `mcp-multiplayer/rejoin/v1` | authenticates rejoin tokens |
//! | `mcp-multiplayer/pseudonym/v1` | turns channel and principal into the principal's pseudonym in that channel |
//! | `mcp-multiplayer/bot/v1` | turns channel and bot into the bot's seeds, from which its randomness and its salts come |
//! | `mcp-multiplayer/env/v1` | turns a channel into the key that encrypts the `env` of its bots in the database |
//! | `mcp-multiplayer/request/v1` | replaces secrets by MACs in the stored hashes of requests with an idempotency key |
//! | `mcp-multiplayer/cookie/v1` | signs the cookies by which the authorization server recognizes browsers |
//! | `mcp-multiplayer/consent/v1` | authenticates the hidden field of the consent page's form |
//! | `mcp-multiplayer/receipt-link/v1` | encrypts the links from which browsers save a receipt |
//! | `mcp-multiplayer/webhook-id/v1` | turns principal, URL and arguments of a webhook subscription into its id |
//! | `mcp-multiplayer/webhook-secret/v1` | turns a webhook subscription into the key that encrypts its secrets in the database |
//! | `mcp-multiplayer/fingerprint/v1` | is stored in the database, which is refused with any other key |
//!
//! Invite codes and rejoin tokens are not stored. Each contains its channel, slot and number, and a MAC over them. So the
//! relay can compute a code again when the reply that contained it was lost, and a stolen database opens no seat. For the
//! same reason the key is in a file of its own: whoever copies the database does not get it.
//!
//! Nothing in this module may log a key or a derived secret.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, Payload};
use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mcp_multiplayer_bot_supervisor::referee::Seeds;
use mcp_multiplayer_protocol::{BotId, ChannelId, Hash, Secret, SlotId};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::file::{create_secret, decode, encode, read_secret};
use super::seeds::RecentSeeds;
use crate::clock::Random;
use crate::store::Store;

/// Length of the MAC in a code. 96 bits cannot be guessed online, and keep the code short enough to copy by hand.
const MAC_BYTES: usize = 12;

/// The seat that an invite code or a rejoin token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeatClaim {
    pub(crate) channel_id: ChannelId,
    pub(crate) slot_id: SlotId,
    /// Generation of the invite, or number of the tenure.
    pub(crate) number: u32,
}

/// The keys derived from the relay's key, one for each purpose.
#[derive(Clone)]
pub struct RelayKey {
    invite: [u8; 32],
    rejoin: [u8; 32],
    pseudonym: [u8; 32],
    bot: [u8; 32],
    env: [u8; 32],
    request: [u8; 32],
    /// 64 bytes, as the crate that signs the cookies demands.
    cookie: [u8; 64],
    consent: [u8; 32],
    receipt_link: [u8; 32],
    webhook_id: [u8; 32],
    webhook_secret: [u8; 32],
    fingerprint: Hash,
    recent_seeds: Arc<RecentSeeds>,
}

impl fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelayKey([secret])")
    }
}

impl RelayKey {
    /// Derives the keys from the bytes in the relay's key file.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, bytes);
        let derive = |purpose: &str| {
            let mut key = [0; 32];
            hkdf.expand(purpose.as_bytes(), &mut key).expect("HKDF-SHA256 can derive 32 bytes");
            key
        };
        let mut cookie = [0; 64];
        hkdf.expand(b"mcp-multiplayer/cookie/v1", &mut cookie).expect("HKDF-SHA256 can derive 64 bytes");
        Self {
            invite: derive("mcp-multiplayer/invite/v1"),
            rejoin: derive("mcp-multiplayer/rejoin/v1"),
            pseudonym: derive("mcp-multiplayer/pseudonym/v1"),
            bot: derive("mcp-multiplayer/bot/v1"),
            env: derive("mcp-multiplayer/env/v1"),
            request: derive("mcp-multiplayer/request/v1"),
            cookie,
            consent: derive("mcp-multiplayer/consent/v1"),
            receipt_link: derive("mcp-multiplayer/receipt-link/v1"),
            webhook_id: derive("mcp-multiplayer/webhook-id/v1"),
            webhook_secret: derive("mcp-multiplayer/webhook-secret/v1"),
            fingerprint: Hash::from_bytes(derive("mcp-multiplayer/fingerprint/v1")),
            recent_seeds: Arc::default(),
        }
    }

    /// Opens the key of a relay that is about to run on this store, and creates it for a new store.
    ///
    /// The store is bound to the first key. With another one, every seat would be lost and bots would reveal seeds that
    /// contradict their commitments, so that an honest relay looks like a cheat: such a start is refused.
    pub async fn open(path: &Path, store: &dyn Store, random: &Random) -> Result<Self> {
        let is_bound = store.lookup_relay_key().await?.is_some();
        let key = match Self::read(path)? {
            Some(key) => key,
            None if is_bound => bail!("{}", missing(path)),
            None => Self::parse(path, &create_secret(path, encode(&random.bytes()))?)?,
        };
        let bound = store.bind_relay_key(key.fingerprint()).await?;
        ensure!(bound == key.fingerprint(), "{}", other(path));
        Ok(key)
    }

    /// Opens the key of a relay that has run on this store. Creates nothing.
    pub async fn open_existing(path: &Path, store: &dyn Store) -> Result<Self> {
        let key = Self::read(path)?.with_context(|| missing(path))?;
        let bound = store.lookup_relay_key().await?;
        ensure!(bound.is_none_or(|bound| bound == key.fingerprint()), "{}", other(path));
        Ok(key)
    }

    /// Identifies the key without revealing anything of it.
    fn fingerprint(&self) -> Hash {
        self.fingerprint
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        read_secret(path)?.map(|text| Self::parse(path, &text)).transpose()
    }

    fn parse(path: &Path, text: &str) -> io::Result<Self> {
        decode(path, text, "relay key").map(|bytes| Self::new(&bytes))
    }

    /// Computes the code that fills an invite slot.
    pub(crate) fn invite_code(&self, seat: SeatClaim) -> Secret {
        Secret::new(format!("inv_{}", encode_seat(&self.invite, seat)))
    }

    /// Computes the token that moves a seat to the caller.
    pub(crate) fn rejoin_token(&self, seat: SeatClaim) -> Secret {
        Secret::new(format!("rejoin_{}", encode_seat(&self.rejoin, seat)))
    }

    /// Verifies an invite code, and returns the seat that it is for; `None` if this relay did not issue the code.
    pub(crate) fn verify_invite_code(&self, code: &str) -> Option<SeatClaim> {
        decode_seat(&self.invite, code.strip_prefix("inv_")?)
    }

    /// Verifies a rejoin token, and returns the seat that it is for; `None` if this relay did not issue the token.
    pub(crate) fn verify_rejoin_token(&self, token: &str) -> Option<SeatClaim> {
        decode_seat(&self.rejoin, token.strip_prefix("rejoin_")?)
    }

    /// Computes the pseudonym of a principal in a channel. It is always the same there, and only the relay can link a
    /// principal's pseudonyms in different channels.
    pub(crate) fn pseudonym(&self, channel_id: ChannelId, principal: &str) -> Hash {
        Hash::from_bytes(mac(&self.pseudonym, &[channel_id.as_bytes(), principal.as_bytes()]))
    }

    /// Encrypts the `env` of a bot for the database: a random nonce, then ChaCha20-Poly1305 (RFC 8439) with the bot's id as
    /// associated data.
    pub(crate) fn seal_env(
        &self,
        channel_id: ChannelId,
        bot_id: &BotId,
        env: &BTreeMap<String, Secret>,
        random: &Random,
    ) -> Vec<u8> {
        let text = serde_json::to_string(env).expect("a map of strings can be written as JSON");
        seal(&self.env_cipher(channel_id), text.as_bytes(), bot_id.as_str().as_bytes(), random)
    }

    /// Decrypts the `env` of a bot; `None` if it was encrypted with another key, or for another channel or bot.
    pub(crate) fn open_env(
        &self,
        channel_id: ChannelId,
        bot_id: &BotId,
        sealed: &[u8],
    ) -> Option<BTreeMap<String, Secret>> {
        let text = open(&self.env_cipher(channel_id), sealed, bot_id.as_str().as_bytes())?;
        serde_json::from_slice(&text).ok()
    }

    /// Returns the cipher for the bots of one channel. A key of its own for each channel keeps the number of random nonces
    /// under one key small, so that none repeats by chance.
    fn env_cipher(&self, channel_id: ChannelId) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&mac(&self.env, &[channel_id.as_bytes()]).into())
    }

    /// Computes the MAC that replaces a secret in the stored hash of a request. Without the relay's key, nobody can test
    /// guesses of the secret against that hash.
    pub(crate) fn request_secret_mac(&self, secret: &Secret) -> Hash {
        Hash::from_bytes(mac(&self.request, &[secret.expose().as_bytes()]))
    }

    /// Key that signs the cookies by which the authorization server recognizes browsers.
    pub(crate) fn cookie_key(&self) -> &[u8; 64] {
        &self.cookie
    }

    /// Encodes the content of the consent page's hidden field with a MAC, so that only the visitor to whom the page was
    /// shown can send it back, and only unchanged.
    pub(crate) fn sign_consent(&self, visitor: &str, content: &[u8]) -> String {
        let tag = mac(&self.consent, &[visitor.as_bytes(), content]);
        BASE64URL_NOPAD.encode(&[&tag[..], content].concat())
    }

    /// Verifies the hidden field, and returns its content; `None` if it was altered, or made for another visitor.
    pub(crate) fn verify_consent(&self, visitor: &str, signed: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(signed.as_bytes()).ok()?;
        let (tag, content) = bytes.split_first_chunk::<32>()?;
        bool::from(mac(&self.consent, &[visitor.as_bytes(), content]).ct_eq(tag)).then(|| content.to_vec())
    }

    /// Encrypts the content of a receipt link, so that whoever has the link learns nothing from it, and cannot alter it.
    pub(crate) fn seal_receipt_link(&self, content: &[u8], random: &Random) -> Secret {
        let sealed = seal(&ChaCha20Poly1305::new(&self.receipt_link.into()), content, b"", random);
        Secret::new(format!("rcp_{}", BASE64URL_NOPAD.encode(&sealed)))
    }

    /// Decrypts the content of a receipt link; `None` if this relay did not make the link.
    pub(crate) fn open_receipt_link(&self, secret: &str) -> Option<Vec<u8>> {
        let sealed = BASE64URL_NOPAD.decode(secret.strip_prefix("rcp_")?.as_bytes()).ok()?;
        open(&ChaCha20Poly1305::new(&self.receipt_link.into()), &sealed, b"")
    }

    /// Computes the id of a webhook subscription. It reveals nothing of the principal to the receiver.
    pub(crate) fn webhook_id(&self, principal: &str, url: &str, name: &str, arguments: &str) -> String {
        let parts = [principal, url, name, arguments].map(str::as_bytes);
        format!("sub_{}", ChannelId::encode_base32(&mac(&self.webhook_id, &parts)[..20]))
    }

    /// Encrypts the secrets of a webhook subscription for the database.
    pub(crate) fn seal_webhook_secrets(&self, id: &str, secrets: &[u8], random: &Random) -> Vec<u8> {
        seal(&self.webhook_cipher(id), secrets, b"", random)
    }

    /// Decrypts the secrets of a webhook subscription; `None` if they were encrypted with another key, or for another one.
    pub(crate) fn open_webhook_secrets(&self, id: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        open(&self.webhook_cipher(id), sealed, b"")
    }

    /// Returns the cipher for one subscription, which has a key of its own, as a channel has for its bots.
    fn webhook_cipher(&self, id: &str) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&mac(&self.webhook_secret, &[id.as_bytes()]).into())
    }

    /// Derives the secret seeds of a bot, from which its randomness and its salts come.
    pub(crate) fn bot_seeds(&self, channel_id: ChannelId, bot_id: &BotId) -> Seeds {
        let derive = || Seeds::new(mac(&self.bot, &[channel_id.as_bytes(), bot_id.as_str().as_bytes()]));
        self.recent_seeds.get(channel_id, bot_id, derive)
    }
}

/// Encrypts with a random nonce, which comes first, and ChaCha20-Poly1305 (RFC 8439).
fn seal(cipher: &ChaCha20Poly1305, text: &[u8], associated: &[u8], random: &Random) -> Vec<u8> {
    let nonce = random.bytes::<12>();
    let payload = Payload { msg: text, aad: associated };
    let sealed = cipher.encrypt(&nonce.into(), payload).expect("a short text can be encrypted");
    [&nonce[..], &sealed].concat()
}

fn open(cipher: &ChaCha20Poly1305, sealed: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: associated }).ok()
}

/// HMAC-SHA256 over a list of byte strings.
fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        // Each part follows its length, so that two different lists never give the same bytes.
        mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Encodes a seat as channel id (10 bytes), slot (1), number (4, big-endian) and MAC over these, in base32.
fn encode_seat(key: &[u8; 32], seat: SeatClaim) -> String {
    let mut bytes = Vec::with_capacity(10 + 1 + 4 + MAC_BYTES);
    bytes.extend_from_slice(seat.channel_id.as_bytes());
    bytes.push(u8::try_from(seat.slot_id.place()).expect("a channel has at most 32 slots"));
    bytes.extend_from_slice(&seat.number.to_be_bytes());
    let mac = mac(key, &[&bytes]);
    bytes.extend_from_slice(&mac[..MAC_BYTES]);
    ChannelId::encode_base32(&bytes)
}

/// Decodes a seat; `None` if the MAC is not valid.
fn decode_seat(key: &[u8; 32], text: &str) -> Option<SeatClaim> {
    let bytes = ChannelId::decode_base32(text)?;
    let (content, tag) = bytes.split_at_checked(15)?;
    if !bool::from(mac(key, &[content])[..MAC_BYTES].ct_eq(tag)) {
        return None;
    }
    let (channel_id, rest) = content.split_first_chunk::<10>()?;
    let (place, number) = rest.split_first()?;
    Some(SeatClaim {
        channel_id: ChannelId::from_bytes(*channel_id),
        slot_id: SlotId::at(usize::from(*place)),
        number: u32::from_be_bytes(number.try_into().ok()?),
    })
}

fn missing(path: &Path) -> String {
    format!(
        "{} is missing, and the database was used with it: restore the file from a backup, or start over with a new --data-dir. Without the key, no invite, seat or bot of this database can be used",
        path.display()
    )
}

fn other(path: &Path) -> String {
    format!(
        "{} is not the key of the database: restore the file that belongs to this database from a backup, or start over with a new --data-dir",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{BotId, ChannelId, SlotId};

    use super::{RelayKey, SeatClaim};

    fn seat() -> SeatClaim {
        SeatClaim { channel_id: ChannelId::from_bytes([7; 10]), slot_id: SlotId::at(3), number: 2 }
    }

    #[test]
    fn codes_are_valid_for_their_seat_and_purpose_only() {
        let key = RelayKey::new(&[1; 32]);
        let code = key.invite_code(seat());
        assert_eq!(key.verify_invite_code(code.expose()), Some(seat()));
        assert_eq!(key.verify_rejoin_token(&code.expose().replace("inv_", "rejoin_")), None);
        assert_eq!(RelayKey::new(&[2; 32]).verify_invite_code(code.expose()), None);
        assert_eq!(format!("{code:?} {key:?}"), "[secret] RelayKey([secret])");
    }

    #[test]
    fn altered_codes_are_refused() {
        let key = RelayKey::new(&[1; 32]);
        let code = key.rejoin_token(seat()).expose().to_owned();
        for place in "rejoin_".len()..code.len() {
            let mut altered = code.clone().into_bytes();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.verify_rejoin_token(std::str::from_utf8(&altered).unwrap()), None);
        }
        for text in ["", "rejoin_", "rejoin_0", "inv_00", "rejoin_é", &code[..code.len() - 1], &format!("{code}0")] {
            assert_eq!(key.verify_rejoin_token(text), None, "{text}");
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
        assert_ne!(
            key.bot_seeds(here, &bot).commitment(0),
            key.bot_seeds(here, &BotId::new("GuessBot", 1)).commitment(0)
        );
        let later = RelayKey::new(&[1; 32]);
        assert_eq!(key.bot_seeds(here, &bot).commitment(0), later.bot_seeds(here, &bot).commitment(0));
    }

    #[test]
    fn env_is_decrypted_for_its_own_bot_only() {
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
    fn consent_is_valid_unaltered_and_for_its_visitor_only() {
        let key = RelayKey::new(&[1; 32]);
        let signed = key.sign_consent("alice", b"a request");
        assert_eq!(key.verify_consent("alice", &signed).as_deref(), Some(&b"a request"[..]));
        assert_eq!(key.verify_consent("bob", &signed), None);
        assert_eq!(RelayKey::new(&[2; 32]).verify_consent("alice", &signed), None);
        for place in 0..signed.len() {
            let mut altered = signed.clone().into_bytes();
            altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.verify_consent("alice", std::str::from_utf8(&altered).unwrap()), None);
        }
        for text in ["", "AAAA", "é", &signed[1..], &format!("{signed}=")] {
            assert_eq!(key.verify_consent("alice", text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn the_key_file_is_created_once_and_must_be_private() {
        use std::os::unix::fs::PermissionsExt as _;

        use crate::config::Config;
        use crate::database::{Purpose, open_database};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("relay.key");
        let random = crate::clock::Random::system();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = open_database(&config, Purpose::Serve).unwrap();
        let code = RelayKey::open(&path, &*store, &random).await.unwrap().invite_code(seat());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RelayKey::open(&path, &*store, &random).await.unwrap().invite_code(seat()), code);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(RelayKey::open(&path, &*store, &random).await.unwrap_err().to_string().contains("chmod 600"));
    }
}
