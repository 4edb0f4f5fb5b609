"""The costs of the last ten minutes by service, per user and over all users, in steps of 5 seconds.

A step contains the increase of the calls' published totals during its five seconds. Steps are kept
in memory, so opening a page reads nothing from the database. A replica has no steps from before its
own start.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

import msgspec

from api.live.state import CallStateChange, CallVersion
from schemas.jsonio import wire_name

STEP_SECONDS: Final = 5
STEPS: Final = 120
USERS_MAX: Final = 2_000
"""Bounds the memory; beyond it, the users whose calls changed least recently have no history."""
_YIELD_EVERY: Final = 200
_LENGTH: Final = timedelta(seconds=STEPS * STEP_SECONDS)
_STEP_NS: Final = STEP_SECONDS * 1_000_000_000


class _Costs(msgspec.Struct, gc=False, rename=wire_name):
    started_at: datetime | None
    cost_by_service: dict[str, Decimal]

    def nano(self) -> dict[str, int]:
        """Return the costs in nano-dollars."""
        # Faster than `nano_from_usd`; published costs have at most nine decimals.
        return {service: int(usd.scaleb(9)) for service, usd in self.cost_by_service.items()}


_decode_costs: Final = msgspec.json.Decoder(_Costs, float_hook=Decimal).decode
_Steps: TypeAlias = deque[tuple[int, dict[str, int]]]
_Pending: TypeAlias = dict[str, tuple[CallVersion | None, CallVersion]]


class RecentSteps(NamedTuple):
    """Nano-dollars by service for each step since `since`; the last step has ended."""

    since: datetime
    steps: Sequence[Mapping[str, int]]


class CostHistory:
    """Collects changes of calls, and adds them up at the end of each step."""

    def __init__(
        self, *, users_max: int = USERS_MAX, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._users_max = users_max
        self._clock_ns = clock_ns
        self._first = self._step()
        self._pending: _Pending = {}
        self._of_all: _Steps = deque(maxlen=STEPS)
        self._of_user: OrderedDict[str, _Steps] = OrderedDict()

    def note(self, change: CallStateChange) -> None:
        """Record a change; decodes nothing, because most states are replaced within a step.

        Calls that were active before the history began must not be noted as new ones.
        """
        known = self._pending.get(change.after.call_id)
        if known is not None:
            self._pending[change.after.call_id] = (known[0], change.after)
        elif change.before is not None or not change.was_known:
            self._pending[change.after.call_id] = (change.before, change.after)

    async def run(self) -> None:
        """Add up each step when it ends, until cancelled."""
        while True:
            rest_ms = (_STEP_NS - self._clock_ns() % _STEP_NS) // 1_000_000 + 1
            await asyncio.sleep(rest_ms / 1_000)
            await self.close_step()

    async def close_step(self) -> None:
        """Add the changes so far to the step that has just ended."""
        step = self._step() - 1
        pending, self._pending = self._pending, {}
        for number, (before, after) in enumerate(pending.values(), start=1):
            self._add_change(step, before, after)
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        while self._of_user:
            user_id, steps = next(iter(self._of_user.items()))
            if len(self._of_user) <= self._users_max and steps[-1][0] > step - STEPS:
                return
            del self._of_user[user_id]

    def recent(self, user_id: str | None) -> RecentSteps:
        """Return the steps of a user, or of all users if None."""
        end = self._step()
        first = max(self._first, end - STEPS)
        known = dict(self._of_all if user_id is None else self._of_user.get(user_id, ()))
        steps = [known.get(step, {}) for step in range(first, end)]
        return RecentSteps(_time_of(first), steps)

    def _step(self) -> int:
        return self._clock_ns() // _STEP_NS

    def _add_change(self, step: int, before: CallVersion | None, after: CallVersion) -> None:
        costs = _decode_costs(after.text)
        if before is None:
            # A call that is not new has costs of unknown earlier steps.
            new_since = max(_time_of(self._first), _time_of(step) - _LENGTH)
            if costs.started_at is not None and costs.started_at < new_since:
                return
        rises = costs.nano()
        if before is not None and before.user_id != after.user_id:
            self._add(
                step,
                before.user_id,
                {service: -nano for service, nano in _decode_costs(before.text).nano().items()},
            )
        elif before is not None:
            for service, nano in _decode_costs(before.text).nano().items():
                rises[service] = rises.get(service, 0) - nano
        self._add(step, after.user_id, rises)

    def _add(self, step: int, user_id: str, rises: Mapping[str, int]) -> None:
        steps = self._of_user.get(user_id)
        if steps is None:
            steps = self._of_user[user_id] = deque(maxlen=STEPS)
        self._of_user.move_to_end(user_id)
        for sums in (_sums_of(steps, step), _sums_of(self._of_all, step)):
            for service, nano in rises.items():
                if nano:
                    sums[service] = sums.get(service, 0) + nano


def _time_of(step: int) -> datetime:
    return datetime.fromtimestamp(step * STEP_SECONDS, UTC)


def _sums_of(steps: _Steps, step: int) -> dict[str, int]:
    """Return the sums of the newest step, which is `step`."""
    if not steps or steps[-1][0] != step:
        steps.append((step, {}))
    return steps[-1][1]
