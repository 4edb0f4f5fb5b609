"""Reads the topics of totals and alerts for one replica, and restarts after a failure."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from api.live.alerts import AlertMessage, AlertReader
from api.live.reconciler import StateReconciler
from api.live.tracing import FeedTracing
from ledger.postgres.viewers import StoreUnavailableError
from messaging.broker_log import TopicPartitionKey
from messaging.topic_reader import (
    LOG_ERRORS,
    LogChangedError,
    LogRecord,
    TopicReader,
    open_topic_reader,
)
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS

CHECK_SECONDS: Final = 5
PAUSE_SECONDS_MAX: Final = 5
LATE_ROUNDS_MAX: Final = 3

_TOPICS: Final = (CALL_TOTALS.name, BUDGET_ALERTS.name)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, ValueError, ArithmeticError)

_log: Final = logging.getLogger(__name__)


class TopicFollower:
    """Dispatches records of the topics. `is_ready` is set once the live state has been current."""

    def __init__(
        self,
        client_options: Mapping[str, Any],
        on_total: Callable[[bytes], None],
        on_alert: Callable[[AlertMessage], None],
        flush: Callable[[], None],
        tracing: FeedTracing | None = None,
    ) -> None:
        """`flush` is called after each poll that dispatched records."""
        self._client_options = client_options
        self._on_total = on_total
        self._on_alert = on_alert
        self._flush = flush
        self._tracing = tracing
        self._alerts = AlertReader()
        self._alert_positions: dict[TopicPartitionKey, int] = {}
        self._records = 0
        self.is_listening = False
        self.is_ready = False

    async def run(self, reconciler: StateReconciler) -> None:
        """Read until cancelled; failures are logged and retried."""
        pause = 0
        while True:
            try:
                async with open_topic_reader(
                    self._client_options, _TOPICS, self._alert_positions
                ) as log:
                    pause = 0
                    await self._follow(log, reconciler)
            except LOG_ERRORS as error:
                pause = min(pause + 1, PAUSE_SECONDS_MAX)
                reason = str(error) or type(error).__name__
                _log.warning("no topics: %s", reason, extra={"action": "feed_without_topics"})
            finally:
                self.is_listening = False
            await asyncio.sleep(pause)

    async def _follow(self, log: TopicReader, reconciler: StateReconciler) -> None:
        """Dispatch records, from a position taken before the database is read: none is missed."""
        self.is_listening = True
        await _wait_until_current(reconciler)
        self.is_ready = True
        _log.info("the feed follows the topics", extra={"action": "feed_listening"})
        checked_ns, records_at_agreement = time.monotonic_ns(), self._records
        was_silent = False
        while True:
            records = await log.poll()
            falls_silent, was_silent = not (records or was_silent), not records
            if records:
                self._dispatch(records)
            self._alert_positions = {
                partition: position
                for partition, position in log.positions.items()
                if partition[0] == BUDGET_ALERTS.name
            }
            due = time.monotonic_ns() - checked_ns > CHECK_SECONDS * 1_000_000_000
            if due or falls_silent:  # an emptied topic sends no more records
                checked_ns = time.monotonic_ns()
                await log.check()
                if (
                    reconciler.late_rounds >= LATE_ROUNDS_MAX
                    and records_at_agreement == self._records
                ):
                    raise LogChangedError("no records, although the database changes")
                if not reconciler.late_rounds:
                    records_at_agreement = self._records
            await asyncio.sleep(0)  # a full poll returns without waiting

    def _dispatch(self, records: list[LogRecord]) -> None:
        self._records += len(records)
        if self._tracing is not None:
            self._tracing.start()
        for record in records:
            if record.value is None:
                continue
            try:
                if record.topic == CALL_TOTALS.name:
                    self._on_total(record.value)
                else:
                    alert = self._alerts.read(record.value, record.headers, record.age_seconds)
                    if alert is not None:
                        self._on_alert(alert)
            except _UNREADABLE as error:
                _log.warning(
                    "cannot decode a record of %s: %s",
                    record.topic,
                    error,
                    extra={"action": "feed_record_unreadable"},
                )
            if self._tracing is not None:
                self._tracing.note_dispatched(record)
        self._flush()
        if self._tracing is not None:
            self._tracing.record_spans()


async def _wait_until_current(reconciler: StateReconciler) -> None:
    """Wait until the live state agrees with the database, however long that is unavailable."""
    while True:
        try:
            await reconciler.wait_until_current(None)
        except StoreUnavailableError:
            await asyncio.sleep(1)
        else:
            return
