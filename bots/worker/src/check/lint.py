"""The static analysis of `check`: finds breaches of the policy and likely mistakes in a bot's source.

It runs in a worker's sandbox, as a bot that gets the source as its only message. It never executes that source.

A finding is {"level", "rule", "line", "message", "hint"}. An `error` makes a relay reject the bot, or a hook fail
every time; a `warning` is most likely a mistake; a `note` may be intended.
"""

import ast
import difflib

from multiplayer import names
from multiplayer.context import Context
from multiplayer.policy import Policy

# Hooks and their arguments after self.
ARGUMENTS = {"on_init": (), "on_join": ("player_id",), "on_leave": ("player_id",), "on_ready": (),
             "on_start": ("contributors", "missing"), "on_message": ("msg",), "on_private_message": ("slot_id", "msg"), "on_timer": ("name",), "on_close": ()}

# The keys of the message that on_message gets.
MESSAGE_KEYS = ("id", "channel_id", "sender", "sender_label", "kind", "body", "ts", "to_slot", "tenure")

# Keys that authors use by mistake for one of these, and the right one.
OTHER_KEYS = {
    **dict.fromkeys(("player", "player_id", "slot", "slot_id", "seat", "user", "user_id", "from", "author", "sender_id"), "sender"),
    **dict.fromkeys(("name", "label", "player_name", "sender_name", "username"), "sender_label"),
    **dict.fromkeys(("time", "timestamp", "date", "created_at"), "ts"),
    **dict.fromkeys(("channel", "chn"), "channel_id"), **dict.fromkeys(("entry", "entry_id", "message_id", "msg_id"), "id"),
    **dict.fromkeys(("data", "content", "payload"), "body"),
}

# Names that authors use by mistake for a hook, and the right one.
OTHER_NAMES = {
    "on_create": "on_init", "on_attach": "on_init", "init": "on_init", "on_full": "on_ready", "on_accepted": "on_ready",
    "on_draw": "on_start", "on_begin": "on_start",
    "on_player_join": "on_join", "on_member_join": "on_join", "on_enter": "on_join",
    "on_player_leave": "on_leave", "on_exit": "on_leave", "on_quit": "on_leave", "on_kick": "on_leave",
    "on_post": "on_message", "on_text": "on_message", "on_public_message": "on_message", "message": "on_message",
    "on_dm": "on_private_message", "on_private": "on_private_message", "on_direct_message": "on_private_message",
    "on_whisper": "on_private_message", "on_tick": "on_timer", "on_timeout": "on_timer", "on_alarm": "on_timer",
}

# Names that authors use by mistake for an attribute of ctx, and the right one.
OTHER_CALLS = {"send": "post", "say": "post", "reply": "post", "send_message": "post", "whisper": "dm", "tell": "dm",
               "state": "get_state", "save_state": "set_state", "set_timer": "timer", "sleep": "timer", "time": "now"}

CONTEXT = sorted(name for name in vars(Context) if not name.startswith("_"))

# Methods that change a list, dict or set in place.
CHANGING = {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault", "add",
            "discard", "sort", "reverse", "appendleft", "popleft", "__setitem__"}

# Functions that draw random numbers, by module.
DRAWING = {
    "random": {"random", "randint", "randrange", "choice", "choices", "sample", "shuffle", "uniform", "gauss",
               "getrandbits", "randbytes", "normalvariate", "triangular", "betavariate"},
    "secrets": {"choice", "randbelow", "randbits", "token_bytes", "token_hex", "token_urlsafe", "SystemRandom"},
    "uuid": {"uuid4", "uuid1"},
    "os": {"urandom"},
}


class Lint:
    """The analysis as a bot: `on_message` gets the source and sets the findings as its state."""

    def __init__(self, ctx, params):
        self.ctx = ctx

    def on_message(self, source):
        found = [{"level": level, "rule": rule, "line": line, "message": message, "hint": hint}
                 for level, rule, line, message, hint in findings(source)]
        self.ctx.set_state({"findings": found})


