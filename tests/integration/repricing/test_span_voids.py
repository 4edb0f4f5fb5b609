"""A request that spans report twice, or spans and an attachment, counts once, in any order."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from ledger.operations.verification import rebuild
from tests.support.events import Plain, cost, started
from tests.support.fault_table import FaultRecorder
from tests.support.otlp import CHAT, TRACE, export, span
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.span_events import counted_nano, events_of, nano_of, void_doubled
from tests.support.unpriced import NOW

OTHER_TRACE = "b" * 32
FRAMEWORK = "livekit-agents"
CLIENT = "opentelemetry.instrumentation.openai_v2"


def tokens(prompt: int, reply: int = 30) -> dict[str, Any]:
    return {**CHAT, "gen_ai.usage.input_tokens": prompt, "gen_ai.usage.output_tokens": reply}


def attached(trace_id: str) -> list[Plain]:
    """Return what an attachment reports: the start of its call, and the request of the trace."""
    return [
        started(call="call-1", user="alice", time=NOW, tags={"trace_id": trace_id}),
        cost(
            call="call-1", user="alice", service="openai", operation="inference", usage=120,
            unit="input_tokens", model="gpt-4-turbo", time=NOW,
        ),
        cost(
            call="call-1", user="alice", service="openai", operation="inference", usage=30,
            unit="output_tokens", model="gpt-4-turbo", time=NOW,
        ),
    ]  # fmt: skip


SPANS = (
    export(span(1, tokens(120), times=(0, 5)), scope=FRAMEWORK),
    export(span(2, tokens(120), times=(1, 4)), scope=CLIENT),  # the same request, in the framework
    export(span(3, tokens(77), times=(1, 4)), scope=CLIENT),  # a tool's own request
    export(span(4, tokens(120), times=(1, 4), trace=OTHER_TRACE), scope=CLIENT),
    export(span(5, tokens(50), times=(6, 8)), scope=CLIENT),
    export(span(6, tokens(50), times=(7, 8), parent=5), scope=CLIENT),  # a retry inside its request
)


async def record(database_url: str, batches: Sequence[Sequence[bytes | Plain]]) -> None:
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for batch in batches:
            outcome = await writer.record(log.batch(batch))
            assert (writer.letters, outcome.refused) == ([], {})


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("is_attached", [True, False])
async def test_order_of_reports_changes_nothing(
    is_attached: bool, seed: int, database_url: str, record_fault: FaultRecorder
) -> None:
    chance = random.Random(seed)
    events: list[bytes | Plain] = [*events_of(*SPANS), *(attached(TRACE) if is_attached else [])]
    repeated = events * 2
    chance.shuffle(repeated)
    voided = 0
    while repeated:
        size = chance.randint(1, 6)
        await record(database_url, [repeated[:size]])
        repeated = repeated[size:]
        if chance.random() < 0.4:
            voided += await void_doubled(database_url)
    voided += await void_doubled(database_url)
    # The framework's request, a tool's, that of the other trace, and one with a retry.
    expected = sum(nano_of(prompt, 30) for prompt in (120, 77, 120, 50))
    counted = await counted_nano(database_url, "alice", "openai")
    record_fault(
        f"request reported twice, {'attached' if is_attached else 'nested'}",
        sent=len(events),
        counted=len(events),
        difference=counted - expected,
    )
    assert voided == (3 if is_attached else 2)
    assert await void_doubled(database_url) == 0
    assert await fetch(database_url, "SELECT FROM span_checks") == []
    await assert_verified(database_url)


async def test_ledger_is_rebuilt_with_the_same_totals(database_url: str) -> None:
    await record(database_url, [[*events_of(*SPANS), *attached(TRACE)]])
    assert await void_doubled(database_url) == 3
    before = await counted_nano(database_url, "alice", "openai")
    await rebuild(database_url)
    assert await counted_nano(database_url, "alice", "openai") == before
    await assert_verified(database_url)


async def test_two_workers_void_once(database_url: str) -> None:
    await record(database_url, [[*events_of(*SPANS), *attached(TRACE)]])
    voided = await asyncio.gather(*(void_doubled(database_url) for _ in range(4)))
    assert sum(voided) + await void_doubled(database_url) == 3
    await assert_verified(database_url)


async def test_held_costs_are_compared_when_their_call_is_known(database_url: str) -> None:
    """A span without a user is held, and its trace may have been declared meanwhile."""
    values = {name: CHAT[name] for name in CHAT if name != "user.id"}
    await record(database_url, [events_of(export(span(1, values), scope=FRAMEWORK))])
    assert await void_doubled(database_url) == 0
    await record(database_url, [attached(TRACE)])
    assert await void_doubled(database_url) == 1
    assert await counted_nano(database_url, "alice", "openai") == nano_of(120, 30)


@pytest.mark.parametrize("value", ["", "x", "0" * 32, "4bf92f3577b34da6a3ce929d0e0e473"])
async def test_tag_without_a_trace_id_declares_nothing(value: str, database_url: str) -> None:
    tags = {"trace_id": value or "-"}
    await record(database_url, [[started(call="c", user="u", time=NOW, tags=tags)]])
    assert await fetch(database_url, "SELECT FROM attached_traces") == []
