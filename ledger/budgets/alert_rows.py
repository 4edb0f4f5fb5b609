"""Reads and locks the data of budget decisions, and writes alerts and commands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ledger.budgets.alert_messages import AlertContext, alert_event, cutoff_event
from ledger.budgets.call_steps import decode_steps
from ledger.budgets.everyone_spend import read_everyone_spend
from ledger.budgets.limits import Limits
from ledger.budgets.scope_rows import read_windows
from ledger.budgets.scoped import decode_budgets
from ledger.budgets.windows import SpendWindow
from ledger.postgres.database import Connection, Record, affected_rows
from ledger.postgres.statements import statements
from ledger.postgres.viewers import StoreUnavailableError
from ledger.tracing.message_traces import note_traces
from schemas.alerts import ALERT_TYPE, CUTOFF_TYPE, BudgetAlert, CutoffRequest, SpendBasis
from schemas.jsonio import encode

_SQL: Final = statements("budgets/alerts")

BUDGET_ALERT: Final = "budget-alert"
CALL_COMMAND: Final = "call-command"
ANOMALY: Final = "cost-anomaly"


class OutboxMessage(NamedTuple):
    """A message of the outbox; `kind` selects the topic."""

    seq: int
    kind: str
    key: str
    payload: str
    created_at: datetime


async def lock_budgets(
    connection: Connection, user_ids: Sequence[str], unknown: Sequence[str]
) -> dict[str, Limits]:
    """Lock the settings of users, and return the limits of users that have any.

    The `unknown` users may have no settings yet; they get a row that can be locked.
    """
    rows = await connection.fetch(*_SQL.bind("lock_budgets", user_ids=user_ids, unknown=unknown))
    if rows[0]["locked_count"] < len(user_ids):  # another session inserted settings meanwhile
        rows = await connection.fetch(*_SQL.bind("lock_budgets", user_ids=user_ids, unknown=()))
    return {row["user_id"]: limits_of(row) for row in rows if row["user_id"] is not None}


async def read_epoch(connection: Connection) -> int:
    """Return the ledger's epoch; raises StoreUnavailableError during a restore."""
    epoch: int | None = await connection.fetchval(_SQL["epoch"])
    if epoch is None:
        raise StoreUnavailableError("a restore is running")
    return epoch


def limits_of(row: Record) -> Limits:
    """Return the limits of a settings row."""
    return Limits(
        user_id=row["user_id"],
        daily_nano=row["daily_limit_nano"],
        monthly_nano=row["monthly_limit_nano"],
        call_nano=row["call_limit_nano"],
        daily_version=row["daily_limit_version"],
        monthly_version=row["monthly_limit_version"],
        call_version=row["call_limit_version"],
        warning_percent=row["alert_threshold_percent"],
        extra_thresholds=tuple(row["thresholds"]),
        timezone=row["timezone"],
        auto_cutoff=row["auto_cutoff"],
        call_steps=decode_steps(row["call_steps"]),
        budgets=decode_budgets(row["budgets"]),
        has_credit=row["has_credit"],
    )


async def read_spend(
    connection: Connection, windows: Sequence[SpendWindow], basis: SpendBasis
) -> list[int]:
    """Return the spend of each window, in nano-dollars."""
    of_users = [window for window in windows if window.scope is None]
    scoped = [window for window in windows if window.scope is not None]
    of_all = [window for window in scoped if window.is_of_all_users]
    of_scopes = [window for window in scoped if not window.is_of_all_users]
    found = dict(zip(of_scopes, await read_windows(connection, of_scopes, basis), strict=True))
    found |= zip(of_all, await read_everyone_spend(connection, of_all, basis), strict=True)
    if of_users:
        users, starts, ends, _ = zip(*of_users, strict=True)
        rows = await connection.fetch(
            *_SQL.bind("spend", user_ids=users, starts=starts, ends=ends, by_cost=basis == "cost")
        )
        found |= zip(of_users, (int(row["nano"]) for row in rows), strict=True)
    return [found[window] for window in windows]


