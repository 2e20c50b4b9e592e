"""Reads a receipt: its lines, their order, and the form of what is not part of the log itself."""

import re
import unicodedata

from canonical import HASH, HEX_32_BYTES, LARGEST_INTEGER, Malformed, parse
from tree import KEY, is_point

FORMAT = "mcp-multiplayer/receipt/v2"
ORDER = ("header", "entry", "later", "later_entry", "bot", "exchange", "checkpoint")
ONCE = ("later", "checkpoint")
CHANNEL_ID = re.compile(r"chn_[0-9a-hjkmnp-tv-z]{16}\Z")
LONGEST_ORIGIN = 255  # bytes
LARGEST_COUNT = 2**32 - 1


class Unreadable(Exception):
    """A file that is not a receipt, or that was cut off; the text explains why."""

    is_receipt = False  # whether the file begins like one


class Receipt:
    """The parsed lines of a receipt."""

    def __init__(self):
        self.header = None
        self.entries = []
        self.later = None
        self.later_entries = []
        self.bots = []
        self.exchanges = []
        self.checkpoint = None


def read_receipt(data):
    """Parses the bytes of a receipt. Raises Unreadable at the first line that breaks the format."""
    receipt = Receipt()
    try:
        _read_lines(receipt, data)
    except Unreadable as error:
        error.is_receipt = receipt.header is not None
        raise
    return receipt


def _read_lines(receipt, data):
    last = "header"
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            name, value = _one_field(parse(_text(line)))
            if (number == 1) != (name == "header") or ORDER.index(name) < ORDER.index(last):
                raise Malformed(f"a line `{name}` is not expected here")
            if name == last and name in ONCE:
                raise Malformed(f"there is a second line `{name}`")
            if name == "later_entry" and receipt.later is None:
                raise Malformed("there is a line `later_entry` without a line `later`")
            READERS[name](receipt, value)
            last = name
        except Malformed as error:
            raise Unreadable(f"Line {number}: {error}.") from None
    if receipt.header is None or not data.endswith(b"\n"):
        raise Unreadable("The last line does not end with a newline: the file was cut off.")
    if receipt.header["log"] is None and (receipt.checkpoint or receipt.later) is not None:
        raise Unreadable("There is a checkpoint, but the header names no relay.")
    if receipt.header["log"] is not None and receipt.checkpoint is None:
        raise Unreadable("The header names a relay, but there is no checkpoint: the file was cut off.")


def _text(line):
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"it is not UTF-8: {error}") from None


def fields(value, what, required, optional=()):
    """Checks that `value` is an object with exactly these fields."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is not an object")
    for name in required:
        if name not in value:
            raise Malformed(f"{what} lacks the field {name}")
    for name in value:
        if name not in required and name not in optional:
            raise Malformed(f"{what} has the unknown field {name}")
    return value


def is_number(value, least=0, most=LARGEST_INTEGER):
    """Returns whether `value` is an integer from `least` to `most`. Booleans are not integers here."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _one_field(line):
    if not isinstance(line, dict) or len(line) != 1:
        raise Malformed("it is not an object with one field")
    [(name, value)] = line.items()
    if name not in ORDER:
        raise Malformed(f"there is no line `{name}` in a receipt")
    return name, value


def _require(holds, problem):
    if not holds:
        raise Malformed(problem)


def _read_header(receipt, value):
    fields(value, "the header", ("format", "channel_id", "log", "holder"))
    _require(value["format"] == FORMAT, f"the format is not {FORMAT}")
    _require(isinstance(value["channel_id"], str) and CHANNEL_ID.match(value["channel_id"]), "the channel_id is invalid")
    _require(isinstance(value["holder"], str), "holder must be a text")
    if value["log"] is not None:
        fields(value["log"], "log", ("origin", "key"))
        _require(_is_origin(value["log"]["origin"]), f"the origin must be a text of 1 to {LONGEST_ORIGIN} bytes without spaces")
        key = isinstance(value["log"]["key"], str) and KEY.match(value["log"]["key"])
        _require(key and is_point(bytes.fromhex(key[1])), "the key is no Ed25519 key")
    receipt.header = value


def _is_origin(value):
    return (isinstance(value, str) and 1 <= len(value.encode()) <= LONGEST_ORIGIN
            and not any(c.isspace() or c == "+" or unicodedata.category(c) == "Cc" for c in value))


def _read_entry(receipt, value):
    _check_entry(value)
    receipt.entries.append(value)


def _check_entry(value):
    fields(value, "the entry", ("envelope", "content"))
    if value["content"] is not None:
        fields(value["content"], "the content", ("salt", "body"))
        salt = value["content"]["salt"]
        _require(isinstance(salt, str) and HEX_32_BYTES.match(salt), "the salt is not 64 hex digits")


def _read_later(receipt, value):
    fields(value, "the later log", ("checkpoint", "proof"))
    _require(isinstance(value["checkpoint"], str), "the checkpoint must be a text")
    _require_proof(value["proof"])
    receipt.later = value


def _read_later_entry(receipt, value):
    fields(value, "the later entry", ("entry", "proof"))
    _check_entry(value["entry"])
    _require_proof(value["proof"])
    receipt.later_entries.append(value)


def _require_proof(value):
    is_proof = isinstance(value, list) and all(isinstance(each, str) and HASH.match(each) for each in value)
    _require(is_proof, "the proof is not a list of hashes")


def _read_bot(receipt, value):
    fields(value, "the bot", ("bot_id", "source", "params"), ("seed",))
    _require(isinstance(value["bot_id"], str) and isinstance(value["source"], str), "bot_id and source must be texts")
    _require(isinstance(value["params"], dict), "params must be an object")
    if "seed" in value:
        fields(value["seed"], "the seed", ("epoch", "seed"))
        _require(is_number(value["seed"]["epoch"], most=LARGEST_COUNT), "the epoch must be a number")
        _require(isinstance(value["seed"]["seed"], str) and HEX_32_BYTES.match(value["seed"]["seed"]), "the seed is not 64 hex digits")
    receipt.bots.append(value)


def _read_exchange(receipt, value):
    fields(value, "the exchange", ("bot_id", "trigger", "step", "salt", "record"))
    _require(isinstance(value["bot_id"], str) and isinstance(value["record"], str), "bot_id and record must be texts")
    _require(is_number(value["trigger"], 1) and is_number(value["step"], most=LARGEST_COUNT), "trigger and step must be numbers")
    _require(isinstance(value["salt"], str) and HEX_32_BYTES.match(value["salt"]), "the salt is not 64 hex digits")
    receipt.exchanges.append(value)


def _read_checkpoint(receipt, value):
    _require(isinstance(value, str), "the checkpoint must be a text")
    receipt.checkpoint = value


READERS = {
    "header": _read_header, "entry": _read_entry, "later": _read_later, "later_entry": _read_later_entry,
    "bot": _read_bot, "exchange": _read_exchange, "checkpoint": _read_checkpoint,
}
