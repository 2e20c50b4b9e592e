-- Version 2: timers, sealed secrets, and what bots exchanged with the outside world.

-- When the bot's next timer fires.
ALTER TABLE bot_cursor ADD COLUMN next_timer INTEGER;

CREATE INDEX bot_cursor_next_timer ON bot_cursor (channel) WHERE next_timer IS NOT NULL AND detached = 0;

-- The bot's secrets, encrypted under the relay's key; null without any.
ALTER TABLE bot ADD COLUMN env BLOB;

CREATE TABLE exchange (
    channel INTEGER NOT NULL REFERENCES channel (no),
    trigger_entry INTEGER NOT NULL,
    bot_id  TEXT    NOT NULL,
    step    INTEGER NOT NULL,
    -- Questions and answers as JSON; null where a secret was in them: then their hash in the log is all there is.
    record  TEXT,
    PRIMARY KEY (channel, trigger_entry, bot_id, step)
) STRICT, WITHOUT ROWID;
