"""Any sequence of archiving, late events, voids and late prices gives the totals without archiving."""

import asyncio
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.operations.archive_checks import verify_archive
from ledger.operations.verification import rebuild, verify
from ledger.prices.conditions import NO_CONDITIONS, Conditions
from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.support.archives import NOW, archive, month_start
from tests.support.charge_plans import SamplePlan, enter_plans
from tests.support.databases import DatabaseCloner
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided, with_usages
from tests.support.recording import BatchWriter, TopicLog
from tests.support.repricing import a_price, add, totals

BOUNDARY = month_start(2)
TIMES = (
    month_start(4) + timedelta(days=3),
    month_start(3) - timedelta(microseconds=1),
    month_start(3),
    BOUNDARY - timedelta(seconds=1),
    BOUNDARY + timedelta(hours=5),
    NOW - timedelta(hours=1),
)
CALLS = {"call-0": "user-0", "call-1": "user-0", "call-2": "user-1"}
COSTS: tuple[Plain, ...] = (
    {},
    {"usage": "61.7", "unit": "seconds", "estimated": True},
    {"service": "deepgram", "operation": "transcription", "model": "nova-2", "usage": "0.1"},
    {"totalCost": "0.0000000015", "personaId": "sarah_001"},
    {"personaId": "brad_001", "operation": "inbound_call", "tags": {"campaign": "spring"}},
    {"priceContext": {"destination": "+442071838750", "voiceClass": "hd"}},
    {"usages": [{"unit": "seconds", "quantity": "61.7"}, {"unit": "minutes", "quantity": 2}]},
    {"legId": "b", "usage": 7, "unit": "seconds"},
)
WHEN = (NO_CONDITIONS, Conditions(destination="+44"), Conditions(voice_class="hd"))
PLANS = (
    SamplePlan("cost_plus", "0.10", user="user-0", markup="12.5"),
    SamplePlan("per_minute", "0.35", tag=("campaign", "spring"), minimum=30, increment=6),
)
INCREMENTS = (NO_INCREMENTS, Increments(60, 60), Increments(30, 6), Increments(30, 6))
MAKERS = (
    started,
    lambda *of, **when: started(*of, **when, persona="sarah_001"),
    ended,
    lambda *of, **when: ended(
        *of,
        **when,
        status="failed",
        duration_seconds="12.3455",
        tags={"campaign": "autumn", **{f"key{number}": "of the end" for number in range(9)}},
    ),
    lambda *of, **when: charged(
        *of, **when, tags={f"key{number}": "of the charge" for number in range(5, 12)}
    ),
    refunded,
)

_costs = st.tuples(
    st.just("cost"), st.sampled_from(sorted(CALLS)), st.integers(0, 5), st.integers(0, 7)
)
_facts = st.tuples(
    st.just("fact"), st.sampled_from(sorted(CALLS)), st.integers(0, 5), st.integers(0, 5)
)
_voids = st.tuples(st.just("void"), st.integers(0, 30), st.integers(0, 5), st.integers(0, 1))
_others = st.tuples(
    st.sampled_from(("archive", "archive", "price", "rebuild")),
    st.integers(1, 3),
    st.just(0),
    st.just(0),
)
steps = st.lists(_costs | _costs | _facts | _voids | _others, min_size=6, max_size=24)


def play(chosen: list[tuple[Any, ...]]) -> list[Any]:
    """Turn choices into events and operations; a void may come before its cost."""
    costs = [
        cost(call, CALLS[call], time=TIMES[at], **with_usages(COSTS[what]))
        for kind, call, at, what in chosen
        if kind == "cost"
    ]
    remaining = iter(costs)
    played: list[Any] = []
    for kind, first, at, what in chosen:
        if kind == "cost":
            played.append(next(remaining))
        elif kind == "fact":
            played.append(MAKERS[what](first, CALLS[first], time=TIMES[at]))
        elif kind == "void":
            if costs:
                target = costs[first % len(costs)]
                call = target["data"]["callId"]
                played.append(voided(target, call, CALLS[call], time=TIMES[at]))
        else:
            played.append((kind, first))
    return played


async def run(database_url: str, played: list[Any], files: Path | None) -> list[list[Any]]:
    """Play to a ledger, with or without archiving; returns its totals."""
    log, price = TopicLog(), 0
    await enter_plans(database_url, *PLANS)
    async with BatchWriter(database_url) as writer:
        for step in played:
            if isinstance(step, dict):
                await writer.record(log.batch([step]))
            elif step[0] == "price":
                price += 1
                row = a_price("twilio", f"0.0{price:02}", TIMES[0] - timedelta(hours=30 - price))
                row = row._replace(
                    operation="outbound_call",
                    conditions=WHEN[price % len(WHEN)],
                    increments=INCREMENTS[price % len(INCREMENTS)],
                )
                await add(database_url, row)
                await Repricer(database_url).apply(
                    RepricingScope(TIMES[0] - timedelta(days=2), NOW)
                )
            elif files is not None and step[0] == "archive":
                await archive(database_url, files, step[1])
            elif files is not None:
                await rebuild(database_url)
        assert not writer.letters
    found = await verify(database_url)
    if files is not None:
        await verify_archive(database_url, files, found)
    assert (found.differences, found.lines) == (0, [])
    found_totals = await totals(database_url, CALLS.values())
    # The former day of a moved call keeps zeros until a rebuild.
    found_totals[0] = [
        (call_id, costs, _days_with_money(revenue), *rest)
        for call_id, costs, revenue, *rest in found_totals[0]
    ]
    found_totals[2] = [row for row in found_totals[2] if any(row[3:])]
    return found_totals


def _days_with_money(revenue: str) -> dict[str, list[int]]:
    return {day: sums for day, sums in json.loads(revenue).items() if any(sums)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(chosen=steps)
def test_totals_do_not_depend_on_archiving(
    databases: DatabaseCloner, tmp_path: Path, chosen: list[tuple[Any, ...]]
) -> None:
    played = play(chosen)
    with databases.clone() as archived, databases.clone() as kept:
        try:
            with_archives = asyncio.run(run(archived, played, tmp_path))
            without = asyncio.run(run(kept, played, None))
        finally:
            shutil.rmtree(tmp_path, ignore_errors=True)
    assert with_archives == without
