"""The JSON values that a bot may post and store: those that all clients and replays read identically."""

import json
import math

# The largest integer that a double represents exactly, so that JavaScript clients read the same number.
MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def to_json(value, where):
    """Returns the value as compact JSON; raises TypeError or ValueError with the path of the invalid part."""
    _check(value, where, 0)
    return _encode(value)


def _check(value, path, depth):
    kind = type(value)
    if depth > MAX_DEPTH:
        raise ValueError(f"{path}: nested deeper than {MAX_DEPTH} levels")
    if kind is str or isinstance(value, str):
        _check_text(value, path)
    elif value is None or kind is bool:
        pass
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError(f"{path}: {_short(value)} is beyond ±(2^53-1); post it as a string")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{path}: {value!r} is not a number that JSON has")
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"{path}: {value!r} is beyond ±(2^53-1); post it as a string")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{path}: key {_short(key)} is {type(key).__name__}, and keys are strings")
            _check_text(key, path)
            _check(item, f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", depth + 1)
    else:
        raise TypeError(f"{path}: {kind.__name__} is not JSON (use dict, list, str, int, float, bool, None)")


def _check_text(text, path):
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{path}: the text has half of a surrogate pair") from None


def _short(value):
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
