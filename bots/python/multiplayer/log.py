"""The output that a bot prints during a hook, up to a limit."""

from io import TextIOBase


class Log(TextIOBase):
    """A text stream that keeps its first `limit` characters."""

    def __init__(self, limit):
        self.limit = limit
        self._parts = []
        self._size = 0

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        remaining = self.limit - self._size
        if 0 <= remaining < len(text):
            self._parts += text[:remaining], "\n[the rest of the log is cut]"
        elif remaining > 0:
            self._parts.append(text)
        self._size += len(text)
        return len(text)

    def writable(self):
        return True

    def take(self):
        """Returns the lines written since the last call."""
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        # Lone surrogates cannot be encoded in the reply to the relay.
        return text.encode(errors="replace").decode().splitlines()
