"""Ways to forge a receipt so that it still looks like one: ids, references and hashes are made to fit again.

The forger is the relay itself, which can sign whatever it likes. It does not here: a replay does not look at the signature.
Each function changes a log, and returns False if the channel offers no occasion for that.
"""

import copy
import hashlib

from forged_deletions import DELETIONS
from forging import Log, body_of, seal


def forgery(function):
    FORGERIES.append(function)
    return function


FORGERIES = [*DELETIONS]


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
def leave_out_a_private_result(log):
    call = log.private_calls()[0]
    body_of(call[-1])["effects"] -= 1
    log.remove(call[-2])


@forgery
def send_a_private_result_to_another_player(log):
    result = log.private_calls()[0][-2]["envelope"]
    join = log.find(lambda entry: body_of(entry).get("type") == "member:join" and body_of(entry)["slot_id"] != result["to_slot"])
    result |= {"to_slot": body_of(join)["slot_id"], "to_tenure": join["envelope"]["id"]}


@forgery
def send_a_private_result_before_another_effect(log):
    call = next(call for call in log.private_calls() if len(call) > 2)
    places = [log.entries.index(entry) for entry in call[-3:-1]]
    log.entries[places[0]], log.entries[places[1]] = call[-2], call[-3]


@forgery
def say_in_private_that_a_hook_failed(log):
    call = next(call for call in log.private_calls() if body_of(call[-2])["kind"] == "trace")
    failure = {"type": "bot:result", "outcome": "error", "reason": "ValueError", "text": "it failed"}
    call[-2]["content"]["body"] = {"kind": "control", "body": failure}
    body_of(call[-1])["effects"] = 1
    log.remove(*call[:-2])


@forgery
def say_in_private_that_a_hook_succeeded(log):
    call = next(call for call in log.private_calls() if body_of(call[-2])["kind"] == "control")
    call[-2]["content"]["body"] = {"kind": "trace", "body": {"type": "bot:result", "outcome": "ok"}}


@forgery
def report_a_private_hook_in_public(log):
    body_of(log.private_calls()[0][-1])["result"] = {"outcome": "ok"}


@forgery
def report_a_private_hook_in_public_only(log):
    call = log.private_calls()[0]
    body_of(call[-1])["result"] = {"outcome": "ok"}
    body_of(call[-1])["effects"] -= 1
    log.remove(call[-2])


@forgery
def report_a_public_hook_without_its_result(log):
    del body_of(next(call[-1] for call in log.calls() if "result" in body_of(call[-1])))["result"]


@forgery
def unseal_without_permission(log):
    if "unseals" in body_of(log.system("bot:attach")):
        return False
    unseal(log)


@forgery
def unseal_without_being_told_to(log):
    if "unseals" not in body_of(log.system("bot:attach")):
        return False
    unseal(log)


def unseal(log):
    """Lets the first hook that ran open DMs."""
    ran = log.calls()[0][-1]
    envelope = ran["envelope"] | {"kind": "system"}
    body = {"type": "dm:unsealed", "bot_id": body_of(ran)["bot_id"]}
    log.insert_before(ran, {"envelope": envelope, "content": ran["content"] | {"body": body}})
    body_of(ran)["effects"] += 1


@forgery
def leave_out_an_unsealing(log):
    unsealed = log.system("dm:unsealed")
    ran = next(call[-1] for call in log.calls() if any(entry is unsealed for entry in call))
    body_of(ran)["effects"] -= 1
    log.remove(unsealed)


@forgery
def leave_out_an_unsealed_dm_of_a_player(log):
    unsealed = log.system("dm:unsealed")
    if unsealed is None:
        return False
    dm = next(entry for entry in log.entries if entry["envelope"]["to_slot"] and entry["envelope"]["id"] <= unsealed["envelope"]["cause"])
    dm["content"] = None


@forgery
def leave_out_an_unsealed_result(log):
    unsealed = log.system("dm:unsealed")
    if unsealed is None:
        return False
    next(call for call in log.private_calls() if any(entry is unsealed for entry in call))[-2]["content"] = None


@forgery
def allow_a_bot_to_unseal_after_all(log):
    body_of(log.system("bot:attach"))["unseals"] = True
    return "unseals" not in body_of(log.system("bot:manifest"))["manifest"]


@forgery
def name_another_relay(log):
    body_of(log.entries[0])["log"]["origin"] = "another.example.org"


@forgery
def name_another_key_of_the_relay(log):
    body_of(log.entries[0])["log"]["key"] = "ed25519:" + "55" * 32


@forgery
def name_no_relay(log):
    del body_of(log.entries[0])["log"]


@forgery
def change_the_limits_that_players_accepted(log):
    return change_accepted(log, limits={"body_bytes": 32768, "hook_ms": 5001, "hook_wall_ms": 30000})


@forgery
def change_the_api_that_players_accepted(log):
    return change_accepted(log, api=2)


@forgery
def change_the_policy_that_players_accepted(log):
    return change_accepted(log, policy=None)


@forgery
def change_the_rules_for_connections_that_players_accepted(log):
    return change_accepted(log, egress_hash="sha256:" + "66" * 32)


def change_accepted(log, **changes):
    if log.system("terms:accepted") is None:
        return False
    attach = log.system("bot:attach")
    attach["content"]["body"] = {name: value for name, value in (body_of(attach) | changes).items() if value is not None}


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
    if reveal is None or reveal["envelope"]["cause"] == (log.system("close_requested") or reveal)["envelope"]["id"]:
        return False  # nothing is drawn after the last reveal, when the channel closes
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
    seed = b"\x45" * 32  # one that draws other things: who begins is one bit
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
    for name in ("drawn", "timers"):
        made.pop(name, None)
    made |= {"result": {"outcome": outcome}, "effects": 1}
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
