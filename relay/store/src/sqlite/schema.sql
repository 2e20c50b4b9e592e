-- Version 1. Times are milliseconds since 1970-01-01T00:00:00Z; hashes are 32 bytes, ids of channels 10 bytes.

-- Rewritten by every append, and therefore small. `no` numbers channels in the order of their creation.
CREATE TABLE channel (
    no        INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    size      INTEGER NOT NULL,
    ts        INTEGER NOT NULL,
    root      BLOB    NOT NULL,
    -- Hashes of the right edge of the Merkle tree, the largest subtree first.
    peaks     BLOB    NOT NULL,
    -- 8 bytes, big-endian, for each bot of the composition: the last entry that may start one of its hooks.
    due       BLOB    NOT NULL,
    -- 1 if a bot has yet to pass its entry in `due`.
    hooks_due INTEGER NOT NULL
) STRICT;

CREATE INDEX channel_hooks_due ON channel (id) WHERE hooks_due = 1;

-- Slots, seats, bots and settings, as JSON. Rewritten only when an entry changes them.
CREATE TABLE composition (
    channel     INTEGER PRIMARY KEY REFERENCES channel (no),
    composition TEXT    NOT NULL
) STRICT;

CREATE TABLE entry (
    channel   INTEGER NOT NULL REFERENCES channel (no),
    id        INTEGER NOT NULL,
    v         INTEGER NOT NULL,
    ts        INTEGER NOT NULL,
    sender    TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    to_slot   INTEGER,
    cause     INTEGER,
    body_hash BLOB    NOT NULL,
    -- Hash of the author's statement; null where only the relay attests the sender.
    author    BLOB,
    -- Both null once the content was deleted.
    salt      BLOB,
    body      TEXT,
    PRIMARY KEY (channel, id)
) STRICT, WITHOUT ROWID;

-- The key is the first column of the index because clients' keys are ordered by time: new rows are then inserted side by side.
CREATE TABLE idempotency (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    channel_id   BLOB NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (key, scope)
) STRICT, WITHOUT ROWID;

-- The creator's own row has slot -1 and tenure 0.
CREATE TABLE membership (
    principal TEXT    NOT NULL,
    channel   INTEGER NOT NULL REFERENCES channel (no),
    slot      INTEGER NOT NULL,
    tenure    INTEGER NOT NULL,
    PRIMARY KEY (principal, channel, slot, tenure)
) STRICT, WITHOUT ROWID;

-- A bot as it was attached. Never rewritten, because its source may be large.
CREATE TABLE bot (
    channel  INTEGER NOT NULL REFERENCES channel (no),
    bot_id   TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    attached INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    code_ref TEXT,
    source   TEXT    NOT NULL,
    manifest TEXT    NOT NULL,
    params   TEXT    NOT NULL,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

-- A bot's place in the log. Separate from its state, which may be large and often does not change.
CREATE TABLE bot_cursor (
    channel  INTEGER NOT NULL REFERENCES channel (no),
    bot_id   TEXT    NOT NULL,
    entry    INTEGER NOT NULL,
    step     INTEGER NOT NULL,
    detached INTEGER NOT NULL,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bot_state (
    channel INTEGER NOT NULL REFERENCES channel (no),
    bot_id  TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    no         INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    token_hash BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;
