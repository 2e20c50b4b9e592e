"""Writes the receipts in tests/vectors/replay, which a replay must find identical, different, or impossible to check.

    MULTIPLAYER_WRITE_VECTORS=1 .venv-clients/bin/python tests/python/replay_vectors.py

`play` makes the good ones, with the bots in tests/vectors/replay/bots. The others are made from them, so that the rules of
the log still hold. All are signed by a relay with a key for tests. README.md in that directory describes the files.
"""

import copy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import paths
from relay import program
from resealing import RELAY, body_of, dump, load, reseal, sign, type_of

from canonical import canonical, tagged_hash  # examples/verify is on the path by now

DIRECTORY = paths.ROOT / "tests/vectors/replay"
GAMES = {
    "counter": "alice: one\nbob: fail\nalice: two\nleave bob\n",
    "dice": "alice: begin\nalice: roll\nbob: roll\nalice: reveal\nbob: roll\n",
    "keeper": "alice> apple\nbob: how many\nalice> quiet\nbob: how many\n",
    "clock": "alice: go\ntimer\nalice: go\n",
    "herald": "alice> rain\nleave alice\nbob: how many\n",
    "courier": "alice> example.org\nleave alice\nbob: what\n",
}
VECTORS = []


def vector(game, verdict, entries, rule):
    """Adds a receipt: the game that is altered, and what a replay must say, of which entries."""
    def add(alter):
        VECTORS.append((game, verdict, entries, rule, alter))
        return alter
    return add


class Log:
    """The lines of a receipt that is being altered. Entries are named by their ids in the good one."""

    def __init__(self, lines):
        self.lines = copy.deepcopy(lines)
        self.by_id = {value["envelope"]["id"]: value for name, value in self.lines if name == "entry"}

    def body(self, number):
        return body_of(self.by_id[number])

    def bot(self):
        return next(value for name, value in self.lines if name == "bot")

    def remove(self, *numbers):
        gone = [id(self.by_id[number]) for number in numbers]
        self.lines[:] = [line for line in self.lines if id(line[1]) not in gone]

    def cut_after(self, last):
        self.remove(*(number for number in self.by_id if number > last))

    def move_before(self, number, place):
        """Moves an entry to the place before another one, and lets it have the same time."""
        self.by_id[number]["envelope"]["ts"] = self.by_id[place]["envelope"]["ts"]
        line = next(line for line in self.lines if line[1] is self.by_id[number])
        self.lines.remove(line)
        self.lines.insert(next(at for at, each in enumerate(self.lines) if each[1] is self.by_id[place]), line)

    def repeat(self, number):
        """Inserts a copy of an entry after it; returns the copy."""
        place = next(place for place, line in enumerate(self.lines) if line[1] is self.by_id[number])
        made = copy.deepcopy(self.by_id[number])
        self.lines.insert(place + 1, ("entry", made))
        return made

    def withhold(self, *numbers):
        for number in numbers:
            self.by_id[number]["content"] = None

    def fail(self, post, ran, outcome, reason="ValueError"):
        """Lets a hook with one post have failed instead."""
        self.by_id[post]["envelope"] |= {"sender": "system", "kind": "control"}
        bot_id = self.body(ran)["bot_id"]
        error = {"type": "bot:error", "bot_id": bot_id, "hook": self.body(ran)["hook"], "reason": reason, "text": "Counter failed."}
        self.by_id[post]["content"]["body"] = error
        self.body(ran)["result"] = {"outcome": outcome}


vector("counter", "identical", [], "every hook has exactly these effects when it runs again")(lambda log: None)


@vector("counter", "differs", [14], "posts are those of the replay")
def number_in_a_post(log):
    log.body(15)["count"] = 30


@vector("counter", "differs", [14], "posts have the kinds of the replay")
def kind_of_a_post(log):
    log.by_id[15]["envelope"]["kind"] = "chat"


@vector("counter", "differs", [14], "a hook has no other effects than in the replay")
def invented_post(log):
    body_of(log.repeat(15))["text"] = "Counted again."
    log.body(16)["effects"] = 2


@vector("counter", "differs", [14], "a hook has all effects of the replay")
def post_left_out(log):
    log.remove(15)
    log.body(16)["effects"] = 0


@vector("counter", "differs", [8], "effects are those of the hook that had them")
def exchanged_posts(log):
    first, second = log.by_id[9], log.by_id[15]
    first["content"], second["content"] = second["content"], first["content"]


@vector("counter", "differs", [14], "a hook fails where it fails in the replay")
def invented_failure(log):
    log.fail(15, 16, "error")