def findings(source):
    """All findings of a source, in the order of its lines."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [("error", "syntax", error.lineno, f"{type(error).__name__}: {error.msg}", None)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [("error", "syntax", None, str(error) or "the source is nested too deeply", None)]
    found = []
    # The policy modifies the tree that it checks, so it gets one of its own.
    policy = Policy(tree)
    policy.visit(ast.parse(source))
    for line, message, hint in policy.problems:
        found.append(("error", "policy", line, message, hint))
    found.extend(Source(tree).findings())
    return sorted(dict.fromkeys(found), key=lambda finding: (finding[2] or 0, finding[1]))


class Source:
    """A parsed source."""

    def __init__(self, tree):
        self.tree = tree
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        self.imported = {}  # local name -> (module, name) or (module, None)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imported[alias.asname or alias.name.partition(".")[0]] = (alias.name, None)
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = (node.module, alias.name)

    def findings(self):
        for node in self.functions.values():
            if node.name in ARGUMENTS and not self.is_called(node.name):
                yield ("warning", "unused-hook", node.lineno, f"{node.name} is not in a class, so it is never called",
                       "make it a method of the bot's class, with self as its first argument")
        bots = [node for node in self.classes if self.looks_like_a_bot(node)]
        with_hooks = [node for node in bots if any(name in ARGUMENTS for name in self.methods(node))]
        bot = next(iter(reversed(with_hooks or bots)), None)
        for other in with_hooks[:-1]:
            if not self.is_mentioned(other.name):
                yield ("note", "unused-hook", other.lineno,
                       f"{other.name} also has hooks, but the bot is {bot.name}, the last class that has any",
                       f"delete {other.name} or make it a base class, unless you attach the bot under the name {other.name}")
        yield from self.calls()
        yield from self.globals()
        if bot is not None:
            yield from BotClass(self, bot).findings()

    def looks_like_a_bot(self, node):
        return any(name in ARGUMENTS or intended_hook(name) for name in self.methods(node))

    def methods(self, node, seen=()):
        """The methods of a class and of its bases in this source, by name."""
        found = {}
        for base in node.bases:
            for other in self.classes:
                if isinstance(base, ast.Name) and base.id == other.name and other.name not in seen and other is not node:
                    found.update(self.methods(other, (*seen, node.name)))
        found.update({item.name: item for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))})
        return found

    def is_called(self, name):
        return any(isinstance(node, ast.Call) and last_name(node.func) == name for node in ast.walk(self.tree))

    def may_be_used(self, name):
        """Returns whether a method may be called by the bot itself, also by way of a variable or of a name made up at run time."""
        return any((isinstance(node, ast.Attribute) and node.attr == name)
                   or (isinstance(node, ast.Constant) and node.value == name)
                   or (isinstance(node, ast.Call) and last_name(node.func) == "getattr" and node.args and is_self(node.args[0]))
                   for node in ast.walk(self.tree))

    def is_mentioned(self, name):
        return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(self.tree))

    def module_of(self, call):
        """The called function as (module, name), or (None, None) if it is not an imported one: ("secrets", "token_hex")."""
        function = call.func
        if isinstance(function, ast.Name):
            module, name = self.imported.get(function.id, (None, None))
            return (module, name) if name else (None, None)
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            module, name = self.imported.get(function.value.id, (None, None))
            if module and name is None:
                return module, function.attr
            if module and name:  # from datetime import datetime
                return f"{module}.{name}", function.attr
        return None, None

    def random_source(self, call):
        """The name of the called function if it draws random numbers, otherwise None."""
        module, name = self.module_of(call)
        if name in DRAWING.get(module, ()):
            return f"{module}.{name}"
        return "ctx.commit" if is_ctx_call(call, "commit") else None

    def calls(self):
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Call):
                continue
            if self.module_of(node) == ("time", "sleep"):
                yield ("warning", "sleep", node.lineno,
                       "time.sleep does not wait: it advances the bot's own clock and returns at once",
                       "to be called later, use ctx.timer(name, seconds) and on_timer(name)")
            if self.module_of(node) == ("random", "seed"):
                yield ("warning", "seed", node.lineno, "random.seed has no effect: random numbers come from the bot's keystream",
                       "use random.Random(seed) if you need a generator with a seed of your own")

    def globals(self):
        assigned = {target.id for node in self.tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))
                    for target in targets_of(node) if isinstance(target, ast.Name)}
        for function in (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)):
            local = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            local |= {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
            shared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
            local -= shared
            for node, name in changes_in(function, lambda value: value.id if isinstance(value, ast.Name) else None):
                if name in shared or (name in assigned and name not in local and not is_rebinding(node)):
                    yield ("warning", "lost-state", node.lineno,
                           f"the change to the global variable '{name}' is lost when the hook ends",
                           "every hook starts with new globals; save what must last with ctx.set_state")


class BotClass:
    """The class that a relay would use as the bot."""

    def __init__(self, source, node):
        self.source = source
        self.node = node
        self.methods = source.methods(node)
        self.hooks = [name for name in ARGUMENTS if name in self.methods]

    def findings(self):
        for name, method in self.methods.items():
            yield from self.signature(name, method)
            yield from self.context_use(method)
            yield from self.posts(method)
            yield from self.swallowed(name, method)
        yield from self.timers()
        yield from self.shapes()
        yield from self.lost_state()
        yield from self.early_draws()

    def signature(self, name, method):
        hook = intended_hook(name)
        is_meant = name.startswith("on_") or (hook is not None and hook not in self.methods)
        if is_meant and name not in ARGUMENTS and not self.source.may_be_used(name):
            if hook is None:
                hint = "the hooks are " + ", ".join(ARGUMENTS)
            elif hook in self.methods:
                hint = f"the class has {hook} as well: move the code there, or give the method a name that does not look like a hook"
            else:
                hint = f"did you mean {hook}({', '.join(('self', *ARGUMENTS[hook]))})?"
            yield ("warning", "misspelt-hook", method.lineno, f"{name} is not a hook, so it is never called", hint)
        expected = ("ctx", "params") if name == "__init__" else ARGUMENTS.get(name)
        if expected is None:
            return
        if isinstance(method, ast.AsyncFunctionDef):
            return  # The policy reports it.
        static = any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in method.decorator_list)
        given = len(expected) + (0 if static else 1)
        arguments = method.args
        positional = len(arguments.posonlyargs) + len(arguments.args)
        least = positional - len(arguments.defaults)
        required = [argument.arg for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults) if default is None]
        if least > given or (positional < given and not arguments.vararg) or required:
            wanted = ", ".join(("self", *expected))
            yield ("error", "hook-arguments", method.lineno,
                   f"{name} does not take the arguments that it is called with, so it fails every time",
                   f"write def {name}({wanted})")
        if name in ARGUMENTS and any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(method)):
            yield ("error", "hook-yields", method.lineno, f"{name} is a generator, so calling it runs none of its code",
                   "remove the yield")

    def context_use(self, method):
        for node in ast.walk(method):
            if isinstance(node, ast.Attribute) and is_ctx(node.value) and node.attr not in CONTEXT:
                near = difflib.get_close_matches(node.attr, [*CONTEXT, *OTHER_CALLS], 1, 0.6)
                better = OTHER_CALLS.get(near[0], near[0]) if near else None
                yield ("error", "unknown-ctx", node.lineno, f"ctx has no attribute {node.attr}",
                       f"did you mean ctx.{better}?" if better else "its attributes are " + ", ".join(CONTEXT))

    def posts(self, method):
        secret = self.secret_names(method)
        for node in ast.walk(method):
            if not isinstance(node, ast.Call) or not (is_ctx_call(node, "post") or is_ctx_call(node, "dm")):
                continue
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(exposes(part, secret) for part in arguments):
                yield ("warning", "leaks-secret", node.lineno, "a post that contains a secret from ctx.env is refused",
                       "use the secret only for requests, and post their result")
            place = 2 if is_ctx_call(node, "dm") else 1
            body = node.args[place] if len(node.args) > place else None
            body = next((keyword.value for keyword in node.keywords if keyword.arg == "body"), body)
            if isinstance(body, ast.Dict) and None not in body.keys:
                keys = [key.value for key in body.keys if isinstance(key, ast.Constant)]
                if len(keys) == len(body.keys) and "text" not in keys:
                    yield ("note", "no-text", node.lineno, "this post has no text for people",
                           "add a 'text' that says the same in words")

    @staticmethod
    def secret_names(method):
        """Local variables that hold a secret of ctx.env."""
        names_ = set()
        for node in ast.walk(method):
            if isinstance(node, ast.Assign) and exposes(node.value, names_):
                names_ |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return names_

    def swallowed(self, name, method):
        if name not in ARGUMENTS:
            return
        body = [node for node in method.body
                if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
        if not body or not isinstance(body[-1], ast.Try) or len(body) > 2:
            return
        for handler in body[-1].handlers:
            everything = handler.type is None or last_name(handler.type) in ("Exception", "BaseException")
            if everything and not any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
                yield ("warning", "catch-all", handler.lineno,
                       f"this catches every failure of {name}, so a hook that fails halfway keeps its effects so far",
                       "catch only the exceptions that you expect; a hook that fails is undone as a whole, and players see that it failed")

    def timers(self):
        calls = [node for method in self.methods.values() for node in ast.walk(method)
                 if isinstance(node, ast.Call) and is_ctx_call(node, "timer")]
        if calls and "on_timer" not in self.methods:
            yield ("warning", "unhandled-timer", calls[0].lineno, "a timer is set, but the bot has no on_timer",
                   "add def on_timer(self, name)")
        if not calls and "on_timer" in self.methods and not self.source.is_called("timer"):
            yield ("note", "unused-hook", self.methods["on_timer"].lineno, "on_timer is never called, because no timer is set",
                   "set one with ctx.timer(name, seconds)")

    def shapes(self):
        for line, name, key in self.keys_read("on_message", 1):
            if key == "text":
                yield ("warning", "message-shape", line, f"{name} has no 'text'", f"in on_message, the text is {name}[\"body\"][\"text\"]")
            elif key not in MESSAGE_KEYS:
                near = OTHER_KEYS.get(key) or next(iter(difflib.get_close_matches(key, MESSAGE_KEYS, 1, 0.75)), None)
                yield ("warning", "message-shape", line, f"{name} has no {key!r}",
                       f"did you mean {name}[\"{near}\"]?" if near else
                       f"what a player sends as data is in {name}[\"body\"]; the keys of {name} are {', '.join(MESSAGE_KEYS)}")
        for line, name, key in self.keys_read("on_private_message", 2):
            if key in ("body", "sender", "sender_label", "kind"):
                yield ("warning", "message-shape", line, f"{name} has no {key!r} here",
                       f"in on_private_message, {name} is the body itself: the text is {name}[\"text\"], and slot_id is the sender")

    def keys_read(self, hook, place):
        """The keys that a hook reads from its message, the argument at `place`, as (line, name of the argument, key)."""
        method = self.methods.get(hook)
        arguments = [argument.arg for argument in method.args.args] if method else []
        if len(arguments) <= place:
            return
        name = arguments[place]
        nodes = list(ast.walk(method))
        bound = [node for node in nodes if (isinstance(node, ast.arg) and node.arg == name) or is_bound(node, name)]
        if len(bound) > 1:
            return  # It is the message in parts of the method only.
        found = [(node.lineno, *key_of(node), isinstance(getattr(node, "ctx", None), ast.Store)) for node in nodes if key_of(node)]
        written = {key for _, owner, key, stored in found if owner == name and stored}
        for line, owner, key, _ in found:
            if owner == name and key not in written:
                yield line, name, key

    # State in attributes of self

    def lost_state(self):
        saved = self.saved()
        first = self.methods.get("__init__")
        initialized = {name for _, name in changes_in(first, self_attribute)} if first else set()
        initialized |= {target.id for item in self.node.body if isinstance(item, (ast.Assign, ast.AnnAssign))
                  for target in targets_of(item) if isinstance(target, ast.Name)}
        reported = set()
        for hook in self.hooks:
            reached = self.reached(hook)
            changed = [(node, name) for method in reached for node, name in changes_in(method, self_attribute)]
            rebuilt = {name for node, name in changed if is_rebinding(node)}
            for node, name in sorted(changed, key=lambda change: change[0].lineno):
                if name in saved or name in reported or name in ("ctx", "params"):
                    continue
                if is_rebinding(node):
                    lost = any(name in self.read_by(other) and name not in self.bound_by(other)
                               for other in self.hooks) and self.is_needed_elsewhere(name, hook)
                else:
                    lost = name in initialized and name not in rebuilt
                if lost:
                    reported.add(name)
                    yield ("warning", "lost-state", node.lineno,
                           f"the value that {hook} stores in self.{name} is lost when the hook ends",
                           "every hook gets a new instance; save what must last with ctx.set_state")

    def is_needed_elsewhere(self, name, hook):
        return any(name in self.read_by(other) and name not in self.bound_by(other) for other in self.hooks if other != hook
                   ) or name in self.read_before_bound(hook)

    def read_before_bound(self, hook):
        """Attributes that the body of a hook reads in an earlier line than it assigns them."""
        method = self.methods[hook]
        bound = {}
        for node, name in changes_in(method, self_attribute):
            if is_rebinding(node):
                bound[name] = min(node.lineno, bound.get(name, node.lineno))
        return {node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
                and is_self(node.value) and node.lineno < bound.get(node.attr, 0)}

    def bound_by(self, hook):
        return {name for method in self.reached(hook) for node, name in changes_in(method, self_attribute)
                if is_rebinding(node)}

    def read_by(self, hook):
        return {node.attr for method in self.reached(hook) for node in ast.walk(method)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and is_self(node.value)}

    def reached(self, name):
        """The methods that a method may call, itself included."""
        found, open_ = {}, [name]
        while open_:
            name = open_.pop()
            method = self.methods.get(name)
            if method is None or name in found:
                continue
            found[name] = method
            open_.extend(node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute) and is_self(node.value))
        return list(found.values())

    def saved(self):
        """Attributes of self that are passed to set_state, as far as the source shows it."""
        found, open_, seen = set(), [], set()
        for method in self.methods.values():
            for node in ast.walk(method):
                if isinstance(node, ast.Call) and last_name(node.func) == "set_state":
                    open_.extend((part, method) for part in [*node.args, *(word.value for word in node.keywords)])
        while open_:
            part, method = open_.pop()
            for node in ast.walk(part):
                if isinstance(node, ast.Attribute) and is_self(node.value):
                    found.add(node.attr)
                    if node.attr in self.methods and node.attr not in seen:
                        seen.add(node.attr)
                        open_.append((self.methods[node.attr], self.methods[node.attr]))
                elif isinstance(node, ast.Name) and (id(method), node.id) not in seen:
                    seen.add((id(method), node.id))
                    open_.extend((other.value, method) for other in ast.walk(method) if isinstance(other, ast.Assign)
                                 and any(isinstance(target, ast.Name) and target.id == node.id for target in other.targets))
        # self.state = state; ...; ctx.set_state(state): one dict with two names.
        for method in self.methods.values():
            for node in ast.walk(method):
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                    if (id(method), node.value.id) in seen:
                        found |= {target.attr for target in node.targets
                                  if isinstance(target, ast.Attribute) and is_self(target.value)}
        return found

    # Randomness

    def early_draws(self):
        starts = {name: node for name, method in self.methods.items() for node in ast.walk(method)
                  if isinstance(node, ast.Call) and is_ctx_call(node, "start")}
        if starts and "on_start" not in self.methods:
            first = min(starts.values(), key=lambda node: node.lineno)
            yield ("warning", "no-on-start", first.lineno, "ctx.start() is answered by on_start, which the class lacks",
                   "define on_start(self, contributors, missing), and draw in it")
        hint = "call ctx.start() when the players are there, and draw in on_start or later"
        # A hook that asks for the draw does not have it yet.
        early = [*self.reached("on_init"), *(self.methods[name] for name in starts)]
        fair = self.reached("on_start")
        for method in self.methods.values():
            for node in ast.walk(method):
                drawn = self.source.random_source(node) if isinstance(node, ast.Call) else None
                if drawn and (not starts or (method in early and method not in fair)):
                    yield ("note", "early-draw", node.lineno,
                           f"{drawn} before on_start uses the relay's randomness alone", hint)


def intended_hook(name):
    """The hook that a method with a wrong name was probably meant to be, or None."""
    if name in ARGUMENTS or name.startswith("__"):
        return None
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    plain = {hook.replace("_", ""): hook for hook in ARGUMENTS}
    bare = name.lower().replace("_", "")
    if bare in plain:
        return plain[bare]
    if not bare.startswith("on"):
        return None
    near = difflib.get_close_matches(bare, plain, 1, 0.8)
    return plain[near[0]] if near else None


def changes_in(function, named):
    """Assignments and changes in place as (Change, name). `named` maps the changed expression to a name, or to None."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)):
            if isinstance(node, ast.AnnAssign) and node.value is None:
                continue
            for target in targets_of(node):
                base = target
                while isinstance(base, ast.Subscript):
                    base = base.value
                name = named(base)
                if name:
                    change = Change(node, isinstance(node, (ast.Assign, ast.AnnAssign)) and base is target)
                    yield change, name
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            base = node.func.value
            while isinstance(base, ast.Subscript):
                base = base.value
            name = named(base)
            if name:
                yield Change(node, False), name


