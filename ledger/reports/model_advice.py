"""Compares models: what the same usage would cost with another one, and which are retired soon.

Only models that the catalogue can price are recommended, and none that is retired, deprecated or
retired soon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Final, NamedTuple

from msgspec.structs import replace

from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, UNIT_SECONDS, Increments
from ledger.prices.spellings import spellings
from ledger.prices.tariff import Rate
from ledger.reports.advice_facts import (
    ADVICE_DAYS,
    EXAMPLES_MAX,
    Alternative,
    Recommendation,
    Retirement,
    Retirements,
    RetirementWarning,
    SavingEvidence,
    UsageSlice,
    UsageSum,
)
from schemas.events import NO_CONTEXT
from schemas.money import half_even
from schemas.sentences import day_name, dollars, number_text

RETIRES_SOON: Final = timedelta(days=180)
"""A model that is retired within this time is warned of, and not recommended."""


def cheaper_models(
    usages: Sequence[UsageSum], catalogue: Catalogue, now: datetime, retirements: Retirements
) -> Iterator[Recommendation]:
    """Compare each model with the others in the catalogue for the same operation."""
    for lines in _by_model(usages):
        current = sum(line.cost_nano for line in lines)
        others = alternatives(lines, catalogue, now, retirements)
        cheaper = [other for other in others if other.saving_nano > 0]
        if cheaper:
            yield _other_model(lines, current, cheaper)


def retirement_warnings(
    usages: Sequence[UsageSum], catalogue: Catalogue, now: datetime, retirements: Retirements
) -> list[RetirementWarning]:
    """Return a warning for each used model that is outdated, the earliest retirement first."""
    warnings = []
    for lines in _by_model(usages):
        retirement = _retirement(lines[0], retirements)
        if retirement is None or not _is_outdated(retirement, now):
            continue
        others = alternatives(lines, catalogue, now, retirements)
        warnings.append(
            RetirementWarning(
                _warning(lines[0].model, retirement, others, now),
                retirement,
                sum(line.cost_nano for line in lines),
                evidence_of(lines),
                others,
            )
        )
    return sorted(
        warnings,
        key=lambda one: (
            one.retirement.retires_on is None,
            one.retirement.retires_on or now.date(),
            one.evidence[2:5],
        ),
    )


def _by_model(usages: Sequence[UsageSum]) -> Iterator[list[UsageSum]]:
    """Yield the sums of each service, operation and named model."""
    named = sorted((usage for usage in usages if usage.model), key=lambda usage: usage[:4])
    for _, group in groupby(named, key=lambda usage: usage[:3]):
        yield list(group)


def _retirement(line: UsageSum, retirements: Retirements) -> Retirement | None:
    """Return what is known of the retirement of a model, also by another spelling of its name."""
    service, operation, model = line[:3]
    keys = [(service, operation, name) for name in (model, *spellings(service, model))]
    return next((retirements[key] for key in keys if key in retirements), None)


def _is_outdated(retirement: Retirement | None, now: datetime) -> bool:
    if retirement is None:
        return False
    day = retirement.retires_on
    return retirement.is_deprecated or (day is not None and day <= (now + RETIRES_SOON).date())


def alternatives(
    lines: Sequence[UsageSum], catalogue: Catalogue, now: datetime, retirements: Retirements
) -> list[Alternative]:
    """Return the other models that can be priced and are not outdated, the cheapest first."""
    service, operation, model = lines[0][:3]
    current = sum(line.cost_nano for line in lines)
    names = {model, *spellings(service, model)}
    others = [
        Alternative(other, cost, current - cost)
        for other in catalogue.models(service, operation)
        if other not in names
        and not _is_outdated(retirements.get((service, operation, other)), now)
        and (cost := _cost_with(catalogue, lines, other, now)) is not None
    ]
    return sorted(others, key=lambda other: (other.cost_nano, other.model))


def _warning(
    model: str, retirement: Retirement, others: Sequence[Alternative], now: datetime
) -> str:
    day = retirement.retires_on
    if day is None:
        fact = f"{model} is deprecated"
    elif day <= now.date():
        fact = f"{model} was retired on {day_name(day)}"
    else:
        fact = f"{model} is retired on {day_name(day)}"
    if not others:
        return f"{fact}. The catalogue has no price of a model that could replace it."
    best = others[0]
    return (
        f"{fact}. The cheapest replacement is {best.model}: the same usage would have cost "
        f"{dollars(best.cost_nano)} in {ADVICE_DAYS} days."
    )


class _Leg(NamedTuple):
    """The usage of a leg by one price: a rate per unit of `unit_seconds`, and the seconds."""

    rate: Rate
    increments: Increments
    unit_seconds: int
    seconds: Fraction


def _cost_with(
    catalogue: Catalogue, lines: Sequence[UsageSum], model: str, now: datetime
) -> int | None:
    """Return the cost of the usage with another model; None if part of it has no price of its own.

    Each part has the price of its own conditions. The parts of a leg by one price are rounded up
    together to its billing increment. The cost by a price is rounded once.
    """
    usage_by_rate: dict[Rate, Fraction] = {}
    legs: dict[tuple[int, str, bool], _Leg] = {}
    for line in lines:
        key = (line.service, line.operation, model, line.unit)
        for part in line.slices or [UsageSlice(None, None, None, None, line.usage)]:
            context = replace(part.context or NO_CONTEXT, input_size=part.input_size)
            price = catalogue.model_price(key, _at_minute(now, part.minute), context)
            if price is None:
                return None
            rate, increments = price
            usage = Fraction(part.usage)
            if increments != NO_INCREMENTS and part.leg is not None:
                leg = rate.price_id, part.leg, line.unit == "audio_seconds"
                unit_seconds = UNIT_SECONDS[line.unit]
                known = legs.get(leg, _Leg(rate, increments, unit_seconds, Fraction(0)))
                legs[leg] = known._replace(seconds=known.seconds + usage * unit_seconds)
            else:
                usage_by_rate[rate] = usage_by_rate.get(rate, Fraction(0)) + usage
    for rate, increments, unit_seconds, seconds in legs.values():
        usage = increments.round_up(seconds) / unit_seconds
        usage_by_rate[rate] = usage_by_rate.get(rate, Fraction(0)) + usage
    return sum(
        half_even(usage.numerator * rate.numerator, usage.denominator * rate.denominator)
        for rate, usage in usage_by_rate.items()
    )


def _at_minute(now: datetime, minute: int | None) -> datetime:
    """Return the last time before `now` at that minute of the UTC day; `now` without one."""
    if minute is None:
        return now
    time = now.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
    return time if time <= now else time - timedelta(days=1)


def _other_model(
    lines: Sequence[UsageSum], current: int, cheaper: Sequence[Alternative]
) -> Recommendation:
    model, best = lines[0].model, cheaper[0]
    used = " and ".join(f"{number_text(line.usage)} {unit_name(line.unit)}" for line in lines)
    return Recommendation(
        "model_choice",
        f"Using {best.model} instead of {model} would have saved {dollars(best.saving_nano)} "
        f"in {ADVICE_DAYS} days.",
        f"{used} with {model} cost {dollars(current)}; at current prices they would cost "
        f"{dollars(best.cost_nano)} with {best.model}.",
        current,
        best.cost_nano,
        evidence_of(lines),
        cheaper,
    )


def evidence_of(lines: Sequence[UsageSum]) -> SavingEvidence:
    """Return the evidence of sums of the same model."""
    first = lines[0]
    examples = [example for line in lines for example in line.examples]
    return SavingEvidence(
        sum(line.events for line in lines),
        max(line.calls for line in lines),
        *first[:3],
        {line.unit: line.usage for line in lines},
        examples[:EXAMPLES_MAX],
    )


def unit_name(unit: str) -> str:
    """Return the name of a unit for people."""
    return unit.replace("_", " ")
