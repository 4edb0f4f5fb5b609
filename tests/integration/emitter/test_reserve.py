"""The emitter reserves costs with the running API, and decides nothing by itself."""

import asyncio
from decimal import Decimal

import pytest

from api.http.options import ApiOptions
from cost_analytics_emitter import Emitter
from tests.support.alerting import USD, change
from tests.support.api import served_from, token
from tests.support.emitter_server import EmitterServer
from tests.support.events import cost
from tests.support.recording import BatchWriter, TopicLog, fetch

SERVICE = token("voice-bot", role="service")
SOURCE = "/emitter/voice-bot"


async def test_reservation_is_released_by_the_cost_with_its_id(database_url: str) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD))
    options = ApiOptions(budget_basis="cost")
    async with (
        served_from(database_url, options=options) as api,
        Emitter(f"http://127.0.0.1:{api.port}", SERVICE) as emitter,
    ):
        call = emitter.existing_call("call-1", user="alice")
        first = await call.reserve("0.6")
        assert (first.granted, first.is_decided, first.remaining) == (
            True,
            True,
            Decimal("0.4"),
        )
        second = await call.reserve("0.5")
        assert (second.granted, second.budget, second.remaining) == (
                False, "daily", Decimal("0.4"),
            )  # fmt: skip
        assert second.reason == "Not enough left of the daily budget: $0.40."
        reported = cost("call-1", source=SOURCE, id=first.event_id, totalCost="0.1")
        async with BatchWriter(database_url) as writer:
            await writer.record(TopicLog().batch([reported]))
        assert (await call.reserve("0.8")).granted
    rows = await fetch(database_url, "SELECT count(*) FROM cost_reservations")
    assert rows[0][0] == 1


async def test_quantities_are_priced_and_a_cheaper_model_is_named(database_url: str) -> None:
    await change(database_url, "alice", "cost", daily_limit=(True, USD // 1_000))
    options = ApiOptions(budget_basis="cost")
    async with (
        served_from(database_url, options=options) as api,
        Emitter(f"http://127.0.0.1:{api.port}", SERVICE) as emitter,
    ):
        turn = await emitter.existing_call("call-1", user="alice").reserve(
            service="cerebras",
            operation="inference",
            model="llama3.1-405b",
            quantities={"input_tokens": 1_000, "output_tokens": Decimal("250")},
        )
    assert (turn.granted, turn.cheaper_model) == (False, "llama3.1-8b")


@pytest.mark.parametrize("if_unavailable", [True, False])
async def test_without_a_decision_the_caller_decides(if_unavailable: bool) -> None:
    with EmitterServer() as server:  # it answers, but not as the product does
        emitters = [
            Emitter(server.url, "token", source="/bot"),
            Emitter("http://127.0.0.1:9", "token", source="/bot"),
            Emitter(kafka="127.0.0.1:9", source="/bot"),
        ]
        for emitter in emitters:
            call = emitter.existing_call("call-1", user="alice")
            for amount in (1, None):
                turn = await call.reserve(amount, if_unavailable=if_unavailable)
                assert (turn.granted, turn.is_decided) == (if_unavailable, False)
                assert turn.reason
            await asyncio.to_thread(emitter.close, 0)
