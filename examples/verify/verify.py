"""Verifies a receipt of a channel: a second verifier, written from docs/PROTOCOL.md alone.

    python3 examples/verify/verify.py FILE [--key ed25519:…] [--policy FILE]

Says what holds, what fails, and what cannot be known from the file. Exits with 0 if at least one entry was checked and
nothing fails, 1 if something fails, 2 if a file cannot be read or is no receipt. Needs Python 3.11 and the package `cryptography`.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from canonical import Malformed, canonical, sha256, tagged_hash
from holder import own_entries, stays_of
from hooks import SEEDS, commitment, previous_seed
from later import check_later
from lines import Unreadable, read_receipt
from log import Log
from policy import BadPolicy, Policy
from tree import KEY, BadCheckpoint, Tree, verify_checkpoint


@dataclass
class Report:
    """What is known about a receipt after all checks."""

    holds: list = field(default_factory=list)
    fails: list = field(default_factory=list)
    unknown: list = field(default_factory=list)
    entries: int = 0

    def exit_code(self):
        return 1 if self.fails or not self.entries else 0


def verify(data, key=None, policy=None):
    """Checks the bytes of a receipt. `key` is the relay's key, if the caller knows it. Raises Unreadable."""
    receipt, report = read_receipt(data), Report()
    log = check_log(receipt, report)
    check_checkpoint(receipt, report, log, key, policy)
    if report.entries == len(receipt.entries):
        check_missing(receipt, report, log)
    check_bots(receipt, report, log)
    check_exchanges(receipt, report, log)
    report.unknown.append("Whether the players wrote what the log says that they wrote: players do not sign.")
    return report


def check_log(receipt, report):
    """Checks entry by entry, up to the first one that breaks a rule."""
    log = Log(receipt.header["channel_id"], receipt.header["log"])
    for number, entry in enumerate(receipt.entries, 1):
        try:
            log.add(entry)
        except Malformed as error:
            report.fails.append(f"Entry {number}: {error}. Later entries were not checked.")
            return log
        report.entries = number
    if not receipt.entries:
        report.fails.append("There are no entries.")
    else:
        report.holds.append(f"Entries 1 to {log.size} follow the rules of channels, and each of {log.hooks.ran} hooks that ran, "
                            f"with all its effects, was due. {log.hooks.skipped} hooks were skipped.")
    if log.hooks.pending():
        report.unknown.append(f"What {log.hooks.pending()} hooks do that were due when the log ended.")
    if log.hooks.overdue():
        report.unknown.append(f"Why {log.hooks.overdue()} timers that were due when the log ended did not fire.")
    if log.hooks.dropped:
        report.unknown.append(f"What {log.hooks.dropped} hooks would have done that were due when somebody removed their bot.")
    if log.hooks.running is not None:
        report.unknown.append("How the last hook ended: the log ends between its effects.")
    return log


def check_missing(receipt, report, log):
    """Checks that every body that everybody may read is there, or was deleted, also by a later entry."""
    missing = {number for number, entry in enumerate(receipt.entries, 1) if entry["content"] is None}
    unexcused = log.deletions.unexcused()
    if unexcused:
        report.fails.append(f"The contents of these entries are missing, although everybody may read them and nobody deleted them: {unexcused}.")
    deleted = missing & log.deletions.deleted
    if deleted:
        report.unknown.append(f"What {len(deleted)} entries say, which were deleted.")
    private = missing - deleted - set(unexcused)
    holder = receipt.header["holder"]
    own = own_entries(stays_of(holder, log.stays), (receipt.entries[number - 1]["envelope"] for number in private))
    if own:
        report.unknown.append(f"{len(own)} private entries of the holder of this file are missing, although {holder} may read them: {sorted(own)}.")
    if private - own:
        report.unknown.append(f"What {len(private - own)} private entries say, which are not for the holder of this file.")


def check_checkpoint(receipt, report, log, wanted_key, policy):
    """Checks that the relay signed exactly these entries."""
    named = receipt.header["log"]
    if wanted_key is not None and (named is None or named["key"] != wanted_key):
        report.fails.append(f"The receipt is not signed with the key {wanted_key}.")
    if named is None:
        report.unknown.append("Whether the log was changed later: no relay signed it.")
        if policy is not None:
            report.fails.append("No relay signed the log, as the policy demands.")
        return
    tree = Tree()
    for entry in receipt.entries:
        tree.add(canonical(entry["envelope"]))
    origin = f"{named['origin']}/{receipt.header['channel_id']}"
    try:
        size, root = verify_checkpoint(receipt.checkpoint, origin, bytes.fromhex(KEY.match(named["key"])[1]))
    except BadCheckpoint as error:
        report.fails.append(str(error))
        return
    if (size, root) != (tree.size, tree.root()):
        report.fails.append(f"The checkpoint is of another log: it states {size} entries, and this file has {tree.size}, or other ones.")
        return
    report.holds.append(f"The relay {named['origin']} signed exactly these {size} entries, with the key {named['key']}.")
    key = bytes.fromhex(KEY.match(named["key"])[1])
    if receipt.later is not None and log.size == tree.size:
        check_later(receipt, report, log, tree, origin, key)
    check_policy(receipt, report, policy, (origin, named["origin"]), key)
    if wanted_key is None and not (policy and policy.logs):
        report.unknown.append("Whether this key is the relay's: compare it with the one that the relay shows, and give it with --key.")
    report.unknown.append("Whether the relay signed another log of this channel for somebody else: compare receipts of several players.")


