"""Checks what a former member's receipt says about the log after the end of the tenure (PROTOCOL.md, "Receipts")."""

from bodies import check_envelope, check_system_body, time_of
from canonical import Malformed, canonical
from hooks import require
from lines import LARGEST_COUNT
from tree import BadCheckpoint, is_consistent, is_included, verify_checkpoint

TYPES = ("seed:reveal", "dm:unsealed", "close_requested", "close_applied", "operator:stopped", "entry:deleted")


def check_later(receipt, report, log, tree, origin, key):
    """Checks the proofs, and each later entry, up to the first problem. `tree` is that of the receipt's entries."""
    try:
        size, root = verify_checkpoint(receipt.later["checkpoint"], origin, key)
    except BadCheckpoint as error:
        report.fails.append(f"The later log: {error}")
        return
    if not is_consistent(tree.size, tree.root(), size, root, decoded(receipt.later["proof"])):
        report.fails.append("The entries are not proven to be the beginning of the later log.")
        return
    report.holds.append(f"The log went on to entry {size}, and these {tree.size} entries are its beginning: the relay signed that, too.")
    last, time = log.size, log.time
    for line in receipt.later_entries:
        entry = line["entry"]
        envelope = entry["envelope"]
        number = envelope.get("id") if isinstance(envelope, dict) else None
        try:
            name = check_entry(log, entry, last, time)
            proven = is_included(canonical(envelope), number - 1, size, root, decoded(line["proof"]))
            require(proven, "it is not proven to be in the later log")
        except Malformed as error:
            report.fails.append(f"Later entry {number}: {error}.")
            return
        last, time = number, time_of(envelope["ts"])
        report.holds.append(f"Entry {number} of the later log is a `{name}`.")
    if size > tree.size:
        report.unknown.append(f"What other entries after entry {tree.size} say, which are not for the holder of this file.")


def check_entry(log, entry, last, time):
    """Checks an entry that follows a log of which the entries after `log` are not known; returns its type."""
    envelope, content = entry["envelope"], entry["content"]
    check_envelope(envelope)
    require(envelope["channel_id"] == log.channel_id, "it belongs to another channel")
    require(envelope["id"] > last, "it does not come after the entry before it")
    require(time_of(envelope["ts"]) >= time, "it is earlier than the entry before it")
    require(envelope["sender"] == "system" and envelope["to_slot"] is None, "it is not a public entry of the relay")
    require(content is not None, "its content is missing")
    body = log.check_content(envelope, content)
    name = check_system_body(body, envelope["kind"])
    require(name in TYPES, f"`{name}` is not for a former member")
    require(not log.ended or name == "entry:deleted", "it follows the end of the channel")
    cause = envelope["cause"]
    if name in ("seed:reveal", "dm:unsealed"):
        require(cause is not None and cause < envelope["id"], "its cause is not before it")
    if name == "seed:reveal":
        require(body["began"] <= log.size, "its epoch began after the end of the tenure")
        require(cause >= body["began"], "its cause is before its epoch began")
        bot = log.hooks.present(body["bot_id"])
        log.hooks.reveal(envelope, body, bot)
        bot.began = cause
    elif name == "dm:unsealed":
        unseal(log.hooks, body["bot_id"], cause)
    else:
        require(cause is None, f"`{name}` has no cause")
    if name == "entry:deleted":
        require(any(number <= log.size for number in body["ids"]), "it deletes no entry of the holder's part of the log")
        log.deletions.delete(body, envelope["id"])
    elif cause is None:
        require(name != "close_requested" or log.closing is None, "the channel was closing before")
        require(name != "close_applied" or log.closing is not None, "nobody had asked to close the channel")
        log.closing = envelope["id"] if name == "close_requested" else log.closing
        log.ended = name in ("close_applied", "operator:stopped")
    return name


def unseal(hooks, bot_id, cause):
    """Notes which DMs a later `dm:unsealed` opened. The bot may be one that was attached later, too."""
    hooks.count_unsealing(bot_id)
    if bot_id in hooks.ever:
        bot = hooks.present(bot_id)
        require("unseals" in bot.attached, "the bot may not open its DMs")
        require(cause >= bot.attach_id, "its cause is before the bot was attached")
        bot.unsealed = cause
        hooks.check_unsealed(bot)
    else:
        number = bot_id.rpartition("_")[2]
        require(number.isdigit() and len(hooks.ever) <= int(number) <= LARGEST_COUNT, "the bot's number is that of an earlier one")


def decoded(proof):
    return [bytes.fromhex(each.removeprefix("sha256:")) for each in proof]
