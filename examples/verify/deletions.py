"""Checks who deleted which entries, and which bodies are missing from the file without that (PROTOCOL.md, `entry:deleted`)."""

from dataclasses import dataclass, field

from hooks import require


@dataclass
class Deletions:
    """The posts and DMs of a log, and which of them were deleted."""

    log: object
    posts: dict = field(default_factory=dict)  # id → (sender, the `Bot` whose DM it is, or None)
    missing: set = field(default_factory=set)  # ids of public entries that the file leaves out
    deleted: set = field(default_factory=set)

    def add_post(self, envelope, body):
        """Adds an entry of a player or a bot."""
        sender, to_slot = envelope["sender"], envelope["to_slot"]
        bot_id = None
        if to_slot is None and body is None:
            self.missing.add(envelope["id"])
        elif to_slot is not None:
            bot_id = sender.removeprefix("bot:") if sender.startswith("bot:") else self.log.slot(to_slot).bot_id
        self.posts[envelope["id"]] = (sender, self.log.hooks.ever.get(bot_id))

    def delete(self, body, number):
        """Checks the `entry:deleted` with this number. It may be later than the log, after entries that nobody knows."""
        log, by = self.log, body.get("by")
        require(all(id < number for id in body["ids"]), "it deletes entries that are not before it")
        require(by is None or log.ended, "a player deletes entries before the channel was closed")
        require(by is not None or log.ended or log.closing is None, "the operator deletes entries while the channel is closing")
        for id in body["ids"]:
            if id > log.size:
                continue
            require(id in self.posts, f"entry {id}, which it deletes, is not a player's or a bot's")
            sender, bot = self.posts[id]
            if by is not None:
                tenure = log.seat(by).tenure
                require(sender == by and id > tenure, f"entry {id} is not of the player who deletes it")
            elif bot is not None and "unseals" in bot.attached:
                require(log.ended, f"entry {id}, a DM that may be unsealed, is deleted before the channel was closed")
        self.deleted.update(body["ids"])

    def unexcused(self):
        """Returns the ids of entries that the file leaves out, though everybody may read them and nobody deleted them."""
        return sorted((self.missing | self.log.hooks.missing) - self.deleted)
