"""The list cost of a cost with the vendor's own price."""

from typing import Any

import pytest

from ledger.calls.rating import DetailedCost, rate_if_priced
from schemas.cloudevents import Window, decode
from tests.support.events import NOW, cost, structured
from tests.support.prices import catalogue


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({"usage": 2, "unit": "minutes", "totalCost": "1.5"}, 28_000_000),
        ({"usage": 90, "unit": "seconds", "totalCost": "0"}, 21_000_000),
        ({"usage": 2, "unit": "minutes"}, None),
        ({"usage": 2, "unit": "images", "totalCost": "1.5"}, None),
        (
            {
                "service": "openai",
                "operation": "inference",
                "model": "gpt-4-turbo",
                "totalCost": "1",
                "usages": [
                    {"unit": "input_tokens", "quantity": 100},
                    {"unit": "output_tokens", "quantity": 10},
                ],
            },
            1_300_000,
        ),
    ],
)
def test_cost_from_a_vendor_counts_and_its_list_cost_is_stored_beside_it(
    fields: dict[str, Any], listed: int | None
) -> None:
    plain = cost(**{"usage": None, "unit": None, **fields})
    plain["data"] = {name: value for name, value in plain["data"].items() if value is not None}
    rated = rate_if_priced(decode(structured(plain), (), Window.around(NOW)), catalogue())
    assert isinstance(rated, DetailedCost)
    assert rated.entry.list_cost_nano == listed
    if "totalCost" in fields:
        assert rated.cost_nano == int(float(fields["totalCost"]) * 10**9)
