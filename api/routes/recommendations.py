"""`GET /api/costs/user/{userId}/recommendations`: how a user could spend less."""

from __future__ import annotations

from datetime import datetime, timedelta

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.reports.advice import ADVICE_DAYS, Recommendation, SavingEvidence, advice_notes, advise
from ledger.reports.advice_rows import AdviceInput, read_advice_input
from schemas.advice import (
    AlternativeBody,
    EventId,
    EvidenceBody,
    RecommendationBody,
    Recommendations,
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
        found = await read_advice_input(self._readers, viewer, user_id, since, now)
        return tagged_reply(request, recommendations(user_id, since, now, found))


def recommendations(
    user_id: str, since: datetime, now: datetime, found: AdviceInput
) -> Recommendations:
    """Return the response body."""
    notes = advice_notes(found.usages)
    if found.calls_read < found.calls:
        notes.append(f"Based on the newest {found.calls_read} of {found.calls} calls.")
    return Recommendations(
        user_id=user_id,
        period=Period(start=since, end=now, label=f"Last {ADVICE_DAYS} days"),
        based_on_calls=found.calls_read,
        based_on_events=sum(usage.events for usage in found.usages),
        recommendations=[
            _recommendation(each)
            for each in advise(found.usages, found.charges, found.catalogue, now)
        ],
        notes=notes,
    )


def _recommendation(of: Recommendation) -> RecommendationBody:
    return RecommendationBody(
        kind=of.kind,
        recommendation=of.sentence,
        saving=Usd(of.saving_nano),
        current_cost=Usd(of.current_nano),
        new_cost=Usd(of.new_nano),
        computation=of.computation,
        evidence=_evidence(of.evidence),
        alternatives=[
            AlternativeBody(
                model=other.model, cost=Usd(other.cost_nano), saving=Usd(other.saving_nano)
            )
            for other in of.alternatives
        ],
    )


def _evidence(of: SavingEvidence) -> EvidenceBody:
    return EvidenceBody(
        events=of.events,
        calls=of.calls,
        service=of.service,
        operation=of.operation,
        model=of.model,
        usage=[UnitSum(unit=unit, usage=Exact(usage)) for unit, usage in of.usage.items()],
        example_events=[
            EventId(source=example.source, id=example.id, call_id=example.call_id)
            for example in of.examples
        ],
    )
