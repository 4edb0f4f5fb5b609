"""Vendors' own arithmetic: the examples of `vendor_examples.toml`, priced by the catalogue."""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.price_loading import ListRequest, read_list
from ledger.calls.legs import LegPiece, leg_key, round_legs
from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.rows import PriceRow, price_row
from ledger.prices.usages import price_request
from schemas.events import CostRecorded, PriceContext
from schemas.usages import Usage

DATA = tomllib.loads(Path(__file__).with_name("vendor_examples.toml").read_text(encoding="utf-8"))
EXAMPLES: list[dict[str, Any]] = DATA["example"]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
NANO = 10**9


def catalogue(rows: Iterable[PriceRow]) -> Catalogue:
    """Return the catalogue of rows."""
    return Catalogue(
        Price(number, *row[:8], conditions=row.conditions, increments=row.increments)
        for number, row in enumerate(rows, start=1)
    )


def rows_of(name: str) -> list[PriceRow]:
    """Return the prices of an example."""
    if name == "voice":
        return read_list(ListRequest("voice", None), NOW).rows
    common = {key: value for key, value in DATA["prices"][name].items() if key != "rates"}
    since = {"effective_from": "2020-01-01"}
    return [
        price_row(common | since | rate, source="example") for rate in DATA["prices"][name]["rates"]
    ]


def recorded(example: Mapping[str, Any], usages: Mapping[str, int]) -> CostRecorded:
    """Return the event of an example's usages."""
    if "of" in example:
        service, operation, model = example["of"]
    else:
        prices = DATA["prices"][example["prices"]]
        service, operation, model = (prices[key] for key in ("service", "operation", "model"))
    return CostRecorded(
        call_id="c",
        service=service,
        operation=operation,
        model=None if model == "*" else model,
        usages=[Usage(unit=unit, quantity=quantity) for unit, quantity in usages.items()],
        price_context=PriceContext(tier=example.get("tier"), input_size=example.get("input_size")),
    )


def cost_nano(example: Mapping[str, Any], usages: Mapping[str, int]) -> int:
    """Return what the catalogue says that usages of an example cost."""
    event = recorded(example, usages)
    assert event.usages is not None
    priced = price_request(event, event.usages, catalogue(rows_of(example["prices"])), NOW)
    assert priced.price_id is None, "a quantity has no price"
    return priced.cost_nano


def leg_cost_nano(example: Mapping[str, Any]) -> tuple[int, Decimal]:
    """Return the cost and the billed seconds of a leg of an example, reported in two pieces."""
    known = catalogue(rows_of(example["prices"]))
    event = recorded(example, example["usages"])
    rate = known.tariff(event.service, event.operation, event.model, "seconds").at(NOW)
    assert rate is not None
    seconds = example["usages"]["seconds"]
    key = leg_key(event.service, event.operation, event.model, None, "seconds")
    pieces = [
        LegPiece(str(part), key, NOW, Fraction(part), rate.cost_nano(part), known.leg_price(rate.price_id))
        for part in (seconds - seconds // 3, seconds // 3)
    ]  # fmt: skip
    [rounding] = round_legs(pieces)
    return sum(piece.cost_nano for piece in pieces) + rounding.nano, Decimal(rounding.seconds)


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=[f"{one['vendor']}: {one['what']}" for one in EXAMPLES]
)
def test_example_costs_what_the_vendor_states(example: dict[str, Any]) -> None:
    if "billed_seconds" in example:
        legs = example.get("legs", 1)
        leg_nano, seconds = leg_cost_nano(example)
        assert seconds == example["billed_seconds"]
        [rate] = DATA["prices"][example["prices"]]["rates"]
        stated = Decimal(rate["price_usd"]) * example["billed_seconds"] / 60 * legs
        assert leg_nano * legs - stated * NANO == 0
        return
    cost = Decimal(cost_nano(example, example["usages"])).scaleb(-9)
    stated = Decimal(example["cost"])
    if example.get("rounded"):
        cost = cost.quantize(stated, ROUND_HALF_UP)
    assert cost - stated == 0


def test_table_has_enough_examples_with_their_sources() -> None:
    assert len(EXAMPLES) >= 60
    for example in EXAMPLES:
        assert example["url"].startswith("https://")
        assert isinstance(example.get("date") or example.get("read"), date)
    kinds = {
        "cached": sum("cached_input_tokens" in one["usages"] for one in EXAMPLES),
        "audio": sum(any("audio" in unit for unit in one["usages"]) for one in EXAMPLES),
        "above 200k": sum(one.get("input_size", 0) > 200_000 for one in EXAMPLES),
        "batch": sum(one.get("tier") == "batch" for one in EXAMPLES),
        "increments": sum("billed_seconds" in one for one in EXAMPLES),
        "several quantities": sum(len(one["usages"]) > 1 for one in EXAMPLES),
    }
    assert min(kinds.values()) >= 4, kinds
