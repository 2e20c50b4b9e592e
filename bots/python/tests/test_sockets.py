"""Ordinary network code works over virtual sockets.

The servers run in this process, on loopback. The code under test runs in a child process with virtual sockets and a
fake relay, which uses real sockets.
"""

import base64
import gc
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

PEM = pathlib.Path(__file__).parents[3] / "examples/tls/loopback.pem"
CA = PEM.with_name("loopback-ca.pem")
BIG = 300_000


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size) if size else b"x" * BIG if self.path == "/big" else self.path.encode()
        self.send_response(302 if self.path == "/elsewhere" else 200)
        if self.path == "/elsewhere":
            self.send_header("Location", "/there")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        # Closes the connection without announcing it, as servers close idle ones.
        self.close_connection |= self.path == "/last"

    do_POST = do_GET

    def log_message(self, *args):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Ignores errors, such as a client that rejects the certificate."""


def serve(case, secure):
    server = QuietServer(("127.0.0.1", 0), Pages)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        context.set_alpn_protocols(["http/1.1"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    case.addCleanup(thread.join)
    case.addCleanup(server.server_close)
    case.addCleanup(server.shutdown)
    return server.server_address[1]


class SocketsTest(unittest.TestCase):
    def run_in_child(self, imported):
        ports = str(serve(self, False)), str(serve(self, True))
        ran = subprocess.run([sys.executable, __file__, imported, *ports], capture_output=True, text=True, timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_with_libraries_imported_before(self):
        self.run_in_child("before")

    def test_with_libraries_imported_after(self):
        self.run_in_child("after")


class FakeRelay:
    """Performs egress requests as the relay does, over real sockets, for a few host names."""

    def __init__(self):
        self.real_socket, self.wrap = socket.socket, ssl.SSLContext.wrap_socket
        self.connections, self.requests, self.last_conn = {}, [], 0

    def ask(self, request):
        ((kind, arguments),) = json.loads(json.dumps(request)).items()
        self.requests.append(kind)
        try:
            return getattr(self, kind)(**arguments)
        except TimeoutError:
            return self.failed("timeout", "too slow")
        except ssl.SSLCertVerificationError as error:
            return self.failed("tls", f"certificate verify failed: {error.verify_message}")
        except ssl.SSLError as error:
            return self.failed("tls", str(error))
        except ConnectionRefusedError:
            return self.failed("unreachable", "nobody is there")
        except OSError as error:
            return self.failed("reset", str(error))

    def failed(self, kind, message):
        return {"failed": {"kind": kind, "message": message}}

    def connect(self, host, port, timeout_ms):
        for kind in ("refused", "limit", "timeout"):
            if host == f"{kind}.example":
                return self.failed(kind, f"{kind} by the rules")
        if host not in ("localhost", "127.0.0.1", "tls.example", "wrong.example"):
            return self.failed("resolve", f"there is no host {host}")
        self.last_conn += 1
        self.connections[self.last_conn] = connection = self.real_socket(socket.AF_INET)
        connection.settimeout(timeout_ms / 1000)
        connection.connect(("127.0.0.1", port))
        return {"connected": {"conn": self.last_conn, "address": "127.0.0.1"}}

    def resolve(self, host):
        return {"resolved": {"addresses": ["::1", "127.0.0.1"]}}

    def tls(self, conn, server_name, verify, alpn):
        context = ssl.create_default_context(cafile=CA)
        context.check_hostname = verify
        context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        secured = self.wrap(context, self.connections.pop(conn), server_hostname=server_name)
        self.connections[conn] = secured
        return {"secured": {
            "version": secured.version(), "cipher": secured.cipher()[0], "alpn": secured.selected_alpn_protocol(),
            "certificates": [base64.b64encode(secured.getpeercert(True)).decode()],
        }}  # fmt: skip

    def send(self, conn, data):
        self.connections[conn].sendall(base64.b64decode(data))
        return {"sent": {}}

    def receive(self, conn, max_bytes, timeout_ms):
        self.connections[conn].settimeout(max(timeout_ms, 1) / 1000)
        return {"received": {"data": base64.b64encode(self.connections[conn].recv(max_bytes)).decode()}}

    def close(self, conn):
        self.connections.pop(conn).close()
        return {"closed": {}}


class VirtualSocketTest(unittest.TestCase):
    """The tests that run in the child process."""

    def setUp(self):
        sockets.begin()
        self.addCleanup(sockets.end)
        relay.requests.clear()

    def test_requests(self):
        import requests

        self.assertEqual(requests.get(f"{PLAIN}/a?b=1").text, "/a?b=1")
        self.assertEqual(requests.post(f"{PLAIN}/", data=b"posted").content, b"posted")
        self.assertEqual(requests.get(f"{PLAIN}/elsewhere").text, "/there")
        self.assertEqual(requests.get(f"{SECURE}/s").text, "/s")
        self.assertEqual(len(requests.get(f"{PLAIN}/big", stream=True).raw.read()), BIG)
        self.assertEqual(relay.requests.count("close"), relay.requests.count("connect"))

    def test_sessions_reuse_connections(self):
        import requests

        with requests.Session() as session:
            for page in ("/1", "/2", "/last"):
                self.assertEqual(session.get(SECURE + page).text, page)
            self.assertEqual(relay.requests.count("connect"), 1)
            # The server has closed the connection, and the client notices.
            self.assertEqual(session.get(f"{SECURE}/again").text, "/again")
            self.assertEqual(relay.requests.count("connect"), 2)

    def test_errors_are_those_of_requests(self):
        import requests

        for host, error in (
            ("refused", requests.ConnectionError), ("limit", requests.ConnectionError),
            ("nowhere", requests.ConnectionError), ("timeout", requests.ConnectTimeout),
        ):  # fmt: skip
            with self.assertRaises(error) as raised:
                requests.get(f"http://{host}.example/", timeout=3)
            if host in ("refused", "limit"):
                self.assertIn(f"{host} by the rules", str(raised.exception))
        with self.assertRaisesRegex(requests.exceptions.SSLError, "certificate verify failed"):
            requests.get(f"https://wrong.example:{TLS_PORT}/")

    def test_urllib3(self):
        import urllib3

        pool = urllib3.PoolManager()
        self.assertEqual(pool.request("GET", f"{SECURE}/u").data, b"/u")
        self.assertEqual(pool.request("GET", f"{SECURE}/v").data, b"/v")
        self.assertEqual(relay.requests.count("connect"), 1)

    def test_urllib_and_http_client(self):
        import http.client
        import urllib.error
        import urllib.request

        with urllib.request.urlopen(f"{SECURE}/w") as response:
            self.assertEqual(response.read(), b"/w")
        for kind, port in ((http.client.HTTPConnection, PORT), (http.client.HTTPSConnection, TLS_PORT)):
            connection = kind("localhost", port, timeout=3)
            connection.request("POST", "/", "body")
            self.assertEqual(connection.getresponse().read(), b"body")
            connection.close()
        with self.assertRaisesRegex(urllib.error.URLError, "^<urlopen error there is no host nowhere.example>$"):
            urllib.request.urlopen("http://nowhere.example/")

    def test_plain_sockets(self):
        with socket.create_connection(("localhost", PORT), timeout=3) as connection:
            self.assertIsInstance(connection, socket.socket)
            self.assertEqual((connection.getpeername(), connection.gettimeout()), (("127.0.0.1", PORT), 3))
            connection.sendall(b"GET /x HTTP/1.0\r\n\r\n")
            self.assertEqual(connection.recv(4, socket.MSG_PEEK), b"HTTP")
            self.assertEqual(connection.recv(4), b"HTTP")
            buffer = bytearray(4)
            self.assertEqual(connection.recv_into(buffer), 4)
            self.assertEqual(buffer, b"/1.1")
            with connection.makefile("rb") as file:
                self.assertTrue(file.read().endswith(b"\r\n\r\n/x"))
            self.assertEqual(connection.recv(1), b"")
            self.assertRaises(OSError, connection.fileno)
        self.assertRaises(OSError, connection.recv, 1)
        self.assertEqual(connection.fileno(), -1)
        self.assertEqual(relay.requests.count("close"), 1)

    def test_timeouts_and_non_blocking_sockets(self):
        with socket.create_connection(("localhost", PORT)) as connection:
            connection.settimeout(0.01)
            self.assertRaises(TimeoutError, connection.recv, 1)
            connection.setblocking(False)
            self.assertRaises(BlockingIOError, connection.recv, 1)
            connection.shutdown(socket.SHUT_RDWR)
            self.assertRaises(BrokenPipeError, connection.send, b"x")

    def test_name_resolution(self):
        self.assertEqual(socket.getaddrinfo("a.example", "https"), [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("a.example", 443))])
        self.assertEqual(socket.getaddrinfo("::1", 80)[0][4], ("::1", 80, 0, 0))
        self.assertEqual(relay.requests, [])
        self.assertEqual(socket.gethostbyname("a.example"), "127.0.0.1")
        self.assertEqual((socket.gethostname(), socket.getfqdn()), ("localhost", "localhost"))

    def test_servers_datagrams_and_descriptors_are_refused(self):
        plain = socket.socket()
        for act in (
            lambda: plain.bind(("", 0)), plain.listen, plain.accept, plain.dup, socket.socketpair, lambda: plain.recv(1),
            lambda: socket.socket(type=socket.SOCK_DGRAM), lambda: socket.socket(socket.AF_UNIX),
            lambda: socket.create_server(("", 0)), lambda: socket.create_connection(("localhost", 1)),
        ):  # fmt: skip
            self.assertRaises(OSError, act)

    def test_certificates(self):
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("localhost", TLS_PORT)))
        context = ssl.create_default_context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("localhost", TLS_PORT)) as plain:
            with context.wrap_socket(plain, server_hostname="tls.example") as secured:
                self.assertEqual(secured.getpeercert(binary_form=True), der)
                parsed = secured.getpeercert()
                self.assertEqual(dict(pair for (pair,) in parsed["subject"])["commonName"], "tls.example")
                self.assertIn(("DNS", "localhost"), parsed["subjectAltName"])
                self.assertGreater(ssl.cert_time_to_seconds(parsed["notAfter"]), 1.8e9)
                self.assertEqual(secured.version(), "TLSv1.3")
                self.assertEqual(secured.cipher()[1:], ("TLSv1.3", 256))
                self.assertEqual(secured.selected_alpn_protocol(), "http/1.1")
            self.assertRaises(OSError, plain.send, b"x")
        with socket.create_connection(("localhost", TLS_PORT)) as plain:
            with self.assertRaises(ssl.SSLCertVerificationError) as raised:
                context.wrap_socket(plain, server_hostname="other.example")
        self.assertIn("other.example", raised.exception.verify_message)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.socket()) as secured:
            secured.connect(("localhost", TLS_PORT))
            self.assertEqual((secured.getpeercert(), secured.getpeercert(True)), ({}, der))
        with socket.create_connection(("localhost", PORT)) as plain:
            self.assertRaises(ssl.SSLError, context.wrap_socket, plain)

    def test_the_garbage_collector_makes_no_requests(self):
        connection = socket.create_connection(("localhost", PORT))
        circle = [connection.makefile("rb"), connection]
        circle.append(circle)
        connection.close()
        del connection, circle
        gc.collect()
        self.assertEqual(relay.requests, ["connect"])

    def test_connections_end_with_their_hook(self):
        connection = socket.create_connection(("localhost", PORT))
        sockets.end()
        self.assertRaisesRegex(OSError, "in a hook", socket.create_connection, ("localhost", PORT))
        sockets.begin()
        self.assertRaisesRegex(ConnectionAbortedError, "ended with its hook", connection.send, b"x")
        connection.close()
        self.assertEqual(relay.requests, ["connect"])


def load_tests(loader, tests, pattern):
    return loader.loadTestsFromTestCase(SocketsTest)


if __name__ == "__main__" and len(sys.argv) == 4:
    PORT, TLS_PORT = int(sys.argv[2]), int(sys.argv[3])
    PLAIN, SECURE = f"http://localhost:{PORT}", f"https://localhost:{TLS_PORT}"
    if sys.argv[1] == "before":
        import requests  # noqa: F401
    from multiplayer import sockets, tls

    relay = FakeRelay()
    sockets.install(relay.ask)
    with tempfile.TemporaryDirectory() as workspace:
        tls.install(workspace)
        result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(VirtualSocketTest))
    sys.exit(not result.wasSuccessful())
elif __name__ == "__main__":
    unittest.main()
