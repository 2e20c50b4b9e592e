"""TlsBot: all players see the same TLS certificate of a server, from the same handshake.

    .venv-clients/bin/python examples/tls/cert.py                      uses a server on this machine
    .venv-clients/bin/python examples/tls/cert.py --host example.com   uses a public one
"""

import hashlib
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import tls_server  # noqa: E402
from runner import CheckFailed, create_and_join, parse_options, players, post, run  # noqa: E402

PEM = Path(__file__).resolve().parent / "loopback.pem"


async def example(options):
    with ExitStack() as stack:
        host, allow = options.host, ()
        if host is None:
            host = stack.enter_context(tls_server(PEM))
            allow = (host,)
        async with players(options, "alice", "bob", allow=allow) as (screen, alice, bob):
            await create_and_join(alice, bob, preset="TlsBot")
            [shown] = await post(alice, f"!cert {host}")
            await bob.sync()
            if shown["type"] != "certificate":
                raise CheckFailed(shown["text"])
            if bob.referee_posts("certificate")[0]["body"] != shown:
                raise CheckFailed("alice and bob see different certificates.")
            if options.host is None:
                check_certificate(shown)
                screen.show("alice", "computes the same fingerprint from the file, and sees why the certificate is not verified", screen.tick())
                screen.note("...", "to use a public server: --host example.com")


def check_certificate(shown):
    """Checks the bot's post against the certificate file."""
    text = PEM.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE"):text.index("-----BEGIN PRIVATE")].strip())
    if shown["sha256"] != hashlib.sha256(der).hexdigest() or shown["verified"]:
        raise CheckFailed("The fingerprint is not that of the server's certificate.")
    if "DNS:localhost" not in shown["names"] or ["commonName", "tls.example"] not in shown["subject"]:
        raise CheckFailed("The names in the post are not those in the certificate.")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0], ("--host", "host, or host:port, such as example.com:8443")))
