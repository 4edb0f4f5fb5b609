"""Writes the requests of steps before a call's end."""

from __future__ import annotations

from typing import Final

from ledger.budgets.alert_rows import CALL_COMMAND
from ledger.budgets.step_messages import EVENT_TYPES, step_event, step_id
from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.statements import statements
from ledger.tracing.message_traces import note_traces
from schemas.call_steps import CallStep, StepRequest
from schemas.jsonio import encode

_SQL: Final = statements("budgets/steps")

NO_CHEAPER_MODEL: Final = "The catalogue has no cheaper model for the usage of this call."


async def insert_step(connection: Connection, kind: CallStep, request: StepRequest) -> bool:
    """Insert a step and its message, unless it or a later one exists; returns whether it did."""
    await note_traces(connection, [(request.command_id, request.crossed_by)])
    inserted = _SQL.bind(
        "insert_step",
        command_id=request.command_id,
        call_id=request.call_id,
        user_id=request.user_id,
        kind=kind,
        limit_version=request.limit_version,
        later_ids=_later(kind, request.call_id, request.limit_version),
        reason=request.reason,
        payload=encode(step_event(kind, request)).decode(),
        requested_at=request.requested_at,
        aggregate_type=CALL_COMMAND,
        event_type=EVENT_TYPES[kind],
    )
    return affected_rows(await connection.execute(*inserted)) == 1


async def note_missing_model(connection: Connection, request: StepRequest) -> None:
    """Insert a downgrade that nothing can execute, because there is no cheaper model."""
    noted = _SQL.bind(
        "note_missing_model",
        command_id=request.command_id,
        call_id=request.call_id,
        user_id=request.user_id,
        limit_version=request.limit_version,
        reason=request.reason,
        payload=encode(step_event("downgrade", request)).decode(),
        outcome=NO_CHEAPER_MODEL,
        requested_at=request.requested_at,
    )
    await connection.execute(*noted)


def _later(kind: CallStep, call_id: str, limit_version: int) -> list[str]:
    """Return the ids of the later steps, except the end of the call."""
    return [str(step_id("downgrade", call_id, limit_version))] if kind == "warn" else []
