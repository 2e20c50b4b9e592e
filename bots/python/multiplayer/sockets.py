"""Virtual sockets: the relay connects, sends and receives, because a bot's process has no network.

A connection is a number that the relay assigned, and each operation on it is a request to the relay. A replay must
make the same requests, so they may depend only on the bot's own actions: no request is made because the garbage
collector ran, or about a connection of an earlier hook.
"""

import base64
import errno
import gc
import ipaddress
import select
import socket
import ssl
import sys

_RealSocket = socket.socket

# Timeout of sockets for which the bot set none.
_DEFAULT_TIMEOUT_MS = 4000

# Bytes per request. They are large because every request costs a round trip, whatever its size.
_RECEIVE_BYTES = 64 * 1024
_SEND_BYTES = 256 * 1024

_FAMILIES = {int(socket.AF_INET), int(socket.AF_INET6)}
_HOST_NAME = "localhost"


class _Relay:
    """The connection to the relay, and the current hook."""

    def __init__(self):
        self.ask = None
        self.hook = 0
        self.is_open = False
        self.is_collecting = False

    def get(self, kind, /, **details):
        """Sends a request to the relay; returns its answer, or raises the exception for its error."""
        if not self.is_open:
            raise _with_errno(OSError("connections can be made only in a hook, not while the source is loaded"), errno.ENETDOWN)
        ((outcome, answer),) = self.ask({kind: details}).items()
        if outcome == "failed":
            raise _failure(answer["kind"], answer["message"])
        return answer

    def on_gc(self, phase, _info):
        self.is_collecting = phase == "start"


_relay = _Relay()
get = _relay.get


def begin():
    """Starts a hook: requests to the relay are allowed from now on."""
    _relay.hook += 1
    _relay.is_open = True


def end():
    """Ends the hook, and with it all its connections."""
    _relay.is_open = False


def _failure(kind, message):
    """Returns the exception for an error of the relay."""
    if kind == "tls":
        return _tls_failure(message)
    if kind == "resolve":
        return _with_errno(socket.gaierror(message), socket.EAI_NONAME)
    exception, number = {
        "refused": (ConnectionRefusedError, errno.ECONNREFUSED),
        "timeout": (TimeoutError, errno.ETIMEDOUT),
        "unreachable": (OSError, errno.EHOSTUNREACH),
        "reset": (ConnectionResetError, errno.ECONNRESET),
        "closed": (ConnectionAbortedError, errno.ECONNABORTED),
        "limit": (OSError, errno.ENOBUFS),
    }.get(kind, (OSError, errno.EIO))
    return _with_errno(exception(message), number)


def _tls_failure(message):
    # Mimics the exception that OpenSSL would raise.
    _, found, reason = message.partition("certificate verify failed: ")
    if not found:
        return ssl.SSLError(ssl.SSL_ERROR_SSL, message)
    error = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, f"[SSL: CERTIFICATE_VERIFY_FAILED] {message}")
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
    error.verify_code, error.verify_message = 1, reason
    return error


def _with_errno(error, number):
    # Setting errno after construction leaves the relay's message as the text of the exception.
    error.errno = number
    return error


def _unsupported(reason):
    return _with_errno(OSError(f"a bot's socket {reason}"), errno.EOPNOTSUPP)


class _SocketMeta(type):
    """Makes `isinstance(x, socket.socket)` true for real sockets as well as for virtual ones."""

    def __instancecheck__(cls, value):
        return super().__instancecheck__(value) or (cls is VirtualSocket and isinstance(value, _RealSocket))


