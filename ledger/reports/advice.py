"""Recommendations: what would have cost a user less, computed from the user's own calls.

A saving is the recorded cost minus the cost of the same usage in another way, at the prices now in
force. Savings are computed independently and do not add up: shorter replies save less with a
cheaper model. docs/recommendations.md explains each computation and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final, Literal, NamedTuple

from ledger.prices.catalogue import Catalogue
from schemas.money import NANO_PER_USD, half_even
from schemas.sentences import dollars, number_text, service_name

AdviceKind = Literal["model_choice", "phrase_caching", "prepaid_bundle", "shorter_replies"]

ADVICE_DAYS: Final = 30
BUNDLE_CALLS: Final = 10
"""The number of calls that one charge of a prepaid bundle pays for."""
EXAMPLES_MAX: Final = 3
EVENTS_MIN: Final = 10
"""Fewer events, or charges, are not representative."""
SAVING_NANO_MIN: Final = NANO_PER_USD // 10
"""A smaller saving in the period is not recommended; nano-dollars."""

_REPLY_UNITS: Final = {"output_tokens": "output tokens", "characters": "characters"}
"""Units whose usage is the length of a reply."""


class EventRef(NamedTuple):
    """The identity of an event, and its call."""

    source: str
    id: str
    call_id: str


class UsageSum(NamedTuple):
    """The recorded usage of a service, operation, model and unit; money is nano-dollars.

    `above_median` is the sum by which events exceed the median usage. `phrases` counts events with
    a phrase hash, `repeats` those whose phrase was used before. `examples` are the most expensive
    events. An event with several units is in the sum of each, and in `events_of_first_unit` once.
    """

    service: str
    operation: str
    model: str
    unit: str
    events: int
    calls: int
    usage: Decimal
    cost_nano: int
    median: Decimal
    above_median_count: int
    above_median: Decimal
    phrases: int
    repeats: int
    repeated_usage: Decimal
    repeated_cost_nano: int
    examples: Sequence[EventRef]
    events_of_first_unit: int = 0


class ChargeSum(NamedTuple):
    """Charges through a processor, and the fees paid to it; nano-dollars."""

    processor: str
    charges: int
    calls: int
    amount_nano: int
    fee_nano: int
    examples: Sequence[EventRef]


class SavingEvidence(NamedTuple):
    """The evidence of a saving: the number of events and calls, and their usage by unit."""

    events: int
    calls: int
    service: str
    operation: str
    model: str
    usage: dict[str, Decimal]
    examples: Sequence[EventRef]


class Alternative(NamedTuple):
    """Another model for the same usage."""

    model: str
    cost_nano: int
    saving_nano: int


class Recommendation(NamedTuple):
    """A recommendation with its saving, computation and evidence."""

    kind: AdviceKind
    sentence: str
    computation: str
    current_nano: int
    new_nano: int
    evidence: SavingEvidence
    alternatives: Sequence[Alternative] = ()

    @property
    def saving_nano(self) -> int:
        return self.current_nano - self.new_nano


def advise(
    usages: Sequence[UsageSum], charges: Sequence[ChargeSum], catalogue: Catalogue, now: datetime
) -> list[Recommendation]:
    """Return recommendations with sufficient savings and evidence, largest saving first."""
    recommendations = [
        *_models(usages, catalogue, now),
        *_phrases(usages),
        *_replies(usages),
        *_bundles(charges, catalogue, now),
    ]
    worthwhile = (
        item
        for item in recommendations
        if item.saving_nano >= SAVING_NANO_MIN and item.evidence.events >= EVENTS_MIN
    )
    return sorted(worthwhile, key=lambda item: (-item.saving_nano, item.kind, item.evidence[2:5]))


def advice_notes(usages: Sequence[UsageSum]) -> list[str]:
    """Return what could not be assessed, and why."""
    speech = [usage for usage in usages if usage.operation == "tts"]
    if speech and not any(usage.phrases for usage in speech):
        return [
            "We can't suggest caching repeated phrases: text-to-speech events lack `phraseHash` "
            "in their metadata."
        ]
    return []


def _models(
    usages: Sequence[UsageSum], catalogue: Catalogue, now: datetime
) -> Iterator[Recommendation]:
    """Compare each model with the others in the catalogue for the same operation."""
    named = sorted((usage for usage in usages if usage.model), key=lambda usage: usage[:4])
    for (service, operation, model), group in groupby(named, key=lambda usage: usage[:3]):
        lines = list(group)
        current = sum(line.cost_nano for line in lines)
        others = [
            Alternative(other, cost, current - cost)
            for other in catalogue.models(service, operation)
            if other != model and (cost := _cost_with(catalogue, lines, other, now)) is not None
        ]
        cheaper = sorted(
            (other for other in others if other.saving_nano > 0),
            key=lambda other: (other.cost_nano, other.model),
        )
        if cheaper:
            yield _other_model(lines, current, cheaper)


def _cost_with(
    catalogue: Catalogue, lines: Sequence[UsageSum], model: str, now: datetime
) -> int | None:
    """Return the cost of the usage with another model; None if it has no price of its own."""
    cost = 0
    for line in lines:
        rate = catalogue.model_rate(line.service, line.operation, model, line.unit, now)
        if rate is None:
            return None
        cost += rate.cost_nano(line.usage)
    return cost


def _other_model(
    lines: Sequence[UsageSum], current: int, cheaper: Sequence[Alternative]
) -> Recommendation:
    model, best = lines[0].model, cheaper[0]
    used = " and ".join(f"{number_text(line.usage)} {_unit_name(line.unit)}" for line in lines)
    return Recommendation(
        "model_choice",
        f"Using {best.model} instead of {model} would have saved {dollars(best.saving_nano)} "
        f"in {ADVICE_DAYS} days.",
        f"{used} with {model} cost {dollars(current)}; at current prices they would cost "
        f"{dollars(best.cost_nano)} with {best.model}.",
        current,
        best.cost_nano,
        _evidence(lines),
        cheaper,
    )


def _phrases(usages: Sequence[UsageSum]) -> Iterator[Recommendation]:
    """Add up repeated phrases, by their recorded hash."""
    for line in usages:
        if line.operation != "tts" or not line.repeats:
            continue
        saving = dollars(line.repeated_cost_nano)
        yield Recommendation(
            "phrase_caching",
            f"Caching repeated {_source_name(line)} phrases would have saved {saving} in "
            f"{ADVICE_DAYS} days.",
            f"{line.phrases:,} of {line.events:,} events have a phrase hash; {line.repeats:,} of "
            f"them repeat an earlier phrase: {number_text(line.repeated_usage)} "
            f"{_unit_name(line.unit)} that cost {saving}.",
            line.cost_nano,
            line.cost_nano - line.repeated_cost_nano,
            _evidence([line]),
        )


def _replies(usages: Sequence[UsageSum]) -> Iterator[Recommendation]:
    """Cut each reply that is longer than the user's median to that length."""
    for line in usages:
        if line.unit not in _REPLY_UNITS or not line.usage or line.cost_nano <= 0:
            continue
        excess_numerator, excess_denominator = line.above_median.as_integer_ratio()
        total_numerator, total_denominator = line.usage.as_integer_ratio()
        saving = half_even(
            line.cost_nano * excess_numerator * total_denominator,
            excess_denominator * total_numerator,
        )
        unit = _REPLY_UNITS[line.unit]
        yield Recommendation(
            "shorter_replies",
            f"Capping {_source_name(line)} replies at {number_text(line.median)} {unit} (the "
            f"median) would have saved {dollars(saving)} in {ADVICE_DAYS} days.",
            f"{line.above_median_count:,} of {line.events:,} replies are longer than the "
            f"median, together by {number_text(line.above_median)} of {number_text(line.usage)} "
            f"{unit}; that share of {dollars(line.cost_nano)} is {dollars(saving)}.",
            line.cost_nano,
            line.cost_nano - saving,
            _evidence([line]),
        )


