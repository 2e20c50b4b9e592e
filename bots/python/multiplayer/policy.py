"""The policy: checks the syntax tree of a bot's source before any of it runs.

RestrictedPython's transformer checks every kind of node, and refuses kinds that it does not know. This subclass
allows ordinary Python that RestrictedPython refuses, and rewrites what can be checked only at run time:

    x._private, x.format        _getattr_(x, "_private")
    x.y = 1, x.y += 1, del x.y  _write_(x, "y").y = 1, ...
"""

import ast
from functools import cached_property

from RestrictedPython.transformer import INSPECT_ATTRIBUTES, RestrictingNodeTransformer

from multiplayer import names


class Rejected(Exception):
    """The bot's source was refused: a message, the line if there is one, and a hint at what to do."""

    def __init__(self, message, line=None, hint=None):
        super().__init__(message)
        self.message, self.line, self.hint = message, line, hint


def compile_bot(source, filename):
    """Compiles a bot's source; raises `Rejected`."""
    try:
        tree = ast.parse(source, filename)
        policy = Policy(tree)
        policy.visit(tree)
        if policy.problems:
            raise policy.rejection()
        return compile(tree, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise Rejected(f"{type(error).__name__}: {error.msg}", error.lineno) from None
    except ValueError as error:
        raise Rejected(f"SyntaxError: {error}") from None
    except (RecursionError, MemoryError):
        raise Rejected("the source is nested too deeply to compile") from None


class Policy(RestrictingNodeTransformer):
    """Checks and rewrites one source; `problems` collects the violations."""

    def __init__(self, tree):
        super().__init__()
        self.problems = []
        self._scopes = ["module"]
        self._classes = []
        self._guarded_imports = 0
        self._tree = tree

    # What `ast.NodeTransformer` does, in half of its time, which a new bot's first hook waits for. A refused node stays.

    def visit(self, node):
        return _VISITORS[type(node)](self, node) or node

    def node_contents_visit(self, node):
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                value[:] = self._visit_all(value)
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        return node

    def _visit_all(self, values):
        return [self.visit(value) if isinstance(value, ast.AST) else value for value in values]

    def error(self, node, info, hint=None):
        self.problems.append((getattr(node, "lineno", None), info, hint))

    def rejection(self):
        ordered = sorted(self.problems, key=lambda problem: problem[0] or 0)
        line, message, hint = ordered[0]
        others = [f"line {line}: {message}" for line, message, _ in ordered[1:4]]
        if others:
            more = "; also " + "; ".join(others)
            hint = (hint or "") + more if hint else more[2:]
        return Rejected(message, line, hint)

    def not_allowed(self, node):
        kind = type(node).__name__
        if kind.startswith("Async") or kind == "Await":
            self.error(node, "async code is not allowed", "use plain functions; a bot runs one hook at a time")
        elif kind == "TryStar":
            self.error(node, "except* is not allowed", "use except")
        else:
            super().not_allowed(node)

    # Names

    @cached_property
    def _bound(self):
        """The names that the source binds. Few sources need them, and finding them takes a walk of its own."""
        return frozenset(_bound_names(self._tree))

    def check_name(self, node, name, allow_magic_methods=False):
        if name is None:
            return
        if name in names.RESERVED:
            self.error(node, f'"{name}" is a reserved name')
        elif names.is_special(name) and not (self._scopes[-1] == "class" and name in names.CLASS_NAMES):
            self.error(node, f'"{name}" is an invalid variable name because it starts with "__"')

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load):
            if node.id == "__name__":
                return node
            if node.id in names.REFUSED_BUILTINS and node.id not in self._bound:
                message = f"{node.id.capitalize()} calls are not allowed"
                self.error(node, message, names.REFUSED_BUILTINS[node.id])
        self.check_name(node, node.id)
        return node

    def visit_Global(self, node):
        for name in node.names:
            self.check_name(node, name)
        return node

    visit_Nonlocal = visit_Global

    # Attributes

    def visit_Attribute(self, node):
        attribute = self._mangled(node.attr)
        loads = isinstance(node.ctx, ast.Load)
        self._check_attribute(node, attribute, loads)
        node.value = self.visit(node.value)
        node.attr = attribute
        if not loads:
            node.value = _call(node, "_write_", node.value, attribute)
        elif attribute.startswith("_") or attribute in ("format", "format_map"):
            return _call(node, "_getattr_", node.value, attribute)
        return node

    def _check_attribute(self, node, attribute, loads):
        if names.is_special(attribute) and not (loads and attribute in names.READABLE):
            hint = "type(x) gives the class of x" if attribute == "__class__" else None
            reason = f'"{attribute}" is an invalid attribute name because it starts with "__"'
            self.error(node, reason, hint)
        elif attribute in INSPECT_ATTRIBUTES:
            self.error(node, f'"{attribute}" is not allowed: it belongs to frame and code objects')

    def _mangled(self, attribute):
        # The compiler mangles a class's private names only in attribute nodes. Some of these nodes become
        # constants here, so they must be mangled here.
        owner = self._classes[-1].lstrip("_") if self._classes else ""
        if owner and attribute.startswith("__") and not attribute.endswith("__"):
            return f"_{owner}{attribute}"
        return attribute

    # Imports

    def visit_Import(self, node):
        for alias in node.names:
            self._check_import(node, alias.name)
            self.check_name(node, alias.asname or alias.name.partition(".")[0])
        return node

    def visit_ImportFrom(self, node):
        if node.level:
            self.error(node, "Relative imports are not allowed", "a bot is one file")
            return node
        self._check_import(node, node.module)
        for alias in node.names:
            if alias.name == "*":
                self.error(node, '"*" imports are not allowed', "import the names that the bot uses")
            elif node.module != "__future__":
                self.check_name(node, alias.asname or alias.name)
        return node

    def _check_import(self, node, module):
        # Inside `try`, the import is refused only at run time, because the bot may handle the ImportError.
        if module.partition(".")[0] not in names.IMPORTABLE and not self._guarded_imports:
            hint = "bots may import " + ", ".join(sorted(names.IMPORTABLE - {"__future__"}))
            self.error(node, f"Import of '{module}' is not allowed", hint)

    def visit_Try(self, node):
        self._guarded_imports += bool(node.handlers)
        node.body = self._visit_all(node.body)
        self._guarded_imports -= bool(node.handlers)
        node.handlers = self._visit_all(node.handlers)
        node.orelse = self._visit_all(node.orelse)
        node.finalbody = self._visit_all(node.finalbody)
        return node

    # Definitions

    def visit_FunctionDef(self, node):
        self.check_name(node, node.name)
        self._scopes.append("function")
        self.check_function_argument_names(node)
        node = self.node_contents_visit(node)
        self._scopes.pop()
        return node

    def visit_Lambda(self, node):
        self._scopes.append("function")
        node = super().visit_Lambda(node)
        self._scopes.pop()
        return node

    def visit_ClassDef(self, node):
        self.check_name(node, node.name)
        if any(keyword.arg == "metaclass" for keyword in node.keywords):
            self.error(node, 'The keyword argument "metaclass" is not allowed', "use a base class or a decorator")
        node.bases = self._visit_all(node.bases)
        node.keywords = self._visit_all(node.keywords)
        node.decorator_list = self._visit_all(node.decorator_list)
        if getattr(node, "type_params", None):
            node.type_params = self._visit_all(node.type_params)
        self._scopes.append("class")
        self._classes.append(node.name)
        node.body = self._visit_all(node.body)
        self._classes.pop()
        self._scopes.pop()
        return node

    # Patterns: Python requires plain dotted names for their values and classes, so these are checked but not rewritten.

    def visit_MatchValue(self, node):
        self._check_dotted(node.value)
        return node

    def visit_MatchClass(self, node):
        self._check_dotted(node.cls)
        for attribute in node.kwd_attrs:
            if attribute.startswith("_") or attribute in INSPECT_ATTRIBUTES:
                self.error(node, f'"{attribute}" can\'t be matched because it is a private name')
        node.patterns = self._visit_all(node.patterns)
        node.kwd_patterns = self._visit_all(node.kwd_patterns)
        return node

    def visit_MatchMapping(self, node):
        self.check_name(node, node.rest)
        for key in node.keys:
            self._check_dotted(key)
        node.patterns = self._visit_all(node.patterns)
        return node

    def visit_MatchAs(self, node):
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    visit_MatchStar = visit_MatchAs

    def _check_dotted(self, node):
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and (part.attr.startswith("_") or part.attr in INSPECT_ATTRIBUTES):
                self.error(node, f'"{part.attr}" can\'t be matched because it is a private name')
            elif isinstance(part, ast.Name):
                self.check_name(node, part.id)

    # Nodes that are allowed if their children are. RestrictedPython guards iteration, unpacking, subscripts and calls,
    # but they give a bot no access that attributes don't, and attributes are checked.

    def _plain(self, node):
        return self.node_contents_visit(node)

    def _leaf(self, node):
        return node

    visit_Module = visit_For = visit_comprehension = visit_Assign = visit_AugAssign = visit_AnnAssign = _plain
    visit_With = visit_Subscript = visit_Match = visit_match_case = visit_MatchOr = visit_MatchSequence = _plain
    visit_MatchSingleton = visit_Call = _plain
    visit_TypeAlias = visit_TypeVar = visit_ParamSpec = visit_TypeVarTuple = _plain
    visit_Constant = visit_Load = visit_Store = visit_Del = _leaf


# The method of `Policy` for each kind of node.
_VISITORS = {
    kind: getattr(Policy, f"visit_{kind.__name__}", Policy.generic_visit)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def _call(node, guard, value, attribute):
    """Returns a call of a guard, at the place of the node that it guards."""
    place = {name: getattr(node, name) for name in node._attributes}
    function, name = ast.Name(guard, ast.Load(), **place), ast.Constant(attribute, **place)
    return ast.Call(function, [value, name], [], **place)


def _bound_names(tree):
    """Yields every name that the source binds somewhere, and that may therefore not be the built-in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
