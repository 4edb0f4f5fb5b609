"""Reads the data of anomaly detection, of all users, and writes anomalies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from ledger.anomalies.call_spikes import (
    OTHERS_CALLS_MAX,
    OWN_CALLS_MAX,
    CallHistory,
    CheckedCall,
    PastCall,
)
from ledger.anomalies.findings import Finding, anomaly_event
from ledger.budgets.alert_rows import ANOMALY
from ledger.calls.call import decode_costs_by_service
from ledger.postgres.database import Connection
from ledger.postgres.pool import Pool, connection_pool
from ledger.postgres.statements import statements
from schemas.anomalies import ANOMALY_TYPE, AnomalyKind
from schemas.jsonio import encode

_SQL: Final = statements("anomalies/anomalies")

CONNECTIONS_MAX: Final = 2
STATEMENT_TIMEOUT_MS: Final = 60_000
ACQUIRE_TIMEOUT_SECONDS: Final = 10


class CatalogueOperation(NamedTuple):
    """An operation of a service in the catalogue, and the service's class."""

    service: str
    service_class: str
    operation: str


class OpenAnomaly(NamedTuple):
    """An open anomaly of a call."""

    anomaly_id: str
    call_id: str
    kind: AnomalyKind
    part: str


class StoredDayAnomaly(NamedTuple):
    """An anomaly of a user's day; `excess_nano` is the amount above the expected cost."""

    user_id: str
    kind: AnomalyKind
    part: str
    anomaly_id: str
    is_open: bool
    excess_nano: int


class ServiceDayCost(NamedTuple):
    """The cost of a service for a user on a UTC day."""

    user_id: str
    day: date
    service: str
    nano: int


class AnomalyStore:
    """Opens transactions of anomaly detection, from a pool that the caller closes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Open a transaction; raises `database.TRANSIENT_ERRORS`."""
        async with (
            self._pool.borrow(ACQUIRE_TIMEOUT_SECONDS) as connection,
            connection.transaction(),
        ):
            yield connection


@asynccontextmanager
async def anomaly_store(url: str) -> AsyncIterator[AnomalyStore]:
    """Open a store for the duration of the block; raises OSError or a PostgreSQL error."""
    async with connection_pool(
        url,
        name="cost-analytics anomalies",
        connections_max=CONNECTIONS_MAX,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    ) as pool:
        yield AnomalyStore(pool)


async def read_operations(connection: Connection) -> list[CatalogueOperation]:
    """Return the operations of all services in the catalogue."""
    return [CatalogueOperation(*row) for row in await connection.fetch(_SQL["operations"])]


async def read_calls(connection: Connection, call_ids: Sequence[str]) -> list[CheckedCall]:
    """Return those of the calls that have a known user."""
    rows = await connection.fetch(*_SQL.bind("calls", call_ids=call_ids))
    return [
        CheckedCall(**(dict(row) | {"costs": decode_costs_by_service(row["costs"])}))
        for row in rows
    ]


async def read_histories(
    connection: Connection, calls: Sequence[CheckedCall]
) -> dict[str, CallHistory]:
    """Return the histories that calls are compared with, by call id."""
    if not calls:
        return {}
    own = _SQL.bind(
        "own_calls",
        call_ids=[call.call_id for call in calls],
        user_ids=[call.user_id for call in calls],
        first_at=[call.first_at for call in calls],
        limit=OWN_CALLS_MAX,
    )
    persona_calls = _SQL.bind(
        "persona_calls",
        personas=[call.persona_id for call in calls],
        user_ids=[call.user_id for call in calls],
        ended_at=[call.ended_at or call.updated_at for call in calls],
        limit=OTHERS_CALLS_MAX,
    )
    own_past, others_past = (
        await _read_past_calls(connection, own),
        await _read_past_calls(connection, persona_calls),
    )
    return {
        call.call_id: CallHistory(own_past.get(number, ()), others_past.get(number, ()))
        for number, call in enumerate(calls, start=1)
    }


async def _read_past_calls(
    connection: Connection, statement: tuple[Any, ...]
) -> dict[int, list[PastCall]]:
    past_calls: dict[int, list[PastCall]] = {}
    for row in await connection.fetch(*statement):
        costs = decode_costs_by_service(row["costs"])
        past = PastCall(row["user_id"], row["persona_id"], row["duration_ms"], costs)
        past_calls.setdefault(row["number"], []).append(past)
    return past_calls


