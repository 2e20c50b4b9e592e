"""The demo's output: each message of the conversation once, and the tool calls behind it, at reading speed."""

import asyncio
import json
import shutil
import sys
import textwrap

COLOURS = {"alice": "35;1", "bob": "36;1", "GuessBot": "33;1"}
DIM, BOLD, GREEN, RED = "2", "1", "32;1", "31;1"
MARGIN = 13
MAX_PAUSE_SECONDS = 40  # of all pauses together

# The system entries that are shown, as text for people.
SYSTEM_ENTRIES = {
    "channel:created": lambda body: f"channel “{body['name']}” is open",
    "bot:attach": lambda body: f"{body['name']} is the referee; its code is {short(body['code_hash'])}",
    "member:join": lambda body: f"{body['label']} takes seat {body['slot_id']}",
}


class Screen:
    """Prints paragraphs with a name in the margin; colours and pauses only on a terminal."""

    def __init__(self, fast=False, out=sys.stdout):
        self.out = out
        self.tty = out.isatty()
        self.remaining_pause = MAX_PAUSE_SECONDS if self.tty and not fast else 0
        self.width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 110))
        self.shown = set()
        # Two players act at the same time; their lines and pauses must not interleave.
        self.lock = asyncio.Lock()

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.tty and code else text

    def tick(self):
        return self.paint(GREEN, "✓")

    def cross(self):
        return self.paint(RED, "✗")

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.line()
        self.line(self.paint(BOLD, text))

    def show(self, name, text, mark=" "):
        """Prints a paragraph with a name in front."""
        first, *more = textwrap.wrap(text, self.width - MARGIN) or [""]
        self.line(f"{self.paint(COLOURS.get(name), f'{name:>10}')} {mark} {first}")
        for line in more:
            self.line(" " * MARGIN + line)

    def note(self, name, text):
        """Prints a dimmed paragraph, for events that are not messages."""
        lines = textwrap.wrap(text, self.width - MARGIN)
        self.line(self.paint(DIM, f"{name:>10}   " + ("\n" + " " * MARGIN).join(lines)))

    async def pause(self, seconds):
        seconds = min(seconds, self.remaining_pause)
        self.remaining_pause -= seconds
        await asyncio.sleep(seconds)

    async def on_call(self, name, tool, arguments):
        """Shows a player's tool call."""
        async with self.lock:
            shown = [argument(item) for item in arguments.items() if item[0] not in ("channel_id", "bot_id")]
            self.note(name, f"▸ {tool}({', '.join(shown)})")
            await self.pause(0.3)

    async def on_messages(self, messages):
        """Shows the messages that a player received, except those that were shown before."""
        for message in messages:
            async with self.lock:
                if message["id"] in self.shown:
                    continue
                self.shown.add(message["id"])
                if self.show_message(message):
                    await self.pause(0.8)

    def show_message(self, message):
        body = message["body"] or {}
        if message["sender"] == "system":
            describe = SYSTEM_ENTRIES.get(body.get("type"))
            text = describe(body) if describe else body.get("text", "")
            if text:
                self.note("relay", text)
            return bool(text)
        self.show(message["sender_label"], printable(body.get("text", "")))
        return True


def argument(item):
    """Formats an argument of a tool call; secrets and long texts are shortened."""
    name, value = item
    text = json.dumps(value, ensure_ascii=False)
    if name == "invite_code":
        text = f'"{value[:8]}…"'
    elif name == "body":
        text = f'"{textwrap.shorten(value, 30, placeholder="…")}"'
    return f"{name}={text}"


def printable(text):
    """Replaces characters that could control the terminal: the text was written by somebody else."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def short(digest):
    """Shortens a hash to its first 12 digits."""
    return digest[: digest.index(":") + 13 if ":" in digest else 12] + "…"
