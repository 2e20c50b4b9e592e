"""Handles the relay's requests: each is a JSON text, answered by another.

    {"id": 1, "request": {"load": {name, source, code?, params, limits}}}    -> {"loaded": {code?}} | {"rejected": {message, line, hint}}
    {"id": 1, "request": {"warm_up": {}}}                             -> {"warmed_up": {}}
    {"id": 2, "request": {"inspect": {}}}                             -> {"inspected": {class_name, hooks, summary}} | {"rejected": ...}
    {"id": 1, "request": {"draw": {board, turned}}}                   -> {"drawn": {text, svg, svg_dark}} | {"rejected": ...}
    {"id": 3, "request": {"hook": {hook, channel_id, bot_id, now_ms, state, seats, may_hold_seats, may_unseal, kept, players, slots, stream, env, relay?, args}}}
        -> {"done": {effects, state, seats, kept, drawn, log}} | {"failed": {exception, message, line, memory, log}}

During a hook, the worker may send requests for egress to the relay: {"id": 3, "ask": ...}, answered by
{"id": 3, "answer": ...}.
"""

import gc
import importlib
import json
import signal

from multiplayer import boards, clock, facades, identity, isolation, modules, names, stream
from multiplayer.context import Context, Effects
from multiplayer.guards import bot_builtins
from multiplayer.log import Log
from multiplayer.policy import Rejected
from multiplayer.program import Program, hooks_of, instantiate, summary_of

_MESSAGE_CHARACTERS = 1000

# The fields of a hook request that `ctx` exposes.
_FACTS = ("channel_id", "bot_id", "now_ms", "players", "slots", "env")

_encode = json.JSONEncoder(ensure_ascii=False).encode

# Python adapts code to the types that it meets when it has run it a few times.
WARM_UPS = 20

# Uses the syntax and makes the calls that most bots do.
_SAMPLE = """
import random

LIMIT = 2 * 3

class Sample:
    'A bot.'

    def on_message(self, msg):
        state = self.ctx.get_state() or {"n": 0}
        text = msg["body"].get("text", "")
        self.first, *_ = text[:1], None
        try:
            state["n"] += self.count(text, at_most=LIMIT - 1)
        except ValueError as error:
            raise TypeError(f"{error}")
        for key in ("a", "b"):
            state[key] = [each for each in text if each != key]
        if not state["n"] or random.random() < 1 and "z" not in text:
            self.ctx.post("bot", {"text": f"{state['n']} is it"})
        self.ctx.set_state(state)

    def count(self, text, at_most=1):
        return min(sum(1 for each in text if each in "ab"), at_most) if text else -1
"""


_SAMPLE_CALL = {
    "hook": "on_message", "channel_id": "", "bot_id": "", "now_ms": 0, "state": None, "seats": "{}", "may_hold_seats": False, "may_unseal": False,
    "kept": None, "players": [], "slots": [], "env": {}, "args": [{"sender": "s1", "kind": "user", "body": {"text": "ab"}}],
    "stream": {"epoch": 0, "last": True, "open": False, "starting": False, "position": 0, "key": "00" * 32, "next_key": None},
}

_SAMPLE_LIMITS = {
    "posts": 10, "body_bytes": 1000, "post_bytes": 1000, "state_bytes": 1000, "log_bytes": 1000, "kept_bytes": 1000,
    "hook_ms": 1000, "reserved_types": [],
}


def prepare(has_network, imports, exchange):
    """Prepares this process for running bots, which can use the network or not; `imports` imports their modules now.

    Returns the worker of the process.
    """
    clock.install()
    stream.install()
    if has_network:
        Worker.network = importlib.import_module("multiplayer.network")
        Worker.network.install(None, None)
    else:
        modules.allow_only(names.BASIC_MODULES | frozenset(names.OWN_MODULES))
    if imports:
        basic = sorted(names.BASIC_MODULES) + names.BASIC_PREPARED
        network = sorted(names.NETWORK_MODULES) + names.NETWORK_PREPARED
        for name in basic + network if has_network else basic:
            importlib.import_module(name)
    # What each worker would do first, done once for all of them: each write to memory that it shares with the zygote costs it
    # a copy of the page.
    isolation.prepare()
    # With SIGXFSZ ignored, exceeding the file size limit raises OSError instead of killing the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    output = Output()
    facades.install(output.log, Program.filename)
    worker = Worker(output, exchange)
    for _ in range(WARM_UPS):
        worker.answer('{"id": 0, "request": {"warm_up": {}}}')
    # The imports may have read the clock.
    clock.set_time(0, 0)
    gc.collect()
    gc.freeze()
    return worker


class _NoNetwork:
    """Takes the place of `multiplayer.network` in a process whose bots can't use it."""

    def install(self, ask, workspace):
        pass

    begin = end = lambda self: None


class Output:
    """The log of a bot, and the built-ins whose `print` writes to it."""

    def __init__(self):
        self.log = Log(0)
        self.builtins = bot_builtins(modules.bot_import, self.log)


