"""TlsBot: posts the certificate of a web server, so that everybody in the channel sees the same one.

    !cert example.com          !cert example.com:8443

It connects to the server, requests its certificate, and posts subject, issuer, validity, names, serial number
and the SHA-256 fingerprint (of the certificate as DER, as browsers show it), and whether the certificate is valid:

    verified: true     it has not expired, is for this host, and was issued by an authority that the relay trusts
    verified: false    it is not valid; `problem` says why. Nobody has confirmed what such a certificate contains

The relay makes and records the connection, so that a replay gets the same bytes. That does not prove that the
server presents the same certificate to everybody.
"""

import base64
import datetime
import hashlib
import re
import socket
import ssl

TIMEOUT = 2  # seconds for each of at most two connections: a hook may take 5
HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
COMMAND = re.compile(r"!cert(?:ificate)?\s+(?:https://)?([^\s/:]+)(?::(\d{1,5}))?/?\s*", re.IGNORECASE)
NAMES = {"2.5.4.3": "commonName", "2.5.4.5": "serialNumber", "2.5.4.6": "countryName", "2.5.4.7": "localityName",
         "2.5.4.8": "stateOrProvinceName", "2.5.4.10": "organizationName", "2.5.4.11": "organizationalUnitName",
         "1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "domainComponent"}
SUBJECT_ALT_NAME = "2.5.29.17"


class TlsBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        for name in params or {}:
            raise ValueError(f"TlsBot has no parameter '{name}'; it needs none.")
        self.state = ctx.get_state() or {"looked": 0, "last": None}

    def on_init(self):
        self.ctx.post("bot", {"type": "ready", "text": "Post `!cert example.com` to see a server's TLS certificate."})

    def on_message(self, msg):
        if msg["sender"].startswith("bot:") or msg["kind"] != "user":
            return
        action, host, port = read(msg["body"] or {})
        if action == "cert":
            self.ctx.post("bot", self.look(host, port))
            self.ctx.set_state(self.state)
        elif action:
            self.ctx.post("bot", self.status() if action == "status" else self.help())

    def on_private_message(self, slot_id, msg):
        if slot_id in [player["slot_id"] for player in self.ctx.players]:
            action, _, _ = read(msg)
            self.ctx.dm(slot_id, "private", self.status() if action == "status" else self.help())

    # ---- The certificate -------------------------------------------------------------

    def look(self, host, port):
        """Returns the answer to `!cert`."""
        if not (isinstance(host, str) and HOST.fullmatch(host.lower())):
            return self.failed("BAD_HOST", "name a host such as example.com, or example.com:8443.", None, None)
        if not (isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535):
            return self.failed("BAD_PORT", "a port is a whole number from 1 to 65535.", host, None)
        host = host.lower()
        self.state["looked"] += 1
        problem = None
        try:
            try:
                der, version = fetch(host, port, ssl.create_default_context())
            except ssl.SSLCertVerificationError as error:
                problem = getattr(error, "verify_message", "") or str(error)
                unchecked = ssl.create_default_context()
                unchecked.check_hostname = False
                unchecked.verify_mode = ssl.CERT_NONE
                der, version = fetch(host, port, unchecked)
        except TimeoutError:
            return self.failed("TIMEOUT", f"{host}:{port} did not answer in time.", host, port)
        except ssl.SSLError as error:
            return self.failed("TLS", f"{host}:{port} did not complete the TLS handshake: {error}"[:500], host, port)
        except OSError as error:
            return self.failed("UNREACHABLE", f"{host}:{port} can't be reached: {error}"[:500], host, port)
        try:
            found = certificate(der)
        except (ValueError, IndexError, KeyError):
            return self.failed("BAD_CERTIFICATE", f"{host}:{port} sent a certificate that can't be read.", host, port)
        days = round((moment(found["not_after"]).timestamp() - self.ctx.now) // 86400)
        body = {"type": "certificate", "host": host, "port": port, "verified": problem is None, "problem": problem,
                "tls": version, "sha256": hashlib.sha256(der).hexdigest(), "days_left": days,
                "time": stamp(self.ctx.now), **found}
        self.state["last"] = {key: body[key] for key in ("host", "port", "verified", "sha256", "time")}
        verdict = "verified" if problem is None else f"NOT verified ({problem})"
        names = ", ".join(found["names"][:8]) + (" ..." if len(found["names"]) > 8 else "")
        body["text"] = (f"{host}:{port}: {verdict}. Subject: {written(found['subject'])}. Issuer: {written(found['issuer'])}. "
                        f"Valid {found['not_before']} to {found['not_after']} ({days} days left). "
                        f"Names: {names or 'none'}. SHA-256 fingerprint: {body['sha256']}.")
        return body

    def failed(self, reason, details, host, port):
        return {"type": "certificate_error", "reason": reason, "details": details, "host": host, "port": port,
                "time": stamp(self.ctx.now), "text": f"No certificate: {details}"}

    def status(self):
        last = self.state["last"]
        text = f"{last['host']}:{last['port']} had {last['sha256']} at {last['time']}" if last else "none yet"
        return {"type": "status", "looked": self.state["looked"], "last": last, "text": f"The last certificate: {text}."}

    def help(self):
        return {"type": "help", "commands": ["!cert HOST[:PORT]", "!status", "!help"],
                "text": "!cert example.com - the certificate of a server, port 443 unless you name another; !status; !help. "
                        "Programs post {\"type\": \"move\", \"action\": \"cert\", \"host\": \"example.com\", \"port\": 443}."}


def fetch(host, port, context):
    """Returns the server's certificate as DER, and the negotiated TLS version."""
    with socket.create_connection((host, port), timeout=TIMEOUT) as plain:
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return secured.getpeercert(binary_form=True), secured.version()


# ---- Parsing of certificates: DER (X.690), X.509 (RFC 5280) --------------------------


def parts(der):
    """Returns the elements of a DER sequence: [(tag, content), ...]."""
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length >= 0x80:
            count = length - 0x80
            length, at = int.from_bytes(der[at:at + count], "big"), at + count
        if at + length > len(der):
            raise ValueError("the certificate is cut off")
        found.append((tag, der[at:at + length]))
        at += length
    return found


def certificate(der):
    """Returns subject, issuer, validity, serial number and names of a certificate."""
    fields = parts(parts(parts(der)[0][1])[0][1])
    if fields[0][0] == 0xA0:  # the version, which is optional
        fields = fields[1:]
    serial, _, issuer, validity, subject = [content for _, content in fields[:5]]
    not_before, not_after = [time(*each) for each in parts(validity)]
    names = []
    for tag, content in fields[6:]:
        if tag == 0xA3:
            for _, extension in parts(parts(content)[0][1]):
                items = parts(extension)
                if identifier(items[0][1]) == SUBJECT_ALT_NAME:
                    names = [name(*each) for each in parts(parts(items[-1][1])[0][1])]
    return {"subject": distinguished(subject), "issuer": distinguished(issuer), "not_before": not_before,
            "not_after": not_after, "serial": serial.hex(), "names": names[:200]}


def distinguished(der):
    """Returns a distinguished name as [["commonName", "example.com"], ...], in the certificate's order."""
    found = []
    for _, relative in parts(der):
        for _, pair in parts(relative):
            (_, kind), (tag, value) = parts(pair)
            known = identifier(kind)
            found.append([NAMES.get(known, known), value.decode("utf-16-be" if tag == 0x1E else "utf-8", "replace")])
    return found


def identifier(der):
    """Returns an object identifier, such as 2.5.4.3."""
    numbers, value = [], 0
    for byte in der:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            numbers, value = numbers + [value], 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first] + numbers[1:]))