@vector("counter", "differs", [11], "a hook fails where it fails in the replay")
def hidden_failure(log):
    log.by_id[12]["envelope"] |= {"sender": "bot:bot_Counter_0", "kind": "bot"}
    log.by_id[12]["content"]["body"] = {"text": "Counted.", "count": 2}
    log.body(13)["result"] = {"outcome": "ok"}


@vector("counter", "differs", [11], "a failure has the line of the replay")
def line_of_a_failure(log):
    log.body(12)["line"] = 7


@vector("counter", "differs", [2], "the source is the one that ran: its hash in the log fits, its effects do not")
def other_code(log):
    source = log.bot()["source"].replace("Count with me.", "Welcome.")
    log.bot()["source"] = source
    log.body(2)["code_hash"] = "sha256:" + hashlib.sha256(source.encode()).hexdigest()


@vector("counter", "differs", [8], "the params are those that the bot ran with: their hash in the log fits, the effects do not")
def other_params(log):
    log.bot()["params"] = {"step": 2}
    log.body(2)["params_hash"] = "sha256:" + hashlib.sha256(canonical({"step": 2})).hexdigest()


@vector("counter", "differs", [2], "the hooks in bot:attach are those that the source defines")
def struck_hook(log):
    log.body(2)["hooks"].remove("on_leave")
    log.remove(18, 19)


@vector("counter", "unknown", [14], "that a hook did not run for budget is the relay's word")
def no_budget(log):
    log.body(16).update(type="bot:skipped", reason="budget")
    for name in ("effects", "result"):
        del log.body(16)[name]
    log.remove(15)


@vector("counter", "unknown", [14], "a hook that ran out of time is not tried again")
def out_of_time(log):
    log.fail(15, 16, "timeout")


@vector("counter", "unknown", [14], "a hook that died is not tried again")
def died(log):
    log.fail(15, 16, "died")


@vector("counter", "unknown", [11], "a hook that runs out of time here ends the replay of its bot, whatever comes after it")
def endless_here(log):
    source = log.bot()["source"].replace('raise ValueError("as asked")', "while True: pass")
    log.bot()["source"] = source
    log.body(2)["code_hash"] = "sha256:" + hashlib.sha256(source.encode()).hexdigest()
    log.body(15)["count"] = 30


def give_memory(log, factor):
    log.body(2)["runtime"]["memory_bytes"] = int(log.body(2)["runtime"]["memory_bytes"] * factor)


@vector("counter", "unknown", [14], "a hook that ran out of memory, of which the bot had less on the relay, may go on here")
def out_of_less_memory(log):
    give_memory(log, 0.5)
    log.fail(15, 16, "error", "MemoryError")


@vector("counter", "differs", [14], "a hook does not run out of memory where it does not with as much in the replay")
def out_of_memory(log):
    log.fail(15, 16, "error", "MemoryError")


@vector("counter", "differs", [14], "a hook does not run out of memory where it does not with less in the replay")
def out_of_more_memory(log):
    give_memory(log, 2)
    log.fail(15, 16, "error", "MemoryError")


@vector("counter", "differs", [14], "other failures are those of the replay, however much memory the bot had")
def invented_failure_with_less_memory(log):
    give_memory(log, 0.5)
    log.fail(15, 16, "error")


@vector("counter", "unknown", [2], "a runtime that is not installed here cannot be replayed")
def other_runtime(log):
    log.body(2)["runtime"]["worker"] = "0.0.0"


@vector("counter", "unknown", [2], "a bot without policy is run only on request")
def without_policy(log):
    del log.body(2)["policy"]


@vector("counter", "unknown", [], "a hook that is due when the log ends is no fault, but the log is not complete")
def hook_still_due(log):
    log.cut_after(14)


vector("dice", "identical", [], "draws come from the keystream that seed and contributions determine")(lambda log: None)


def find(log, type_, nth=0):
    """Returns the id of an entry: of this type, or a post of the bot."""
    return [number for number, entry in log.by_id.items() if type_of(entry) == type_][nth]


def find_last_draw(log, epoch):
    """Returns the id of the last `bot:ran` that drew from this epoch: after it, nothing depends on how much was drawn."""
    return [number for number in log.by_id if any(drawn["epoch"] == epoch for drawn in log.body(number).get("drawn", ()))][-1]


@vector("dice", "differs", ["roll"], "draws come from the keystream")
def other_roll(log):
    body = log.body(find(log, "bot", 1))
    body["roll"] = body["roll"] % 6 + 1


@vector("dice", "differs", ["second roll"], "drawn is what the replay draws")
def more_drawn(log):
    log.body(find_last_draw(log, 0))["drawn"][0]["to"] += 1


@vector("dice", "differs", ["second roll"], "drawn is there where the replay draws")
def no_draw(log):
    del log.body(find_last_draw(log, 0))["drawn"]


