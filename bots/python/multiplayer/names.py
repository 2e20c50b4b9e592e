"""Which names a bot may use: imports, built-ins, and the special methods of ordinary classes."""

# The module that a bot's own classes and functions say they are from.
BOT_MODULE = "bot"

MODULES = frozenset(
    """
    __future__ abc base64 bisect certifi charset_normalizer collections copy dataclasses datetime decimal email
    enum fractions functools hashlib heapq hmac http idna io itertools json math operator random re requests
    secrets socket ssl statistics string sys textwrap time traceback typing unicodedata urllib urllib3 uuid
    warnings weakref zoneinfo
    """.split()
)

# What those import late, or what is needed when something goes wrong: behind the wall no native code can be loaded.
PREPARED = """
    _strptime array calendar collections.abc email.mime.multipart email.mime.text email.utils encodings.idna encodings.latin_1
    http.client http.cookiejar http.cookies ipaddress locale mimetypes numbers queue select selectors stringprep struct tempfile
    threading urllib.error urllib.parse urllib.request urllib.response xml.etree.ElementTree zipfile zlib
""".split()

# Built-ins that a bot sees as they are. `type` and `super` included: what they could reach goes
# through names that the policy refuses.
BUILTINS = """
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float
    format frozenset hash hex id int isinstance issubclass iter len list map max memoryview min next object oct ord
    pow property range repr reversed round set slice sorted staticmethod str sum super tuple type zip
    None True False Ellipsis NotImplemented __build_class__
""".split()

# Built-ins that a bot may not use, each with what to do instead.
REFUSED_BUILTINS = {
    "eval": "json.loads reads data; write other code out in the bot's source",
    "exec": "write the code out in the bot's source",
    "compile": "write the code out in the bot's source",
    "open": "io.open reads and writes files under ctx.workspace",
    "input": "a bot hears from players through on_message",
    "globals": "keep what lasts in ctx.set_state",
    "locals": "use a dict",
    "vars": "use a dict",
    "dir": "name the attributes that the bot needs",
    "breakpoint": "print goes to the bot's log",
    "help": "print goes to the bot's log",
    "exit": "return from the hook",
    "quit": "return from the hook",
}

# Special methods that a bot's classes may define, and that it may call by name, as in super().__init__().
METHODS = frozenset(
    f"__{name}__"
    for name in """
    init new post_init init_subclass set_name class_getitem
    repr str bytes format hash bool eq ne lt le gt ge
    len length_hint contains iter next reversed getitem setitem delitem missing call enter exit
    add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv floordiv rfloordiv ifloordiv
    mod rmod imod pow rpow ipow divmod rdivmod matmul rmatmul imatmul
    and rand iand or ror ior xor rxor ixor lshift rlshift ilshift rshift rrshift irshift
    neg pos abs invert int float complex index round trunc floor ceil
    copy deepcopy get set delete getattr
    """.split()
)

# Special names that a class body may assign.
CLASS_NAMES = METHODS | {"__slots__", "__match_args__", "__doc__"}

# Special attributes that may be read of anything. `__getattr__` is for defining only.
READABLE = (METHODS - {"__getattr__"}) | {"__name__", "__qualname__", "__doc__"}

# What the policy's own rewriting calls; a bot can't bind these.
RESERVED = frozenset({"_getattr_", "_write_"})

# Single-underscore names that are public API of named tuples and enumerations.
PUBLIC_PRIVATES = frozenset(
    {
        "_replace", "_asdict", "_fields", "_make", "_field_defaults",
        "_value_", "_name_", "_missing_", "_generate_next_value_", "_ignore_", "_order_",
    }
)


def is_special(name):
    """Whether the name is of the form `__name__`."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")
