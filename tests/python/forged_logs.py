"""Ways to forge a receipt so that it still looks like one: ids, references and hashes are made to fit again.

The forger is the relay itself, which can sign whatever it likes. It does not here: a replay does not look at the signature.
Each function changes a log, and returns False if the channel offers no occasion for that.
"""

import copy
import hashlib
import json

def read(path):
    """Reads a receipt: its header, its checkpoint, its entries, bots by id, and exchanges."""
    receipt = {"entries": [], "bots": {}, "exchanges": []}
    for line in path.read_text().splitlines():
        ((kind, value),) = json.loads(line).items()
        if kind == "entry":
            receipt["entries"].append(value)
        elif kind == "bot":
            receipt["bots"][value["bot_id"]] = value
        elif kind == "exchange":
            receipt["exchanges"].append(value)
        else:
            receipt[kind] = value
    return receipt


def lines(receipt):
    """Returns the text of a receipt."""
    values = [("header", receipt["header"]), *(("entry", entry) for entry in receipt["entries"]),
              *(("bot", bot) for bot in receipt["bots"].values()), *(("exchange", each) for each in receipt["exchanges"]),
              ("checkpoint", receipt["checkpoint"])]
    return "".join(json.dumps({kind: value}) + "\n" for kind, value in values)


REFERENCES = ("trigger", "set_by", "began")


def body_of(entry):
    return (entry["content"] or {}).get("body", {})