class VirtualSocket(metaclass=_SocketMeta):
    """`socket.socket`, limited to TCP clients."""

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        self.family = socket.AF_INET if family == -1 else family
        self.type = socket.SOCK_STREAM if type == -1 else type
        self.proto = socket.IPPROTO_TCP if proto in (-1, 0) else proto
        if fileno is not None or int(self.family) not in _FAMILIES or int(self.type) & 0xF != socket.SOCK_STREAM:
            raise _with_errno(OSError("a bot's sockets support only TCP"), errno.EPROTONOSUPPORT)
        self._conn = self._peer = None
        self._hook = _relay.hook
        self._received = b""
        self._at_end = self._sent_all = False
        self._io_refs = 0
        self._closed = False
        self._timeout = socket.getdefaulttimeout()

    def __repr__(self):
        return f"<socket.socket{' [closed]' if self._closed else ''} peer={self._peer}>"

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.close()

    # Connecting

    def connect(self, address):
        if self._conn is not None:
            raise _with_errno(OSError("the socket is already connected"), errno.EISCONN)
        self._check_open()
        if not isinstance(address, tuple) or len(address) < 2:
            raise TypeError("connect takes a tuple of host and port")
        host, port = _host_text(address[0]), address[1]
        if not isinstance(port, int):
            raise TypeError("a port must be an int")
        if not 0 <= port <= 0xFFFF:
            raise OverflowError("connect(): port must be 0-65535.")
        _patch_urllib3()
        answer = get("connect", host=host, port=port, timeout_ms=self._timeout_ms() or _DEFAULT_TIMEOUT_MS)
        self._conn, self._hook = answer["conn"], _relay.hook
        self._peer = (answer["address"], port)
        if ":" in answer["address"]:
            self._peer += (0, 0)

    def connect_ex(self, address):
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def getpeername(self):
        self._connected()
        return self._peer

    def getsockname(self):
        return ("::", 0, 0, 0) if self.family == socket.AF_INET6 else ("0.0.0.0", 0)

    # Sending

    def send(self, data, flags=0):
        with memoryview(data) as view, view.cast("B") as data:
            if self._sent_all:
                raise _with_errno(BrokenPipeError("the socket is shut down for writing"), errno.EPIPE)
            for start in range(0, len(data), _SEND_BYTES):
                text = base64.b64encode(data[start : start + _SEND_BYTES]).decode()
                get("send", conn=self._connected(), data=text)
            return len(data)

    def sendall(self, data, flags=0):
        self.send(data, flags)

    def sendfile(self, file, offset=0, count=None):
        if offset:
            file.seek(offset)
        return self.send(file.read(-1 if count is None else count))

    # Receiving

    def recv(self, bufsize, flags=0):
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        if bufsize and not self._received:
            self._fill(self._timeout_ms(), max(bufsize, _RECEIVE_BYTES))
        data = self._received[:bufsize]
        if not flags & socket.MSG_PEEK:
            self._received = self._received[len(data) :]
        return data

    def recv_into(self, buffer, nbytes=0, flags=0):
        with memoryview(buffer) as view, view.cast("B") as target:
            data = self.recv(min(nbytes or len(target), len(target)), flags)
            target[: len(data)] = data
            return len(data)

    def recvfrom(self, bufsize, flags=0):
        return self.recv(bufsize, flags), self._peer

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        return self.recv_into(buffer, nbytes, flags), self._peer

    def _fill(self, timeout_ms, max_bytes=_RECEIVE_BYTES):
        conn = self._connected()
        if self._at_end:
            return
        try:
            answer = get("receive", conn=conn, max_bytes=max_bytes, timeout_ms=timeout_ms)
        except TimeoutError:
            if timeout_ms:
                raise
            raise BlockingIOError(errno.EAGAIN, "no data has arrived yet") from None
        self._received = base64.b64decode(answer["data"])
        self._at_end = not self._received

    def _is_readable(self, timeout):
        """Waits up to `timeout` seconds (None: the default timeout) until `recv` would not block; returns whether it would not."""
        if self._received or self._at_end:
            return True
        try:
            self._fill(_DEFAULT_TIMEOUT_MS if timeout is None else max(0, round(timeout * 1000)))
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            pass  # `recv` will raise it
        return True

    # File objects, made by the code of the standard library

    makefile = _RealSocket.makefile
    _decref_socketios = _RealSocket._decref_socketios

    # Closing

    def shutdown(self, how):
        self._connected()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self._at_end, self._received = True, b""
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self._sent_all = True

    def close(self):
        self._closed = True
        if self._io_refs <= 0:
            self._real_close()

    def _real_close(self):
        conn, self._conn = self._conn, None
        is_current = conn is not None and self._hook == _relay.hook and _relay.is_open
        if is_current and not _relay.is_collecting:
            get("close", conn=conn)

    def detach(self):
        raise _unsupported("has no descriptor")

    # Settings

    def settimeout(self, value):
        if value is not None:
            value = float(value)
            if value < 0:
                raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self):
        return self._timeout

    timeout = property(gettimeout)

    def setblocking(self, flag):
        self.settimeout(None if flag else 0.0)

    def getblocking(self):
        return self._timeout != 0

    def setsockopt(self, *args):
        """Does nothing: the relay chooses the options of its sockets."""

    def getsockopt(self, level, optname, buflen=0):
        return b"" if buflen else 0

    def get_inheritable(self):
        return False

    def set_inheritable(self, inheritable):
        pass

    def fileno(self):
        if self._closed:
            return -1
        raise _unsupported("has no descriptor")

    def bind(self, address):
        raise _unsupported("can only connect; it can't be bound")

    def listen(self, backlog=0):
        raise _unsupported("can only connect; it can't accept connections")

    def accept(self):
        raise _unsupported("can only connect; it can't accept connections")

    def sendto(self, *args):
        raise _unsupported("is a TCP socket, which has no sendto")

    def dup(self):
        raise _unsupported("can't be duplicated")

    def _timeout_ms(self):
        if self._timeout is None:
            return _DEFAULT_TIMEOUT_MS
        return -(-int(self._timeout * 1_000_000) // 1000)

    def _check_open(self):
        if self._closed and self._io_refs <= 0:
            raise _with_errno(OSError("the socket is closed"), errno.EBADF)

    def _connected(self):
        self._check_open()
        if self._conn is None:
            raise _with_errno(OSError("the socket is not connected"), errno.ENOTCONN)
        if self._hook != _relay.hook:
            raise _with_errno(ConnectionAbortedError("the connection ended with its hook"), errno.ECONNABORTED)
        return self._conn


VirtualSocket.__name__ = VirtualSocket.__qualname__ = "socket"
VirtualSocket.__module__ = "socket"


def _host_text(host):
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError("a host must be a str")
    return host.encode("idna").decode() if not host.isascii() else host


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """Returns the host itself as the address: the relay resolves and checks it once, in `connect`."""
    host = "localhost" if host is None else _host_text(host)
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        version = None
    if type not in (0, socket.SOCK_STREAM):
        raise _with_errno(socket.gaierror("a bot's sockets support only TCP"), socket.EAI_SOCKTYPE)
    if version is None and flags & socket.AI_NUMERICHOST:
        raise _with_errno(socket.gaierror(f"{host} is not an IP address"), socket.EAI_NONAME)
    address = (host, _port_number(port))
    if version == 6:
        found, address = socket.AF_INET6, address + (0, 0)
    else:
        found = socket.AF_INET
    if version is not None and family not in (0, found):
        raise _with_errno(socket.gaierror(f"{host} is not an address of that family"), socket.EAI_ADDRFAMILY)
    return [(found, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


def _port_number(port):
    if isinstance(port, (str, bytes)):
        port = port.decode("ascii") if isinstance(port, bytes) else port
        number = {"http": 80, "https": 443}.get(port)
        if number is None and not port.isdecimal():
            raise _with_errno(socket.gaierror(f"there is no service named {port}"), socket.EAI_SERVICE)
        return int(port) if number is None else number
    return 0 if port is None else port


def gethostbyname_ex(hostname):
    addresses = get("resolve", host=_host_text(hostname))["addresses"]
    found = [address for address in addresses if ":" not in address]
    if not found:
        raise _with_errno(socket.gaierror(f"{hostname} has no IPv4 address"), socket.EAI_NONAME)
    return hostname, [], found


def gethostbyname(hostname):
    return gethostbyname_ex(hostname)[2][0]


def gethostbyaddr(ip_address):
    raise _with_errno(socket.herror("a bot can't look up the name of an address"), 1)


def getnameinfo(sockaddr, flags):
    raise _with_errno(socket.gaierror("a bot can't look up the name of an address"), socket.EAI_NONAME)


def gethostname():
    return _HOST_NAME


def getfqdn(name=""):
    return name or _HOST_NAME


def _no_descriptors(*args, **kwargs):
    raise _unsupported("has no descriptor")


def _patch_urllib3():
    """Makes urllib3 check without a file descriptor whether a connection can be reused."""
    module = sys.modules.get("urllib3.util.wait")
    if module is None or getattr(module.wait_for_socket, "is_patched", False):
        return
    real_wait = module.poll_wait_for_socket if hasattr(select, "poll") else module.select_wait_for_socket

    def wait_for_socket(sock, read=False, write=False, timeout=None):
        if type.__instancecheck__(VirtualSocket, sock):
            return write or sock._is_readable(timeout)
        return real_wait(sock, read, write, timeout)

    wait_for_socket.is_patched = True
    module.wait_for_socket = wait_for_socket


def install(ask):
    """Replaces the sockets of this process by virtual ones; `ask` sends a request (a dict) to the relay and returns its answer.

    Libraries look these names up when they connect, so this also works for libraries that are imported already.
    """
    _relay.ask = ask
    if socket.socket is VirtualSocket:
        return
    gc.callbacks.append(_relay.on_gc)
    for function in (getaddrinfo, gethostbyname, gethostbyname_ex, gethostbyaddr, getnameinfo, gethostname, getfqdn):
        function.__module__ = "socket"
        setattr(socket, function.__name__, function)
    for name in ("fromfd", "socketpair", "send_fds", "recv_fds", "dup"):
        if hasattr(socket, name):
            setattr(socket, name, _no_descriptors)
    socket.socket = socket.SocketType = VirtualSocket
