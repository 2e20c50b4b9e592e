"""The virtual network of bots. Only processes whose bots may use it import this, because it imports the real one."""

from multiplayer import sockets, tls
from multiplayer.sockets import begin, end

__all__ = ["begin", "end", "install"]


def install(ask, workspace):
    """Replaces the real network: `ask` sends a question to the relay, and the workspace is where files of bots are."""
    sockets.install(ask)
    tls.install(workspace)
