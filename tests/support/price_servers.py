"""HTTP servers of vendors that publish prices, correctly or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

COUNTRY_V2: dict[str, Any] = {
    "country": "United States",
    "iso_country": "US",
    "price_unit": "USD",
    "url": "https://pricing.twilio.com/v2/Voice/Countries/US",
    "inbound_call_prices": [
        {"base_price": "0.0090", "current_price": "0.0085", "number_type": "local"},
        {"base_price": "0.0220", "current_price": "0.022", "number_type": "toll free"},
    ],
    "outbound_prefix_prices": [
        {
            "base_price": "0.090",
            "current_price": "0.090",
            "destination_prefixes": ["1907"],
            "origination_prefixes": ["ALL"],
            "friendly_name": "Programmable Outbound Minute - United States - Alaska",
        },
        {
            "base_price": "0.0200",
            "current_price": "0.0200",
            "destination_prefixes": ["1"],
            "origination_prefixes": ["44"],
            "friendly_name": "Programmable Outbound Minute - United States",
        },
        {
            "base_price": "0.0150",
            "current_price": "0.0140",
            "destination_prefixes": ["1"],
            "origination_prefixes": ["ALL"],
            "friendly_name": "Programmable Outbound Minute - United States",
        },
    ],
}
"""In the format of version 2 of Twilio's Pricing API."""

COUNTRY_V1: dict[str, Any] = {
    **COUNTRY_V2,
    "outbound_prefix_prices": [
        {
            "base_price": price["base_price"],
            "current_price": price["current_price"],
            "prefixes": price["destination_prefixes"],
            "friendly_name": price["friendly_name"],
        }
        for price in COUNTRY_V2["outbound_prefix_prices"]
        if price["origination_prefixes"] == ["ALL"]
    ],
}
"""In the format of version 1."""


def country(outbound: str, inbound: str = "0.0085") -> dict[str, Any]:
    """Return the prices of a country, in the vendor's format."""
    return {
        "price_unit": "USD",
        "outbound_prefix_prices": [{"prefixes": ["1"], "current_price": outbound}],
        "inbound_call_prices": [{"number_type": "local", "current_price": inbound}],
    }


@dataclass
class VendorServer:
    """A server that answers every path with `answer`, or misbehaves as configured."""

    port: int = 0
    answer: Any = None
    status: int = 200
    hangs: bool = False
    requested_paths: list[str] = field(default_factory=list)
    authorization: str | None = None

    def url(self, path: str = "prices") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    async def handle(self, request: web.Request) -> web.Response:
        self.requested_paths.append(request.path)
        self.authorization = request.headers.get("Authorization")
        if self.hangs:
            await asyncio.sleep(30)
        if self.status in {301, 302}:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        if isinstance(self.answer, bytes):
            return web.Response(status=self.status, body=self.answer)
        return web.json_response(self.answer, status=self.status)


@asynccontextmanager
async def vendor(answer: Any) -> AsyncIterator[VendorServer]:
    """Serve a vendor on its own port."""
    one = VendorServer(answer=answer)
    app = web.Application()
    app.router.add_route("GET", "/{path:.*}", one.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.port = runner.addresses[0][1]
    try:
        yield one
    finally:
        await runner.cleanup()
