"""JSON as the log hashes it: strict parsing, and the canonical form of RFC 8785 (JCS).

Supports what logs contain: objects, arrays, texts, booleans, null, and numbers within ±(2^53-1).
Everything else is refused when it is parsed, so that nothing is hashed that two programs could read differently.
"""

import hashlib
import json
import re

LARGEST_INTEGER = 2**53 - 1
DEEPEST = 128  # levels of a line; a body may have 32
HASH = re.compile(r"sha256:[0-9a-f]{64}\Z")
HEX_32_BYTES = re.compile(r"[0-9a-f]{64}\Z")
_quote = json.JSONEncoder(ensure_ascii=False).encode  # escapes exactly what section 3.2.2.2 demands


class Malformed(Exception):
    """A text that is not the JSON that a receipt may contain."""


def parse(text):
    """Parses one JSON value. Refuses duplicate names, NaN, numbers that are out of range, and lone surrogates."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer, parse_float=_float)
        if "\\u" in text:
            text_of(value).encode()  # fails for a lone surrogate, which only an escape can write
        if depth(value) > DEEPEST:
            raise ValueError("it is nested too deeply")
    except (ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise Malformed(f"it is not valid JSON: {error}") from None
    return value


def canonical(value):
    """Returns the bytes of the RFC 8785 form."""
    return text_of(value).encode()


def text_of(value):
    """Returns the RFC 8785 form as text."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))  # section 3.2.3: by UTF-16 code units
    return "{" + ",".join(f"{_quote(name)}:{text_of(value[name])}" for name in names) + "}"


def number(value):
    """Formats a float like ECMAScript's Number::toString. Python's `repr` finds the same shortest digits."""
    if value == 0:
        return "0"  # also for -0
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))  # place of the point in the digits
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def sha256(data):
    """Returns the SHA-256 in the format of the log."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tagged_hash(tag, *parts):
    """Returns SHA-256(tag ‖ 00 ‖ parts) as bytes."""
    return hashlib.sha256(tag.encode() + b"\0" + b"".join(parts)).digest()


def depth(value):
    """Returns how many objects and arrays are around the innermost value. An empty object or array is a value, too."""
    if not isinstance(value, (dict, list)):
        return 0
    return max((1 + depth(each) for each in (value.values() if isinstance(value, dict) else value)), default=0)


def _unique(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _integer(digits):
    if len(digits) > 17 or abs(int(digits)) > LARGEST_INTEGER:
        raise ValueError(f"the integer {digits[:40]} is out of range")
    return int(digits)


def _float(digits):
    value = float(digits)
    if abs(value) > LARGEST_INTEGER:
        raise ValueError(f"the number {digits[:40]} is out of range")
    return value


def _refuse(name):
    raise ValueError(f"{name} is no JSON")
