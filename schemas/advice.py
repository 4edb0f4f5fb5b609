"""Body of the recommendations: possible savings and the events they are computed from."""

from __future__ import annotations

from datetime import date
from typing import Literal

from schemas.bodies import Body
from schemas.costs import Period
from schemas.exact import Exact
from schemas.money import Usd


class EventId(Body):
    """The identity of a recorded event, and its call."""

    source: str
    id: str
    call_id: str


class UnitSum(Body):
    """The total usage in one unit."""

    unit: str
    usage: Exact


class EvidenceBody(Body):
    """The events behind a recommendation. `example_events` are the most expensive ones."""

    events: int
    calls: int
    service: str
    operation: str
    model: str
    usage: list[UnitSum]
    example_events: list[EventId]


class AlternativeBody(Body):
    """A cheaper model: what the same usage costs with it, and the saving."""

    model: str
    cost: Usd
    saving: Usd


class RecommendationBody(Body):
    """One possible saving. `saving` is `current_cost` minus `new_cost`, and above 0."""

    kind: Literal["model_choice", "phrase_caching", "prepaid_bundle", "shorter_replies"]
    recommendation: str
    saving: Usd
    current_cost: Usd
    new_cost: Usd
    computation: str
    evidence: EvidenceBody
    alternatives: list[AlternativeBody]


class RetirementBody(Body):
    """A used model that its vendor retires soon or advises against.

    `retires_on` is its last day, null if it is only deprecated. `replacements` are the other models
    that the catalogue can price for the same usage, the cheapest first; their `saving` is below 0
    if they cost more.
    """

    warning: str
    retires_on: date | None
    is_deprecated: bool
    current_cost: Usd
    evidence: EvidenceBody
    replacements: list[AlternativeBody]


class Recommendations(Body):
    """Possible savings for a user in a period, the largest first.

    Each saving is computed independently, so all of them together save less than their sum.
    `based_on_calls` counts the calls that began in the period and were analyzed: the newest ones if
    there are very many. `retirements` warns of used models that are outdated, the earliest
    retirement first. `notes` says what could not be analyzed, and why.
    """

    user_id: str
    period: Period
    based_on_calls: int
    based_on_events: int
    recommendations: list[RecommendationBody]
    retirements: list[RetirementBody]
    notes: list[str]
