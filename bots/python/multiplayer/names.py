"""The names that a bot may use: modules, built-ins, and special methods of ordinary classes."""

# The `__module__` of a bot's own classes and functions.
BOT_MODULE = "bot"

# The modules of ordinary bots, such as games.
BASIC_MODULES = frozenset(
    """
    __future__ abc base64 bisect collections copy dataclasses datetime decimal enum fractions functools hashlib heapq hmac
    io itertools json math operator random re secrets statistics string sys textwrap time traceback typing unicodedata
    uuid warnings weakref zoneinfo
    """.split()
)

# The modules for the network. Their memory is twice that of the others, so only workers whose bots may import them have
# them. `bots/supervisor/src/modules.rs` decides that by these names.
NETWORK_MODULES = frozenset(
    "certifi charset_normalizer email http idna requests socket ssl urllib urllib3".split()
)

MODULES = BASIC_MODULES | NETWORK_MODULES

# Modules of this package that bots may import, by the names under which they do.
OWN_MODULES = {"boards": "multiplayer.boards"}

# Everything that bots may import.
IMPORTABLE = MODULES | frozenset(OWN_MODULES)

# Modules that the allowed ones import late, or that error handling needs. They are loaded before the sandbox closes,
# because inside it no native code can be loaded.
BASIC_PREPARED = "_strptime calendar collections.abc encodings.latin_1 locale numbers struct threading".split()
NETWORK_PREPARED = """
    array email.mime.multipart email.mime.text email.utils encodings.idna http.client http.cookiejar http.cookies
    ipaddress mimetypes queue select selectors stringprep tempfile urllib.error urllib.parse urllib.request
    urllib.response xml.etree.ElementTree zipfile zlib
""".split()
PREPARED = BASIC_PREPARED + NETWORK_PREPARED

# Built-ins that a bot gets unchanged. `type` and `super` are safe: to reach anything through them, a bot would need
# names that the policy refuses.
BUILTINS = """
    abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float
    format frozenset hash hex id int isinstance issubclass iter len list map max memoryview min next object oct ord
    pow property range repr reversed round set slice sorted staticmethod str sum super tuple type zip
    None True False Ellipsis NotImplemented __build_class__
""".split()

# Built-ins that a bot may not use, each with a hint at the alternative.
REFUSED_BUILTINS = {
    "eval": "use json.loads to read data; write other code directly in the bot's source",
    "exec": "write the code directly in the bot's source",
    "compile": "write the code directly in the bot's source",
    "open": "use io.open to read and write files under ctx.workspace",
    "input": "players' messages arrive in on_message",
    "globals": "use ctx.set_state to keep values between hooks",
    "locals": "use a dict",
    "vars": "use a dict",
    "dir": "access the attributes that the bot needs by name",
    "breakpoint": "use print, which writes to the bot's log",
    "help": "use print, which writes to the bot's log",
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

# Special attributes that may be read from any object. `__getattr__` may only be defined.
READABLE = (METHODS - {"__getattr__"}) | {"__name__", "__qualname__", "__doc__"}

# The functions that rewritten source calls. A bot can't bind these names.
RESERVED = frozenset({"_getattr_", "_write_"})

# Single-underscore names that are public API of named tuples and enumerations.
PUBLIC_PRIVATES = frozenset(
    {
        "_replace", "_asdict", "_fields", "_make", "_field_defaults",
        "_value_", "_name_", "_missing_", "_generate_next_value_", "_ignore_", "_order_",
    }
)


def is_special(name):
    """Returns whether a name has the form `__name__`."""
    return len(name) > 4 and name.startswith("__") and name.endswith("__")