async def read_alert_contexts(
    connection: Connection, windows: Sequence[SpendWindow], since: datetime, basis: SpendBasis
) -> list[AlertContext]:
    """Return each window's costs by service on its UTC days, and its user's spend `since`."""
    results: list[AlertContext] = [AlertContext({}, 0) for _ in windows]
    contexts = _SQL.bind(
        "alert_contexts",
        user_ids=[window.user_id for window in windows],
        first_days=[window.start.date() for window in windows],
        last_days=[(window.end - timedelta(microseconds=1)).date() for window in windows],
        since=since,
        by_cost=basis == "cost",
    )
    rows = await connection.fetch(*contexts)
    for row in rows:
        index = row["ordinality"] - 1
        if row["service"] is None:
            results[index] = AlertContext(results[index].costs, int(row["nano"]))
        else:
            results[index].costs[row["service"]] = int(row["nano"])
    return results


async def raise_alerts(connection: Connection, alerts: Sequence[BudgetAlert]) -> int:
    """Insert alerts, and the messages of new ones that are not late into the outbox, in order.

    Returns the number of messages.
    """
    payloads = [None if a.late else encode(alert_event(a)).decode() for a in alerts]
    statement = _SQL.bind(
        "raise",
        alert_ids=[alert.alert_id for alert in alerts],
        user_ids=[alert.user_id for alert in alerts],
        types=[alert.type for alert in alerts],
        periods=[_stored_period(alert) for alert in alerts],
        thresholds=[alert.threshold_percent.value for alert in alerts],
        limit_versions=[alert.limit_version for alert in alerts],
        late=[alert.late for alert in alerts],
        triggered_at=[alert.triggered_at for alert in alerts],
        data=[encode(alert).decode() for alert in alerts],
        payloads=payloads,
        event_type=ALERT_TYPE,
        aggregate_type=BUDGET_ALERT,
    )
    await note_traces(connection, ((alert.alert_id, alert.crossed_by) for alert in alerts))
    return affected_rows(await connection.execute(*statement))


def _stored_period(alert: BudgetAlert) -> str:
    """Return the period in the unique key: that of a scoped budget begins with its id."""
    return alert.period if alert.budget_id is None else f"{alert.budget_id} {alert.period}"


async def request_cutoff(connection: Connection, request: CutoffRequest) -> bool:
    """Insert a request to end a call; returns whether it is the first at this limit version."""
    await note_traces(connection, [(request.command_id, request.crossed_by)])
    status = await connection.execute(
        *_SQL.bind(
            "request_cutoff",
            call_id=request.call_id,
            limit_version=request.limit_version,
            command_id=request.command_id,
            user_id=request.user_id,
            requested_at=request.requested_at,
            aggregate_type=CALL_COMMAND,
            event_type=CUTOFF_TYPE,
            cause="limit" if request.anomaly_id is None else "stuck",
            reason=request.reason,
            payload=encode(cutoff_event(request)).decode(),
        ),
    )
    return affected_rows(status) == 1


@asynccontextmanager
async def publishing_lock(connection: Connection) -> AsyncIterator[None]:
    """Hold the publishing lock for the duration of the block, which is one transaction.

    If the block fails, the connection must be closed.
    """
    await connection.execute(_SQL["begin_publishing"])
    yield
    await connection.execute(_SQL["end_publishing"])


async def take_messages(connection: Connection, limit: int) -> list[OutboxMessage]:
    """Return the oldest messages."""
    rows = await connection.fetch(*_SQL.bind("take", limit=limit))
    return [OutboxMessage(*row) for row in rows]


async def drop_messages(connection: Connection, messages: Sequence[OutboxMessage]) -> None:
    """Delete messages that are confirmed in Kafka."""
    await connection.execute(*_SQL.bind("sent", seqs=[message.seq for message in messages]))