async def read_recorded_operations(
    connection: Connection, call_ids: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """Return the services and operations recorded for calls and not voided."""
    operations: dict[str, list[tuple[str, str]]] = {}
    if call_ids:
        rows = await connection.fetch(*_SQL.bind("recorded_operations", call_ids=call_ids))
        for call_id, service, operation in rows:
            operations.setdefault(call_id, []).append((service, operation))
    return operations


async def read_open_anomalies(connection: Connection, call_ids: Sequence[str]) -> list[OpenAnomaly]:
    """Return the open anomalies of calls that detection finds."""
    rows = await connection.fetch(*_SQL.bind("open_of_calls", call_ids=call_ids))
    return [OpenAnomaly(*row) for row in rows]


async def write_findings(connection: Connection, findings: Sequence[Finding]) -> set[str]:
    """Insert anomalies, each cause once, with messages about the new ones.

    Returns the ids of the new ones. Resolved ones are reopened.
    """
    if not findings:
        return set()
    ordered = sorted(findings, key=lambda finding: finding.anomaly.anomaly_id)
    columns = _columns(ordered)
    statement = _SQL.bind("raise", **columns, event_type=ANOMALY_TYPE, aggregate_type=ANOMALY)
    rows = await connection.fetch(*statement)
    new = {row["id"] for row in rows}
    existing = [anomaly_id for anomaly_id in columns["anomaly_ids"] if anomaly_id not in new]
    if existing:
        await connection.execute(*_SQL.bind("reopen", anomaly_ids=existing))
    return new


def _columns(findings: Sequence[Finding]) -> dict[str, list[object]]:
    causes = [finding.cause for finding in findings]
    anomalies = [finding.anomaly for finding in findings]
    expected = [anomaly.expected_usd for anomaly in anomalies]
    return {
        "anomaly_ids": [anomaly.anomaly_id for anomaly in anomalies],
        "user_ids": [cause.user_id for cause in causes],
        "kinds": [cause.kind for cause in causes],
        "subjects": [cause.subject for cause in causes],
        "parts": [cause.part for cause in causes],
        "days": [anomaly.day for anomaly in anomalies],
        "observed_nano": [anomaly.observed_usd.nano for anomaly in anomalies],
        "expected_nano": [None if amount is None else amount.nano for amount in expected],
        "detected_at": [anomaly.detected_at for anomaly in anomalies],
        "data": [encode(anomaly).decode() for anomaly in anomalies],
        "payloads": [encode(anomaly_event(anomaly)).decode() for anomaly in anomalies],
    }


async def resolve_anomalies(
    connection: Connection, anomaly_ids: Sequence[str], now: datetime
) -> None:
    """Mark anomalies as resolved."""
    if anomaly_ids:
        await connection.execute(*_SQL.bind("resolve", anomaly_ids=sorted(anomaly_ids), now=now))


async def read_users_to_check(
    connection: Connection,
    user_ids: Sequence[str],
    day: date,
    excluded_services: Sequence[str],
    nano_min: int,
) -> dict[str, date]:
    """Return the users whose day must be checked, with the first day of their calls."""
    rows = await connection.fetch(
        *_SQL.bind(
            "costly_days",
            user_ids=user_ids,
            day=day,
            excluded_services=excluded_services,
            nano_min=nano_min,
        )
    )
    return {row["user_id"]: row["first_day"] for row in rows}


async def read_day_costs(
    connection: Connection,
    user_ids: Sequence[str],
    first: date,
    last: date,
    excluded_services: Sequence[str],
) -> list[ServiceDayCost]:
    """Return the cost of users by day and service, both days included."""
    rows = await connection.fetch(
        *_SQL.bind(
            "day_costs",
            user_ids=user_ids,
            first=first,
            last=last,
            excluded_services=excluded_services,
        )
    )
    return [
        ServiceDayCost(row["user_id"], row["day"], row["service"], int(row["nano"])) for row in rows
    ]


async def read_day_anomalies(
    connection: Connection, user_ids: Sequence[str], day: date
) -> list[StoredDayAnomaly]:
    """Return the anomalies of users on a day."""
    rows = await connection.fetch(*_SQL.bind("found_on_day", user_ids=user_ids, day=day))
    return [StoredDayAnomaly(*row) for row in rows]
