"""What the audience sees: the conversation, each message once, and the tool calls that made it, at a pace to read."""

import asyncio
import json
import shutil
import sys
import textwrap

COLOURS = {"alice": "35;1", "bob": "36;1", "GuessBot": "33;1"}
DIM, BOLD, GOOD, BAD = "2", "1", "32;1", "31;1"
MARGIN = 13
PATIENCE_SECONDS = 40  # pauses add up to no more than this

# What entries of the relay mean, for people.
RELAY_SAYS = {
    "channel:created": lambda body: f"channel “{body['name']}” is open",
    "bot:attach": lambda body: f"{body['name']} is the referee; its code is {short(body['code_hash'])}",
    "member:join": lambda body: f"{body['label']} takes seat {body['slot_id']}",
}


class Stage:
    def __init__(self, fast=False, out=sys.stdout):
        self.out = out
        self.tty = out.isatty()
        self.patience = PATIENCE_SECONDS if self.tty and not fast else 0
        self.width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 110))
        self.shown = set()
        # Two players act at the same time; the audience hears one after the other.
        self.turn = asyncio.Lock()

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.tty and code else text

    def tick(self):
        return self.paint(GOOD, "✓")

    def cross(self):
        return self.paint(BAD, "✗")

    def line(self, text=""):
        print(text, file=self.out, flush=True)

    def title(self, text):
        self.line()
        self.line(self.paint(BOLD, text))

    def say(self, name, text, mark=" "):
        """A paragraph with a name before it."""
        first, *more = textwrap.wrap(text, self.width - MARGIN) or [""]
        self.line(f"{self.paint(COLOURS.get(name), f'{name:>10}')} {mark} {first}")
        for line in more:
            self.line(" " * MARGIN + line)

    def whisper(self, name, text):
        """The same, dimmed: what happens, not what is said."""
        lines = textwrap.wrap(text, self.width - MARGIN)
        self.line(self.paint(DIM, f"{name:>10}   " + ("\n" + " " * MARGIN).join(lines)))

    async def pause(self, seconds):
        seconds = min(seconds, self.patience)
        self.patience -= seconds
        await asyncio.sleep(seconds)

    async def called(self, name, tool, arguments):
        """A player calls a tool."""
        async with self.turn:
            shown = [argument(item) for item in arguments.items() if item[0] not in ("channel_id", "bot_id")]
            self.whisper(name, f"▸ {tool}({', '.join(shown)})")
            await self.pause(0.3)

    async def heard(self, messages):
        """A player reads messages; those that nobody read before are shown."""
        for message in messages:
            async with self.turn:
                if message["id"] in self.shown:
                    continue
                self.shown.add(message["id"])
                if self.show(message):
                    await self.pause(0.8)

    def show(self, message):
        body = message["body"] or {}
        if message["sender"] == "system":
            tell = RELAY_SAYS.get(body.get("type"))
            text = tell(body) if tell else body.get("text", "")
            if text:
                self.whisper("relay", text)
            return bool(text)
        self.say(message["sender_label"], plain(body.get("text", "")))
        return True


def argument(item):
    """An argument of a tool call, as far as the audience has to see it."""
    name, value = item
    text = json.dumps(value, ensure_ascii=False)
    if name == "invite_code":
        text = f'"{value[:8]}…"'
    elif name == "body":
        text = f'"{textwrap.shorten(value, 30, placeholder="…")}"'
    return f"{name}={text}"


def plain(text):
    """Text of somebody else, without what could command a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def short(digest):
    """A hash by its beginning."""
    return digest[: digest.index(":") + 13 if ":" in digest else 12] + "…"
