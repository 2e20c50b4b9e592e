"""Answers the relay's requests, one JSON text for another.

    {"id": 1, "request": {"load": {name, source, params, limits}}}    -> {"loaded": {}} | {"rejected": {message, line, hint}}
    {"id": 2, "request": {"inspect": {}}}                             -> {"inspected": {class_name, hooks}} | {"rejected": ...}
    {"id": 3, "request": {"hook": {hook, channel_id, bot_id, now_ms, state, kept, players, slots, stream, env, args}}}
        -> {"done": {effects, state, kept, drawn, log}} | {"failed": {reason, line, memory, log}}

In the midst of a hook the worker may ask something of the outside world: {"id": 3, "ask": ...} is
answered by {"id": 3, "answer": ...}.
"""

import gc
import importlib
import json
import signal

from multiplayer import clock, facades, modules, names, sockets, stream, tls
from multiplayer.context import Context, Effects
from multiplayer.guards import bot_builtins
from multiplayer.log import Log
from multiplayer.policy import Rejected
from multiplayer.program import Program, hooks_of, instance
from multiplayer.isolation import isolate

_REASON_CHARACTERS = 1000

# What `ctx` tells of a call.
_FACTS = ("channel_id", "bot_id", "now_ms", "players", "slots", "env")


def prepare(all):
    """Makes this process one that bots can run in; with `all`, whatever they may import is there already."""
    clock.install()
    stream.install()
    if all:
        for name in sorted(names.MODULES) + names.PREPARED:
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


class Worker:
    """The one bot of this process."""

    def __init__(self, workspace, exchange):
        self._exchange = exchange
        self._hook_id = None
        self._workspace = workspace
        self._program = None
        sockets.install(self.ask)
        tls.install(workspace)
        # A file that grows past the limit is an OSError then, not the end of the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def answer(self, frame):
        frame = json.loads(frame)
        ((kind, request),) = frame["request"].items()
        self._hook_id = frame["id"]
        reply = {"load": self._load, "inspect": self._inspect, "hook": self._hook}[kind](request)
        return f'{{"id":{frame["id"]},"reply":{reply}}}'

    def _load(self, request):
        self._limits = request["limits"]
        self._params = request["params"]
        self._log = Log(self._limits["log_bytes"])
        # Under the policy a bot gets clean errors from Python, before the kernel says no.
        builtins = bot_builtins(modules.bot_import, self._log) if request["policy"] else None
        if builtins is not None:
            isolate(self._workspace)
        try:
            self._program = Program(request["name"], request["source"], builtins)
        except Rejected as error:
            return _rejected(error.message, error.line, error.hint)
        facades.install(self._log, self._workspace, self._program.filename)
        return '{"loaded":{}}'

    def _inspect(self, _request):
        try:
            bot_class = self._program.bot_class()
            return json.dumps({"inspected": {"class_name": bot_class.__name__, "hooks": hooks_of(bot_class)}})
        except Rejected as error:
            return _rejected(error.message, error.line, error.hint)
        except BaseException as error:
            return _rejected(_reason(error), self._program.line_of(error), None)

    def _hook(self, call):
        # Not the keys of the stream: what an author's object holds can be shown.
        facts = {name: call[name] for name in _FACTS} | {"params": self._params, "workspace": self._workspace}
        keystream = stream.Stream(call["stream"])
        effects = Effects(call["state"], call["kept"], keystream, self._limits)
        clock.set_time(call["now_ms"], self._limits["hook_ms"])
        stream.use(keystream)
        self._log.take()
        sockets.begin()
        try:
            bot = instance(self._program.bot_class(), Context(effects, facts))
            hook = getattr(bot, call["hook"], None)
            if hook is not None:
                hook(*call["args"])
        except BaseException as error:
            effects.close()
            failed = {
                "reason": error.message if isinstance(error, Rejected) else _reason(error),
                "line": self._program.line_of(error),
                "memory": isinstance(error, MemoryError),
                "log": self._log.take(),
            }
            return json.dumps({"failed": failed})
        finally:
            sockets.end()
        effects.close()
        state = None if effects.state == effects.before else effects.state
        kept = None if effects.kept == effects.kept_before else effects.kept
        return (
            f'{{"done":{{"effects":[{",".join(effects.texts)}],"state":{json.dumps(state, ensure_ascii=False)},'
            f'"kept":{json.dumps(kept, ensure_ascii=False)},"drawn":{json.dumps(keystream.close())},'
            f'"log":{json.dumps(self._log.take())}}}}}'
        )

    def ask(self, question):
        """Has the relay do something in the outside world, and returns what came of it."""
        frame = json.dumps({"id": self._hook_id, "ask": question}, separators=(",", ":"))
        return json.loads(self._exchange(frame))["answer"]


def _rejected(message, line, hint):
    return json.dumps({"rejected": {"message": message, "line": line, "hint": hint}})


def _reason(error):
    """`ZeroDivisionError: division by zero`, as a player reads it."""
    try:
        text = str(error)
    except BaseException:
        text = ""
    name = type(error).__name__
    text = " ".join(text.split()).encode(errors="replace").decode()
    return (f"{name}: {text}" if text else name)[:_REASON_CHARACTERS]