def check_policy(receipt, report, policy, names, key):
    """Checks that the policy knows the log, and that enough of its witnesses cosigned the checkpoint."""
    if policy is None or policy.quorum == b"none":
        report.unknown.append("Whether witnesses saw this log.")
    if policy is None:
        return
    if policy.logs and not any((name, key) in policy.logs for name in names):
        report.fails.append("The policy does not have the log with this key.")
    try:
        is_quorum, cosigned = policy.judge(receipt.checkpoint)
    except BadCheckpoint as error:
        report.fails.append(str(error))
        return
    if not is_quorum:
        report.fails.append(f"The quorum of the policy is not met: {cosigned} cosigned.")
    elif policy.quorum != b"none":
        report.holds.append(f"The quorum of the policy is met: {cosigned} cosigned.")


def check_bots(receipt, report, log):
    """Compares the source, the params and the seed of each bot with what `bot:attach` says of them."""
    for bot_id, times in Counter(line["bot_id"] for line in receipt.bots).items():
        if times > 1 or bot_id not in log.hooks.ever:
            report.fails.append(f"The file has {times} lines `bot` for {bot_id}, which the log " +
                                ("attaches once." if bot_id in log.hooks.ever else "does not attach."))
    lines = {line["bot_id"]: line for line in receipt.bots}
    for bot_id, bot in log.hooks.ever.items():
        if bot_id not in lines:
            report.fails.append(f"The source and the params of {bot_id} are missing.")
            continue
        line, attached, failures = lines[bot_id], bot.attached, len(report.fails)
        if sha256(line["source"].encode()) != attached["code_hash"]:
            report.fails.append(f"The source of {bot_id} in this file is not the one that was attached.")
        if sha256(canonical(line["params"])) != attached["params_hash"]:
            report.fails.append(f"The params of {bot_id} in this file are not the ones that were attached.")
        if "seed" in line and not fits(line, 0, attached["seed_commitment"]):
            report.fails.append(f"The seed of {bot_id} in this file does not fit the commitment to its seeds.")
        if "seed" in line and line["seed"]["epoch"] >= bot.epoch and not fits(line, bot.epoch, bot.commitment):
            report.fails.append(f"The seed of {bot_id} in this file does not fit the commitment in its last seed:reveal.")
        if len(report.fails) == failures:
            report.holds.append(f"The source and the params of {bot_id} in this file are the ones that were attached, "
                                f"{attached['code_hash']}.")
        report.unknown.append(f"Whether this source of {bot_id} has exactly these effects: a replay shows it.")


def fits(line, epoch, expected):
    """Returns whether a bot's line has a seed that leads to the commitment to the seed of this epoch."""
    return commitment(seed_of(line, epoch) or b"") == expected


def seed_of(line, epoch):
    """Returns a bot's seed of an epoch, which the seed of a later epoch opens; None if the line's seed does not."""
    steps = line["seed"]["epoch"] - epoch
    if not 0 <= steps < SEEDS:
        return None
    seed = bytes.fromhex(line["seed"]["seed"])
    for _ in range(steps):
        seed = previous_seed(seed)
    return seed


def check_exchanges(receipt, report, log):
    """Compares the recorded network traffic with its hashes in the log."""
    seen = set()
    for exchange in receipt.exchanges:
        hook = (exchange["bot_id"], exchange["trigger"], exchange["step"])
        place = "The traffic of {} for entry {}, step {},".format(*hook)
        said, record = log.hooks.exchanged.get(hook), exchange["record"].encode()
        if said is None:
            report.fails.append(f"{place} belongs to no hook of the log that had any.")
        elif said.get("sealed"):
            report.fails.append(f"{place} is in the file, although the log says that a secret was in it.")
        elif hook in seen:
            report.fails.append(f"{place} is in the file twice.")
        elif "sha256:" + tagged_hash("mcp-multiplayer/record/v2", bytes.fromhex(exchange["salt"]), record).hex() != said["record_hash"]:
            report.fails.append(f"{place} is not what the log has the hash of.")
        seen.add(hook)
    for hook, said in log.hooks.exchanged.items():
        if hook not in seen:
            report.unknown.append(f"What {hook[0]} exchanged with {', '.join(said['hosts'])} for entry {hook[1]}: the file leaves it out.")


def escape(text):
    """Escapes what could move a terminal's cursor, change colours or turn the direction of text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main():
    parser = argparse.ArgumentParser(description="Verifies a receipt of a channel.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", help="the relay's key, if you know it: `ed25519:` and 64 hex digits")
    parser.add_argument("--policy", type=Path, help="logs and witnesses that you trust: a C2SP tlog-policy")
    options = parser.parse_args()
    try:
        policy = Policy(options.policy.read_bytes()) if options.policy else None
        report = verify(options.file.read_bytes(), options.key, policy)
    except (OSError, BadPolicy, Unreadable) as error:
        print(escape(f"{options.file} cannot be verified: {error}"), file=sys.stderr)
        return 1 if getattr(error, "is_receipt", False) else 2
    for title, texts in (("Holds", report.holds), ("Fails", report.fails), ("Cannot be known from this file", report.unknown)):
        print(f"{title}\n" + "\n".join(f"  - {escape(text)}" for text in texts or ["nothing"]) + "\n")
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
