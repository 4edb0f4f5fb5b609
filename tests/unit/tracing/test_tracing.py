"""Tracing is off by default and costs nothing then; contexts are read from headers and values."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.configuration.run_sections import TracingSection
from cost_analytics.settings import settings_from
from ledger.recording.batch import Batch
from ledger.recording.recorder import Recorder
from schemas.trace_context import context_of, sampled
from streams.decoding import decode_records
from streams.telemetry import WorkerTelemetry
from streams.tracing.batches import TRACED_MAX, find_sampled
from tests.support import parts
from tests.support.command import environment
from tests.support.events import cost, structured
from tests.support.lane_parts import FIRST
from tests.support.lanes import record
from tests.support.prices import catalogue
from tests.support.recording import TopicLog

NOW = datetime.now(UTC)
CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
VALUE = b'{"id": "1", "traceparent": "%s"}' % OTHER.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CONTEXT, CONTEXT),
        (f" {CONTEXT} ", CONTEXT),
        (f"{CONTEXT[:-2]}03", f"{CONTEXT[:-2]}03"),
        (f"cc{CONTEXT[2:]}-more", CONTEXT),
        (f"{CONTEXT[:-2]}00", None),
        (f"ff{CONTEXT[2:]}", None),
        (CONTEXT.upper(), None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", None),
        ("nonsense", None),
        ("", None),
        (None, None),
    ],
)
def test_only_valid_and_sampled_contexts_count(text: str | None, expected: str | None) -> None:
    assert sampled(text) == expected


@pytest.mark.parametrize(
    ("headers", "value", "expected"),
    [
        ([("traceparent", CONTEXT.encode())], VALUE, CONTEXT),
        ([("ce_traceparent", CONTEXT.encode())], VALUE, CONTEXT),
        ([("other", b"x")], VALUE, OTHER),
        ([], VALUE, OTHER),
        ([("traceparent", b"\xff")], None, None),
        ([("traceparent", None)], None, None),
        ([], b'{"traceparent": 7}', None),
        ([], b'{"traceparent": "\xff"}', None),
        ([], b'"traceparent', None),
        ([], None, None),
    ],
)
def test_context_of_the_headers_has_priority_over_that_of_the_event(
    headers: Any, value: bytes | None, expected: str | None
) -> None:
    assert context_of(headers, value) == expected


def test_tracing_needs_a_receiver() -> None:
    assert not settings_from({}, "tracing").tracing.is_on
    assert TracingSection(endpoint="http://collector:4318").is_on
    assert TracingSection(traces_endpoint="http://collector:4318/v1/traces").is_on
    assert not TracingSection(endpoint="http://collector:4318", is_disabled=True).is_on


def test_without_tracing_the_recorder_is_the_plain_one() -> None:
    telemetry = WorkerTelemetry()
    assert telemetry.recorder is Recorder
    assert telemetry.outbox_tracing() is None


def test_without_tracing_nothing_of_it_is_imported(tmp_path: Path) -> None:
    script = """
import sys
import cost_analytics.roots.api, cost_analytics.roots.notices, cost_analytics.roots.worker
from cost_analytics.configuration.run_sections import TracingSection
from cost_analytics.tracing import tracing
with tracing(TracingSection(), "worker") as tracer:
    assert tracer is None
print(sorted(n for n in sys.modules if n.startswith(("opentelemetry.sdk", "opentelemetry.trace", "opentelemetry.exporter"))))
"""
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, env=environment({}), cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_tracing_without_its_extra_names_the_remedy(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["opentelemetry.sdk"] = None
from cost_analytics.configuration.run_sections import TracingSection
from cost_analytics.failures import CommandError
from cost_analytics.tracing import tracing
try:
    with tracing(TracingSection(endpoint="http://127.0.0.1:1"), "worker"):
        raise SystemExit("no error")
except CommandError as error:
    print(error)
"""
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, env=environment({}), cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
    assert "pip install 'cost-analytics[tracing]'" in done.stdout


async def large_batch(traced: int, size: int = 10_000) -> Batch:
    log = TopicLog()
    values = [
        {**cost(f"call-{n}", "alice", time=NOW), **({"traceparent": CONTEXT} if n < traced else {})}
        for n in range(size)
    ]
    records = [record(log.append(structured(value))) for value in values]
    return await decode_records({FIRST: records}, catalogue(), NOW)


async def test_sampled_events_of_a_batch_are_found_up_to_a_limit() -> None:
    assert not find_sampled(await large_batch(0, 100))
    few = find_sampled(await large_batch(3, 100))
    assert [one.event.call_id for one in few] == ["call-0", "call-1", "call-2"]
    assert {one.context for one in few} == {CONTEXT}
    assert len(find_sampled(await large_batch(TRACED_MAX + 10, 100))) == TRACED_MAX


async def test_looking_for_sampled_events_costs_little() -> None:
    batch = await large_batch(0)
    best_ns = 0
    for _ in range(5):
        began_ns = time.perf_counter_ns()
        assert not find_sampled(batch)
        took_ns = time.perf_counter_ns() - began_ns
        best_ns = min(best_ns or took_ns, took_ns)
    per_event_ns = best_ns // batch.size
    parts.figures.append(
        f"tracing on, an event that is not sampled: {per_event_ns} ns; tracing off: no code runs"
    )
    assert per_event_ns < 20_000