def canonical(value):
    """Canonical JSON of what these logs contain: no number in them is written differently by RFC 8785."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def rehash(entry):
    if entry["content"]:
        preimage = b"mcp-multiplayer/body/v2\0" + bytes.fromhex(entry["content"]["salt"]) + canonical(entry["content"]["body"])
        entry["envelope"]["body_hash"] = "sha256:" + hashlib.sha256(preimage).hexdigest()


def seal(receipt):
    """Numbers the entries anew, follows every reference to their ids, and computes the hashes of their bodies."""
    entries = receipt["entries"]
    moved = {entry["envelope"]["id"]: number for number, entry in enumerate(entries, 1) if not entry.get("new")}
    follow = lambda id: moved.get(id, id)  # noqa: E731
    for number, entry in enumerate(entries, 1):
        entry.pop("new", None)
        envelope, body = entry["envelope"], body_of(entry)
        envelope["id"] = number
        for name in ("cause", "to_tenure"):
            if envelope[name] is not None:
                envelope[name] = follow(envelope[name])
        if envelope["sender"] == "system":
            for name in REFERENCES:
                if name in body:
                    body[name] = follow(body[name])
            for given in body.get("contributions", ()):
                given["entry"] = follow(given["entry"])
        rehash(entry)
    for exchange in receipt["exchanges"]:
        exchange["trigger"] = follow(exchange["trigger"])
    return receipt


class Log:
    """A receipt that is being forged."""

    def __init__(self, receipt):
        self.receipt = copy.deepcopy(receipt)
        self.entries = self.receipt["entries"]

    def calls(self):
        """The hooks in the log: lists of entries that belong together, the last of which is `bot:ran` or `bot:skipped`."""
        call, found = [], []
        for entry in self.entries:
            kind, envelope = body_of(entry).get("type"), entry["envelope"]
            if envelope["cause"] is None or kind == "bot:detach":
                call = []
                continue
            call.append(entry)
            if envelope["sender"] == "system" and kind in ("bot:ran", "bot:skipped"):
                found.append(call)
                call = []
        return found

    def find(self, test):
        return next((entry for entry in self.entries if test(entry)), None)

    def system(self, kind):
        return self.find(lambda entry: entry["envelope"]["sender"] == "system" and body_of(entry).get("type") == kind)

    def posts(self):
        return [entry for entry in self.entries if entry["envelope"]["sender"].startswith("bot:")]

    def calls_with_posts(self):
        return [call for call in self.calls() if any(entry["envelope"]["sender"].startswith("bot:") for entry in call)]

    def remove(self, *removed):
        ids = {id(entry) for entry in removed}
        self.entries[:] = [entry for entry in self.entries if id(entry) not in ids]

    def insert_after(self, entry, *new):
        place = next(place for place, each in enumerate(self.entries) if each is entry)
        self.entries[place + 1:place + 1] = [each | {"new": True} for each in copy.deepcopy(new)]

    def call_of(self, hook):
        return next((call for call in self.calls() if body_of(call[-1]).get("hook") == hook), None)


def forgery(function):
    FORGERIES.append(function)
    return function


FORGERIES = []


@forgery
def leave_out_a_hook(log):
    calls = log.calls_with_posts()
    log.remove(*calls[len(calls) // 2])


@forgery
def leave_out_the_last_hook_that_posted(log):
    log.remove(*log.calls_with_posts()[-1])


@forgery
def leave_out_a_result(log):
    log.remove(log.calls_with_posts()[1][-1])


@forgery
def leave_out_a_post(log):
    log.remove(log.calls_with_posts()[1][0])


@forgery
def leave_out_a_post_and_count_right(log):
    call = next(call for call in log.calls_with_posts()[1:] if body_of(call[-1]).get("effects", 0) > 0)
    body_of(call[-1])["effects"] -= 1
    log.remove(call[0])


@forgery
def invent_a_post(log):
    post = log.posts()[-1]
    log.insert_after(log.entries[-2], post)


@forgery
def invent_a_post_in_a_hook(log):
    call = log.calls_with_posts()[1]
    body_of(call[-1])["effects"] += 1
    log.insert_after(call[0], call[0])


@forgery
def invent_a_hook(log):
    call = log.calls_with_posts()[1]
    log.insert_after(call[-1], *call)


@forgery
def alter_a_post(log):
    body_of(log.posts()[-1])["text"] = "You win."


@forgery
def alter_a_commitment(log):
    post = log.find(lambda entry: "commitment_hash" in body_of(entry))
    if post is None:
        return False
    body_of(post)["commitment_hash"] = "0" * 64


@forgery
def alter_a_kind(log):
    log.posts()[1]["envelope"]["kind"] = "chat"


@forgery
def swap_two_posts(log):
    call = next((call for call in log.calls_with_posts() if len(call) > 2 and body_of(call[0]) != body_of(call[1])
                 and call[1]["envelope"]["sender"].startswith("bot:") and call[0]["envelope"]["sender"].startswith("bot:")), None)
    if call is None:
        return False
    call[0]["content"], call[1]["content"] = call[1]["content"], call[0]["content"]


@forgery
def give_a_post_another_cause(log):
    call = log.calls_with_posts()[2]
    call[0]["envelope"]["cause"] -= 1


@forgery
def report_another_trigger(log):
    call = log.calls_with_posts()[2]
    body_of(call[-1])["trigger"] -= 1
    for entry in call:
        entry["envelope"]["cause"] -= 1


@forgery
def let_a_timer_fire_unasked(log):
    ran = next((call[-1] for call in log.calls() if body_of(call[-1]).get("timers")), None)
    bot = body_of(log.system("bot:attach"))["bot_id"]
    timer = {"type": "timer", "bot_id": bot, "n": 1, "set_by": ran["envelope"]["id"] if ran else 1}
    after = ran or log.entries[-3]
    entry = copy.deepcopy(after)
    entry["envelope"] |= {"kind": "trace", "cause": None, "sender": "system"}
    entry["content"]["body"] = timer
    log.insert_after(after, entry)


@forgery
def report_no_timers(log):
    ran = next((call[-1] for call in log.calls() if body_of(call[-1]).get("timers")), None)
    if ran is None or log.system("timer"):
        return False
    del body_of(ran)["timers"]


@forgery
def strike_a_hook(log):
    hooks = body_of(log.system("bot:attach"))["hooks"]
    hook = next(hook for hook in ("on_close", "on_leave", "on_message") if hook in hooks and log.call_of(hook))
    for call in log.calls():
        if body_of(call[-1])["hook"] == hook:
            log.remove(*call)
    hooks.remove(hook)


@forgery
def strike_a_hook_that_never_ran(log):
    hooks = body_of(log.system("bot:attach"))["hooks"]
    unused = next((hook for hook in hooks if log.call_of(hook) is None), None)
    if unused is None:
        return False
    hooks.remove(unused)


@forgery
def reveal_another_seed(log):
    reveal = log.system("seed:reveal")
    if reveal is None:
        return False
    body_of(reveal)["seed"] = "11" * 32


@forgery
def commit_to_another_seed(log):
    body_of(log.system("bot:attach"))["seed_commitment"] = "sha256:" + "22" * 32


@forgery
def commit_to_another_next_seed(log):
    reveal = log.system("seed:reveal")
    if reveal is None:
        return False
    body_of(reveal)["next_commitment"] = "sha256:" + "22" * 32


@forgery
def show_another_seed(log):
    for bot in log.receipt["bots"].values():
        bot["seed"] = {"epoch": 1, "seed": "33" * 32}


@forgery
def play_with_another_seed(log):
    """Everything that names a seed names another one, so that only what was drawn gives it away."""
    if not any(body_of(call[-1]).get("drawn") for call in log.calls()):
        return False
    attach = log.system("bot:attach")
    seed = b"\x44" * 32
    body_of(attach)["seed_commitment"] = "sha256:" + hashlib.sha256(b"mcp-multiplayer/bot-seed/v2\0" + seed).hexdigest()
    for entry in log.entries:
        if body_of(entry).get("type") == "seed:reveal":
            body_of(entry)["seed"] = seed.hex()
    for bot in log.receipt["bots"].values():
        bot["seed"] = {"epoch": 0, "seed": seed.hex()}


@forgery
def show_other_code(log):
    attach = body_of(log.system("bot:attach"))
    bot = log.receipt["bots"][attach["bot_id"]]
    start = "    def on_init(self):\n"
    if start not in bot["source"]:
        return False
    bot["source"] = bot["source"].replace(start, start + '        self.ctx.post("bot", "Welcome")\n', 1)
    attach["code_hash"] = "sha256:" + hashlib.sha256(bot["source"].encode()).hexdigest()


@forgery
def show_other_code_than_the_hash(log):
    bot = log.receipt["bots"][body_of(log.system("bot:attach"))["bot_id"]]
    bot["source"] += "\n# harmless\n"


@forgery
def show_other_params(log):
    bot = log.receipt["bots"][body_of(log.system("bot:attach"))["bot_id"]]
    bot["params"] = {"generous": True}


@forgery
def say_that_a_hook_ran_out_of_time(log):
    fail(log, "timeout")


@forgery
def say_that_a_hook_died(log):
    fail(log, "died")


@forgery
def say_that_a_hook_failed(log):
    fail(log, "error")


def fail(log, outcome):
    call = next(call for call in log.calls_with_posts() if body_of(call[-1])["hook"] == "on_message")
    ran, bot = call[-1], body_of(call[-1])["bot_id"]
    error = copy.deepcopy(call[0])
    error["envelope"] |= {"sender": "system", "kind": "control", "to_slot": None, "to_tenure": None}
    error["content"]["body"] = {"type": "bot:error", "bot_id": bot, "hook": "on_message", "reason": "it failed", "text": "it failed"}
    log.insert_after(ran, error | {"new": True}, ran)
    made = body_of(log.entries[log.entries.index(ran) + 2])
    for name in ("drawn", "timers", "exchanged"):
        made.pop(name, None)
    made |= {"outcome": outcome, "effects": 1}
    log.remove(*call)


@forgery
def say_that_there_was_no_budget_for_a_hook(log):
    call = next(call for call in log.calls_with_posts() if body_of(call[-1])["hook"] == "on_message")
    ran = body_of(call[-1])
    skipped = copy.deepcopy(call[-1])
    skipped["content"]["body"] = {"type": "bot:skipped", "reason": "budget"} | {
        name: ran[name] for name in ("bot_id", "trigger", "step", "hook")}
    log.insert_after(call[-1], skipped)
    log.remove(*call)


@forgery
def alter_what_was_drawn(log):
    ran = next((call[-1] for call in log.calls() if body_of(call[-1]).get("drawn")), None)
    if ran is None:
        return False
    body_of(ran)["drawn"][0]["to"] += 1


@forgery
def leave_a_player_out_of_the_draw(log):
    opened = log.system("entropy:open")
    if opened is None or not body_of(opened)["contributions"]:
        return False
    body_of(opened)["contributions"].pop()


@forgery
def do_not_hold_the_seats(log):
    held = log.system("seats:held")
    if held is None:
        return False
    ran = next(call[-1] for call in log.calls() if held in call)
    body_of(ran)["effects"] -= 1
    log.remove(held)


@forgery
def close_without_on_close(log):
    call = log.call_of("on_close")
    if call is None:
        return False
    log.remove(*call)


@forgery
def leave_out_what_followed_a_join(log):
    call = log.call_of("on_join")
    if call is None:
        return False
    log.remove(*call)


def forge(function, receipt):
    """Returns the forged receipt, or None if the channel offers no occasion."""
    log = Log(receipt)
    try:
        if function(log) is False:
            return None
    except (StopIteration, IndexError):
        return None
    return seal(log.receipt)
