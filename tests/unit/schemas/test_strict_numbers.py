"""A number is a JSON number or a string of the same form; anything looser is refused."""

import argparse
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from api.http.bodies import parse_json
from api.http.problems import Problem
from api.intake.events import IntakeContext, cost_event, end_events
from cost_analytics.bill_files import read_bill
from cost_analytics.commands.options import percent, whole_number
from cost_analytics.configuration.reader import Reader
from cost_analytics.failures import CommandError
from ledger.prices.rows import InvalidPriceError, price_row
from schemas.budgets import AuthorizationRequest, BudgetChange
from schemas.cloudevents import decode
from schemas.described import DescribedType, describe_types
from schemas.events import CostRecorded
from schemas.numbers import decimal_from
from schemas.prices import PriceEntry
from schemas.refusals import Refused
from tests.support.events import WINDOW, binary, charged, cost, ended, started, structured

LOOSE = [
    "1_000", "_1", "1__0", "1.5_0", "\u0661", "\uff11", "1\u0660", "१.५", " 1", "1 ", "1\t", "1\n", "\u00a01", "",
    ".", "1.e", "1e", "e1", "0x10", "1,5", "1'000", "NaN", "sNaN", "Infinity", "-Infinity", "--1", "+",
]  # fmt: skip
STRICT: dict[str, int | Decimal] = {"1": 1, "+1": 1, "001": 1, "1.50": Decimal("1.5"), "1.": 1, ".5": Decimal("0.5"), "1e2": 100,
          "1E-3": Decimal("0.001")}  # fmt: skip
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
SENDER = IntakeContext("svc", None, NOW)
each_loose = pytest.mark.parametrize("text", LOOSE, ids=ascii)

EVENTS: list[Callable[[str], dict[str, Any]]] = [
    lambda text: cost(usage=text),
    lambda text: cost(unitCost=text),
    lambda text: cost(totalCost=text),
    lambda text: charged(amount=text),
    lambda text: charged(fee=text),
    lambda text: ended(duration_seconds=text),
    lambda text: started(expectedDuration_seconds=text),
]
PRICE = {"service": "s", "class": "api", "operation": "o", "unit": "minutes", "price_usd": "1",
         "effective_from": "2026-01-01"}  # fmt: skip


@each_loose
@pytest.mark.parametrize("event", EVENTS)
def test_events_refuse_loose_numbers(event: Callable[[str], dict[str, Any]], text: str) -> None:
    plain = event(text)
    for value, headers in ((structured(plain), ()), binary(plain)):
        with pytest.raises(Refused) as refused:
            decode(value, headers, WINDOW)
        assert refused.value.code == "invalid_event"
        assert "Expected a number in plain digits such as `12.5` - at `$" in refused.value.message


@pytest.mark.parametrize("text", STRICT)
def test_events_accept_numbers_as_text(text: str) -> None:
    for event in EVENTS:
        decode(structured(event(text)), (), WINDOW)
    decoded = decode(structured(cost(usage=text)), (), WINDOW).data
    assert isinstance(decoded, CostRecorded)
    assert decoded.usage == STRICT[text]
    assert decimal_from(f"-{text.removeprefix('+')}") == -STRICT[text]


BODIES = [
    *[(BudgetChange, {name: "?"}) for name in ("dailyLimit_usd", "monthlyLimit_usd", "maxCostPerCall_usd")],
    (BudgetChange, {"alertThreshold_percent": "?"}),
    (BudgetChange, {"callSteps": {"warnAt_percent": "?"}}),
    (BudgetChange, {"thresholds": ["?"]}),
    (AuthorizationRequest, {"callId": "c", "estimatedCost": "?"}),
    (AuthorizationRequest, {"callId": "c", "expectedDuration_seconds": "?"}),
    (PriceEntry, {"service": "s", "operation": "o", "unit": "minutes", "price_usd": "?"}),
]  # fmt: skip


@each_loose
@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_bodies_refuse_loose_numbers(kind: type, body: dict[str, Any], text: str) -> None:
    sent = json.dumps(body).replace('"?"', json.dumps(text))
    with pytest.raises(Problem) as problem:
        parse_json(sent.encode(), kind)
    assert problem.value.code == "invalid_body"
    assert "Expected a number in plain digits" in problem.value.message
    assert parse_json(sent.replace(json.dumps(text), '"1.5"').encode(), kind)


@each_loose
def test_reported_costs_refuse_loose_numbers(text: str) -> None:
    track = {
        "callId": "c",
        "service": "s",
        "operation": "o",
        "usageAmount": 1,
        "usageUnit": "minutes",
    }
    for name in ("usageAmount", "unitCost", "totalCost"):
        with pytest.raises(Refused, match="plain digits"):
            cost_event(json.dumps(track | {name: text}).encode(), SENDER)
    for name in ("duration_seconds", "amount", "fee"):
        with pytest.raises(Refused, match="plain digits"):
            end_events("c", json.dumps({"duration_seconds": 1, name: text}).encode(), SENDER)


@each_loose
def test_files_and_arguments_refuse_loose_numbers(text: str) -> None:
    if text.strip() == text or not text.strip():  # cells of files are trimmed
        with pytest.raises(InvalidPriceError, match="price_usd must be a number"):
            price_row(PRICE | {"price_usd": text}, source="file")
        with pytest.raises(CommandError, match="amount_usd must be a number"):
            read_bill(f'date,service,amount_usd\n2026-01-31,twilio,"{text}"\n', "bill.csv")
    for kind in (whole_number(0, 10_000), percent):
        with pytest.raises(argparse.ArgumentTypeError):
            kind(text)


@pytest.mark.parametrize("number", ["9_092", "٩\u0660٩٢", "\uff19\uff10\uff19\uff12"])
def test_settings_refuse_loose_numbers(number: str) -> None:
    reader = Reader({"KAFKA_BOOTSTRAP_SERVERS": f"broker:{number}", "API_PORT": number})
    reader.servers("KAFKA_BOOTSTRAP_SERVERS")
    reader.integer("API_PORT", 1, 65_535)
    assert [error.split()[0] for error in reader.errors] == ["KAFKA_BOOTSTRAP_SERVERS", "API_PORT"]


def test_published_schemas_refuse_loose_numbers() -> None:
    _, parts = describe_types([DescribedType(BudgetChange, incoming=True)], "#/{name}")
    patterns = set(re.findall(r'"pattern": "(.*?)"', json.dumps(parts)))
    assert len(patterns) == 1
    [pattern] = map(json.loads, (f'"{pattern}"' for pattern in patterns))
    # Python's `$` also matches before a line break at the end, that of JSON Schema does not.
    is_numeric = re.compile(pattern.replace("$", r"\Z")).search
    assert not [text for text in LOOSE if is_numeric(text)]
    assert all(map(is_numeric, STRICT))
