"""Keeps webhooks out of private networks: resolves a name, checks its addresses, uses only those.

The connection goes to the addresses that were checked, so a name cannot resolve to another address
after the check.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ledger.notifications.addresses import WEBHOOK_PORTS, is_public

ADDRESSES_MAX: Final = 16
LOOK_UPS_MAX: Final = 32


class RefusedTargetError(Exception):
    """A webhook's address is not allowed; the message is a sentence without the address."""


class SystemResolver(AbstractResolver):
    """Resolves names through the system, in its own threads.

    The event loop has few threads: names whose servers do not respond would block them all.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOK_UPS_MAX, thread_name_prefix="look-up")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host; raises OSError."""
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        results = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in results
        ]

    async def close(self) -> None:
        """Shut the threads down; running look-ups end by their own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """Resolves a host, and refuses it if any address is not public."""

    def __init__(
        self, *, allow_private: bool = False, resolver: AbstractResolver | None = None
    ) -> None:
        self._allow_private = allow_private
        self._resolver = resolver or SystemResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses to connect to; raises OSError or RefusedTargetError."""
        results = (await self._resolver.resolve(host, port, family))[:ADDRESSES_MAX]
        if not self._allow_private and not all(is_public(result["host"]) for result in results):
            raise RefusedTargetError("The address leads into a private network.")
        return results

    async def close(self) -> None:
        await self._resolver.close()


def check_url(url: URL, *, allow_private: bool) -> None:
    """Check scheme, port and IP address of a URL; raises RefusedTargetError.

    Names are checked by GuardedResolver; an IP address is not resolved.
    """
    if allow_private:
        return
    if url.scheme != "https" or url.port not in WEBHOOK_PORTS:
        raise RefusedTargetError("The address is not HTTPS on an allowed port.")
    host = url.host or ""
    is_ip_address = ":" in host or host.rstrip(".").rsplit(".", 1)[-1].isdigit()
    if is_ip_address and not is_public(host):
        raise RefusedTargetError("The address leads into a private network.")
