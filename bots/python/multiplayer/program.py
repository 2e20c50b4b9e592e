"""A bot's source: compiled once, and run in new globals for every hook."""

import base64
import builtins as python_builtins
import marshal
import random
import sys

from multiplayer import identity, modules, names
from multiplayer.guards import guarded_getattr, guarded_write
from multiplayer.policy import Rejected, compile_bot

HOOKS = ("on_init", "on_join", "on_leave", "on_ready", "on_start", "on_message", "on_private_message", "on_timer", "on_close")

# Maximum length of a bot class's name, in characters, and of its summary.
MAX_CLASS_NAME = 200
MAX_SUMMARY = 300


class Program:
    """A compiled bot. Without `builtins` it is plain Python, unrestricted by the policy."""

    # The same for every bot: its name may come from the source, and so is not known yet when that is inspected.
    filename = "<bot>"

    def __init__(self, name, source, builtins, dumped=None):
        self._name = name
        self._builtins = builtins
        if dumped is None:
            compiled = (compile_plain if builtins is None else compile_bot)(source, self.filename)
            self._dumped = marshal.dumps(compiled)
        else:
            self._dumped = base64.b64decode(dumped)
        # What compile() returned is never run: its constant sets can have another order than those of the dumped code.
        self._code = marshal.loads(self._dumped)

    def dumped(self):
        """Returns the compiled code as a text, from which the same Python can make a `Program` without compiling it again."""
        return base64.b64encode(self._dumped).decode()

    def bot_class(self):
        """Runs the source and returns its bot class.

        Of the classes that have a hook, it is the one with the bot's name, or else the last one defined.
        """
        namespace = {
            "__builtins__": python_builtins if self._builtins is None else self._builtins,
            "__name__": names.BOT_MODULE,
            "_getattr_": guarded_getattr,
            "_write_": guarded_write,
        }
        self._reset_libraries()
        identity.reset()
        exec(self._code, namespace)
        found = [value for value in namespace.values() if _is_bot_class(value)]
        if not found:
            hint = "define a class with at least one of " + ", ".join(HOOKS)
            raise Rejected("the source has no bot class", hint=hint)
        bot_class = next((candidate for candidate in found if candidate.__name__ == self._name), found[-1])
        if len(bot_class.__name__) > MAX_CLASS_NAME:
            raise Rejected(f"the name of the bot's class has more than {MAX_CLASS_NAME} characters")
        return bot_class

    def line_of(self, error):
        """Returns the line of the bot's source where an exception was raised, or None."""
        line, step = None, error.__traceback__
        while step is not None:
            if step.tb_frame.f_code.co_filename == self.filename:
                line = step.tb_lineno
            step = step.tb_next
        return line

    @staticmethod
    def _reset_libraries():
        # Changes that a hook made to global state of a library must not be visible to the next hook.
        modules.reset()
        if modules.imported("urllib.request"):
            sys.modules["urllib.request"]._opener = None
        if modules.imported("socket"):
            sys.modules["socket"].setdefaulttimeout(None)
        if modules.imported("random"):
            random.seed()
        if modules.imported("decimal"):
            decimal = sys.modules["decimal"]
            decimal.setcontext(decimal.Context())


def compile_plain(source, filename):
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise Rejected(f"{type(error).__name__}: {error}", getattr(error, "lineno", None)) from None


def instantiate(bot_class, context):
    """Creates the bot. If its class has no `__init__`, sets its `ctx` and `params`."""
    if bot_class.__init__ is not object.__init__:
        return bot_class(context, context.params)
    bot = bot_class()
    bot.ctx = context
    bot.params = context.params
    return bot


def summary_of(bot_class):
    """Returns the first line of the class's docstring, or None."""
    text = bot_class.__doc__
    return text.strip().split("\n")[0][:MAX_SUMMARY] or None if isinstance(text, str) else None


def hooks_of(bot_class):
    return [hook for hook in HOOKS if callable(getattr(bot_class, hook, None))]


def _is_bot_class(value):
    return isinstance(value, type) and value.__module__ == names.BOT_MODULE and bool(hooks_of(value))
