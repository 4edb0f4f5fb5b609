"""The JSON Schemas are generated from the types and agree with the decoder."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from devkit.simulation.malformed import MALFORMATIONS, malform
from devkit.simulation.timeline import SimulationPlan, timeline
from ledger.budgets.alert_messages import AlertContext, alert, cutoff
from ledger.budgets.limits import FULL, Limit
from ledger.budgets.thresholds import call_position
from ledger.calls.call import Call
from ledger.calls.totals import call_total
from schemas import generate
from schemas.budgets import BudgetChange
from schemas.charge_plans import MARKUP_PERCENT_MAX
from schemas.cloudevents import Headers, Window, decode
from schemas.described import MAXIMA
from schemas.events import DATA_TYPES, Event
from schemas.jsonio import decode as decode_body
from schemas.jsonio import encode
from schemas.refusals import REFUSAL_CODES, Refused
from schemas.reservations import RESERVED_SECONDS_MAX
from schemas.topics import ALL_TOPICS
from tests.support import documented_answers
from tests.support.alerting import an_alert
from tests.support.events import NOW

PAGE: Final = (Path(generate.__file__).parents[1] / "docs" / "events.md").read_text("utf-8")
STRUCTURED: Final = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BINARY: Final = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
START: Final = datetime.fromisoformat("2026-11-19T14:00:00Z")
WINDOW: Final = Window.around(START + timedelta(days=2))
PLAN: Final = SimulationPlan(
    seed=7, users=3, calls=20, start_ms=int(START.timestamp()) * 1000, spacing_us=1_000
)
SEEN_ONLY_BY_THE_DECODER: Final = {"large_metadata", "time_ahead", "time_too_old"}


def schema(name: str) -> dict[str, Any]:
    """Read a schema from its file, as a client would."""
    content: dict[str, Any] = json.loads((generate.FOLDER / f"{name}.schema.json").read_text())
    return content


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def assert_valid(name: str, body: object) -> None:
    validator(name).validate(body)


def data_validator(name: str) -> Draft202012Validator:
    """Return a validator of the `data` of an event, which is the value in binary mode."""
    whole = schema(name)
    return Draft202012Validator(whole["properties"]["data"] | {"$defs": whole["$defs"]})


def decoded(value: bytes, headers: Headers = ()) -> Event:
    """Decode an example as if it had just happened."""
    return decode(value, headers, WINDOW)


def parts_of(example: str) -> tuple[dict[str, str], str]:
    """Return the headers and the value of an example in binary mode."""
    head, value = example.split("\n\n", 1)
    return dict(line.split(": ", 1) for line in head.splitlines()), value


def simulated() -> Iterator[bytes]:
    return (one.value for one in timeline(PLAN))


def test_schema_files_are_current() -> None:
    assert not generate.find_stale_files(), "run: python -m schemas.generate"


@pytest.mark.parametrize("name", generate.MESSAGES)
def test_each_schema_is_valid_and_named(name: str) -> None:
    content = schema(name)
    Draft202012Validator.check_schema(content)
    assert content["$id"].endswith(f":{name}:1")
    assert content["type"] == "object"


def test_every_event_has_a_schema() -> None:
    assert generate.MESSAGES.keys() >= DATA_TYPES.keys()


def test_documentation_shows_every_event_in_both_modes() -> None:
    assert [json.loads(text)["type"] for text in STRUCTURED] == list(DATA_TYPES)
    assert [parts_of(text)[0]["ce_type"] for text in BINARY] == list(DATA_TYPES)


@pytest.mark.parametrize("example", STRUCTURED, ids=list(DATA_TYPES))
def test_structured_examples_are_valid(example: str) -> None:
    event = json.loads(example)
    validator(event["type"]).validate(event)
    taken = decoded(example.encode())
    assert (taken.type, taken.id, taken.source) == (event["type"], event["id"], event["source"])


@pytest.mark.parametrize("example", BINARY, ids=list(DATA_TYPES))
def test_binary_examples_are_valid(example: str) -> None:
    headers, value = parts_of(example)
    data_validator(headers["ce_type"]).validate(json.loads(value))
    sent = [(name, text.encode()) for name, text in headers.items()]
    assert decoded(value.encode(), sent).type == headers["ce_type"]


def test_documentation_names_every_code_and_bound() -> None:
    for code in REFUSAL_CODES:
        assert f"| `{code}` |" in PAGE
    for most in set(MAXIMA.values()) - {100, MARKUP_PERCENT_MAX, RESERVED_SECONDS_MAX}:
        assert f"{most:,}" in PAGE


def test_simulated_events_are_valid() -> None:
    seen = set()
    for value in simulated():
        event = json.loads(value)
        validator(event["type"]).validate(event)
        seen.add(event["type"])
    assert seen >= {"call.started", "cost.recorded", "call.ended"}


@pytest.mark.parametrize("number", range(len(MALFORMATIONS)))
def test_refused_events_are_not_valid(number: int) -> None:
    good = next(value for value in simulated() if b'"type":"cost.recorded"' in value)
    value, malformation = malform(good, number, Random(1))
    if (
        malformation.code != "invalid_event"
        or malformation.by_ledger
        or malformation.name in SEEN_ONLY_BY_THE_DECODER
    ):
        return
    with pytest.raises(ValidationError):
        validator("cost.recorded").validate(json.loads(value))


@pytest.mark.parametrize("field", MAXIMA)
def test_bounds_are_those_of_the_decoder(field: str) -> None:
    """Numbers at the bound, above it and below zero get the same result from both."""
    examples = [json.loads(text) for text in STRUCTURED]
    for event in examples:
        parts = schema(event["type"])["$defs"]
        if field not in parts[DATA_TYPES[event["type"]].__name__]["properties"]:
            continue
        most = MAXIMA[field]
        for good in (most, 0, "0.5"):
            changed = _with(event, field, good)
            validator(event["type"]).validate(changed)
            decoded(json.dumps(changed).encode())
        for wrong in (most + 1, -1, "-1", "NaN", "Infinity", True, [1]):
            changed = _with(event, field, wrong)
            assert not validator(event["type"]).is_valid(changed), wrong
            with pytest.raises(Refused):
                decoded(json.dumps(changed).encode())


def _with(event: dict[str, Any], field: str, value: object) -> dict[str, Any]:
    return event | {"data": event["data"] | {field: value}}


stamps = {"committedAt": "2026-03-15T12:00:00Z", "publishedAt": "2026-03-15T12:00:00Z"}


def test_alert_fits_its_schema() -> None:
    result = _sent(an_alert())
    assert result["crossedBy"] == {"source": "/emitter", "id": "event-1", "service": None}
    assert [driver["service"] for driver in result["drivers"]] == ["twilio", "deepgram"]
    assert result["drivers"][0]["share_percent"] == 66.67
    assert result["current_spend"] == 8
    assert_valid("budget-alert", result | stamps)
    assert not validator("budget-alert").is_valid(result)


def test_cutoff_request_fits_its_schema() -> None:
    call = Call(call_id="call-1", user_id="alice", costs={"2026-03-15": {"twilio": 10**9}})
    position = call_position(Limit("call", 10**9, 3), None, call, NOW)
    full = alert(position, FULL, None, AlertContext({}, 0), "charged", NOW)
    assert_valid("call-cutoff", _sent(cutoff(position, full)) | stamps)


def test_call_total_fits_its_schema() -> None:
    call = Call(call_id="call-0001", user_id="alice", costs={"2026-11-19": {"twilio": 73_500_000}})
    total = _sent(call_total(call, START))
    assert_valid("call-total", total)
    assert not validator("call-total").is_valid(total | {"totalCost": "0.0735"})


def _sent(body: object) -> Any:
    return json.loads(encode(body))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"dailyLimit_usd": 10.5, "monthlyLimit_usd": None},
        {"alertThreshold_percent": "75"},
        {"callSteps": {"warn": True, "warnAt_percent": 75}},
    ],
)
def test_valid_budget_changes_fit_the_schema(change: dict[str, Any]) -> None:
    documented_answers.assert_fits(
        json.dumps(change).encode(), documented_answers.part("BudgetChange")
    )
    decode_body(BudgetChange, json.dumps(change).encode())


@pytest.mark.parametrize(
    "change",
    [{"dailyLimit": 10}, {"alertThreshold_percent": None}, {"callSteps": {"warning": True}}],
)
def test_invalid_budget_changes_do_not_fit_the_schema(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        documented_answers.assert_fits(
            json.dumps(change).encode(), documented_answers.part("BudgetChange")
        )
    with pytest.raises(msgspec.ValidationError):
        decode_body(BudgetChange, json.dumps(change).encode())


def test_schema_titles_name_existing_topics() -> None:
    names = {topic.name for topic in ALL_TOPICS}
    for message in generate.MESSAGES.values():
        assert set(re.findall(r"cost\.[\w.-]+\.v1\S*", message.title)) <= names
