"""The longest delay of a worker's event loop: meanwhile it sends no heartbeats and no metrics."""

from __future__ import annotations

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from devkit.embedded.ports import LOOPBACK
from streams.metrics.definitions import LOOP_DELAY


async def longest_delay(port: int) -> float:
    """Return the smallest bound, in seconds, that no delay of the process exceeded.

    `port` is where the process serves `/metrics`. Raises aiohttp.ClientError.
    """
    async with ClientSession() as session, session.get(f"http://{LOOPBACK}:{port}/metrics") as got:
        return bound_of_delays(await got.text())


def bound_of_delays(metrics: str) -> float:
    """Return the smallest bound of the histogram that includes all its delays."""
    counts = {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == LOOP_DELAY.name
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    return min(bound for bound, count in counts.items() if count == max(counts.values()))
