"""Legs of calls: vendors bill the duration of a whole leg, rounded up to an increment.

A leg is the costs of a call with the same service, operation, model and `legId` whose price is per
unit of time; audio is measured apart. Its rounding follows from the set of its pieces, so neither
their number nor their order matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.calls.entries import Entry
from ledger.calls.roundings import Rounding
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS, LegPrice
from ledger.prices.pricing import UNPRICED, lacks_price
from ledger.prices.usages import PricedUsage, unpack_usages

_NO_PRICE: Final = LegPrice(Fraction(0), NO_INCREMENTS)


class LegKey(NamedTuple):
    """A leg of a call; `model` and `leg_id` are empty for none."""

    service: str
    operation: str
    model: str
    leg_id: str
    is_audio: bool


class LegPiece(NamedTuple):
    """A priced quantity of time of a recorded cost; `price` is None while it has no price."""

    identity: str
    leg: LegKey
    time: datetime
    seconds: Fraction
    cost_nano: int
    price: LegPrice | None


def leg_pieces(entry: Entry, catalogue: Catalogue) -> Iterator[LegPiece]:
    """Yield the pieces of a recorded cost that was rated by this catalogue.

    A cost with the emitter's own price has none: the vendor has rounded it already.
    """
    for usage in _quantities(entry):
        if usage.unit in UNIT_SECONDS and usage.price_id is not None:
            price_id = usage.price_id
            yield LegPiece(
                entry.identity,
                leg_key(entry.service, entry.operation, entry.model, entry.leg_id, usage.unit),
                entry.time,
                seconds_of(usage.quantity, usage.unit),
                usage.cost_nano or 0,
                None if lacks_price(price_id) else catalogue.leg_price(price_id),
            )


def _quantities(entry: Entry) -> list[PricedUsage]:
    if entry.usages is None:
        if entry.usage is None or entry.unit is None:
            raise ValueError("a recorded cost without usage")
        return [PricedUsage(entry.unit, entry.usage, entry.price_id, entry.cost_nano)]
    usages = unpack_usages(bytes(entry.usages).decode())
    if entry.price_id == UNPRICED:
        return [PricedUsage(usage.unit, usage.quantity, UNPRICED) for usage in usages]
    return usages


def leg_key(
    service: str | None, operation: str | None, model: str | None, leg_id: str | None, unit: str
) -> LegKey:
    """Return the leg of a quantity of time."""
    return LegKey(
        service or "", operation or "", model or "", leg_id or "", unit == "audio_seconds"
    )


def seconds_of(quantity: int | Decimal, unit: str) -> Fraction:
    """Return a quantity of time in seconds."""
    return Fraction(quantity) * UNIT_SECONDS[unit]


def round_legs(pieces: Iterable[LegPiece]) -> list[Rounding]:
    """Return the roundings of legs with increments, in order; 0 for a leg that costs its pieces.

    A leg costs its rounded duration at the price of its earliest piece. Of several at the same time
    the most expensive one decides, then the one with the longest increment: identities change with
    corrections. A leg with a piece without a price is not rounded yet.
    """
    by_leg: dict[LegKey, list[LegPiece]] = {}
    for piece in pieces:
        by_leg.setdefault(piece.leg, []).append(piece)
    return [
        rounding
        for leg, of_leg in sorted(by_leg.items())
        if (rounding := _round_leg(leg, of_leg)) is not None
    ]


def _round_leg(leg: LegKey, pieces: list[LegPiece]) -> Rounding | None:
    prices = [(piece.time, piece.price) for piece in pieces if piece.price is not None]
    _, price = min(prices, key=_precedence, default=(None, _NO_PRICE))
    if len(prices) < len(pieces) or price.increments == NO_INCREMENTS:
        return None
    seconds = price.increments.round_up(sum((piece.seconds for piece in pieces), Fraction(0)))
    nano = price.cost_nano(seconds) - sum(piece.cost_nano for piece in pieces)
    return Rounding(
        service=leg.service,
        operation=leg.operation,
        seconds=_number(seconds),
        nano=nano,
        model=leg.model,
        leg_id=leg.leg_id,
        is_audio=leg.is_audio,
    )


def _precedence(priced: tuple[datetime, LegPrice]) -> tuple[datetime, Fraction, int, int]:
    time, (per_second, (minimum, increment)) = priced
    return time, -per_second, -increment, -minimum


def _number(seconds: Fraction) -> int | Decimal:
    """Return seconds as an exact number: a sum of decimals is a decimal."""
    if seconds.denominator == 1:
        return seconds.numerator
    places = 1
    while 10**places % seconds.denominator:
        places += 1
    return Decimal(f"{seconds.numerator * 10**places // seconds.denominator}E-{places}")
