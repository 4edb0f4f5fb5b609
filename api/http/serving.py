"""Serves an application over TCP, and stops without dropping what is under way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web

from api.http.connections import ConnectionFactory
from api.http.options import RequestLimits
from api.metrics.refusals import REFUSALS


class Address(NamedTuple):
    """Where an application is served; the port is the real one, even where 0 was asked for."""

    host: str
    port: int


@asynccontextmanager
async def serving(
    app: web.Application,
    host: str,
    port: int,
    limits: RequestLimits | None = None,
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Address]:
    """Serve for the length of a block; raises OSError where the address cannot be had.

    At its end no connection is accepted any more, requests under way have
    `limits.shutdown_seconds` to finish, and the application is cleaned up.
    """
    limits = limits or RequestLimits()
    runner = web.AppRunner(app, shutdown_timeout=limits.shutdown_seconds)
    await runner.setup()
    listener: asyncio.Server | None = None
    try:
        if runner.server is None:
            raise RuntimeError("the application has no server")
        door = ConnectionFactory(runner.server, limits, app.get(REFUSALS))
        listener = await asyncio.get_running_loop().create_server(
            door,
            host,
            port,
            ssl=tls,
            backlog=limits.backlog,
        )
        bound_host, bound_port = listener.sockets[0].getsockname()[:2]
        yield Address(bound_host, bound_port)
    finally:
        if listener is not None:
            listener.close()
        await runner.cleanup()
