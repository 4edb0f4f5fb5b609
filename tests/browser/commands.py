"""Commands of a history: two calls that reached their limit, and one that is ended by hand."""

import json
from typing import Any

from tests.support.commands import command_rows, command_worker, router, until_closed
from tests.support.events import Plain, cost, ended, event, started
from tests.support.product_processes import Product, now
from tests.support.recording import fetch, until
from tests.support.vendor_servers import following, vendor_server

USER = "bruno"
OVER_LIMIT = "01a2041d-7c02-7a11-8f3b-2d9c4e8a1b07"
UNSUPPORTED = "01a2041d-91e4-7c55-b2a0-63f7d10c9e3f"
BY_HAND = "01a2041e-0b6a-7f20-9d17-a4c85be2f086"


def call_of(call: str, provider: str, characters: int) -> list[Plain]:
    """Return the events of an active call that a vendor carries, with the cost of its speech."""
    vendor = {"callId": call, "provider": provider, "providerCallId": f"{provider}:{call}"}
    speech = {
        "service": "elevenlabs",
        "operation": "tts",
        "model": "eleven_turbo_v2_5",
        "usage": characters,
        "unit": "characters",
    }
    return [
        started(call, USER, **now(300)),
        event("call.updated", vendor, **now(290)),
        cost(call, USER, **speech, **now(30)),
    ]


async def write_commands(product: Product) -> None:
    """Let two calls reach a limit, end a third by hand, and execute these commands.

    One vendor fails before it succeeds, and one has no credentials.
    """
    url = product.pipeline.database_url
    await _limit_calls(product, 1)
    calls = (
        (OVER_LIMIT, "twilio", 6_800),
        (UNSUPPORTED, "telnyx", 7_400),
        (BY_HAND, "twilio", 2_600),
    )
    for call in calls:
        await product.send(*call_of(*call))

    async def are_counted() -> bool:
        query = "SELECT FROM calls WHERE call_id = $1 AND event_count >= 3"
        return bool(await fetch(url, query, BY_HAND)) and len(await command_rows(url)) == 2

    await until(are_counted)
    await product.ask("POST", f"/api/costs/call/{BY_HAND}/end", b"{}", "dana", "admin")
    async with (
        vendor_server("twilio", following("500")) as server,
        command_worker(url, router({"twilio": server})),
    ):
        await until_closed(url, 3)
    await product.send(*(ended(call, USER, status="terminated", **now()) for call, _, _ in calls))
    await _limit_calls(product, None)


async def _limit_calls(product: Product, limit: int | None) -> None:
    """Set the user's limit per call, or none."""
    change: dict[str, Any] = {"maxCostPerCall_usd": limit}
    await product.put(f"/api/costs/user/{USER}/budget", json.dumps(change).encode(), USER)
