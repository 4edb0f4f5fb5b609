"""The expected roundings of legs: the plain definition, over the whole set of counted costs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from tests.support.events import Plain
from tests.support.expected_prices import (
    cost_nano,
    model_of,
    nano,
    operation_of,
    price_of,
    single,
    time_of,
)
from tests.support.prices import SamplePrice


def roundings(counted: list[Plain], prices: Sequence[SamplePrice]) -> Iterator[tuple[str, int]]:
    """Yield the service and the rounding of each leg, in nano-dollars, from its counted costs."""
    legs: dict[tuple[object, ...], list[LegPart]] = defaultdict(list)
    for event in counted:
        data = event["data"]
        quantities = data.get("usages") or [
            {"unit": data.get("unit"), "quantity": data.get("usage")}
        ]
        unpriced = cost_nano(event, prices) is None
        for usage in quantities:
            one = {**event, "data": {**data, "usages": None, **single(usage)}}
            priced = price_of(one["data"], time_of(event), prices)
            length = {"seconds": 1, "audio_seconds": 1, "minutes": 60}.get(usage["unit"])
            own = data.get("totalCost") is not None or (priced is None and data.get("unitCost"))
            if length is None or own:
                continue
            key = (
                data["service"],
                operation_of(data),
                model_of(data),
                data.get("legId"),
                usage["unit"] == "audio_seconds",
            )
            seconds = Fraction(str(usage["quantity"])) * length
            amount = 0 if unpriced else cost_nano(one, prices) or 0
            row = None if unpriced else priced and priced[1]
            legs[key].append(LegPart(time_of(event), seconds, amount, row))
    for leg, pieces in legs.items():
        if all(piece.row is not None for piece in pieces):
            yield str(leg[0]), leg_nano(pieces) - sum(piece.nano for piece in pieces)


class LegPart(NamedTuple):
    """A quantity of time of a leg, its cost, and its price; None without one."""

    time: datetime
    seconds: Fraction
    nano: int
    row: SamplePrice | None


def leg_nano(pieces: list[LegPart]) -> int:
    """Return what a leg costs: its rounded duration at the price of its earliest piece."""
    rows = [(piece.time, piece.row) for piece in pieces if piece.row is not None]
    _, row = min(
        rows,
        key=lambda one: (
            one[0],
            -_per_second(one[1]),
            -one[1].increments[1],
            -one[1].increments[0],
        ),
    )
    minimum, increment = row.increments
    seconds = sum(piece.seconds for piece in pieces)
    if (minimum, increment) == (0, 0):
        return sum(piece.nano for piece in pieces)
    billed = -(-seconds // increment) * increment if increment else seconds
    return nano(_per_second(row) * (max(minimum, billed) if seconds else 0))


def _per_second(row: SamplePrice) -> Fraction:
    return Fraction(row.usd) / row.per / (60 if row.unit == "minutes" else 1)
