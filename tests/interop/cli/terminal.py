"""A terminal for clients that ask for one: what is on it is read as text, and keys are typed."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import termios
import time
from contextlib import suppress

ROWS, COLUMNS = 50, 120
POLL_SECONDS = 0.05
# Clients take what comes faster for pasted text, in which Enter is a new line.
PAUSE_BEFORE_KEYS_SECONDS = 0.2
CONTROL_SEQUENCES = re.compile(rb"\x1b(\[[0-9;?<>=]*[a-zA-Z]|\].*?(\x07|\x1b\\))")


class Terminal:
    """A terminal. `keys` are pairs of a text and the keys to type as soon as it was shown, in this order."""

    def __init__(self, keys=()):
        self.inner, self.outer = pty.openpty()
        fcntl.ioctl(self.outer, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.keys = list(keys)
        self.written = bytearray()

    def has(self, text):
        """Returns whether a text was shown. A client breaks lines where it likes, so white space does not count."""
        shown = CONTROL_SEQUENCES.sub(b"", self.written).decode(errors="replace")
        return "".join(text.split()) in "".join(shown.split())

    async def shows(self, text, process):
        """Waits until a text was shown, or the process has ended."""
        while not self.has(text) and process.returncode is None:
            await asyncio.sleep(POLL_SECONDS)

    def copy(self, path):
        """Copies what is written to the terminal to a file, until nobody has it open any more, and types the keys."""
        os.close(self.outer)
        with open(path, "wb") as file, suppress(OSError):
            while part := os.read(self.inner, 4096):
                self.written += part
                file.write(part)
                file.flush()
                while self.keys and self.has(self.keys[0][0]):
                    time.sleep(PAUSE_BEFORE_KEYS_SECONDS)
                    os.write(self.inner, self.keys.pop(0)[1].encode())
        os.close(self.inner)
