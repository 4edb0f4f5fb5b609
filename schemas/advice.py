"""The body of advice: what would have cost a user less, and the events it is computed from."""

from __future__ import annotations

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
    """How much of a unit was used."""

    unit: str
    usage: Exact


class EvidenceBody(Body):
    """What a saving rests on. `example_events` are the dearest of the events."""

    events: int
    calls: int
    service: str
    operation: str
    model: str
    usage: list[UnitSum]
    example_events: list[EventId]


class AlternativeBody(Body):
    """A cheaper model, what the same usage costs with it, and what that saves."""

    model: str
    cost: Usd
    saving: Usd


class RecommendationBody(Body):
    """One way to spend less. `saving` is `current_cost` less `new_cost`, and above 0."""

    kind: Literal["model_choice", "phrase_caching", "prepaid_bundle", "shorter_replies"]
    recommendation: str
    saving: Usd
    current_cost: Usd
    new_cost: Usd
    computation: str
    evidence: EvidenceBody
    alternatives: list[AlternativeBody]


class Recommendations(Body):
    """What would have cost a user less in a period, the largest saving first.

    Each saving is computed by itself; together they save less than their sum. `based_on_calls` are
    the calls that began in the period, the newest ones where there are very many. `notes` say what
    could not be judged.
    """

    user_id: str
    period: Period
    based_on_calls: int
    based_on_events: int
    recommendations: list[RecommendationBody]
    notes: list[str]
