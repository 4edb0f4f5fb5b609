"""Prepaid credit: `/api/costs/user/{userId}/credits`, and grants at `/api/admin/credits`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web
from msgspec import UNSET

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.identifiers import identifier_error
from api.http.options import RequestLimits
from api.http.problems import invalid_body, refused
from api.http.replies import reply
from api.intake.credits import grant_event, grant_void_event
from api.intake.event_stream import EventStream
from api.intake.events import CheckedEvent, IntakeContext
from api.intake.publishing import accepted, publish, require_stream
from api.intake.routes import IDEMPOTENCY_KEY, idempotency_key_of
from api.openapi.operations import Operation, Tag
from api.routes.budget_numbers import bounded
from ledger.credits.balance import NEVER, Balance
from ledger.credits.credits import Credits, CreditStatus, GrantRow, LowBalanceChange, state_of
from ledger.credits.low_balance import charged_per_day, lasts_until, low_balances
from ledger.postgres.clock import Clock
from schemas import credits as bodies
from schemas.budgets import MAX_LIMIT_USD
from schemas.intake import Accepted
from schemas.jsonio import decode
from schemas.money import Usd, nano_from_usd
from schemas.refusals import Refused

_PATH: Final = "/api/costs/user/{userId}/credits"
_ADMIN_PATH: Final = "/api/admin/credits"
_READ: Final = Operation(
    name="getCredit",
    tag=Tag.BUDGETS,
    summary="Get a user's prepaid balance and grants",
    response=bodies.Credit,
)
_CHANGE: Final = Operation(
    name="changeCredit",
    tag=Tag.BUDGETS,
    summary="Change when a user is warned of a low balance",
    response=bodies.Credit,
    body=bodies.CreditChange,
    example={"lowBalance_usd": [25, 5], "lowBalanceDays": 3},
)
_GRANT: Final = Operation(
    name="grantCredit",
    tag=Tag.BUDGETS,
    summary="Grant prepaid credit to a user",
    response=Accepted,
    status=202,
    body=bodies.GrantRequest,
    example={"userId": "alice", "amount": 50, "note": "Invoice 7731"},
    headers=(IDEMPOTENCY_KEY,),
)
_VOID: Final = Operation(
    name="voidGrant",
    tag=Tag.BUDGETS,
    summary="Void a grant of prepaid credit",
    response=Accepted,
    status=202,
    body=bodies.GrantVoidRequest,
    example={
        "userId": "alice",
        "voids": {"source": "/billing", "id": "top-up-7731"},
        "reason": "Paid twice",
    },
    headers=(IDEMPOTENCY_KEY,),
)


class CreditRoutes:
    """The routes of prepaid credit; without a stream, granting answers 503."""

    def __init__(
        self, credit: Credits, stream: EventStream | None, limits: RequestLimits, now: Clock
    ) -> None:
        self._credit = credit
        self._stream = stream
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        void = f"{_ADMIN_PATH}/void"
        return (
            Route("GET", _PATH, Access.SELF, self.read, _READ),
            Route("PUT", _PATH, Access.SELF, self.change, _CHANGE),
            Route("POST", _ADMIN_PATH, Access.ADMIN, self.grant, _GRANT),
            Route("POST", void, Access.ADMIN, self.void, _VOID),
        )

    async def read(self, request: web.Request) -> web.Response:
        """Return the user's balance and grants."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        return reply(credit_body(user_id, await self._credit.read(viewer, user_id, self._now())))

    async def change(self, request: web.Request) -> web.Response:
        """Change when the user is warned of a low balance."""
        viewer, user_id = request[CALLER].viewer, request.match_info["userId"]
        body = await read_json(request, self._limits, bodies.CreditChange)
        now, change = self._now(), _change(body)
        status = await self._credit.change_low_balance(viewer, user_id, change, now)
        return reply(credit_body(user_id, status))

    async def grant(self, request: web.Request) -> web.Response:
        """Grant credit to a user; it counts once the stream's worker reads it."""
        body = await read_json(request, self._limits, bodies.GrantRequest)
        _require_user(body.user_id)
        if not bounded("amount", body.amount, MAX_LIMIT_USD):
            raise invalid_body("`amount` must be above 0.")
        if body.expires_at is not UNSET and body.expires_at <= self._now():
            raise invalid_body("`expiresAt` must be in the future.")
        return await self._send(request, lambda context: grant_event(body, context))

    async def void(self, request: web.Request) -> web.Response:
        """Void a grant; it counts once the stream's worker reads it."""
        body = await read_json(request, self._limits, bodies.GrantVoidRequest)
        _require_user(body.user_id)
        return await self._send(request, lambda context: grant_void_event(body, context))

    async def _send(
        self, request: web.Request, event_of: Callable[[IntakeContext], CheckedEvent]
    ) -> web.Response:
        """Answer 202 once the stream has the event; raises the Problem 400 or 503."""
        context = IntakeContext(request[CALLER].user_id, idempotency_key_of(request), self._now())
        stream = require_stream(self._stream)
        try:
            event = event_of(context)
        except Refused as refusal:
            raise refused(refusal) from None
        await publish(stream, [event])
        return accepted([event])


