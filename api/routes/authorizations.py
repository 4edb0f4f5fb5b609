"""`POST /api/costs/user/{userId}/authorize`: authorizes a call before it starts."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from msgspec import UNSET

from api.http.access import Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.problems import Problem, invalid_body
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from api.routes.budget_numbers import bounded
from ledger.budgets.authorization import AuthorizationDecision
from ledger.budgets.authorizing import CallStartDecision, CallStartRequest, authorize
from ledger.budgets.budgets import Budgets
from ledger.budgets.limits import Limit
from ledger.budgets.reservation import ReservationDecision
from ledger.postgres.clock import Clock
from schemas.bounds import MAX_DURATION_SECONDS, checked_tags
from schemas.budgets import MAX_LIMIT_USD, Authorization, AuthorizationRequest, BudgetName
from schemas.money import Usd, nano_from_usd
from schemas.refusals import Refused
from schemas.sentences import dollars

BUDGET_NAMES: Final = {
    "daily": "daily budget",
    "weekly": "weekly budget",
    "monthly": "monthly budget",
    "call": "limit per call",
}


class AuthorizationRoutes:
    """The route that authorizes calls."""

    def __init__(self, budgets: Budgets, limits: RequestLimits, now: Clock) -> None:
        self._budgets = budgets
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="authorizeCall",
            tag=Tag.REPORTING,
            summary="Authorize a call",
            response=Authorization,
            body=AuthorizationRequest,
            example={"callId": "call-7", "estimatedCost": 4.99},
            error_statuses=(409,),
        )
        path = "/api/costs/user/{userId}/authorize"
        return (Route("POST", path, Access.EMITTER, self.authorize, operation, scope="reserve"),)

    async def authorize(self, request: web.Request) -> web.Response:
        """Return whether the call may start, and reserve its expected spend if so."""
        user_id = request.match_info["userId"]
        start_request = request_of(await read_json(request, self._limits, AuthorizationRequest))
        start_decision = await authorize(self._budgets, user_id, start_request, self._now())
        if start_decision.finished:
            raise Problem(409, "call_finished", f"Call {start_request.call_id} has already ended.")
        return reply(authorization(user_id, start_request.call_id, start_decision))


def request_of(body: AuthorizationRequest) -> CallStartRequest:
    """Return the request of a body; raises the 400 Problem, which names the field."""
    if (flaw := identifier_error(body.call_id)) is not None:
        raise invalid_body(f"`callId` {flaw}.")
    cost, seconds = body.estimated_cost, body.expected_duration_seconds
    persona_id = None if body.persona_id is UNSET else body.persona_id
    tags = {} if body.tags is UNSET else tags_of(body.tags)
    services = () if body.services is UNSET else body.services
    facts = (persona_id, tags, services)
    if cost is not UNSET and seconds is UNSET:
        nano = nano_from_usd(bounded("estimatedCost", cost, MAX_LIMIT_USD))
        return CallStartRequest(body.call_id, nano, None, *facts)
    if seconds is not UNSET and cost is UNSET:
        exact = bounded("expectedDuration_seconds", seconds, MAX_DURATION_SECONDS)
        return CallStartRequest(body.call_id, None, int(exact * 1000), *facts)
    raise invalid_body("Give either `estimatedCost` or `expectedDuration_seconds`.")


def tags_of(tags: dict[str, str]) -> dict[str, str]:
    """Return valid tags; raises the 400 Problem, which names the tag."""
    try:
        return checked_tags(tags) or {}
    except Refused as refusal:
        raise invalid_body(refusal.message) from None


def authorization(user_id: str, call_id: str, start_decision: CallStartDecision) -> Authorization:
    """Return the response body of a decision."""
    decision = start_decision.decision
    denied_by, remaining = decision.denied_by, decision.remaining_nano
    return Authorization(
        allowed=decision.is_allowed,
        call_id=call_id,
        user_id=user_id,
        budget=budget_name(denied_by, decision),
        reason=_reason(start_decision),
        remaining=None if remaining is None else Usd(remaining),
        held=Usd(start_decision.held_nano),
        held_until=start_decision.held_until,
        budget_id=denied_by.budget.budget_id if denied_by and denied_by.budget else None,
    )


def _reason(start_decision: CallStartDecision) -> str:
    decision = start_decision.decision
    if decision.is_allowed:
        return "The call may start."
    return refusal(decision.denied_by, decision)


def budget_name(
    limit: Limit | None, decision: AuthorizationDecision | ReservationDecision
) -> BudgetName | None:
    """Return why a call is refused: `limit`, or another reason; None if it is allowed."""
    if decision.exceeds_global:
        return "global"
    if decision.lacks_balance:
        return "balance"
    return limit and limit.type


def refusal(limit: Limit | None, decision: AuthorizationDecision | ReservationDecision) -> str:
    """Return the reason of a refusal; it names no amount of a limit over all users."""
    if decision.exceeds_global:
        return "A limit of all users does not allow it. Ask an administrator."
    remaining = decision.remaining_nano
    if limit is None:
        return f"Not enough left of the prepaid balance: {dollars(remaining or 0)}."
    name = BUDGET_NAMES[limit.type] + (limit.budget.scope_text() if limit.budget else "")
    return f"Not enough left of the {name}: {dollars(remaining or 0)}."
