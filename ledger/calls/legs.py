"""Legs of calls: vendors bill the duration of a whole leg, rounded up to an increment.

A leg is the costs of a call with the same service, operation, model and `legId` whose price is per
unit of time; seconds of audio are a leg of their own. Its rounding follows from the set of its
pieces, so neither their number nor their order matters. The rounding that charges follow is that of
the same pieces at the prices when they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from ledger.calls.basis import charge_basis_prices
from ledger.calls.entries import Entry
from ledger.calls.roundings import Rounding
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS, LegPrice
from ledger.prices.pricing import UNPRICED, lacks_price
from ledger.prices.usages import PricedUsage, unpack_usages

_NO_PRICE: Final = LegPrice(Fraction(0), NO_INCREMENTS)


class LegKey(NamedTuple):
    """A leg of a call; `model` and `leg_id` are empty if there is none."""

    service: str
    operation: str
    model: str
    leg_id: str
    is_audio: bool


class LegPiece(NamedTuple):
    """A priced quantity of time of a recorded cost; `price` is None while it has no price.

    `basis_price` is the price that charges follow, None for `price` itself.
    """

    identity: str
    leg: LegKey
    time: datetime
    seconds: Fraction
    cost_nano: int
    price: LegPrice | None
    basis_price: LegPrice | None = None

    def basis(self) -> LegPiece:
        """Return the piece at the price that charges follow."""
        price = self.basis_price
        if price is None:
            return self
        return self._replace(price=price, cost_nano=price.cost_nano(self.seconds))


def leg_pieces(entry: Entry, catalogue: Catalogue) -> Iterator[LegPiece]:
    """Yield the pieces of a recorded cost that was rated by this catalogue.

    A cost with the emitter's own price has none: the vendor has rounded it already.
    """
    basis_prices = charge_basis_prices(entry.source, entry.data)
    for usage in _quantities(entry):
        if usage.unit in UNIT_SECONDS and usage.price_id is not None:
            price_id, basis_id = usage.price_id, basis_prices.get(usage.unit)
            yield LegPiece(
                entry.identity,
                leg_key(entry.service, entry.operation, entry.model, entry.leg_id, usage.unit),
                entry.time,
                seconds_of(usage.quantity, usage.unit),
                usage.cost_nano or 0,
                None if lacks_price(price_id) else catalogue.leg_price(price_id),
                None if basis_id is None else catalogue.leg_price(basis_id),
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


class _LegBill(NamedTuple):
    """The billed duration of a leg, and what it costs more than the pieces, in nano-dollars."""

    seconds: Fraction
    nano: int


def round_legs(pieces: Iterable[LegPiece]) -> list[Rounding]:
    """Return the roundings of legs with increments, in order, without those that change nothing.

    A leg costs its rounded duration at the price of its earliest piece. If several pieces have the
    earliest time, the most expensive one decides, then the one with the longest increment. Their
    identities do not decide, because corrections change them. A leg with a piece without a price is
    not rounded yet.
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
    billed = basis = _bill(pieces)
    if any(piece.basis_price is not None for piece in pieces):
        basis = _bill([piece.basis() for piece in pieces])
    if not (billed.nano or basis.nano):
        return None
    return Rounding(
        service=leg.service,
        operation=leg.operation,
        seconds=_number(billed.seconds),
        nano=billed.nano,
        model=leg.model,
        leg_id=leg.leg_id,
        is_audio=leg.is_audio,
        rerated=billed.nano - basis.nano,
    )


def _bill(pieces: list[LegPiece]) -> _LegBill:
    """Return what is billed for a leg; it is not rounded without increments or a price."""
    prices = [(piece.time, piece.price) for piece in pieces if piece.price is not None]
    _, price = min(prices, key=_precedence, default=(None, _NO_PRICE))
    seconds = sum((piece.seconds for piece in pieces), Fraction(0))
    if len(prices) < len(pieces) or price.increments == NO_INCREMENTS:
        return _LegBill(seconds, 0)
    billed = price.increments.round_up(seconds)
    return _LegBill(billed, price.cost_nano(billed) - sum(piece.cost_nano for piece in pieces))


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
