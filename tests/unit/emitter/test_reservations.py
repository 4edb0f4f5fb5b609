"""Reservations of the emitter behind servers that answer what the product never does."""

import asyncio
from decimal import Decimal

import pytest

from cost_analytics_emitter import Emitter
from tests.support.emitter_server import EmitterServer, answer_with


def emitter_of(url: str) -> Emitter:
    return Emitter(url, "a-token", source="/bot", timeout_seconds=2)


@pytest.mark.parametrize("remaining", ["123456789.123456789", "0.000000001", "9007199254740993"])
async def test_reservation_has_the_exact_rest_of_a_budget(remaining: str) -> None:
    body = f'{{"success": true, "data": {{"granted": false, "remaining": {remaining}}}}}'
    with (
        EmitterServer(answer_with(200, body.encode())) as server,
        emitter_of(server.url) as emitter,
    ):
        turn = await emitter.existing_call("call-1", user="alice").reserve("1")
        await asyncio.to_thread(emitter.close)
    assert (turn.is_decided, turn.remaining) == (True, Decimal(remaining))


@pytest.mark.parametrize("granted", [True, False])
async def test_reservation_is_undecided_after_any_other_answer(granted: bool) -> None:
    answers = [b"{", b"NaN", b'{"success": true, "data": {"granted": 1}}', b"[" * 100_000]
    with (
        EmitterServer(*(answer_with(200, body) for body in answers)) as server,
        emitter_of(server.url) as emitter,
    ):
        call = emitter.existing_call("call-1", user="alice")
        for _ in answers:
            turn = await call.reserve("1", if_unavailable=granted, timeout_seconds=5)
            assert (turn.is_decided, turn.granted, turn.remaining) == (False, granted, None)