class Worker:
    """Runs the one bot of this process; `exchange` sends the relay a frame and returns its answer."""

    network = _NoNetwork()

    def __init__(self, output, exchange):
        self._exchange = exchange
        self._hook_id = None
        self._workspace = None
        self._program = None
        self._log, self._builtins = output.log, output.builtins

    def use_workspace(self, workspace):
        """Gives the worker a directory, whose path has no symbolic links."""
        self._workspace = workspace
        self.network.install(self.ask, workspace)
        facades.install_files(workspace)

    def answer(self, frame):
        frame = json.loads(frame)
        ((kind, request),) = frame["request"].items()
        self._hook_id = frame["id"]
        requests = {"load": self._load, "inspect": self._inspect, "draw": self._draw, "warm_up": self._warm_up, "hook": self._hook}
        reply = requests[kind](request)
        return f'{{"id":{frame["id"]},"reply":{reply}}}'

    def _load(self, request):
        self._set_limits(request["limits"])
        self._params = request["params"]
        # With the policy, the audit hook gives clear errors before the kernel refuses an operation.
        builtins = self._builtins if request["policy"] else None
        if builtins is not None:
            self._isolate()
        try:
            self._program = Program(request["name"], request["source"], builtins, request.get("code"))
        except Rejected as error:
            return _rejected(error.message, error.line, error.hint)
        if "code" in request:
            return '{"loaded":{}}'
        return json.dumps({"loaded": {"code": self._program.dumped()}})

    def _set_limits(self, limits):
        self._limits = limits
        self._log.limit = limits["log_bytes"]

    def _isolate(self):
        isolation.isolate(self._workspace)

    def _warm_up(self, _request):
        """Compiles and runs the sample, so that the pages which this writes to are the worker's own when its bot comes."""
        self._set_limits(_SAMPLE_LIMITS)
        self._params = "{}"
        compiled = Program("", _SAMPLE, self._builtins)
        self._program = Program("", "", self._builtins, compiled.dumped())
        self._hook(_SAMPLE_CALL)
        self._program = None
        # As in a worker that has run nothing.
        modules.reset()
        identity.reset()
        stream.use(None)
        clock.set_time(0, 0)
        return '{"warmed_up":{}}'

    def _inspect(self, _request):
        try:
            bot_class = self._program.bot_class()
            inspected = {"class_name": bot_class.__name__, "hooks": hooks_of(bot_class), "summary": summary_of(bot_class)}
            return json.dumps({"inspected": inspected})
        except Rejected as error:
            return _rejected(error.message, error.line, error.hint)
        except BaseException as error:
            return _rejected(_reason(error), self._program.line_of(error), None)

    def _draw(self, request):
        """Draws a board, which comes from a bot's post. No bot runs in this process, so the drawing is that of `boards`."""
        board, turned = request["board"], request["turned"]
        try:
            light, dark = (boards.svg(board, dark, turned) for dark in (False, True))
            drawn = {"text": boards.text(board), "svg": light, "svg_dark": dark}
        except ValueError as error:
            return _rejected(_message(error), None, None)
        return json.dumps({"drawn": drawn})

    def _hook(self, call):
        # Without the keys of the stream: a bot might be able to read anything that its ctx refers to.
        facts = {name: call[name] for name in _FACTS} | {"params": self._params, "workspace": self._workspace}
        facts["relay"] = call.get("relay")  # missing in a game that is played without a relay
        keystream = stream.Stream(call["stream"])
        effects = Effects(call, keystream, self._limits)
        clock.set_time(call["now_ms"], self._limits["hook_ms"])
        stream.use(keystream)
        self._log.take()
        self.network.begin()
        try:
            bot = instantiate(self._program.bot_class(), Context(effects, facts))
            hook = getattr(bot, call["hook"], None)
            if hook is not None:
                hook(*call["args"])
            effects.save_seats()
        except BaseException as error:
            effects.close()
            return self._failed(error)
        finally:
            self.network.end()
        effects.close()
        state = None if effects.state == effects.state_before else effects.state
        seats = None if effects.seats == effects.seats_before else effects.seats
        commitments = None if effects.commitments == effects.commitments_before else effects.commitments
        rest = {"state": state, "seats": seats, "kept": commitments, "drawn": keystream.close(), "log": self._log.take()}
        return f'{{"done":{{"effects":[{",".join(effects.texts)}],{_encode(rest)[1:]}}}'

    def _failed(self, error):
        failed = {
            "exception": type(error).__name__,
            "message": _message(error),
            "line": self._program.line_of(error),
            "memory": isinstance(error, MemoryError),
            "log": self._log.take(),
        }
        return json.dumps({"failed": failed})

    def ask(self, question):
        """Sends an egress request to the relay; returns its answer."""
        frame = json.dumps({"id": self._hook_id, "ask": question}, separators=(",", ":"))
        return json.loads(self._exchange(frame))["answer"]


def _rejected(message, line, hint):
    return json.dumps({"rejected": {"message": message, "line": line, "hint": hint}})


def _reason(error):
    """Formats an error of loading a source, such as `ZeroDivisionError: division by zero`."""
    name, text = type(error).__name__, _message(error)
    return f"{name}: {text}" if text else name


def _message(error):
    """Returns what an exception says, on one line. It may quote the bot's state, so players don't see it."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    # Cut first: a bot's text may be as large as its memory.
    return " ".join(text[:_MESSAGE_CHARACTERS].split()).encode(errors="replace").decode()
