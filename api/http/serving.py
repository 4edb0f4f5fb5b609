"""Serves an application over TCP, with graceful shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from api.http.connections import ConnectionFactory
from api.http.options import RequestLimits
from api.metrics.refusals import REFUSALS


class ServerAddress(NamedTuple):
    """The address of a running server; the port is the actual one, even if 0 was requested."""

    host: str
    port: int


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, limits: RequestLimits | None = None
) -> AsyncIterator[ServerAddress]:
    """Serve for the duration of the block; raises OSError if the address cannot be bound.

    At its end the server stops accepting connections, lets requests finish for up to
    `limits.shutdown_seconds`, and cleans up the application.
    """
    limits = limits or RequestLimits()
    runner = web.AppRunner(app, shutdown_timeout=limits.shutdown_seconds)
    await runner.setup()
    listener: asyncio.Server | None = None
    try:
        if runner.server is None:
            raise RuntimeError("the application has no server")
        factory = ConnectionFactory(runner.server, limits, app.get(REFUSALS))
        listener = await asyncio.get_running_loop().create_server(
            factory, host, port, backlog=limits.backlog
        )
        bound_host, bound_port = listener.sockets[0].getsockname()[:2]
        yield ServerAddress(bound_host, bound_port)
    finally:
        if listener is not None:
            listener.close()
        await runner.cleanup()
