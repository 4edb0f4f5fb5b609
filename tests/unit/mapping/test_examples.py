"""The worked examples of mappings make the events that their lines report."""

import re
import textwrap
from datetime import UTC, datetime

import msgspec
import pytest

from api.mapping.assembly import checked_event
from api.mapping.language import mapping_from_text, parse_text, read_mapping
from api.mapping.lines import events_of_line
from tests.support.house import ROOT

NOW = datetime(2026, 11, 30, tzinfo=UTC)
MAPS = ROOT / "examples" / "maps"
EVENTS = {
    "bot": ["call.started", "cost.recorded", "cost.recorded", "call.charged", "call.ended"],
    "cost_tracker": ["cost.recorded", "cost.recorded"],
    "batch_job": ["cost.recorded", "cost.recorded"],
}


PAGES = ["logs.md", "any-http-service.md"]


@pytest.mark.parametrize("page", PAGES)
def test_mapping_of_a_page_is_valid(page: str) -> None:
    text = (ROOT / "docs" / "integrations" / page).read_text()
    found = re.findall(r"```toml\n(.*?)```", textwrap.dedent(text), re.DOTALL)
    assert found
    for mapping in found:
        needs_ids = page == "any-http-service.md"
        raw = parse_text(textwrap.dedent(mapping))
        assert read_mapping(raw, needs_ids=needs_ids).source is not None


@pytest.mark.parametrize("name", sorted(path.stem for path in MAPS.glob("*.toml")))
def test_example_makes_events_of_its_lines(name: str) -> None:
    mapping = mapping_from_text((MAPS / f"{name}.toml").read_text())
    assert mapping.source is not None
    sent = []
    for line in (MAPS / f"{name}.log").read_bytes().splitlines():
        for mapped in events_of_line(mapping, line):
            event = checked_event(mapped, source=mapping.source, event_id="1", now=NOW)
            sent.append(msgspec.json.decode(event.outgoing.value)["type"])
    assert sent == EVENTS[name]