class Change:
    """A change of a variable: its line, and whether it assigns a completely new value."""

    def __init__(self, node, rebinds):
        self.lineno, self.rebinds = node.lineno, rebinds


def is_rebinding(change):
    """Returns whether the old value has no influence on the new one."""
    return change.rebinds


def targets_of(node):
    targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else [node.target]
    for target in targets:
        if isinstance(target, (ast.Tuple, ast.List)):
            yield from target.elts
        else:
            yield target


def own_nodes(function):
    """The nodes of a function, without those of nested functions and classes."""
    open_ = list(function.body)
    while open_:
        node = open_.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            open_.extend(ast.iter_child_nodes(node))


def last_name(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def is_bound(node, name):
    """Returns whether a node assigns a variable."""
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def key_of(node):
    """The (variable, key) of `variable["key"]` and `variable.get("key")`, otherwise None."""
    if isinstance(node, ast.Subscript):
        owner, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        owner, key = node.func.value, node.args[0]
    else:
        return None
    if isinstance(owner, ast.Name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return owner.id, key.value
    return None


def is_self(node):
    return isinstance(node, ast.Name) and node.id == "self"


def self_attribute(node):
    return node.attr if isinstance(node, ast.Attribute) and is_self(node.value) else None


def is_ctx(node):
    return (isinstance(node, ast.Name) and node.id == "ctx") or self_attribute(node) == "ctx"


def is_ctx_call(call, name):
    return isinstance(call.func, ast.Attribute) and call.func.attr == name and is_ctx(call.func.value)


def exposes(node, secret):
    """Returns whether the value of an expression contains a secret. Comparing one or passing it to a function does not."""
    if isinstance(node, ast.Attribute):
        return node.attr == "env" and is_ctx(node.value)
    if isinstance(node, ast.Name):
        return node.id in secret
    if isinstance(node, (ast.Compare, ast.BoolOp)):
        return False
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            returns_it = node.func.attr in ("get", "format", "join", "strip", "values", "items", "copy")
            parts = [node.func.value, *(node.args if node.func.attr in ("format", "join") else [])]
            return returns_it and any(exposes(part, secret) for part in parts)
        return last_name(node.func) in ("str", "repr", "dict", "list") and any(exposes(part, secret) for part in node.args)
    return any(exposes(part, secret) for part in ast.iter_child_nodes(node))
