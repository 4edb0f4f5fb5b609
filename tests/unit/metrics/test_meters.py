"""The meters of workers, notifications and commands, and their server."""

import time
from collections import Counter
from typing import Any, get_args
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.metrics.webhooks import WebhookMeter
from ledger.recording.batch import BatchOutcome
from schemas.commands import CommandKind, CommandOutcome
from streams.metrics.attempts import CommandMeter, DeliveryMeter
from streams.metrics.server import Meter, serving_metrics
from streams.metrics.worker import WorkerMeter
from tests.support import parts

OUTCOME = BatchOutcome(
    recorded=90,
    repeated=5,
    held=2,
    unpriced=3,
    refused=Counter({"invalid_json": 2, "too_old": 1}),
    decode_ns=2_000_000,
    record_ns=30_000_000,
    commit_ns=4_000_000,
)


def scraped(meter: Meter) -> dict[tuple[str, Any], float]:
    """Return the samples of a meter by name and labels, read over HTTP."""
    with (
        serving_metrics("127.0.0.1", 0, meter) as port,
        urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response,
    ):
        text = response.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_worker_measures_batches() -> None:
    meter = WorkerMeter()
    meter.committed(OUTCOME)
    meter.committed(OUTCOME)
    meter.published("messages", 250)
    seen = scraped(meter)
    counts = {
        dict(labels)["outcome"]: value
        for (name, labels), value in seen.items()
        if name == "cost_analytics_events_total"
    }
    assert counts == {"recorded": 180, "repeated": 10, "held": 4, "refused": 6, "unpriced": 6}
    assert seen["cost_analytics_batch_records_sum", ()] == 200
    for step, seconds in (("decode", 0.004), ("record", 0.06), ("commit", 0.008)):
        found = seen["cost_analytics_batch_seconds_sum", (("step", step),)]
        assert found == pytest.approx(seconds)
    delay = seen["cost_analytics_publish_delay_seconds_sum", (("outbox", "messages"),)]
    assert delay == pytest.approx(0.25)
    assert not [name for name, _ in seen if name.endswith("_created")]


def test_deliveries_are_counted_by_channel_and_commands_by_kind() -> None:
    deliveries, commands = DeliveryMeter(), CommandMeter()
    deliveries.attempted("webhook", "delivered", 20)
    deliveries.attempted("email", "postponed", 15_000)
    commands.attempted("cutoff", "permanent", 40)
    commands.attempted("warn", "unsupported", 5)
    seen = scraped(deliveries) | scraped(commands)
    name = "cost_analytics_deliveries_total"
    assert seen[name, (("channel", "webhook"), ("outcome", "delivered"))] == 1
    assert seen[name, (("channel", "email"), ("outcome", "postponed"))] == 1
    assert seen[name, (("channel", "sms"), ("outcome", "failed"))] == 0
    commands_total = {
        (kind, outcome): seen[
            "cost_analytics_commands_total", (("kind", kind), ("outcome", outcome))
        ]
        for kind in get_args(CommandKind)
        for outcome in get_args(CommandOutcome)
    }
    assert commands_total.pop(("cutoff", "permanent")) == 1
    assert commands_total.pop(("warn", "unsupported")) == 1
    assert set(commands_total.values()) == {0}
    seconds = "cost_analytics_command_seconds_sum"
    assert [seen[seconds, (("kind", kind),)] for kind in get_args(CommandKind)] == [0.04, 0.005, 0]


def test_a_port_in_use_is_an_error() -> None:
    with serving_metrics("127.0.0.1", 0) as port:
        second = serving_metrics("127.0.0.1", port)
        with pytest.raises(OSError, match="in use"):
            second.__enter__()


def test_measuring_a_batch_costs_microseconds() -> None:
    meter, batches = WorkerMeter(), 2_000
    best_ns = 0
    for _ in range(5):
        began_ns = time.perf_counter_ns()
        for _ in range(batches):
            meter.committed(OUTCOME)
        took_ns = time.perf_counter_ns() - began_ns
        best_ns = min(best_ns or took_ns, took_ns)
    per_batch_us = best_ns / batches / 1_000
    parts.figures.append(f"metrics of a batch, whatever its size: {per_batch_us:.1f} µs")
    assert per_batch_us < 500


def test_webhooks_are_counted_by_provider_and_outcome() -> None:
    meter = WebhookMeter()
    meter.count("vapi", "accepted")
    meter.count("vapi", "refused")
    meter.count("vapi", "refused")
    seen = scraped(meter)
    name = "cost_analytics_webhook_deliveries_total"
    assert seen[name, (("outcome", "refused"), ("provider", "vapi"))] == 2
    assert seen[name, (("outcome", "accepted"), ("provider", "vapi"))] == 1
    assert seen[name, (("outcome", "incomplete"), ("provider", "vapi"))] == 0
