"""Compares models: what the same usage would cost with another one, and which are retired soon.

Only models that the catalogue can price are recommended, and none that is retired, deprecated or
retired soon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from ledger.prices.alternatives import (
    Alternative,
    Retirement,
    Retirements,
    alternatives,
    is_outdated,
    retirement_of,
)
from ledger.prices.catalogue import Catalogue
from ledger.reports.advice_facts import (
    ADVICE_DAYS,
    EXAMPLES_MAX,
    Recommendation,
    RetirementWarning,
    SavingEvidence,
    UsageSum,
)
from schemas.sentences import day_name, dollars, number_text


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
        retirement = retirement_of(lines[0], retirements)
        if retirement is None or not is_outdated(retirement, now):
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
