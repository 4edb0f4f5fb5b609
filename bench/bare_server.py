"""A handler that does nothing on the API's own server: the baseline of the API.

A separate program: `python -m bench.bare_server`. Its settings are API_HOST and API_PORT.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from api.http.serving import serving
from cost_analytics import settings
from cost_analytics.running import run_until_stopped

PATH = "/bare"
_BODY = b'{"success":true,"data":{"callId":"call-00000001","totalCost":0.9}}'


async def _answer(_: web.Request) -> web.Response:
    return web.Response(body=_BODY, content_type="application/json")


async def _serve(stop: asyncio.Event) -> None:
    app = web.Application()
    app.router.add_get(PATH, _answer)
    where = settings.load("api").api
    async with serving(app, where.host, where.port):
        await stop.wait()


if __name__ == "__main__":
    run_until_stopped(_serve)
