"""Malformed events of the simulation are refused with the expected codes."""

from datetime import UTC, datetime
from random import Random

import pytest

from devkit.simulation.malformed import MALFORMATIONS, SOURCE, malform
from devkit.simulation.timeline import SimulationPlan, timeline
from schemas.cloudevents import Window, decode
from schemas.events import CostRecorded
from schemas.refusals import REFUSAL_CODES, Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window.around(NOW)
PLAN = SimulationPlan(
    seed=1, users=3, calls=8, start_ms=int(NOW.timestamp()) * 1_000 - 3_600_000, spacing_us=1_000
)
GOOD = [one.value for one in timeline(PLAN) if b'"type":"cost.recorded"' in one.value]


@pytest.mark.parametrize(
    "number", range(len(MALFORMATIONS)), ids=[malformation.name for malformation in MALFORMATIONS]
)
def test_each_malformed_event_is_refused_with_its_code(number: int) -> None:
    for good in GOOD[::7]:
        value, malformation = malform(good, number, Random(1))
        assert malformation is MALFORMATIONS[number]
        assert b"\n" not in value
        if malformation.by_ledger:
            event = decode(value, (), WINDOW)
            assert isinstance(event.data, CostRecorded)
            assert event.source == SOURCE
            continue
        with pytest.raises(Refused) as refused:
            decode(value, (), WINDOW)
        assert refused.value.code == malformation.code, refused.value.message


def test_malformations_are_many_and_named() -> None:
    assert len({malformation.name for malformation in MALFORMATIONS}) == len(MALFORMATIONS) >= 10
    assert {malformation.code for malformation in MALFORMATIONS} <= set(REFUSAL_CODES)
