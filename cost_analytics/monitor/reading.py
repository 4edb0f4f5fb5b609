"""Reads what `top` shows, from PostgreSQL and Kafka, and connects again after an error."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import CommandError, using_database, using_kafka
from cost_analytics.lag import lag
from cost_analytics.monitor.rates import MonitorReading, RecentReadings, costs_of
from ledger.operations.activity import ActiveCall, RaisedAlert, active_calls, newest_alerts
from ledger.operations.figures import ProductFigures, read_figures
from ledger.postgres.database import Connection, connect
from messaging.cluster import TopicEnds
from schemas.topics import CALL_EVENTS

CALLS_MAX: Final = 500
ALERTS_MAX: Final = 20
_ACTIVE_WITHIN: Final = timedelta(hours=4)
_CONNECTION_NAME: Final = "cost-analytics top"


class Snapshot(NamedTuple):
    """The state of the product at a moment; `waiting` is None if Kafka does not answer."""

    at: datetime
    figures: ProductFigures
    calls: list[ActiveCall]
    alerts: list[RaisedAlert]
    waiting: int | None
    partitions: int
    problem: str = ""


class Monitor:
    """Reads snapshots; `rates` are of the last of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: Connection | None = None
        self._ends = TopicEnds(settings.kafka.client(), CALL_EVENTS.name)
        self.rates = RecentReadings()

    async def read(self) -> Snapshot:
        """Read a snapshot; raises CommandError if PostgreSQL does not answer."""
        try:
            with using_database(self._settings.database_url):
                snapshot = await self._read(await self._connected())
        except CommandError:
            await self._disconnect()
            raise
        records = sum(position.records for position in snapshot.figures.positions)
        now_ms = time.monotonic_ns() // 1_000_000
        self.rates.add(MonitorReading(now_ms, records, costs_of(snapshot.calls)))
        return snapshot

    async def close(self) -> None:
        """Close the connections."""
        await self._disconnect()
        await self._ends.close()

    async def _read(self, connection: Connection) -> Snapshot:
        now = datetime.now(UTC)
        figures = await read_figures(connection)
        calls = await active_calls(connection, updated_after=now - _ACTIVE_WITHIN, limit=CALLS_MAX)
        alerts = await newest_alerts(connection, ALERTS_MAX)
        snapshot = Snapshot(now, figures, calls, alerts, None, figures.partitions_held)
        try:
            with using_kafka(self._settings.kafka):
                log = await self._ends.read()
        except CommandError as error:
            return snapshot._replace(problem=str(error))
        return snapshot._replace(waiting=lag(figures, log).waiting, partitions=len(log.partitions))

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = await connect(
                self._settings.database_url.reveal(), name=_CONNECTION_NAME
            )
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
