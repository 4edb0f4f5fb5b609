"""A cost has one usage or the quantities of one request, and never an unclear mixture."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

import schemas
from schemas.cloudevents import decode
from schemas.events import CostRecorded
from schemas.refusals import Refused
from schemas.usages import UNITS, USAGES_MAX, Usage
from tests.support.events import WINDOW, Plain, binary, cost, decoded, structured
from tests.unit.schemas.test_json_schemas import validator

DOCS: Final = Path(schemas.__file__).parents[1] / "docs" / "events.md"


def request(usages: object, **more: Any) -> Plain:
    """Return a cost with the quantities of one request."""
    return cost(usage=None, unit=None, usages=usages, **more)


def of(**quantities: object) -> list[dict[str, object]]:
    return [{"unit": unit, "quantity": quantity} for unit, quantity in quantities.items()]


def test_quantities_are_decoded_in_one_order() -> None:
    one = request(of(output_tokens="2.5", input_tokens=7), id="same")
    other = request(of(input_tokens=7, output_tokens="2.5"), id="same")
    data = decoded(one).data
    assert isinstance(data, CostRecorded)
    assert data.usages == [Usage("input_tokens", 7), Usage("output_tokens", Decimal("2.5"))]
    assert decoded(one) == decoded(other)


UNCLEAR: Final[dict[str, tuple[Plain, str]]] = {
    "neither form": (cost(usage=None, unit=None), "`usage` and `unit`, or `usages`"),
    "usage alone": (cost(unit=None), "`usage` and `unit`, or `usages`"),
    "unit alone": (cost(usage=None), "`usage` and `unit`, or `usages`"),
    "both forms": (cost(usages=of(minutes=1)), "takes the place of"),
    "usages and usage": (cost(unit=None, usages=of(minutes=1)), "takes the place of"),
    "usages and unit": (cost(usage=None, usages=of(minutes=1)), "takes the place of"),
    "usages and unitCost": (request(of(minutes=1), unitCost=1), "`unitCost`"),
    "no quantity": (request([]), "usages"),
    "too many": (request(of(**{f"u{n}": 1 for n in range(USAGES_MAX + 1)})), "usages"),
    "a unit twice": (request([*of(minutes=1), *of(minutes=2)]), "`minutes` twice"),
    "a unit with capitals": (request(of(Minutes=1)), "'Minutes'"),
    "a unit of 41": (request(of(**{"u" * 41: 1})), "unit"),
    "a negative quantity": (request(of(minutes=-1)), "`usages.minutes` is negative"),
    "a quantity above": (request(of(minutes=10**12 + 1)), "`usages.minutes` is above"),
    "a quantity that is no number": (request(of(minutes="many")), "number"),
    "no unit": (request([{"quantity": 1}]), "unit"),
    "no list": (request({"minutes": 1}), "array"),
}  # fmt: skip
SEEN_ONLY_BY_THE_DECODER: Final = {"a unit twice"}


@pytest.mark.parametrize("name", UNCLEAR)
def test_unclear_usage_is_refused_with_the_reason(name: str) -> None:
    plain, reason = UNCLEAR[name]
    with pytest.raises(Refused, match=re.escape(reason)) as refused:
        decoded(plain)
    assert refused.value.code == "invalid_event"
    is_valid = validator("cost.recorded").is_valid(json.loads(structured(plain)))
    assert is_valid == (name in SEEN_ONLY_BY_THE_DECODER)


CLEAR: Final = {
    "one quantity": request(of(minutes=1)),
    "the most": request(of(**{f"u{n}": "1.5" for n in range(USAGES_MAX)})),
    "own price": request(of(minutes=1), totalCost="0.5"),
    "a unit of 40": request(of(**{"u" * 40: 0})),
    "single": cost(),
    "single of a new unit": cost(unit="furlongs"),
}


@pytest.mark.parametrize("plain", CLEAR.values(), ids=CLEAR.keys())
def test_clear_usage_is_accepted_and_valid(plain: Plain) -> None:
    value, headers = binary(plain)
    assert decode(value, headers, WINDOW) == decoded(plain)
    validator("cost.recorded").validate(json.loads(structured(plain)))


def test_single_usages_keep_their_fingerprint() -> None:
    """Repeats of events that an earlier release recorded are still repeats."""
    fields: dict[str, Any] = {
        "personaId": "p", "model": "nova-2", "unitCost": "0.5", "totalCost": 2,
        "estimated": True, "metadata": {"turn": 1},
    }  # fmt: skip
    whole = cost(id="a", usage="2.5", **fields)
    assert decoded(whole).fingerprint == 3743240180660588019
    assert decoded(cost(id="b")).fingerprint == -3904662863520191426


def test_documented_units_are_those_of_the_schemas() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([^|]+) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    listed = {unit: meaning for unit, meaning in rows if unit in UNITS}
    assert listed == {unit: text[0].lower() + text[1:-1] for unit, text in UNITS.items()}
