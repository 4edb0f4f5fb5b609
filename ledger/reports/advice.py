"""Recommendations: what would have cost a user less, computed from the user's own calls.

A saving is the recorded cost minus the cost of the same usage in another way, at the prices now in
force. Savings are computed independently and do not add up: shorter replies save less with a
cheaper model. docs/recommendations.md explains each computation and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from ledger.prices.alternatives import Retirements
from ledger.prices.catalogue import Catalogue
from ledger.reports.advice_facts import (
    ADVICE_DAYS,
    ChargeSum,
    Recommendation,
    SavingEvidence,
    UsageSum,
)
from ledger.reports.model_advice import cheaper_models, evidence_of, unit_name
from schemas.money import NANO_PER_USD, half_even
from schemas.sentences import dollars, number_text, service_name

BUNDLE_CALLS: Final = 10
"""The number of calls that one charge of a prepaid bundle pays for."""

EVENTS_MIN: Final = 10
"""Fewer events, or charges, are not representative."""

SAVING_NANO_MIN: Final = NANO_PER_USD // 10
"""A smaller saving in the period is not recommended; nano-dollars."""

_REPLY_UNITS: Final = {"output_tokens": "output tokens", "characters": "characters"}
"""Units whose usage is the length of a reply."""


def advise(
    usages: Sequence[UsageSum],
    charges: Sequence[ChargeSum],
    catalogue: Catalogue,
    now: datetime,
    retirements: Retirements | None = None,
) -> list[Recommendation]:
    """Return recommendations with sufficient savings and evidence, largest saving first."""
    recommendations = [
        *cheaper_models(usages, catalogue, now, retirements or {}),
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
            f"{unit_name(line.unit)} that cost {saving}.",
            line.cost_nano,
            line.cost_nano - line.repeated_cost_nano,
            evidence_of([line]),
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
            evidence_of([line]),
        )


def _bundles(
    charges: Sequence[ChargeSum], catalogue: Catalogue, now: datetime
) -> Iterator[Recommendation]:
    """Charge once for several calls, so that the processor's fixed fee is due once for all of them.

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


def _source_name(line: UsageSum) -> str:
    return f"{service_name(line.service)} {line.model}".strip()
