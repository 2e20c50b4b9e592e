# tries: sockets of its own: to the relay, between processes, and the one to the supervisor
# on: facades, audit; held
# off: seccomp, namespaces; held
import socket
import ssl


def by_address(ctx):
    return socket.create_connection(("127.0.0.1", ctx.params["port"]), timeout=1)


def by_name(ctx):
    return socket.create_connection(("localhost", ctx.params["port"]), timeout=1)


def by_hand(ctx):
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(1)
    return made.connect(("127.0.0.1", ctx.params["port"])) or "connected"


def by_datagram(ctx):
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", ctx.params["port"]))


def by_listening(ctx):
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made.getsockname()


def by_abstract_name(ctx):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind("\0" + ctx.params["mark"])
    return "bound"


def by_packets(ctx):
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


def by_kernel(ctx):
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


def by_crypto(ctx):
    return socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)


def by_number(ctx):
    for number in range(3, 64):
        try:
            made = socket.socket(fileno=number)
        except (OSError, TypeError, ValueError):
            continue
        peer = made.getpeername()
        made.detach()
        if isinstance(peer, tuple):
            return peer
        REACHED.append("relay's socket")
    raise LookupError("none but its own")


def by_pair(ctx):
    return socket.socketpair()


def by_name_of_the_host(ctx):
    return socket.gethostbyaddr("127.0.0.1")


def by_certificate(ctx):
    return ssl.get_server_certificate(("127.0.0.1", ctx.params["port"]), timeout=1)


ATTEMPTS = [
    by_address,
    by_name,
    by_hand,
    by_datagram,
    by_listening,
    by_abstract_name,
    by_packets,
    by_kernel,
    by_crypto,
    by_number,
    by_pair,
    by_name_of_the_host,
    by_certificate,
]
