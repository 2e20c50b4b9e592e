"""A server's TLS certificate, seen by everybody at the same moment: TlsBot.

    .venv-clients/bin/python examples/tls/cert.py                      a server on this machine
    .venv-clients/bin/python examples/tls/cert.py --host example.com   a public one
"""

import hashlib
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import tls_server  # noqa: E402
from seats import CheckFailed, options, players, run, say, sit_down  # noqa: E402

PEM = Path(__file__).resolve().parent / "loopback.pem"


async def example(chosen):
    with ExitStack() as stack:
        host, allow = chosen.host, ()
        if host is None:
            host = stack.enter_context(tls_server(PEM))
            allow = (host,)
        async with players(chosen, "alice", "bob", allow=allow) as (stage, alice, bob):
            await sit_down(alice, bob, preset="TlsBot")
            [shown] = await say(alice, f"!cert {host}")
            await bob.sync()
            if shown["type"] != "certificate":
                raise CheckFailed(shown["text"])
            if bob.said("certificate")[0]["body"] != shown:
                raise CheckFailed("They do not see the same.")
            if chosen.host is None:
                check_certificate(shown)
                stage.say("alice", "has the same fingerprint of the file, and knows why nobody vouches for it", stage.tick())
                stage.whisper("...", "a public server: --host example.com")


def check_certificate(shown):
    """Who has the certificate can compute its fingerprint."""
    text = PEM.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):text.index("-----BEGIN PRIVATE")].strip())
    if shown["sha256"] != hashlib.sha256(der).hexdigest() or shown["verified"]:
        raise CheckFailed("That is not the certificate of this server.")
    if "DNS:localhost" not in shown["names"] or ["commonName", "tls.example"] not in shown["subject"]:
        raise CheckFailed("The certificate says something else.")


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0], ("--host", "a server, such as example.com or example.com:8443")))
