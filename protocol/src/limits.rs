//! Limits that the relay and its clients share. The relay's configuration can change those marked *default*.

/// Maximum length of the name of a channel or a bot, or of a slot's label, in characters.
pub const NAME_CHARS: usize = 100;
/// Pattern of a name for JSON Schema: at least one visible character, and no control characters.
pub const NAME_PATTERN: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
/// Pattern of a slot in `create_channel` for JSON Schema: its kind, and optionally a label, which is a name.
pub const SLOT_PATTERN: &str =
    r"^(bot|invite|practice)(:([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*)?)?$";
/// Maximum number of slots of a channel.
pub const SLOTS: usize = 32;
/// Maximum size of the body of a player's entry, in bytes of canonical JSON (*default*).
pub const BODY_BYTES: usize = 32 * 1024;
/// Maximum size of the body of an entry of the relay, in bytes.
pub const SYSTEM_BODY_BYTES: usize = 64 * 1024;
/// Maximum size of a bot's source text, in bytes.
pub const SOURCE_BYTES: usize = 256 * 1024;
/// Maximum size of a bot's manifest and of its params, each in bytes of canonical JSON.
pub const MANIFEST_BYTES: usize = 16 * 1024;
/// Maximum length of an `idempotency_key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;
/// Maximum length of a player's `entropy`, in bytes.
pub const ENTROPY_BYTES: usize = 256;
/// Maximum duration of a long poll, in milliseconds (*default*).
pub const WAIT_MS: u64 = 45_000;
/// Duration of a long poll of `sync_messages` without `timeout_ms`, in milliseconds.
pub const DEFAULT_WAIT_MS: u64 = 25_000;
/// Maximum number of messages in one reply to `sync_messages`.
pub const PAGE_ENTRIES: u32 = 500;
/// Maximum size of a page of messages or source, in bytes of JSON, so that an MCP result stays under 60,000 characters.
pub const PAGE_BYTES: usize = 40_000;
/// Maximum number of entries in one reply to `read_log`.
pub const LOG_PAGE_ENTRIES: u32 = 1_000;
/// Maximum size of the entries in one reply to `read_log`, in bytes of JSON; one entry is returned even if it is larger.
pub const LOG_PAGE_BYTES: usize = 60_000;
/// Maximum size of a reply that combines messages with other data, in bytes of JSON, for the same reason.
pub const ANSWER_BYTES: usize = 55_000;
/// Maximum number of operations in one `update_channel`.
pub const UPDATE_OPS: usize = 32;
/// Maximum number of bot posts that cause one another; the last of them calls no further hooks.
pub const CASCADE_DEPTH: u32 = 8;
/// Maximum nesting of a body, params or state.
pub const JSON_DEPTH: usize = 32;
/// Largest integer, and with a minus sign the smallest, that every JSON reader preserves exactly (RFC 8259, section 6).
pub const SAFE_INTEGER: i64 = (1 << 53) - 1;
/// Most timers that a bot may have set at a time.
pub const TIMERS: usize = 16;
/// Shortest time that a timer may be set to, in milliseconds.
pub const TIMER_MIN_MS: u64 = 1_000;
/// Longest time that a timer may be set to, in seconds: 30 days.
pub const TIMER_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Longest time that a bot may hold the seats without renewing it, in seconds: 24 hours.
pub const HOLD_SECONDS: u64 = 24 * 60 * 60;
/// Most entries that one request deletes.
pub const DELETED_ENTRIES: usize = 500;
/// Most bots of a channel that ever open their DMs.
pub const UNSEALING_BOTS: usize = 64;
