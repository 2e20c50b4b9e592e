-- Times are milliseconds since 1970-01-01T00:00:00Z; hashes are 32 bytes, ids of channels 10 bytes.

-- Rewritten by every append, and therefore small. `no` numbers channels in the order of their creation.
CREATE TABLE channel (
    no        INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    -- The principal that created it.
    owner     TEXT    NOT NULL,
    -- Number of bytes that are stored for it.
    bytes     INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    ts        INTEGER NOT NULL,
    root      BLOB    NOT NULL,
    -- Hashes of the right edge of the Merkle tree, the largest subtree first.
    peaks     BLOB    NOT NULL,
    -- For each bot of the composition, as JSON: the last entry that may start one of its hooks, timers, held seats.
    bots      TEXT    NOT NULL,
    -- Time at which the next timer of a bot fires; null without one.
    next_timer INTEGER,
    -- 1 if a bot has yet to pass an entry that may start one of its hooks, or the channel is being closed.
    hooks_due INTEGER NOT NULL
) STRICT;

CREATE INDEX channel_owner ON channel (owner);
CREATE INDEX channel_hooks_due ON channel (id) WHERE hooks_due = 1;
CREATE INDEX channel_next_timer ON channel (id) WHERE next_timer IS NOT NULL;

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
    to_tenure INTEGER,
    cause     INTEGER,
    body_hash BLOB    NOT NULL,
    -- Hash of the author's statement; null where only the relay attests the sender.
    author    BLOB,
    -- Hashes of the Merkle tree that the entry completes: its leaf, the two last leaves, the four last ones, and so on.
    nodes     BLOB    NOT NULL,
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

-- Rows stay when a tenure ends. The creator's own row has slot -1 and tenure 0.
CREATE TABLE membership (
    principal TEXT    NOT NULL,
    channel   INTEGER NOT NULL REFERENCES channel (no),
    slot      INTEGER NOT NULL,
    tenure    INTEGER NOT NULL,
    -- The entry that began the tenure; 0 for the creator.
    began     INTEGER NOT NULL,
    -- The last entry of the principal's time in the seat; null while the principal holds it.
    ended     INTEGER,
    PRIMARY KEY (principal, channel, slot, tenure)
) STRICT, WITHOUT ROWID;

CREATE INDEX membership_present ON membership (channel, slot) WHERE ended IS NULL;