def _bundles(
    charges: Sequence[ChargeSum], catalogue: Catalogue, now: datetime
) -> Iterator[Recommendation]:
    """Charge once for several calls, so that the processor's fixed fee is due once for all.

    The saving is at most the fees paid for the saved charges.
    """
    for paid in charges:
        fixed = catalogue.rate(paid.processor, "fee", "charges", now)
        if fixed is None:
            continue
        bundles = -(-paid.charges // BUNDLE_CALLS)
        saved_charges = paid.charges - bundles
        saving = min(fixed.cost_nano(saved_charges), paid.fee_nano * saved_charges // paid.charges)
        yield Recommendation(
            "prepaid_bundle",
            f"Selling prepaid bundles of {BUNDLE_CALLS} calls would have saved {dollars(saving)} "
            f"in {service_name(paid.processor)} fees in {ADVICE_DAYS} days.",
            f"{paid.charges:,} charges paid {dollars(paid.fee_nano)} in fees; {bundles:,} bundles "
            f"of {BUNDLE_CALLS} calls would have paid the fixed fee of "
            f"{dollars(fixed.cost_nano(1))} {saved_charges:,} times less. The percentage fee stays "
            "the same. A saving is never more than the fees paid.",
            paid.fee_nano,
            paid.fee_nano - saving,
            SavingEvidence(
                paid.charges,
                paid.calls,
                paid.processor,
                "charge",
                "",
                {"charges": Decimal(paid.charges)},
                paid.examples,
            ),
        )


def _evidence(lines: Sequence[UsageSum]) -> SavingEvidence:
    first = lines[0]
    examples = [example for line in lines for example in line.examples]
    return SavingEvidence(
        sum(line.events for line in lines),
        max(line.calls for line in lines),
        *first[:3],
        {line.unit: line.usage for line in lines},
        examples[:EXAMPLES_MAX],
    )


def _source_name(line: UsageSum) -> str:
    return f"{service_name(line.service)} {line.model}".strip()


def _unit_name(unit: str) -> str:
    return unit.replace("_", " ")
