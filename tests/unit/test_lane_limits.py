"""What a lane keeps is bounded, and what it says of itself is of the partitions it has."""

import asyncio
from typing import Any

import pytest

from streams import lane
from streams.decoding import decode_records
from tests.support.lane_parts import (
    FIRST,
    OTHER,
    Broker,
    Ledger,
    running,
    until_recorded,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lane notice within moments that it is to stop."""
    monkeypatch.setattr(lane, "POLL_MS", 100)
    monkeypatch.setattr(lane, "IDLE_SECONDS", 0.1)


class SlowDecoding:
    """Decoding that begins, and goes on when it may."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()
        patch.setattr(lane, "decode_records", self)

    async def __call__(self, *arguments: Any) -> Any:
        self.begun.set()
        await self.may_go_on.wait()
        return await decode_records(*arguments)


@pytest.mark.parametrize(
    "counted", [{}, {0: 5}], ids=["a log that goes on", "one that was cut off"]
)
async def test_what_is_decoded_after_its_partition_was_given_up_is_not_said_to_wait(
    counted: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never will be counted here, and a watchdog would end the worker for that."""
    broker, ledger, decoding = Broker(), Ledger(), SlowDecoding(monkeypatch)
    async with running(broker, ledger) as own:
        await broker.send(FIRST)
        await decoding.begun.wait()
        await own.revoke(wait_seconds=1)
        own.assign([OTHER], counted)
        decoding.may_go_on.set()
        await broker.send(OTHER)
        await until_recorded(ledger, 1)
        assert ledger.recorded == [(1, 0)]
        assert own.read_offsets == {1: 1}
    assert own.next_offsets == counted | {1: 1}