def time(tag, content):
    """Returns a UTCTime or GeneralizedTime as 2026-01-31T12:00:00Z."""
    text = content.decode("ascii")
    if tag == 0x17:  # two digits for the year; 00 to 49 mean 20xx
        text = ("20" if int(text[:2]) < 50 else "19") + text
    if not (len(text) == 15 and text[:14].isdigit() and text[14] == "Z"):
        raise ValueError("the certificate's validity can't be read")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}Z"


def name(tag, content):
    """Returns one of the names that a certificate is for."""
    if tag == 0x87:
        if len(content) == 4:
            return "IP:" + ".".join(map(str, content))
        return "IP:" + ":".join(content[at:at + 2].hex() for at in range(0, len(content), 2))
    kinds = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
    if tag in kinds:
        return f"{kinds[tag]}:{content.decode('utf-8', 'replace')}"
    return "other:" + base64.b64encode(content).decode()


def moment(text):
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return datetime.datetime(*numbers, tzinfo=datetime.timezone.utc)


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(pairs):
    return ", ".join(f"{kind}={value}" for kind, value in pairs) or "none"


def read(body):
    """Parses a message: returns (action, host, port), or (None, None, None) for conversation."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "cert", "host": "example.com"}
        action = body.get("action")
        return (action if action in ("cert", "status", "help") else None), body.get("host"), body.get("port", 443)
    text = str(body.get("text", "")).strip()
    if text.lower() in ("!status", "!help"):
        return text.lower()[1:], None, None
    if text.lower().split(" ")[0] in ("!cert", "!certificate"):
        found = COMMAND.fullmatch(text)
        return ("cert", found[1], int(found[2] or 443)) if found else ("cert", None, 443)
    return None, None, None
