-- Version 2: bots' timers, encrypted secrets and network traffic.

-- Time at which the bot's next timer fires; null without one.
ALTER TABLE bot_cursor ADD COLUMN next_timer INTEGER;

CREATE INDEX bot_cursor_next_timer ON bot_cursor (channel) WHERE next_timer IS NOT NULL AND detached = 0;

-- The bot's secrets, encrypted with the relay's key; null without any.
ALTER TABLE bot ADD COLUMN env BLOB;

CREATE TABLE exchange (
    channel INTEGER NOT NULL REFERENCES channel (no),
    trigger_entry INTEGER NOT NULL,
    bot_id  TEXT    NOT NULL,
    step    INTEGER NOT NULL,
    -- Requests and responses as JSON; null where they contained a secret. Their hash is in the log.
    record  TEXT,
    PRIMARY KEY (channel, trigger_entry, bot_id, step)
) STRICT, WITHOUT ROWID;
