"""Builds a call's message for sockets from its published total."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic_ns
from typing import Any, Final

import msgspec

from api.live.expectations import UsualDurations
from api.live.frames import text_frame
from api.live.projection import projected_nano
from api.live.state import CallState
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.live import LiveCall
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


def live_call(total: CallTotal, expectations: UsualDurations, now: datetime) -> LiveCall:
    """Return a call's message at the time `now`.

    Its rate is measured up to its last change, so that a pause between costs does not lower it.
    """
    return LiveCall(
        call_id=total.call_id,
        user_id=total.user_id,
        persona_id=total.persona_id,
        status=total.status,
        started_at=total.started_at,
        elapsed_seconds=Exact.of_milliseconds(elapsed_ms(total, now)),
        total_cost=total.total_cost,
        cost_by_service=total.cost_by_service,
        charged_to_user=total.charged_to_user,
        projected_cost=Usd(_projected(total, expectations)),
        version=total.version,
        updated_at=total.updated_at,
    )


def _projected(total: CallTotal, expectations: UsualDurations) -> int:
    if total.status != "active":
        return total.total_cost.nano
    expected = total.expected_duration_seconds
    expected_ms = (
        expectations.usual_ms(total.persona_id, total.user_id)
        if expected is None
        else int(expected * 1000)
    )
    once_nano = sum(
        cost.nano
        for service, cost in total.cost_by_service.items()
        if service in expectations.once_services
    )
    lasted_ms = elapsed_ms(total, total.updated_at)
    return projected_nano(total.total_cost.nano, once_nano, lasted_ms, expected_ms)


class CallViews:
    """Encodes the messages of states, each one once."""

    def __init__(
        self,
        expectations: UsualDurations,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._expectations = expectations
        self._now = now

    def body(self, state: CallState) -> bytes:
        """Return the JSON of a call, cached."""
        if state.body is None:
            total = _decode(state.text)
            state.body = encode(live_call(total, self._expectations, self._now()))
            state.body_at_ns = monotonic_ns()
        return state.body

    def discard_stale(self, state: CallState) -> None:
        """Discard the cached JSON of a call unless it is less than a second old."""
        if state.body is not None and monotonic_ns() - state.body_at_ns > _FRESH_NS:
            state.body = state.frame = None

    def frame(self, state: CallState) -> bytes:
        """Return the frame of a `call` message, cached for all sockets."""
        if state.frame is None:
            state.frame = text_frame(b'{"type":"call","call":' + self.body(state) + b"}")
        return state.frame