@vector("dice", "differs", ["roll"], "draws come from the committed seed, although commitment and chain fit another one")
def other_seed(log):
    def previous(seed):
        return tagged_hash("mcp-multiplayer/seed-chain/v2", seed)

    def commitment(seed):
        return "sha256:" + tagged_hash("mcp-multiplayer/bot-seed/v2", seed).hex()

    second = b"\x46" * 32
    log.body(2)["seed_commitment"] = commitment(previous(second))
    log.body(find(log, "seed:reveal")).update(seed=previous(second).hex(), next_commitment=commitment(second))
    log.bot()["seed"] = {"epoch": 1, "seed": second.hex()}


@vector("dice", "unknown", ["roll"], "a seed that was not revealed cannot be replayed")
def seed_not_revealed(log):
    log.cut_after(find(log, "seed:reveal") - 2)
    del log.bot()["seed"]


@vector("dice", "unknown", ["last roll"], "a revealed seed opens its epoch and those before, and no later one")
def second_seed_not_revealed(log):
    del log.bot()["seed"]


vector("keeper", "identical", [], "private hooks run again like others, where the file has the DMs")(lambda log: None)


@vector("keeper", "differs", ["apple"], "private effects are those of the replay")
def other_private_answer(log):
    log.body(find(log, "bot:private"))["body"]["text"] = "I keep apples"


@vector("keeper", "differs", ["apple", "how many"], "private results are those of the replay")
def private_failure(log):
    answer, result = find(log, "bot:private"), find(log, "bot:private", 1)
    failure = {"type": "bot:result", "outcome": "error", "reason": "ValueError", "text": "Keeper failed."}
    log.by_id[result]["content"]["body"] = {"kind": "control", "body": failure}
    log.body(result + 1)["effects"] = 1
    log.remove(answer)


@vector("keeper", "differs", ["how many"], "what a bot remembers is what its hooks left behind")
def other_memory(log):
    log.body(find(log, "bot"))["secrets"] = 2


@vector("keeper", "unknown", ["apple"], "what a bot said in a private entry that the file leaves out cannot be known")
def answer_withheld(log):
    log.withhold(find(log, "bot:private"))


@vector("keeper", "unknown", ["apple"], "a private entry that the file leaves out cannot be replayed if its hook had effects")
def dm_withheld(log):
    log.withhold(*(find(log, kind, nth) for kind, nth in (("player:private", 0), ("bot:private", 0), ("bot:private", 1))))


@vector("keeper", "unknown", ["quiet"], "a private entry that the file leaves out is passed over if its hook had no effects; that it changed nothing is an assumption")
def quiet_dm_withheld(log):
    log.withhold(find(log, "player:private", 1), find(log, "bot:private", 2))


@vector("keeper", "unknown", ["quiet", "how many again"], "after such an assumption, a difference cannot be told from a change that the private hook made")
def difference_after_an_assumption(log):
    log.withhold(find(log, "player:private", 1), find(log, "bot:private", 2))
    log.body(find(log, "bot", 1))["secrets"] = 2


vector("clock", "identical", [], "timers and holds are effects like others")(lambda log: None)


@vector("clock", "differs", ["go"], "timers run as long as in the replay")
def shorter_timer(log):
    ran = next(number for number in log.by_id if log.body(number).get("timers"))
    log.body(ran)["timers"][0]["after_ms"] = 4_000


@vector("clock", "differs", ["go"], "all timers of the replay are set")
def timer_left_out(log):
    ran = next(number for number in log.by_id if log.body(number).get("timers"))
    del log.body(ran)["timers"]
    log.cut_after(ran)


@vector("clock", "differs", ["go"], "the seats are held as long as in the replay")
def longer_hold(log):
    held = log.body(find(log, "seats:held"))
    held["until"] = held["until"].replace("12:01", "12:31")


@vector("clock", "differs", ["go"], "the seats are held where they are in the replay")
def hold_left_out(log):
    held = find(log, "seats:held")
    log.body(held + 1)["effects"] -= 1
    log.remove(held)


@vector("clock", "unknown", ["timer"], "a timer whose hook failed is gone, and can be set anew")
def timer_hook_out_of_time(log):
    post = find(log, "bot")
    log.fail(post, post + 1, "timeout")


vector("herald", "identical", [], "a hook that a DM started has public effects and a private result")(lambda log: None)


def leave_during_the_hook(log):
    """Lets the player who sent the DM leave before the hook's effects, so that DMs to the player are left out."""
    post, answer, result = find(log, "bot"), find(log, "bot:private"), find(log, "bot:private", 1)
    log.move_before(find(log, "member:leave"), post)
    log.remove(answer, result)
    log.body(result + 1)["effects"] = 1
    return post


