"""Builds a call's message for sockets from its published total."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic_ns
from typing import Any, Final

import msgspec

from api.live.frames import text_frame
from api.live.projection import ProjectedCall, Projection, project
from api.live.state import CallVersion
from api.live.usual_calls import UsualCalls
from ledger.calls.charging import ExpectedCall
from ledger.charge_plans.plans import CallKind
from ledger.postgres.clock import Clock, system_time
from schemas.costs import TRANSACTION_SERVICES
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.live import LiveCall, LiveProjection
from schemas.money import Usd, nano_from_usd
from schemas.totals import CallTotal

_MILLISECOND: Final = timedelta(milliseconds=1)
_FRESH_NS: Final = 1_000_000_000


def _money(kind: type, value: Any) -> object:
    if kind is Usd:
        return Usd(nano_from_usd(Decimal(value)))
    raise NotImplementedError(kind.__name__)


_decode: Final = msgspec.json.Decoder(CallTotal, dec_hook=_money, float_hook=Decimal).decode


def elapsed_ms(total: CallTotal, now: datetime) -> int:
    """Return how long a call has lasted at `now`, or its duration if it has ended."""
    if total.status != "active" and total.duration_seconds:
        return int(total.duration_seconds * 1000)
    until = now if total.status == "active" else total.ended_at or total.updated_at
    if total.started_at is None:
        return 0
    return max(0, (until - total.started_at) // _MILLISECOND)


def live_call(total: CallTotal, usual_calls: UsualCalls, now: datetime) -> LiveCall:
    """Return a call's message at the time `now`.

    Its rate is measured up to its last change, so that a pause between costs does not lower it.
    """
    projection = _project(total, usual_calls, now)
    return LiveCall(
        call_id=total.call_id,
        user_id=total.user_id,
        persona_id=total.persona_id,
        tags=total.tags,
        status=total.status,
        started_at=total.started_at,
        elapsed_seconds=Exact.of_milliseconds(elapsed_ms(total, now)),
        total_cost=total.total_cost,
        cost_by_service=total.cost_by_service,
        charged_to_user=total.charged_to_user,
        projected_cost=total.total_cost if projection is None else Usd(projection.cost_nano),
        projection=None if projection is None else _in_dollars(projection),
        version=total.version,
        updated_at=total.updated_at,
    )


def _project(total: CallTotal, usual_calls: UsualCalls, now: datetime) -> Projection | None:
    if total.status != "active":
        return None
    expected = total.expected_duration_seconds
    call = ProjectedCall(
        elapsed_ms(total, total.updated_at),
        int(expected * 1000) if expected else None,
        {service: cost.nano for service, cost in total.cost_by_service.items()},
    )
    usual = usual_calls.usual(total.persona_id, total.user_id)
    has_fee = any(service in TRANSACTION_SERVICES for service in total.cost_by_service)
    fee_nano = 0 if has_fee else usual_calls.fee_nano(_expected_call(total, call), now)
    return project(call, usual, usual_calls.once_services, fee_nano)


def _expected_call(total: CallTotal, call: ProjectedCall) -> ExpectedCall:
    """Return the facts of a call's expected charge; its cost is the cost so far."""
    kind = CallKind(total.user_id, total.persona_id, total.tags)
    duration_ms = max(call.elapsed_ms, call.announced_ms or 0)
    return ExpectedCall(kind, duration_ms, sum(call.costs.values()))


def _in_dollars(projection: Projection) -> LiveProjection:
    return LiveProjection(
        low=Usd(projection.low_nano),
        high=Usd(projection.high_nano),
        duration_seconds=Exact.of_milliseconds(projection.duration_ms),
        due_once=Usd(projection.once_nano),
        based_on_calls=projection.calls,
    )


class CallViews:
    """Encodes the messages of states, each one once."""

    def __init__(
        self,
        usual_calls: UsualCalls,
        *,
        now: Clock = system_time,
    ) -> None:
        self._usual_calls = usual_calls
        self._now = now

    def body(self, state: CallVersion) -> bytes:
        """Return the JSON of a call, cached."""
        if state.body is None:
            total = _decode(state.text)
            state.body = encode(live_call(total, self._usual_calls, self._now()))
            state.body_at_ns = monotonic_ns()
        return state.body

    def discard_stale(self, state: CallVersion) -> None:
        """Discard the cached JSON of a call unless it is less than a second old."""
        if state.body is not None and monotonic_ns() - state.body_at_ns > _FRESH_NS:
            state.body = state.frame = None

    def frame(self, state: CallVersion) -> bytes:
        """Return the frame of a `call` message, cached for all sockets."""
        if state.frame is None:
            state.frame = text_frame(b'{"type":"call","call":' + self.body(state) + b"}")
        return state.frame
