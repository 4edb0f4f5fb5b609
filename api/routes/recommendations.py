"""`GET /api/costs/user/{userId}/recommendations`: how a user could spend less."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.prices.alternatives import Alternative
from ledger.reports.advice import advice_notes, advise
from ledger.reports.advice_facts import (
    ADVICE_DAYS,
    Recommendation,
    RetirementWarning,
    SavingEvidence,
)
from ledger.reports.advice_rows import AdviceInput, read_advice_input
from ledger.reports.model_advice import retirement_warnings
from schemas.advice import (
    AlternativeBody,
    EventId,
    EvidenceBody,
    RecommendationBody,
    Recommendations,
    RetirementBody,
    UnitSum,
)
from schemas.costs import Period
from schemas.exact import Exact
from schemas.money import Usd


class RecommendationRoutes:
    """The route of recommendations."""

    def __init__(self, readers: ReaderPool, now: Clock) -> None:
        self._readers = readers
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="getRecommendations",
            tag=Tag.SPENDING,
            summary="Get recommendations that reduce cost",
            response=Recommendations,
            has_etag=True,
        )
        path = "/api/costs/user/{userId}/recommendations"
        return (Route("GET", path, Access.SELF, self.read, operation),)

    async def read(self, request: web.Request) -> web.Response:
        """Return recommendations based on the last days."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        now = self._now().replace(microsecond=0)
        since = now - timedelta(days=ADVICE_DAYS)
        advice = await read_advice_input(self._readers, viewer, user_id, since, now)
        return tagged_reply(request, recommendations(user_id, since, now, advice))


def recommendations(
    user_id: str, since: datetime, now: datetime, advice: AdviceInput
) -> Recommendations:
    """Return the response body."""
    notes = advice_notes(advice.usages)
    if advice.calls_read < advice.calls:
        notes.append(f"Based on the newest {advice.calls_read} of {advice.calls} calls.")
    return Recommendations(
        user_id=user_id,
        period=Period(start=since, end=now, label=f"Last {ADVICE_DAYS} days"),
        based_on_calls=advice.calls_read,
        based_on_events=sum(usage.events_of_first_unit for usage in advice.usages),
        recommendations=[
            _recommendation(item)
            for item in advise(
                advice.usages, advice.charges, advice.catalogue, now, advice.retirements
            )
        ],
        retirements=[
            _retirement(warning)
            for warning in retirement_warnings(
                advice.usages, advice.catalogue, now, advice.retirements
            )
        ],
        notes=notes,
    )


def _recommendation(recommendation: Recommendation) -> RecommendationBody:
    return RecommendationBody(
        kind=recommendation.kind,
        recommendation=recommendation.sentence,
        saving=Usd(recommendation.saving_nano),
        current_cost=Usd(recommendation.current_nano),
        new_cost=Usd(recommendation.new_nano),
        computation=recommendation.computation,
        evidence=_evidence(recommendation.evidence),
        alternatives=[*map(_alternative, recommendation.alternatives)],
    )


def _retirement(warning: RetirementWarning) -> RetirementBody:
    return RetirementBody(
        warning=warning.sentence,
        retires_on=warning.retirement.retires_on,
        is_deprecated=warning.retirement.is_deprecated,
        current_cost=Usd(warning.current_nano),
        evidence=_evidence(warning.evidence),
        replacements=[*map(_alternative, warning.replacements)],
    )


def _alternative(other: Alternative) -> AlternativeBody:
    return AlternativeBody(
        model=other.model, cost=Usd(other.cost_nano), saving=Usd(other.saving_nano)
    )


def _evidence(evidence: SavingEvidence) -> EvidenceBody:
    return EvidenceBody(
        events=evidence.events,
        calls=evidence.calls,
        service=evidence.service,
        operation=evidence.operation,
        model=evidence.model,
        usage=[UnitSum(unit=unit, usage=Exact(usage)) for unit, usage in evidence.usage.items()],
        example_events=[
            EventId(source=example.source, id=example.id, call_id=example.call_id)
            for example in evidence.examples
        ],
    )
