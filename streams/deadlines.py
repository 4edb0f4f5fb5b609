"""Ends the parts of a worker within a time limit after its stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

CANCEL_SECONDS: Final = 3


async def run_with_deadline(seconds: int, stop: asyncio.Event, work: Awaitable[object]) -> None:
    """Run `work`, and cancel it `seconds` after `stop`; raises its errors.

    Cancelled work is done again after the next start, so a stop need not wait for it.
    """
    task = asyncio.ensure_future(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            task.result()
    finally:
        stopping.cancel()
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
