"""`POST /api/costs/call/{callId}/reserve`: reserves the costs that a call is about to cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from aiohttp import web
from msgspec import UNSET

from api.http.access import Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.problems import Problem, invalid_body
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from api.routes.authorizations import budget_name, refusal
from api.routes.budget_numbers import bounded
from ledger.budgets.budgets import Budgets
from ledger.budgets.reserving import CostBounds, ReservationResult, reserve
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.planned_usage import PlannedPrices, PlannedUsage
from schemas import reservations as bodies
from schemas.bounds import MAX_AMOUNT_USD
from schemas.identity import identity_of
from schemas.money import Usd, nano_from_usd
from schemas.refusals import Refused

_OPERATION: Final = Operation(
    name="reserveCosts",
    tag=Tag.REPORTING,
    summary="Reserve costs of a call",
    response=bodies.Reservation,
    body=bodies.ReservationRequest,
    example={
        "userId": "alice",
        "costs": [{"source": "/voice-bot", "id": "turn-12-llm", "amount": "0.02"}],
    },
    error_statuses=(409,),
)


class BoundedCost(NamedTuple):
    """A cost with its upper bound in nano-dollars, and the usage that it was priced by."""

    source: str
    id: str
    nano: int
    planned: PlannedUsage | None

    @property
    def identity(self) -> str:
        """The identity of the event that will report the cost."""
        return identity_of(self.source, self.id)


class ReservationRoutes:
    """The route that reserves costs."""

    def __init__(
        self, budgets: Budgets, readers: ReaderPool, limits: RequestLimits, now: Clock
    ) -> None:
        self._budgets = budgets
        self._prices = PlannedPrices(readers)
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        path = "/api/costs/call/{callId}/reserve"
        return (Route("POST", path, Access.EMITTER, self.reserve, _OPERATION, scope="reserve"),)

    async def reserve(self, request: web.Request) -> web.Response:
        """Return whether the call may cause the costs, and reserve them if so."""
        call_id = request.match_info["callId"]
        body = await read_json(request, self._limits, bodies.ReservationRequest)
        if (flaw := identifier_error(body.user_id)) is not None:
            raise invalid_body(f"`userId` {flaw}.")
        duration = _duration(body)
        now, viewer = self._now(), Viewer(body.user_id)
        costs = [
            await self._bound(f"costs[{place}]", cost, viewer, now)
            for place, cost in enumerate(body.costs)
        ]
        amounts = {cost.identity: cost.nano for cost in costs}
        if len(amounts) < len(costs):
            raise invalid_body("`costs` names an event twice.")
        wanted = CostBounds(call_id, amounts, duration, _by_service(body.costs, costs))
        result = await reserve(self._budgets, body.user_id, wanted, now)
        _require_decided(result, call_id, costs)
        cheaper = await self._cheaper(result, costs, viewer, now)
        return reply(_reservation(body.user_id, call_id, result, costs, cheaper))

    async def _bound(
        self, name: str, cost: bodies.PlannedCost, viewer: Viewer, now: datetime
    ) -> BoundedCost:
        """Return a cost with its bound; raises the 400 Problem, which names the field."""
        for field, value in (("source", cost.source), ("id", cost.id)):
            if not value:
                raise invalid_body(f"`{name}.{field}` is empty.")
        if cost.amount is not UNSET:
            if cost.usages is not UNSET:
                raise invalid_body(f"Give either `{name}.amount` or `{name}.usages`.")
            amount = bounded(f"{name}.amount", cost.amount, MAX_AMOUNT_USD)
            return BoundedCost(cost.source, cost.id, nano_from_usd(amount), None)
        planned = _planned(name, cost)
        try:
            nano = await self._prices.cost_nano(viewer, planned, now)
        except Refused as refusal:
            raise invalid_body(f"`{name}.usages`: {refusal.message}") from None
        if nano is None:
            raise invalid_body(
                f"`{name}.usages` has no price for {planned.service} {planned.operation} "
                f"{planned.model or ''}".rstrip()
                + ". Add one to the catalogue, or give `amount`."
            )
        return BoundedCost(cost.source, cost.id, nano, planned)

    async def _cheaper(
        self,
        result: ReservationResult,
        costs: Sequence[BoundedCost],
        viewer: Viewer,
        now: datetime,
    ) -> bodies.CheaperModel | None:
        """Return the model that saves most, if a budget is nearly used up."""
        if not result.decision.is_tight:
            return None
        found = []
        for cost in costs:
            if cost.planned is None:
                continue
            other = await self._prices.cheaper(viewer, cost.planned, cost.nano, now)
            if other is not None:
                found.append((other.saving_nano, cost.id, other))
        if not found:
            return None
        _, cost_id, best = max(found, key=lambda one: one[:2])
        return bodies.CheaperModel(id=cost_id, model=best.model, amount=Usd(best.cost_nano))


def _planned(name: str, cost: bodies.PlannedCost) -> PlannedUsage:
    if cost.usages is UNSET:
        raise invalid_body(f"Give either `{name}.amount` or `{name}.usages`.")
    if cost.service is UNSET or cost.operation is UNSET:
        raise invalid_body(f"`{name}.usages` needs `service` and `operation`.")
    units = [usage.unit for usage in cost.usages]
    if len(set(units)) < len(units):
        raise invalid_body(f"`{name}.usages` has a unit twice.")
    model = None if cost.model is UNSET else cost.model
    context = None if cost.price_context is UNSET else cost.price_context
    return PlannedUsage(cost.service, cost.operation, model, cost.usages, context)


def _by_service(
    planned: Sequence[bodies.PlannedCost], costs: Sequence[BoundedCost]
) -> dict[str, int]:
    """Return the bounds by service, of the costs that name one."""
    sums: dict[str, int] = {}
    for wanted, cost in zip(planned, costs, strict=True):
        if wanted.service is not UNSET:
            sums[wanted.service] = sums.get(wanted.service, 0) + cost.nano
    return sums


def _duration(body: bodies.ReservationRequest) -> timedelta:
    if body.lasts_seconds is UNSET:
        return timedelta(seconds=bodies.RESERVED_SECONDS)
    name = "lasts_seconds"
    seconds = bounded(name, body.lasts_seconds, bodies.RESERVED_SECONDS_MAX)
    return timedelta(milliseconds=int(seconds * 1000))


def _require_decided(result: ReservationResult, call_id: str, costs: Sequence[BoundedCost]) -> None:
    """Raise the 409 Problem if the call has ended, or a cost is recorded already."""
    if result.has_ended:
        raise Problem(409, "call_finished", f"Call {call_id} has already ended.")
    for cost in costs:
        if cost.identity in result.counted:
            raise Problem(
                409, "cost_recorded", f"The cost {cost.id} of {cost.source} is recorded already."
            )


def _reservation(
    user_id: str,
    call_id: str,
    result: ReservationResult,
    costs: Sequence[BoundedCost],
    cheaper: bodies.CheaperModel | None,
) -> bodies.Reservation:
    """Return the response body of a decision."""
    decision = result.decision
    of_limit = decision.refused_by
    further = of_limit.budget if of_limit else None
    remaining = decision.remaining_nano
    reason = "The costs are reserved."
    if not decision.is_granted:
        reason = refusal(of_limit, decision)
    return bodies.Reservation(
        granted=decision.is_granted,
        call_id=call_id,
        user_id=user_id,
        budget=budget_name(of_limit, decision),
        reason=reason,
        remaining=None if remaining is None else Usd(remaining),
        costs=[
            bodies.ReservedCost(source=cost.source, id=cost.id, amount=Usd(cost.nano))
            for cost in costs
        ],
        reserved_until=result.until,
        cheaper=cheaper,
        budget_id=further.budget_id if further else None,
    )
