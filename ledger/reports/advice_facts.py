"""Facts that recommendations are computed from, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from ledger.prices.alternatives import Alternative, Retirement, UsageSlice

AdviceKind = Literal["model_choice", "phrase_caching", "prepaid_bundle", "shorter_replies"]

ADVICE_DAYS: Final = 30
EXAMPLES_MAX: Final = 3


class EventRef(NamedTuple):
    """The identity of an event, and its call."""

    source: str
    id: str
    call_id: str


class UsageSum(NamedTuple):
    """The recorded usage of a service, operation, model and unit; money is nano-dollars.

    `cost_nano` contains the roundings of legs; a leg with several units is in the sum of one.
    `above_median` is the sum by which events exceed the median usage. `phrases` counts events with
    a phrase hash, `repeats` those whose phrase was used before. `examples` are the most expensive
    events. An event with several units is in the sum of each, and in `events_of_first_unit` once.
    `slices` are parts of `usage` that may have different prices; without any, it has one price.
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
    slices: Sequence[UsageSlice] = ()


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


class RetirementWarning(NamedTuple):
    """A used model that is retired soon or deprecated, with its cost and its replacements.

    `replacements` are other models that the catalogue can price, the cheapest first.
    """

    sentence: str
    retirement: Retirement
    current_nano: int
    evidence: SavingEvidence
    replacements: Sequence[Alternative]