def _change(body: bodies.CreditChange) -> LowBalanceChange:
    """Return a change; raises the Problem 400."""
    change = LowBalanceChange()
    if body.low_balance_usd is not UNSET:
        amounts = {
            nano_from_usd(bounded("lowBalance_usd", amount, MAX_LIMIT_USD))
            for amount in body.low_balance_usd
        }
        change = change._replace(amounts=sorted(amounts - {0}, reverse=True), has_amounts=True)
    if body.low_balance_days is not UNSET:
        change = change._replace(days=body.low_balance_days, has_days=True)
    return change


def _require_user(user_id: str) -> None:
    if (flaw := identifier_error(user_id)) is not None:
        raise invalid_body(f"`userId` {flaw}.")


def credit_body(user_id: str, status: CreditStatus) -> bodies.Credit:
    """Return the response body; valid grants first, in the order of draws, then the latest."""
    account = status.account
    balance = Balance({}, {}, 0) if account is None else account.balance
    drawable = [grant_id for grant_id, nano in balance.remaining.items() if nano]
    places = {grant_id: place for place, grant_id in enumerate(drawable)}
    grants = sorted(status.grants, key=lambda row: places.get(row.grant_id, len(places)))
    return bodies.Credit(
        user_id=user_id,
        balance_usd=None if account is None else Usd(balance.nano),
        held_usd=Usd(status.held_nano),
        available_usd=None if account is None else Usd(max(0, balance.nano - status.held_nano)),
        charged_per_day_usd=Usd(0 if account is None else charged_per_day(account)),
        lasts_until=None if account is None else lasts_until(account, status.now),
        low_balance_usd=[Usd(nano) for nano in low_balances(status.low_balances_nano) if nano],
        low_balance_days=status.low_balance_days,
        grants=[_grant(row, balance, status.now) for row in grants],
        alerts=[decode(bodies.BalanceAlert, alert.encode()) for alert in status.alerts],
        ending_alerts=[
            decode(bodies.BalanceEndingAlert, alert.encode()) for alert in status.ending_alerts
        ],
    )


def _grant(row: GrantRow, balance: Balance, now: datetime) -> bodies.Grant:
    remaining = balance.remaining.get(row.grant_id, 0)
    return bodies.Grant(
        grant_id=row.grant_id,
        source=row.source,
        id=row.event_id,
        state=state_of(row, remaining, now),
        amount_usd=Usd(row.amount_nano),
        remaining_usd=Usd(remaining),
        expired_usd=Usd(balance.expired.get(row.grant_id, 0)),
        priority=row.priority,
        granted_at=row.granted_at,
        expires_at=row.expires_at,
        valid_from=row.starts_at,
        valid_until=None if row.ends_at == NEVER else row.ends_at,
        note=row.note,
        void_reason=row.void_reason,
    )
