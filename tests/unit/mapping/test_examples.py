"""The worked examples of mappings make the events that their lines report."""

from datetime import UTC, datetime

import msgspec
import pytest

from api.mapping.assembly import checked_event
from api.mapping.language import mapping_from_text
from api.mapping.lines import events_of_line
from tests.support.house import ROOT

NOW = datetime(2026, 11, 30, tzinfo=UTC)
MAPS = ROOT / "examples" / "maps"
EVENTS = {
    "bot": ["call.started", "cost.recorded", "cost.recorded", "call.charged", "call.ended"],
    "cost_tracker": ["cost.recorded", "cost.recorded"],
    "batch_job": ["cost.recorded", "cost.recorded"],
}


@pytest.mark.parametrize("name", sorted(path.stem for path in MAPS.glob("*.toml")))
def test_example_makes_events_of_its_lines(name: str) -> None:
    mapping = mapping_from_text((MAPS / f"{name}.toml").read_text())
    assert mapping.source is not None
    sent = []
    for line in (MAPS / f"{name}.log").read_bytes().splitlines():
        for mapped in events_of_line(mapping, line):
            event = checked_event(mapped, source=mapping.source, event_id="1", now=NOW)
            sent.append(msgspec.json.decode(event.emitted.value)["type"])
    assert sent == EVENTS[name]
