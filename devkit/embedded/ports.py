"""TCP ports for embedded servers; a port in use is reported clearly."""

import errno
import random
import socket
from contextlib import suppress

LOOPBACK = "127.0.0.1"

_SERVER_PORTS = range(20_000, 32_768)
"""Below the ports that systems give to outgoing connections, which may take a free one any time."""
_ATTEMPTS_MAX = 100


class PortTakenError(RuntimeError):
    """Another program listens on the requested port; the message is for people."""


def choose_port(port: int | None = None) -> int:
    """Return `port` if it is free, or a free loopback port if `port` is None or 0.

    A free port is not reserved: use it soon.

    Raises PortTakenError if `port` is in use or this account may not use it.
    """
    if port:
        return _free_port(port)
    for candidate in random.sample(_SERVER_PORTS, _ATTEMPTS_MAX):
        with suppress(PortTakenError):
            return _free_port(candidate)
    return _free_port(0)


def _free_port(port: int) -> int:
    """Return a port if it is free, any free one for 0; raises PortTakenError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # The servers set this, too: connections of an earlier run in TIME_WAIT are not a conflict.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            # With SO_REUSEADDR some systems let two sockets bind, but never two listen.
            probe.listen(1)
        except OSError as error:
            raise PortTakenError(_reason(port, error)) from error
        free: int = probe.getsockname()[1]
        return free


def is_listening(port: int) -> bool:
    """Return whether a server accepts connections on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _reason(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another program; stop it or choose another port"
    return f"port {port} cannot be used: {error.strerror}"
