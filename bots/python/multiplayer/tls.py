"""TLS over virtual sockets: the relay performs the handshake with its own trusted authorities, and reports the result.

Of the settings of an SSLContext, only `verify_mode` and the ALPN protocols have an effect; authorities, ciphers and
client certificates do not.
"""

import _ssl
import base64
import os
import ssl

from multiplayer import sockets
from multiplayer.sockets import VirtualSocket

_real_wrap_socket = ssl.SSLContext.wrap_socket
_real_set_alpn_protocols = ssl.SSLContext.set_alpn_protocols
_workspace = None


class SecureSocket(VirtualSocket):
    """`ssl.SSLSocket`, limited to clients."""

    server_side = False
    session = None
    session_reused = False

    def __init__(self, plain, context, server_hostname, do_handshake_on_connect):
        super().__init__(plain.family, plain.type, plain.proto)
        # Takes the connection over from the plain socket, which can't be used any more.
        for name in ("_conn", "_hook", "_peer", "_received", "_at_end", "_sent_all", "_timeout"):
            setattr(self, name, getattr(plain, name))
        plain._conn, plain._closed = None, True
        self.context = context
        self.server_hostname = server_hostname
        self.do_handshake_on_connect = do_handshake_on_connect
        self._secured = None
        if self._conn is not None and do_handshake_on_connect:
            self.do_handshake()

    def connect(self, address):
        super().connect(address)
        if self.do_handshake_on_connect:
            self.do_handshake()

    def do_handshake(self, block=False):
        if self._secured is not None:
            return
        request = {
            "conn": self._connected(),
            "server_name": self.server_hostname,
            "verify": self.context.verify_mode != ssl.CERT_NONE,
            "alpn": getattr(self.context, "_alpn", []),
        }
        try:
            self._secured = sockets.get("tls", **request)
        except OSError:
            # The relay has closed the connection.
            self._conn, self._closed = None, True
            raise

    def send(self, data, flags=0):
        self._check_handshake()
        return super().send(data, flags)

    def _fill(self, *args):
        self._check_handshake()
        super()._fill(*args)

    def read(self, len=1024, buffer=None):
        return self.recv(len) if buffer is None else self.recv_into(buffer, len)

    def write(self, data):
        return self.send(data)

    def pending(self):
        return len(self._received)

    def unwrap(self):
        raise OSError("a bot can't continue a TLS connection without TLS")

    # Results of the handshake

    def getpeercert(self, binary_form=False):
        self._check_handshake()
        if not self._secured["certificates"]:
            return None
        der = base64.b64decode(self._secured["certificates"][0])
        if binary_form:
            return der
        return {} if self.context.verify_mode == ssl.CERT_NONE else _read_certificate(der)

    def version(self):
        return self._secured and self._secured["version"]

    def cipher(self):
        if self._secured is None:
            return None
        name = self._secured["cipher"]
        bits = 256 if "256" in name.replace("SHA256", "") or "CHACHA20" in name else 128
        return name, self._secured["version"], bits

    def shared_ciphers(self):
        return None

    def compression(self):
        return None

    def selected_alpn_protocol(self):
        return self._secured and self._secured["alpn"]

    def selected_npn_protocol(self):
        return None

    def get_channel_binding(self, cb_type="tls-unique"):
        return None

    def _check_handshake(self):
        if self._secured is None:
            self._connected()
            raise ValueError("call do_handshake first")


SecureSocket.__name__ = SecureSocket.__qualname__ = "SSLSocket"
SecureSocket.__module__ = "ssl"


def _read_certificate(der):
    # Python can parse a certificate only from a file, unless it performed the handshake itself.
    path = os.path.join(_workspace, ".certificate.pem")
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(ssl.DER_cert_to_PEM_cert(der))
        return _ssl._test_decode_cert(path)
    finally:
        # The audit hook forbids removing files in this process, so the file is emptied instead.
        open(path, "w").close()


def _wrap_socket(
    self,
    sock,
    server_side=False,
    do_handshake_on_connect=True,
    suppress_ragged_eofs=True,
    server_hostname=None,
    session=None,
):
    if not type.__instancecheck__(VirtualSocket, sock):
        return _real_wrap_socket(
            self, sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname, session
        )
    if server_side:
        raise ValueError("a bot can't be a server")
    if self.check_hostname and not server_hostname:
        raise ValueError("check_hostname requires server_hostname")
    return SecureSocket(sock, self, server_hostname or None, do_handshake_on_connect)


def _set_alpn_protocols(self, alpn_protocols):
    alpn_protocols = list(alpn_protocols)
    _real_set_alpn_protocols(self, alpn_protocols)
    self._alpn = alpn_protocols


def install(workspace):
    """Makes SSLContext wrap virtual sockets; `workspace` is for a temporary file with the certificate."""
    global _workspace
    _workspace = workspace
    if ssl.SSLContext.wrap_socket is _wrap_socket:
        return
    for name, function in (("wrap_socket", _wrap_socket), ("set_alpn_protocols", _set_alpn_protocols)):
        function.__name__ = function.__qualname__ = name
        function.__module__ = "ssl"
        setattr(ssl.SSLContext, name, function)
