"""Servers on loopback, for examples of bots that use the network: JSON over HTTP, and TLS."""

import http.server
import json
import socket
import ssl
import threading
from contextlib import contextmanager


@contextmanager
def json_server(answer):
    """Serves HTTP, and yields the address. `answer(method, path, body, headers)` returns a status and a value to send as JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, value = answer(self.command, self.path, body, self.headers)
            payload = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_GET

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def tls_server(pem):
    """Serves TLS handshakes with the certificate and key in `pem`, and yields the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve():
        while True:
            connection, _ = listener.accept()
            if closing.is_set():
                connection.close()
                return
            connection.settimeout(5)
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)  # until the other side closes
            except OSError:
                connection.close()  # the client rejected the certificate

    thread = threading.Thread(target=serve)
    thread.start()
    address = listener.getsockname()
    try:
        yield f"127.0.0.1:{address[1]}"
    finally:
        closing.set()
        socket.create_connection(address).close()
        thread.join()
        listener.close()
