-- Version 3: what the authorization server keeps. Codes, tokens and secrets are here as hashes alone.

CREATE TABLE oauth_client (
    id            TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    -- A JSON array of texts.
    redirect_uris TEXT    NOT NULL,
    -- Null for a public client.
    secret_hash   BLOB,
    registered_at INTEGER NOT NULL,
    -- When it last got a token; when it was registered, if it never did.
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
    -- When it was first replaced; null while it was not.
    replaced_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_refresh_token_grant_no ON oauth_refresh_token (grant_no);
CREATE INDEX oauth_refresh_token_expires_at ON oauth_refresh_token (expires_at);

-- A revoked one stays, so that an authorization that was under way then ends in no grant.
CREATE TABLE access_code (
    no         INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    code_hash  BLOB    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    -- The principal whom whoever has it is.
    principal  TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT;
