"""Requests the steps before a call's end, in the transaction that changes its cost.

The steps of a limit are in order: warning, downgrade, end of the call. A batch requests the last
step that is on and that the cost has reached. A step is requested once for each call and limit
version, and never after a later step. So the last step that a batch reaches replaces the ones
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.bounded_set import BoundedSet
from ledger.budgets.call_steps import StepSettings
from ledger.budgets.crossings import find_crossing
from ledger.budgets.limits import FULL, Limits
from ledger.budgets.model_suggestions import ModelSuggestions
from ledger.budgets.positions import is_active_call
from ledger.budgets.step_messages import downgrade_request, step_id, warn_request
from ledger.budgets.step_rows import insert_step, note_missing_model
from ledger.budgets.thresholds import BudgetPosition, is_reached
from ledger.calls.event_rows import EventRow
from ledger.postgres.database import Connection
from schemas.call_steps import CallStep

STEPS_CACHED_MAX: Final = 50_000


class DueStep(NamedTuple):
    """A step that the cost of a call has reached, and its percentage of the limit."""

    position: BudgetPosition
    kind: CallStep
    percent: Decimal
    steps: StepSettings

    @property
    def command_id(self) -> UUID:
        return step_id(self.kind, self.position.period, self.position.limit.version)


def reached_step(
    position: BudgetPosition, steps: StepSettings, *, ends_calls: bool
) -> tuple[CallStep, Decimal] | None:
    """Return the last step that a cost has reached; None before the first, and at the end."""
    spend, limit = position.after_nano, position.limit.nano
    if ends_calls and is_reached(spend, FULL, limit):
        return None
    if steps.downgrade and is_reached(spend, steps.downgrade_at, limit):
        return "downgrade", steps.downgrade_at
    if steps.warn and is_reached(spend, steps.warn_at, limit):
        return "warn", steps.warn_at
    return None


class StepRequests:
    """Requests steps for one writer; remembers which ones it has requested."""

    def __init__(self) -> None:
        self._requested = BoundedSet(STEPS_CACHED_MAX)
        self._uncommitted: list[UUID] = []
        self._suggestions = ModelSuggestions()

    def begin(self) -> None:
        """Begin a transaction, and forget the requests of one that was rolled back."""
        self._uncommitted = []

    def committed(self) -> None:
        """Remember the requests that are now committed."""
        self._requested.add(self._uncommitted)

    async def request(
        self,
        connection: Connection,
        budgets: Mapping[str, Limits],
        positions: Iterable[BudgetPosition],
        entries: Sequence[EventRow],
        now: datetime,
    ) -> int:
        """Request the steps that are due; returns the number of messages to send.

        `entries` are the rows of the batch, which are inserted already.
        """
        due = [
            step for step in due_steps(budgets, positions) if step.command_id not in self._requested
        ]
        messages = 0
        for step in due:
            messages += await self._request(connection, step, entries, now)
        self._uncommitted = [step.command_id for step in due]
        return messages

    async def _request(
        self, connection: Connection, due: DueStep, entries: Sequence[EventRow], now: datetime
    ) -> int:
        crossed_by = find_crossing(due.position, due.percent, entries, "cost")
        if due.kind == "warn":
            sentence = due.steps.sentence
            warning = warn_request(due.position, due.percent, crossed_by, sentence, now)
            return await insert_step(connection, due.kind, warning)
        suggestion = await self._suggestions.best(connection, due.position, now)
        request = downgrade_request(due.position, due.percent, crossed_by, suggestion, now)
        if suggestion is None:
            await note_missing_model(connection, request)
            return 0
        return await insert_step(connection, due.kind, request)


def due_steps(budgets: Mapping[str, Limits], positions: Iterable[BudgetPosition]) -> list[DueStep]:
    """Return the steps that the costs of active calls have reached."""
    found = []
    for position in positions:
        if position.call is None:
            continue
        limits = budgets[position.user_id]
        steps = limits.steps_of(position.limit)
        if not steps.is_on or not is_active_call(position):
            continue
        reached = reached_step(position, steps, ends_calls=limits.ends_calls(position.limit))
        if reached is not None:
            found.append(DueStep(position, *reached, steps))
    return found
