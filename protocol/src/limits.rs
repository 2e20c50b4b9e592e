//! Sizes that both ends know. The relay's configuration may lower or raise those marked *default*.

/// Longest `name` of a channel, a bot or a slot label, in characters.
pub const NAME_CHARS: usize = 100;
/// What a name looks like, as a regular expression of JSON Schema: something to see, and no control character.
pub const NAME_PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
/// What a slot of `create_channel` looks like: its kind, and a label that is a name, or none.
pub const SLOT_PATTERN: &str =
    r"^(bot|invite)(:([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*)?)?$";
/// Most slots of a channel.
pub const SLOTS: usize = 32;
/// Largest body of a player's entry, in bytes of canonical JSON (*default*).
pub const BODY_BYTES: usize = 32 * 1024;
/// Largest source text of a bot, in bytes.
pub const SOURCE_BYTES: usize = 256 * 1024;
/// Largest manifest, and largest params, of a bot, in bytes of canonical JSON.
pub const MANIFEST_BYTES: usize = 16 * 1024;
/// Longest `idempotency_key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;
/// Longest contributed `entropy`, in bytes.
pub const ENTROPY_BYTES: usize = 256;
/// Longest wait of a long-poll, in milliseconds (*default*).
pub const WAIT_MS: u64 = 45_000;
/// Wait of a `sync_messages` that does not say, in milliseconds.
pub const DEFAULT_WAIT_MS: u64 = 25_000;
/// Most messages of one `sync_messages` answer.
pub const PAGE_ENTRIES: u32 = 500;
/// Largest page of messages or of source, in bytes of JSON, so that an MCP result stays under 60,000 characters.
pub const PAGE_BYTES: usize = 40_000;
/// Largest answer that is put together from several such things, in bytes of JSON, for the same reason.
pub const ANSWER_BYTES: usize = 55_000;
/// Most operations in one `update_channel`.
pub const UPDATE_OPS: usize = 32;
/// How many bot posts may follow from one another before bots stop being told.
pub const CASCADE_DEPTH: u32 = 8;
/// Nesting of a body, params or state.
pub const JSON_DEPTH: usize = 32;
/// Largest and smallest integer that every JSON reader keeps exactly (RFC 8259, section 6).
pub const SAFE_INTEGER: i64 = (1 << 53) - 1;
