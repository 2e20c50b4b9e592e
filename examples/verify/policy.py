"""Reads a policy (C2SP tlog-policy): the logs and witnesses that somebody trusts, and the quorum of cosignatures."""

from tree import COSIGNATURE, ED25519, BadCheckpoint, decode_base64, is_cosigned, is_point, key_id_of

LARGEST = 256 << 10  # bytes


class BadPolicy(Exception):
    """A text that is not a policy; the text explains why."""


class Policy:
    """Logs, witnesses, and what a quorum is. Names are bytes, as the specification gives them no encoding."""

    def __init__(self, data):
        self.logs = []  # (name, key)
        self.witnesses = {}  # name → (name of the key, key)
        self.groups = {}  # name → (threshold, members)
        self.quorum = None
        self.used = set()  # names that are in a group
        if len(data) > LARGEST:
            raise BadPolicy(f"the policy has more than {LARGEST} bytes")
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                self._read(line)
            except (ValueError, BadCheckpoint) as error:
                raise BadPolicy(f"line {number} of the policy: {error}") from None
        if self.quorum is None:
            raise BadPolicy("the policy has no quorum")

    def _read(self, line):
        if any(byte < 0x20 and byte != 0x09 or byte == 0x7F for byte in line):
            raise ValueError("there is a control character in it")
        items = [item for item in line.replace(b"\t", b" ").split(b" ") if item]
        if not items or items[0].startswith(b"#"):
            return
        match items:
            case [b"log", key] | [b"log", key, _]:
                name, key = read_key(key, ED25519)
                require(key not in [each for _, each in self.logs], "two logs have one key")
                self.logs.append((name, key))
            case [b"witness", name, key] | [b"witness", name, key, _]:
                named = read_key(key, COSIGNATURE)
                require(named[1] not in [each for _, each in self.witnesses.values()], "two witnesses have one key")
                self._define(name)
                self.witnesses[name] = named
            case [b"group", name, threshold, _, *_]:
                members = items[3:]
                for member in members:
                    require(member in self.witnesses or member in self.groups, "a member is not defined before")
                    require(member not in self.used, "a name is a member twice")
                    self.used.add(member)
                self._define(name)
                self.groups[name] = (read_threshold(threshold, len(members)), members)
            case [b"quorum", name]:
                require(self.quorum is None, "there is a second quorum")
                require(name == b"none" or name in self.witnesses or name in self.groups, "the quorum is not defined before")
                self.quorum = name
            case _:
                raise ValueError("it is no line of a policy")

    def _define(self, name):
        require(name != b"none" and name not in self.witnesses and name not in self.groups, "a name is defined twice")

    def judge(self, note):
        """Returns whether the cosignatures are a quorum, and the witnesses. Raises BadCheckpoint if one is not valid."""
        cosigned = {name for name, (key_name, key) in self.witnesses.items() if is_cosigned(note, key_name, key)}
        met = set(cosigned)
        for name, (threshold, members) in self.groups.items():  # in their order, so members come first
            if sum(member in met for member in members) >= threshold:
                met.add(name)
        return self.quorum == b"none" or self.quorum in met, sorted(name.decode(errors="replace") for name in cosigned)


def require(holds, problem):
    if not holds:
        raise ValueError(problem)


def read_threshold(text, members):
    number = {b"all": members, b"any": 1}.get(text) or int(text if text.isdigit() and not text.startswith(b"0") else b"0")
    require(1 <= number <= members, f"a group of {members} asks for all, any, or 1 to {members}")
    return number


def read_key(text, kind):
    """Reads `<name>+<key id>+<base64 of type and key>`; returns the name and the key."""
    name, key_id, key = text.decode().split("+", 2)
    key = decode_base64(key)
    require(len(key) == 33 and key[:1] == kind, "the key has another signature type or length")
    require(is_point(key[1:]), "the key is no Ed25519 key")
    require(name and not any(c.isspace() for c in name), "the key has no name")
    require(key_id == key_id_of(name, kind, key[1:]).hex(), "the key id does not belong to the key")
    return name, key[1:]
