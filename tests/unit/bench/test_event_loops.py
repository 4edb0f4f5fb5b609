"""The bound of event loop delays that a benchmark reads from `/metrics`."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from bench.event_loops import bound_of_delays
from streams.metrics.definitions import LOOP_DELAY


def test_bound_is_the_smallest_that_includes_every_delay() -> None:
    registry = CollectorRegistry()
    delays = Histogram(*LOOP_DELAY, registry=registry, buckets=(0.01, 0.1, 1))
    for seconds in (0.001, 0.002, 0.05):
        delays.observe(seconds)
    assert bound_of_delays(generate_latest(registry).decode()) == 0.1
    delays.observe(30)
    assert bound_of_delays(generate_latest(registry).decode()) == float("inf")