-- Terms that a principal has accepted, in any channel; the newest 100 of each principal.
CREATE TABLE accepted_terms (
    principal TEXT    NOT NULL,
    -- Canonical JSON.
    terms     TEXT    NOT NULL,
    ts        INTEGER NOT NULL,
    PRIMARY KEY (principal, terms)
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
    -- The bot's secrets, encrypted with the relay's key; null without any.
    env      BLOB,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

-- A bot's place in the log. Separate from its state, which may be large and often does not change.
CREATE TABLE bot_cursor (
    channel    INTEGER NOT NULL REFERENCES channel (no),
    bot_id     TEXT    NOT NULL,
    entry      INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    detached   INTEGER NOT NULL,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bot_state (
    channel INTEGER NOT NULL REFERENCES channel (no),
    bot_id  TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    PRIMARY KEY (channel, bot_id)
) STRICT, WITHOUT ROWID;

-- Fingerprint of the key that the relay's codes, pseudonyms and seeds derive from; at most one row.
CREATE TABLE relay_key (
    no          INTEGER PRIMARY KEY CHECK (no = 1),
    fingerprint BLOB    NOT NULL
) STRICT;

-- The log whose checkpoints the relay signs; at most one row.
CREATE TABLE log (
    no     INTEGER PRIMARY KEY CHECK (no = 1),
    origin TEXT    NOT NULL,
    -- Its public key, as text.
    key    TEXT    NOT NULL
) STRICT;

CREATE TABLE token (
    no         INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    token_hash BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;

-- Network traffic of hooks.
CREATE TABLE exchange (
    channel       INTEGER NOT NULL REFERENCES channel (no),
    trigger_entry INTEGER NOT NULL,
    bot_id        TEXT    NOT NULL,
    step          INTEGER NOT NULL,
    -- Requests and responses as JSON; null where they contained a secret. Their hash is in the log.
    record        TEXT,
    salt          BLOB    NOT NULL,
    PRIMARY KEY (channel, trigger_entry, bot_id, step)
) STRICT, WITHOUT ROWID;

-- The authorization server. Authorization codes, tokens and secrets are stored as hashes alone.

CREATE TABLE oauth_client (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    -- A JSON array of strings.
    redirect_uris TEXT    NOT NULL,
    -- Null for a public client.
    secret_hash   BLOB,
    registered_at INTEGER NOT NULL,
    -- Time at which it last got a token, or at which it registered.
    used_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_client_used_at ON oauth_client (used_at);

-- A client that has an id by other means than registration is not in `oauth_client`; hence no reference to it.
CREATE TABLE oauth_grant (
    no          INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    principal   TEXT    NOT NULL,
    client_id   TEXT    NOT NULL,
    client_name TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    revoked     INTEGER NOT NULL
) STRICT;

CREATE INDEX oauth_grant_principal ON oauth_grant (principal);
CREATE INDEX oauth_grant_client_id ON oauth_grant (client_id);

-- Kept after it was redeemed, so that a second redemption is recognized. Its grant is made when it is redeemed.
CREATE TABLE oauth_code (
    code_hash    BLOB    NOT NULL PRIMARY KEY,
    grant_id     TEXT    NOT NULL,
    principal    TEXT    NOT NULL,
    client_id    TEXT    NOT NULL,
    client_name  TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    resource     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    redirect_uri TEXT    NOT NULL,
    challenge    TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    redeemed     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_code_client_id ON oauth_code (client_id);
CREATE INDEX oauth_code_expires_at ON oauth_code (expires_at);

-- A device authorization request (RFC 8628). Kept after it was redeemed, as above.
CREATE TABLE oauth_device_code (
    device_code_hash BLOB    NOT NULL PRIMARY KEY,
    user_code_hash   BLOB    NOT NULL UNIQUE,
    grant_id         TEXT    NOT NULL,
    client_id        TEXT    NOT NULL,
    client_name      TEXT    NOT NULL,
    scope            TEXT    NOT NULL,
    resource         TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    -- The principal that approved it; null before that.
    principal        TEXT,
    -- 0 pending or approved, 1 denied, 2 redeemed.
    ended            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_device_code_client_id ON oauth_device_code (client_id);
CREATE INDEX oauth_device_code_expires_at ON oauth_device_code (expires_at);

CREATE TABLE oauth_access_token (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    grant_no   INTEGER NOT NULL REFERENCES oauth_grant (no) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_access_token_grant_no ON oauth_access_token (grant_no);
CREATE INDEX oauth_access_token_expires_at ON oauth_access_token (expires_at);

-- Kept after it was replaced, so that a stolen one is recognized.
CREATE TABLE oauth_refresh_token (
    token_hash  BLOB    NOT NULL PRIMARY KEY,
    grant_no    INTEGER NOT NULL REFERENCES oauth_grant (no) ON DELETE CASCADE,
    expires_at  INTEGER NOT NULL,
    -- The token that it replaces; null for a grant's first one.
    replaces    BLOB,
    -- Time at which it was first replaced; null before that.
    replaced_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_refresh_token_replaces ON oauth_refresh_token (grant_no, replaces);
CREATE INDEX oauth_refresh_token_expires_at ON oauth_refresh_token (expires_at);

-- A revoked one stays, so that an authorization that was under way then ends in no grant.
CREATE TABLE access_code (
    no         INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    code_hash  BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    -- The principal that its bearer acts as.
    principal  TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;

-- Webhook subscriptions (MCP Events, SEP-3415).
CREATE TABLE webhook (
    id             TEXT    NOT NULL PRIMARY KEY,
    principal      TEXT    NOT NULL,
    -- The permission under which messages are read: a token's hash, or a grant's id.
    credential     BLOB    NOT NULL,
    url            TEXT    NOT NULL,
    -- Encrypted with a key that is derived from the relay's.
    sealed_secrets BLOB    NOT NULL,
    name           TEXT    NOT NULL,
    -- Canonical JSON.
    arguments      TEXT    NOT NULL,
    expires_at     INTEGER NOT NULL,
    -- The last entry that the receiver has acknowledged, or that needs no delivery.
    entry          INTEGER NOT NULL,
    -- Time of the last acknowledgement; null before the first.
    delivered_at   INTEGER,
    -- Failed attempts since then.
    attempts       INTEGER NOT NULL DEFAULT 0,
    -- Time of the first of them.
    failing_since  INTEGER,
    -- Time of the next attempt; null if there is no failure, or delivery is suspended.
    retry_at       INTEGER,
    -- Category of the last error.
    error          TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_principal ON webhook (principal);
