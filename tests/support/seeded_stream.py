"""A seeded stream of simulated calls with repeats, disorder and malformed events.

It has 20,000 events, or STREAM_EVENTS of the environment.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from devkit.simulation.call import EVENTS_A_CALL
from devkit.simulation.disturbances import add_malformed, add_repeats, shuffle
from devkit.simulation.malformed import MALFORMATIONS
from devkit.simulation.planning import SimulationRequest, plan_for
from devkit.simulation.timeline import timeline
from tests.support.events import Plain
from tests.support.expected import Expectation, expect
from tests.support.streaming import SentRecord

EVENTS = int(os.environ.get("STREAM_EVENTS") or 20_000)
SEED = 2026
TEN_PERCENT, ONE_PERCENT = 1_000, 100
WINDOW_US = 3 * 60 * 1_000_000


@dataclass(frozen=True)
class SeededStream:
    """The records in order, the good events, the malformed ones by code, and the expected totals."""

    sent: list[SentRecord]
    good: list[Plain]
    broken: Mapping[bytes, str]
    expected: Expectation

    @property
    def codes(self) -> Counter[str]:
        """Count the malformed events by code."""
        return Counter(self.broken.values())


@cache
def seeded(events: int = EVENTS) -> SeededStream:
    """Return a stream of about this many good events over the last 24 hours."""
    request = SimulationRequest(users=40, calls=-(-events // EVENTS_A_CALL), rate=0, seed=SEED)
    plan = plan_for(request, time.time_ns() // 1_000_000)
    repeated = add_repeats(timeline(plan), TEN_PERCENT, SEED)
    resolved_parts = list(add_malformed(repeated, ONE_PERCENT, SEED))
    bad = [sending.value for sending in resolved_parts if not sending.is_valid]
    broken = {
        value: MALFORMATIONS[number % len(MALFORMATIONS)].code for number, value in enumerate(bad)
    }
    assert len(broken) == len(bad)
    good = [json.loads(s.value, parse_float=Decimal) for s in resolved_parts if s.is_valid]
    sent = [SentRecord(s.value, s.key) for s in shuffle(resolved_parts, WINDOW_US, SEED)]
    return SeededStream(sent, good, broken, expect(good))