@vector("herald", "identical", [], "a hook has its public effects also if its result is for a player who had left")
def left_before_the_result(log):
    leave_during_the_hook(log)


@vector("herald", "differs", ["rain"], "public effects are those of the replay also if the result is not in the log")
def other_post_without_result(log):
    log.body(leave_during_the_hook(log))["text"] = "Somebody says: sun"


@vector("herald", "differs", ["rain"], "without a result, timers are those of the replay, too")
def timer_without_result(log):
    post = leave_during_the_hook(log)
    log.body(post + 3).update(effects=0, timers=[{"n": 1, "after_ms": 5_000}])
    log.remove(post)


@vector("herald", "unknown", ["rain"], "a hook without any effect or result may have failed, and then the bot remembers nothing of it")
def no_effects_without_result(log):
    post = leave_during_the_hook(log)
    log.body(post + 3)["effects"] = 0
    log.remove(post)
    log.body(find(log, "bot", 1))["said"] = 0


@vector("herald", "differs", ["rain"], "effects are those of the replay also if the file leaves out the result")
def lost_answer_with_withheld_result(log):
    answer, result = find(log, "bot:private"), find(log, "bot:private", 1)
    log.withhold(result)
    log.body(result + 1)["effects"] = 2
    log.remove(answer)


@vector("herald", "unknown", ["rain"], "a hook whose result the file leaves out may have failed if it had no other effect")
def no_effects_with_withheld_result(log):
    post, result = find(log, "bot"), find(log, "bot:private", 1)
    log.withhold(result)
    log.body(result + 1)["effects"] = 1
    log.remove(post, post + 1)
    log.body(find(log, "bot", 1))["said"] = 0


vector("courier", "identical", [], "a bot without a network gets the same refusal for all that it asks, without a record")(lambda log: None)


@vector("courier", "unknown", ["example.org"], "what a hook exchanged whose result is for a player who had left cannot be known, nor what the bot remembers of it")
def left_during_the_exchange(log):
    result = find(log, "bot:private")
    log.move_before(find(log, "member:leave"), result)
    log.remove(result)
    log.body(result + 1)["effects"] = 0
    log.body(2)["egress_hash"] = "sha256:" + "e" * 64


def place(log, which):
    """Returns the id of the entry that started a hook: by its number, or by what it says."""
    if isinstance(which, int):
        return which
    if which == "timer":
        return find(log, "timer")
    which, nth = {"second roll": ("roll", 1), "last roll": ("roll", -1), "how many again": ("how many", -1)}.get(which, (which, 0))
    return [number for number in log.by_id if log.body(number).get("text") == which][nth]


def play(game, directory):
    """Returns the lines of a game's receipt."""
    script, file = Path(directory, "script.txt"), Path(directory, "game.jsonl")
    script.write_text(f"{GAMES[game]}save {file}\n")
    command = [program(paths.BIN_DIR, "mcp-multiplayer-bot"), "play", DIRECTORY / f"bots/{game}.py", "--seed", "1", "--script", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if not file.exists():
        sys.exit(done.stdout + done.stderr)
    return load(file)


def write():
    index = []
    with tempfile.TemporaryDirectory() as directory:
        good = {game: play(game, directory) for game in GAMES}
    for old in DIRECTORY.glob("*.jsonl"):
        old.unlink()
    for game, verdict, entries, rule, alter in VECTORS:
        name = game if alter.__name__ == "<lambda>" else f"{game}-{alter.__name__.replace('_', '-')}"
        log = Log(good[game])
        triggers = [log.by_id[place(log, which)] for which in entries]
        alter(log)
        numbers = {id(entry): number for number, entry in enumerate((value for name, value in log.lines if name == "entry"), 1)}
        (DIRECTORY / f"{name}.jsonl").write_bytes(dump(sign(reseal(log.lines, relay=RELAY))))
        index.append({"file": f"{name}.jsonl", "replay": verdict, "entries": [numbers[id(entry)] for entry in triggers], "rule": rule})
    about = ("Receipts whose log breaks no rule and is signed, and what a replay must say: that all hooks are identical, that those "
             "which these entries started differ, or that they cannot be checked. README.md describes the format.")
    text = json.dumps({"about": about, "receipts": index}, ensure_ascii=False, indent=2)
    (DIRECTORY / "index.json").write_text(text + "\n")


if __name__ == "__main__":
    if not os.environ.get("MULTIPLAYER_WRITE_VECTORS"):
        sys.exit("Set MULTIPLAYER_WRITE_VECTORS=1 to write the files anew.")
    write()
