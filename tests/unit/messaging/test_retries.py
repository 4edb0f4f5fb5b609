"""Pauses that an event ends: a cancellation ends them, too, and they leave no tasks."""

import asyncio

import pytest

from messaging.retries import wait_for_either


async def waiting_tasks() -> set[asyncio.Task[object]]:
    """Return the other tasks that are still there after cancelled ones have ended."""
    await asyncio.sleep(0)
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_cancelled_pause_ends_its_caller_and_leaves_no_tasks() -> None:
    before = await waiting_tasks()
    pause = asyncio.create_task(wait_for_either(asyncio.Event(), asyncio.Event(), 60))
    await asyncio.sleep(0)
    assert len(await waiting_tasks() - before) == 3
    pause.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pause
    assert await waiting_tasks() == before


async def test_pause_ends_with_either_event_and_leaves_no_tasks() -> None:
    before = await waiting_tasks()
    for number in range(2):
        events = asyncio.Event(), asyncio.Event()
        events[number].set()
        async with asyncio.timeout(60):
            await wait_for_either(*events, 3_600)
        assert await waiting_tasks() == before
