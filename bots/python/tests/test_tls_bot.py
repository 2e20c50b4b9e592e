"""TlsBot with a TLS server on loopback, through the real `socket` and `ssl`. Egress through the relay is tested elsewhere."""

import hashlib
import pathlib
import socket
import ssl
import sys
import threading
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

tls_bot = load("tls_bot")
PEM = pathlib.Path(__file__).parents[3] / "examples/tls/loopback.pem"
CA = PEM.with_name("loopback-ca.pem")
DER = ssl.PEM_cert_to_DER_cert(PEM.read_text()[PEM.read_text().index("-----BEGIN CERT"):].split("-----BEGIN PRIV")[0].strip())


class Server(threading.Thread):
    """Performs TLS handshakes until it is closed."""

    def __init__(self):
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(PEM)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            try:
                with self.context.wrap_socket(connection, server_side=True) as secured:
                    if secured.recv(4) == b"stop":
                        return
            except OSError:
                connection.close()  # a client that did not like the certificate

    def close(self):
        context = ssl.create_default_context(cafile=CA)
        with socket.create_connection(("127.0.0.1", self.port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                secured.sendall(b"stop")
        self.join()
        self.listener.close()


class CertificateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.close)

    def certificate_of(self, host, trusted=False):
        channel = FakeChannel(tls_bot.TlsBot, "alice", "bob")
        channel.now = 1_800_000_000.0
        real = ssl.create_default_context
        context = (lambda: real(cafile=CA)) if trusted else real
        with mock.patch.object(tls_bot.ssl, "create_default_context", context):
            return channel.post("s1", f"!cert {host}:{self.server.port}")[0]

    def test_the_fields_of_a_certificate(self):
        posted = self.certificate_of("localhost", trusted=True)
        self.assertEqual((posted["type"], posted["verified"], posted["problem"]), ("certificate", True, None))
        self.assertEqual(posted["subject"], [["countryName", "DE"], ["organizationName", "Example Org"], ["commonName", "tls.example"]])
        self.assertEqual(posted["issuer"], [["organizationName", "Example Authority"], ["commonName", "Example CA"]])
        self.assertEqual(posted["names"], ["DNS:localhost", "DNS:tls.example", "IP:127.0.0.1", "IP:" + "0000:" * 7 + "0001",
                                         "email:post@tls.example", "URI:https://tls.example/"])
        self.assertEqual(posted["sha256"], hashlib.sha256(DER).hexdigest())
        self.assertGreater(posted["days_left"], 30_000)

    def test_fields_are_those_of_the_ssl_module(self):
        context = ssl.create_default_context(cafile=CA)
        with socket.create_connection(("127.0.0.1", self.server.port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                expected = secured.getpeercert()
        read = tls_bot.certificate(DER)
        self.assertEqual(read["subject"], [list(pair) for (pair,) in expected["subject"]])
        self.assertEqual(int(read["serial"], 16), int(expected["serialNumber"], 16))
        for name, key in (("not_before", "notBefore"), ("not_after", "notAfter")):
            self.assertEqual(tls_bot.moment(read[name]).timestamp(), ssl.cert_time_to_seconds(expected[key]))

    def test_an_untrusted_certificate_is_not_verified(self):
        posted = self.certificate_of("localhost")
        self.assertFalse(posted["verified"])
        self.assertIn("unable to get local issuer", posted["problem"])
        self.assertIn("NOT verified", posted["text"])
        self.assertEqual(posted["sha256"], hashlib.sha256(DER).hexdigest())

    def test_a_certificate_for_another_host_is_not_verified(self):
        with mock.patch.object(tls_bot, "fetch", side_effect=self.fetch_from_loopback):
            posted = self.certificate_of("other.example", trusted=True)
        self.assertFalse(posted["verified"])
        self.assertIn("other.example", posted["problem"])

    def fetch_from_loopback(self, host, port, context):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secured:
                return secured.getpeercert(binary_form=True), secured.version()

    def test_failures_of_the_server_are_explained(self):
        channel = FakeChannel(tls_bot.TlsBot, "alice")
        self.assertEqual(channel.post("s1", "!cert 127.0.0.1:1")[0]["reason"], "UNREACHABLE")
        for error, reason in ((TimeoutError(), "TIMEOUT"), (ssl.SSLError("wrong version"), "TLS"), (OSError("no"), "UNREACHABLE")):
            with mock.patch.object(tls_bot, "fetch", side_effect=error):
                self.assertEqual(channel.post("s1", "!cert tls.example")[0]["reason"], reason)
        for der in (b"", DER[:200], b"\x30\x03\x30\x01\x00", b"\xff" * 50):
            with mock.patch.object(tls_bot, "fetch", return_value=(der, "TLSv1.3")):
                self.assertEqual(channel.post("s1", "!cert tls.example")[0]["reason"], "BAD_CERTIFICATE")

    def test_commands_as_text_and_as_data(self):
        channel = FakeChannel(tls_bot.TlsBot, "alice")
        with mock.patch.object(tls_bot, "fetch", return_value=(DER, "TLSv1.3")) as fetch:
            for text in ("!cert tls.example", " !CERT TLS.example:8443 ", "!certificate https://tls.example/"):
                self.assertEqual(types(channel.post("s1", text)), ["certificate"])
            channel.post("s1", type="move", action="cert", host="tls.example", port=444)
        self.assertEqual([call.args[:2] for call in fetch.call_args_list],
                         [("tls.example", 443), ("tls.example", 8443), ("tls.example", 443), ("tls.example", 444)])
        for text in ("!cert", "!cert two words", "!cert a..b", "!cert -x", "!cert " + "a" * 300):
            self.assertEqual(channel.post("s1", text)[0]["reason"], "BAD_HOST", text)
        self.assertEqual(channel.post("s1", "!cert x:99999")[0]["reason"], "BAD_PORT")
        self.assertEqual(channel.post("s1", type="move", action="cert", host=7)[0]["reason"], "BAD_HOST")
        self.assertEqual(channel.post("s1", type="move", action="cert", host="x", port="443")[0]["reason"], "BAD_PORT")
        self.assertEqual(channel.post("s1", "what a certificate!"), [])
        channel.join("s1")
        posted = channel.post("s1", "!help") + channel.post("s1", "!status") + channel.dm("s1", "x")
        self.assertEqual(types(posted), ["help", "status", "help"])


if __name__ == "__main__":
    unittest.main()
