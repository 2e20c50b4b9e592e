-- Version 1. Times are milliseconds after 1970-01-01T00:00:00Z, hashes 32 bytes, ids of channels 10 bytes.

-- What every append rewrites, therefore small. `no` counts channels in the order in which they were made.
CREATE TABLE channel (
    no        INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    size      INTEGER NOT NULL,
    ts        INTEGER NOT NULL,
    root      BLOB    NOT NULL,
    -- Hashes of the Merkle tree's right edge, the largest subtree first.
    peaks     BLOB    NOT NULL,
    -- For each bot of the composition, 8 bytes, big-endian: the last entry that may start a hook of it.
    due       BLOB    NOT NULL,
    -- Whether one of them is not yet behind its bot's cursor.
    hooks_due INTEGER NOT NULL
) STRICT;

CREATE INDEX channel_hooks_due ON channel (id) WHERE hooks_due = 1;

-- Who and what is in a channel, as JSON; rewritten only when an entry changes it.
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
    -- Hash of the author's statement; null for what only the relay attests.
    author    BLOB,
    -- Null together, once the content was deleted.
    salt      BLOB,
    body      TEXT,
    PRIMARY KEY (channel, id)
) STRICT, WITHOUT ROWID;

-- The key comes first: clients make keys in order of time, and what is appended together then lies together.
CREATE TABLE idempotency (
    scope        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    channel_id   BLOB NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (key, scope)
) STRICT, WITHOUT ROWID;

-- The creator has slot -1, tenure 0.
CREATE TABLE membership (
    principal TEXT    NOT NULL,
    channel   INTEGER NOT NULL REFERENCES channel (no),
    slot      INTEGER NOT NULL,
    tenure    INTEGER NOT NULL,
    PRIMARY KEY (principal, channel, slot, tenure)
) STRICT, WITHOUT ROWID;

-- A bot as it was attached; never rewritten, however large its source.
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

-- How far a bot has come. Apart from its state, which may be large and often stays as it is.
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
