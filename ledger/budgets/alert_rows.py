"""Reads and locks what budgets are decided by, and writes what was decided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ledger.budgets.alert_messages import Background, alert_event, cutoff_event
from ledger.budgets.limits import Limits
from ledger.postgres.arrays import any_array, int_array, text_array
from ledger.postgres.database import Connection, Record, affected
from ledger.postgres.statements import statements
from schemas.alerts import ALERT_TYPE, CUTOFF_TYPE, BudgetAlert, CutoffRequest, SpendBasis
from schemas.jsonio import encode

_SQL: Final = statements("budgets/alerts")
_SPEND: Final[dict[SpendBasis, str]] = {"charged": "spend_by_charge", "cost": "spend_by_cost"}

BUDGET_ALERT: Final = "budget-alert"
CALL_COMMAND: Final = "call-command"
ANOMALY: Final = "cost-anomaly"


class Span(NamedTuple):
    """A user's time from `start` to before `end`."""

    user_id: str
    start: datetime
    end: datetime


class Message(NamedTuple):
    """A message of the outbox; `kind` says which topic, `created_at` when it was decided."""

    seq: int
    kind: str
    key: str
    payload: str
    created_at: datetime


async def lock_budgets(
    connection: Connection, user_ids: Sequence[str], unknown: Sequence[str]
) -> dict[str, Limits]:
    """Lock the settings of users, and return the limits of those with any.

    The `unknown` among them may have no settings yet; they get a row to be locked by.
    """
    rows = await connection.fetch(_SQL["lock_budgets"], text_array(user_ids), text_array(unknown))
    if rows[0]["locked_count"] < len(user_ids):  # somebody else gave a user settings meanwhile
        rows = await connection.fetch(_SQL["lock_budgets"], text_array(user_ids), text_array(()))
    return {row["user_id"]: limits_of(row) for row in rows if row["user_id"] is not None}


def limits_of(row: Record) -> Limits:
    """Return a row of settings as limits."""
    return Limits(
        user_id=row["user_id"],
        daily_nano=row["daily_limit_nano"],
        monthly_nano=row["monthly_limit_nano"],
        call_nano=row["call_limit_nano"],
        daily_version=row["daily_limit_version"],
        monthly_version=row["monthly_limit_version"],
        call_version=row["call_limit_version"],
        warning_percent=row["alert_threshold_percent"],
        further=tuple(row["thresholds"]),
        timezone=row["timezone"],
        auto_cutoff=row["auto_cutoff"],
    )


async def read_spend(connection: Connection, spans: Sequence[Span], basis: SpendBasis) -> list[int]:
    """Return what was spent in each span, in nano-dollars."""
    if not spans:
        return []
    users, starts, ends = zip(*spans, strict=True)
    rows = await connection.fetch(
        _SQL[_SPEND[basis]], text_array(users), any_array(starts), any_array(ends)
    )
    return [int(row["nano"]) for row in rows]


async def read_backgrounds(
    connection: Connection, spans: Sequence[Span], since: datetime, basis: SpendBasis
) -> list[Background]:
    """Return what each service cost on the UTC days of each span, and what was spent `since`."""
    found: list[Background] = [Background({}, 0) for _ in spans]
    columns = zip(*((s.user_id, s.start.date(), _last_day(s)) for s in spans), strict=True)
    rows = await connection.fetch(
        _SQL["backgrounds"], *map(any_array, columns), since, basis == "cost"
    )
    for row in rows:
        place = row["place"] - 1
        if row["service"] is None:
            found[place] = Background(found[place].costs, int(row["nano"]))
        else:
            found[place].costs[row["service"]] = int(row["nano"])
    return found


def _last_day(span: Span) -> date:
    return (span.end - timedelta(microseconds=1)).date()


async def raise_alerts(connection: Connection, alerts: Sequence[BudgetAlert]) -> int:
    """Record alerts and hand those that are new, but not late, to the outbox in this order.

    Returns how many messages that were.
    """
    columns = zip(
        *(
            (
                alert.alert_id,
                alert.user_id,
                alert.type,
                alert.period,
                alert.threshold_percent.value,
                alert.limit_version,
                alert.late,
                alert.triggered_at,
                encode(alert).decode(),
                ALERT_TYPE,
                None if alert.late else encode(alert_event(alert)).decode(),
            )
            for alert in alerts
        ),
        strict=True,
    )
    status = await connection.execute(_SQL["raise"], *map(any_array, columns), BUDGET_ALERT)
    return affected(status)


async def request_cutoff(connection: Connection, request: CutoffRequest) -> bool:
    """Record a request to end a call; returns whether it is the first at this limit version."""
    status = await connection.execute(
        _SQL["request_cutoff"],
        request.call_id,
        request.limit_version,
        request.command_id,
        request.user_id,
        request.requested_at,
        CALL_COMMAND,
        CUTOFF_TYPE,
        encode(cutoff_event(request)).decode(),
    )
    return affected(status) == 1


@asynccontextmanager
async def publishing_turn(connection: Connection) -> AsyncIterator[None]:
    """Publish in turn: for the length of the block, and one transaction, nobody else does.

    A connection on which the block fails has to be closed.
    """
    await connection.execute(_SQL["begin_turn"])
    yield
    await connection.execute(_SQL["end_turn"])


async def take_messages(connection: Connection, most: int) -> list[Message]:
    """Return the oldest messages to publish."""
    rows = await connection.fetch(_SQL["take"], most)
    return [Message(*row) for row in rows]


async def drop_messages(connection: Connection, messages: Sequence[Message]) -> None:
    """Drop messages that are known to be in Kafka."""
    await connection.execute(_SQL["sent"], int_array(message.seq for message in messages))
