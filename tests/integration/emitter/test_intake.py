"""What the emitter sends is what the product's HTTP intake accepts."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from cost_analytics_emitter import Emitter, anthropic_usages, openai_chat_usages
from cost_analytics_emitter.events import Number
from ledger.calls.missing_prices import unpriced_rows
from schemas.events import (
    CallCharged,
    CallEnded,
    CallRefunded,
    CallStarted,
    CostRecorded,
    CostVoided,
    Event,
)
from tests.support.api import MemoryOwnerStore, served, token
from tests.support.house import ROOT
from tests.support.intake import MemoryEventStream
from tests.support.prices import DEFAULTS, catalogue

SECONDS = 10
SERVICE = token("voice-bot", role="service")


@asynccontextmanager
async def intake(**owned: str) -> AsyncIterator[tuple[MemoryEventStream, str]]:
    """Serve the intake; yields the stream in memory behind it, and the address of the API."""
    stream = MemoryEventStream()
    owners = MemoryOwnerStore(**owned)
    async with served(events=stream, source_owners=owners) as api:
        yield stream, f"http://127.0.0.1:{api.port}"


async def flush(emitter: Emitter, seconds: float = SECONDS) -> bool:
    return await asyncio.to_thread(emitter.flush, seconds)


async def test_start_names_the_vendor_that_carries_the_call() -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        async with emitter.call(user="alice", provider="twilio", provider_call_id="CA1"):
            pass
        assert await flush(emitter)
    started = stream.decoded()[0].data
    assert isinstance(started, CallStarted)
    assert (started.provider, started.provider_call_id) == ("twilio", "CA1")


async def test_start_charges_and_end_of_a_call_are_accepted() -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        async with emitter.call("c1", user="alice", persona="p", tags={"team": "a"}) as call:
            cost = call.usage("twilio", "voice", "1.5", "minutes", total_cost=0.02, estimated=True)
            call.void(cost, "the real cost is known")
            call.charge(4.99, fee=Decimal("0.4447"), processor="stripe")
            call.refund("1.50")
        assert await flush(emitter)
        assert emitter.counters().refused == {}
    events = stream.decoded()
    data = [event.data for event in events]
    assert {event.source for event in events} == {"/emitter/voice-bot"}
    assert {(one.call_id, one.user_id) for one in data} == {("c1", "alice")}
    started, telephony, voided, charged, refunded, ended = data
    assert isinstance(started, CallStarted)
    assert (started.persona_id, started.tags) == ("p", {"team": "a"})
    assert isinstance(telephony, CostRecorded)
    assert (telephony.total_cost, telephony.estimated) == (Decimal("0.02"), True)
    assert isinstance(voided, CostVoided)
    assert (voided.voids.source, voided.voids.id) == ("/emitter/voice-bot", cost)
    assert isinstance(charged, CallCharged)
    assert (charged.amount, charged.fee) == (Decimal("4.99"), Decimal("0.4447"))
    assert isinstance(refunded, CallRefunded)
    assert isinstance(ended, CallEnded)
    assert ended.status == "completed"


async def test_usages_are_accepted() -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        call = emitter.existing_call("c1", user="alice")
        call.usage("deepgram", "streaming_stt", 4.2, "seconds", model="nova-2")
        quantities: dict[str, Number] = {"input_tokens": 3, "output_tokens": Decimal("4")}
        batch = {"tier": "batch"}
        call.usage("openai", "inference", quantities, metadata={"turn": 1}, price_context=batch)
        reported = {"input_tokens": 9, "cache_read_input_tokens": 7, "output_tokens": 2}
        call.llm_usage(anthropic_usages, reported, service="anthropic")
        assert await flush(emitter)
        assert emitter.counters().refused == {}
    costs = [event.data for event in stream.decoded() if isinstance(event.data, CostRecorded)]
    speech, request, reply = costs
    assert (speech.usage, speech.unit, speech.model) == (Decimal("4.2"), "seconds", "nova-2")
    assert quantities_of(request) == quantities
    assert quantities_of(reply) == {
        "input_tokens": 9,
        "cached_input_tokens": 7,
        "output_tokens": 2,
    }


def quantities_of(cost: CostRecorded) -> dict[str, Any]:
    return {one.unit: one.quantity for one in cost.usages or ()}


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "failed"), (asyncio.CancelledError, "terminated")]
)
async def test_call_ends_as_its_block_does(error: type[BaseException], status: str) -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        with pytest.raises(error):
            async with emitter.call(user="alice"):
                raise error
        with emitter.call(user="alice") as other:
            other.finish("failed")
        assert await flush(emitter)
    ends = [event.data for event in stream.decoded() if isinstance(event.data, CallEnded)]
    assert [end.status for end in ends] == [status, "failed"]


async def test_ids_are_uuids_in_the_order_of_time() -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        call = emitter.existing_call("c1", user="alice")
        for _ in range(5):
            call.charge(1)
            await asyncio.sleep(0.002)
        assert await flush(emitter)
    ids = [event.id for event in stream.decoded()]
    assert all(one < other for one, other in pairwise(ids))
    assert {one[14] for one in ids} == {"7"}


async def test_wrong_values_are_refused_and_never_raised() -> None:
    async with intake() as (stream, url), Emitter(url, SERVICE) as emitter:
        call = emitter.existing_call("c1", user="alice")
        circular: dict[str, Any] = {}
        circular["self"] = circular
        for metadata in (
            {"text": "x" * 70_000},
            {"object": object()},
            {"text": "\ud800"},
            circular,
        ):
            call.usage("twilio", "voice_call", 1, "minutes", metadata=metadata)
        call.usage("twilio", "voice_call", float("nan"), "minutes")
        call.usage("openai", "inference", {})
        call.llm_usage(openai_chat_usages, {"prompt_tokens": -1}, service="openai")
        assert emitter.counters().refused == {"cannot be sent": 7}
        call.usage("twilio", "voice_call", -1, "minutes")
        call.usage("twilio", "voice_call", 1, "No Unit")
        call.usage("twilio", "voice_call", 1, "minutes", event_id="good")
        assert await flush(emitter)
        counters = emitter.counters()
    assert counters.refused == {"cannot be sent": 7, "invalid_event": 2}
    assert (counters.accepted, counters.sent) == (3, 1)
    assert [event.id for event in stream.decoded()] == ["good"]


async def test_events_wait_while_the_source_belongs_to_another_service() -> None:
    """An operator gives the source to this service; until then nothing is lost."""
    owners = {"/emitter/voice-bot": "other"}
    async with intake(**owners) as (stream, url), Emitter(url, SERVICE) as emitter:
        emitter.existing_call("c1", user="alice").charge(1)
        assert not await flush(emitter, 1)
        assert emitter.counters().pending == 1
        assert emitter.counters().refused == {}
        assert stream.events == []
        emitter.close(0)


async def test_example_reports_a_whole_call() -> None:
    async with intake() as (stream, url):
        example = await asyncio.create_subprocess_exec(
            *(sys.executable, str(ROOT / "examples" / "python_emitter.py")),
            *("--url", url, "--token", SERVICE, "--speed", "0.01"),
            env={"PYTHONPATH": str(ROOT / "clients" / "python")},
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await example.communicate()
    events: list[Event] = stream.decoded()
    assert example.returncode == 0
    assert b"19 events sent of 19" in printed
    assert re.search(rb"^call \S+ costs 0\.247565 USD$", printed, re.MULTILINE)
    assert [type(event.data) for event in events[:: len(events) - 1]] == [CallStarted, CallEnded]
    prices = catalogue(DEFAULTS)
    assert [row for event in events for row in unpriced_rows(event, prices)] == []
