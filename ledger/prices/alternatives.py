"""Compares the models of an operation: what the same usage would cost with another one.

Only models that the catalogue can price are compared, and none that is deprecated, retired or
retired soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS
from ledger.prices.spellings import spellings
from ledger.prices.tariff import Rate
from schemas.events import NO_CONTEXT, PriceContext
from schemas.money import half_even

_SQL: Final = statements("prices/prices")

RETIRES_SOON: Final = timedelta(days=180)
"""A model that is retired within this time causes a warning, and is not recommended."""


class Alternative(NamedTuple):
    """Another model for the same usage."""

    model: str
    cost_nano: int
    saving_nano: int


class Retirement(NamedTuple):
    """What the newest price list says about a model: its last day, or that it is deprecated."""

    retires_on: date | None
    is_deprecated: bool


Retirements = dict[tuple[str, str, str], Retirement]
"""Retirements by service, operation and model."""


class UsageSlice(NamedTuple):
    """A part of a usage for which no condition of the catalogue makes a difference.

    `context` is that of its events, without the input size. `input_size` is the lowest size that
    has the same prices as their requests. `minute` is the minute of the UTC day, and `leg` the leg
    of an ended call; both are None unless a price depends on them.
    """

    context: PriceContext | None
    input_size: int | None
    minute: int | None
    leg: str | None
    usage: Decimal


class ComparedUsage(Protocol):
    """The usage of a model in one unit, and its cost in nano-dollars."""

    @property
    def service(self) -> str: ...

    @property
    def operation(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def usage(self) -> Decimal: ...

    @property
    def cost_nano(self) -> int: ...

    @property
    def slices(self) -> Sequence[UsageSlice]:
        """The parts that may have different prices; without any, the usage has one price."""


async def read_retirements(connection: Connection) -> Retirements:
    """Return what the newest price lists say about retirements."""
    rows = await connection.fetch(_SQL["retirements"])
    return {tuple(row[:3]): Retirement(*row[3:]) for row in rows}


def retirement_of(line: ComparedUsage, retirements: Retirements) -> Retirement | None:
    """Return what is known of the retirement of a model, if needed by another spelling."""
    service, operation, model = line.service, line.operation, line.model
    keys = [(service, operation, name) for name in (model, *spellings(service, model))]
    return next((retirements[key] for key in keys if key in retirements), None)


def is_outdated(retirement: Retirement | None, now: datetime) -> bool:
    """Return whether a model is deprecated, retired or retired soon."""
    if retirement is None:
        return False
    day = retirement.retires_on
    return retirement.is_deprecated or (day is not None and day <= (now + RETIRES_SOON).date())


def alternatives(
    lines: Sequence[ComparedUsage], catalogue: Catalogue, now: datetime, retirements: Retirements
) -> list[Alternative]:
    """Return the other models that can be priced and are not outdated, the cheapest first."""
    first = lines[0]
    service, operation, model = first.service, first.operation, first.model
    current = sum(line.cost_nano for line in lines)
    names = {model, *spellings(service, model)}
    others = [
        Alternative(other, cost, current - cost)
        for other in catalogue.models(service, operation)
        if other not in names
        and not is_outdated(retirements.get((service, operation, other)), now)
        and (cost := _cost_with(catalogue, lines, other, now)) is not None
    ]
    return sorted(others, key=lambda other: (other.cost_nano, other.model))


class _Leg(NamedTuple):
    """The seconds of a leg that have one rate, which is per unit of `unit_seconds`."""

    rate: Rate
    unit_seconds: int
    seconds: Fraction


def _cost_with(
    catalogue: Catalogue, lines: Sequence[ComparedUsage], model: str, now: datetime
) -> int | None:
    """Return the cost of the usage with another model; None if that has no price for a part.

    Each part has the price of its own conditions. The parts of a leg with the same price are
    rounded up together to its billing increment. The cost by a price is rounded once.
    """
    usage_by_rate: dict[Rate, Fraction] = {}
    legs: dict[tuple[int, str, bool], _Leg] = {}
    for line in lines:
        key = (line.service, line.operation, model, line.unit)
        for part in line.slices or [UsageSlice(None, None, None, None, line.usage)]:
            context = replace(part.context or NO_CONTEXT, input_size=part.input_size)
            rate = catalogue.model_rate(key, _at_minute(now, part.minute), context)
            if rate is None:
                return None
            usage = Fraction(part.usage)
            if rate.increments != NO_INCREMENTS and part.leg is not None:
                leg = rate.price_id, part.leg, line.unit == "audio_seconds"
                unit_seconds = UNIT_SECONDS[line.unit]
                known = legs.get(leg, _Leg(rate, unit_seconds, Fraction(0)))
                legs[leg] = known._replace(seconds=known.seconds + usage * unit_seconds)
            else:
                usage_by_rate[rate] = usage_by_rate.get(rate, Fraction(0)) + usage
    for rate, unit_seconds, seconds in legs.values():
        usage = rate.increments.round_up(seconds) / unit_seconds
        usage_by_rate[rate] = usage_by_rate.get(rate, Fraction(0)) + usage
    return sum(
        half_even(usage.numerator * rate.numerator, usage.denominator * rate.denominator)
        for rate, usage in usage_by_rate.items()
    )


def _at_minute(now: datetime, minute: int | None) -> datetime:
    """Return the last time until `now` at that minute of the UTC day; `now` without a minute."""
    if minute is None:
        return now
    time = now.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
    return time if time <= now else time - timedelta(days=1)
