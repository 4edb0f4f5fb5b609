"""Sends due deliveries: claims them in PostgreSQL, sends them, and stores each result.

PostgreSQL holds the state; messages from Kafka only wake this worker. A delivery is claimed for a
limited time: after a crash its attempt is repeated under the same id. Storing a success is retried
many times, because an unrecorded success is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from ledger.notifications.deliveries import ClaimedDelivery, DeliveryStore
from ledger.notifications.retry_policy import (
    SCHEDULES,
    DeliveryResult,
    NextAttempt,
    RetrySchedule,
    storable_error,
)
from messaging.retries import Backoff, finish, wait_for_either
from schemas.deliveries import DeliveryRecord
from schemas.notices import ChannelType
from streams.metrics.attempts import DeliveryMeter, DeliveryOutcome
from streams.notifications.journal import DeliveryJournal
from streams.notifications.message_templates import TemplateError, notification_of
from streams.notifications.sender import ATTEMPT_MS, ChannelSender
from streams.retries import RETRYABLE_ERRORS, store_result
from streams.tracing.attempts import AttemptTracing

PENDING_MAX: Final = 1_000
FINISH_SECONDS: Final = 20
PRUNE_SECONDS: Final = 3_600

_DISABLED: Final = "Deliveries kept failing."
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How many attempts run concurrently, and how often due deliveries are claimed.

    `failing_max` of the `concurrent_max` attempts at a time may go to channels that failed last
    time, so that dead receivers leave room for others. A claim lasts `lease_seconds`. Links begin
    with `dashboard_url`.
    """

    concurrent_max: int = 40
    failing_max: int = 20
    lease_seconds: int = 60
    poll_ms: int = 1_000
    sweep_ms: int = 10_000
    schedules: Mapping[ChannelType, RetrySchedule] = field(default_factory=lambda: SCHEDULES)
    dashboard_url: str | None = None


class DeliveryWorker:
    """Delivers notifications through the configured senders."""

    def __init__(
        self,
        store: DeliveryStore,
        senders: Mapping[ChannelType, ChannelSender],
        options: DeliveryOptions | None = None,
        journal: DeliveryJournal | None = None,
        meter: DeliveryMeter | None = None,
        tracing: AttemptTracing | None = None,
    ) -> None:
        """Without a `journal` deliveries are not journaled, without `tracing` not traced."""
        self._store = store
        self._senders = senders
        self._options = options or DeliveryOptions()
        self._journal = journal
        self._meter = meter or DeliveryMeter()
        self._tracing = tracing
        self._pending: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._running: dict[asyncio.Task[None], ClaimedDelivery] = {}
        self._sweep_at_ns = 0
        self._prune_at_ns = 0

    def notify(self, alert_id: str) -> None:
        """Queue the deliveries of an alert soon; beyond PENDING_MAX alerts the sweep does it."""
        if len(self._pending) < PENDING_MAX:
            self._pending[alert_id] = None
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; running attempts get some time to finish."""
        backoff = Backoff()
        try:
            while not stop.is_set():
                try:
                    if self._journal is not None:
                        await self._journal.read_after_restore(self._running, stop)
                    await self._claim_due()
                    backoff.reset()
                except RETRYABLE_ERRORS as error:
                    _log.warning("deliveries failed: %s", error, extra={"action": "notices_retry"})
                    await backoff.wait(stop)
                await wait_for_either(stop, self._wake, self._options.poll_ms / 1000)
        finally:
            await finish(self._running, FINISH_SECONDS)

    async def _claim_due(self) -> None:
        """Queue deliveries of new and missed alerts, and start those that are due."""
        self._wake.clear()
        alert_ids = list(self._pending)
        if alert_ids:
            await self._store.queue(alert_ids)
            for alert_id in alert_ids:
                self._pending.pop(alert_id, None)
        await self._store.queue_notices()
        await self._sweep()
        free = self._options.concurrent_max - len(self._running)
        if free <= 0:
            return
        failing = sum(claim.failures > 0 for claim in self._running.values())
        failing_free = max(0, min(free, self._options.failing_max - failing))
        claims = await self._store.claim(free, failing_free, self._options.lease_seconds)
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim))
            self._running[task] = claim
            task.add_done_callback(self._on_done)
        self._meter.running(len(self._running))

    async def _sweep(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns >= self._sweep_at_ns:
            missed = await self._store.sweep()
            self._sweep_at_ns = now_ns + self._options.sweep_ms * 1_000_000
            if missed:
                _log.info(
                    "%d missing deliveries were queued",
                    missed,
                    extra={"action": "notices_swept", "deliveries": missed},
                )
            if self._journal is not None:
                await self._journal.write_missing()
            backlog = await self._store.backlog()
            if backlog.waiting:
                _log.info(
                    "%d deliveries are due, the first for %d s",
                    *backlog,
                    extra={"action": "notices_backlog", **backlog._asdict()},
                )
        if now_ns >= self._prune_at_ns:
            await self._store.prune_notices()
            self._prune_at_ns = now_ns + PRUNE_SECONDS * 1_000_000_000

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._meter.running(len(self._running))
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(
                "a delivery ended without an outcome",
                exc_info=error,
                extra={"action": "notice_lost_track"},
            )

    async def _deliver(self, claim: ClaimedDelivery) -> None:
        began_ns = time.monotonic_ns()
        result = await self._send(claim)
        duration_ms = (time.monotonic_ns() - began_ns) // 1_000_000
        is_journaled = (
            result.verdict == "delivered"
            and self._journal is not None
            and await self._journal.write([_journal_record(claim)])
        )
        store = partial(self._store_result, claim, result, duration_ms, is_journaled=is_journaled)
        await store_result(store, "notices_retry")

    async def _send(self, claim: ClaimedDelivery) -> DeliveryResult:
        sender = self._senders.get(claim.type)
        if sender is None:
            return DeliveryResult("temporary", error=f"{claim.type} is not configured.")
        try:
            async with asyncio.timeout(ATTEMPT_MS / 1000 + 1):
                return await sender.send(notification_of(claim, self._options.dashboard_url))
        except TemplateError as error:
            return DeliveryResult("permanent", error=storable_error(str(error)))
        except TimeoutError:
            return DeliveryResult("temporary", error="The attempt took too long.")
        except Exception as error:
            # An unexpected error of a sender must not lose the delivery: it is retried.
            _log.exception("the sender of %s failed", claim.type, extra={"action": "sender_failed"})
            return DeliveryResult("temporary", error=f"An internal error: {type(error).__name__}.")

    async def _store_result(
        self,
        claim: ClaimedDelivery,
        result: DeliveryResult,
        duration_ms: int,
        *,
        is_journaled: bool,
    ) -> None:
        fields = {
            "delivery": claim.delivery_id,
            "channel": claim.channel_id,
            "kind": claim.kind,
            "way": claim.type,
            "attempt": claim.number,
            "took_ms": duration_ms,
            "status": result.status,
        }
        if result.verdict == "delivered":
            await self._store.store_success(claim, result, duration_ms, is_journaled=is_journaled)
            await self._measure(claim, "delivered", duration_ms)
            _log.info("delivered", extra={"action": "notice_delivered", **fields})
            return
        step = self._options.schedules[claim.type].step(claim.number, claim.failures, result)
        disabled = await self._store.store_failure(
            claim, result, step, duration_ms, _reason_to_disable(claim, result, step)
        )
        outcome: DeliveryOutcome = "failed" if step.delay_ms is None else "postponed"
        await self._measure(claim, outcome, duration_ms)
        fields |= {"error": result.error, "again_in_ms": step.delay_ms}
        extra = {"action": f"notice_{outcome}", **fields}
        _log.warning("not delivered: %s", result.error, extra=extra)
        if disabled:
            _log.warning(
                "channel %s is disabled", claim.channel_id, extra={"action": "channel_disabled"}
            )

    async def _measure(
        self, claim: ClaimedDelivery, outcome: DeliveryOutcome, duration_ms: int
    ) -> None:
        """Measure and trace an attempt whose outcome is stored."""
        self._meter.attempted(claim.type, outcome, duration_ms)
        if self._tracing is not None:
            await self._tracing.record(
                f"deliver {claim.type}",
                claim.subject_id,
                claim.number,
                duration_ms,
                None if outcome == "delivered" else outcome,
                cost_analytics__outcome=outcome,
            )


def _journal_record(claim: ClaimedDelivery) -> DeliveryRecord:
    return DeliveryRecord(
        claim.delivery_id,
        claim.channel_id,
        claim.user_id,
        claim.kind,
        claim.subject_id,
        claim.created_at,
        datetime.now(UTC),
    )


def _reason_to_disable(
    claim: ClaimedDelivery, result: DeliveryResult, step: NextAttempt
) -> str | None:
    """Return why the channel is disabled after its last attempt; None if it is not."""
    if step.delay_ms is not None:
        return None
    if result.verdict == "gone":
        return result.error
    # Temporary failures of email and SMS come from our own provider, not from the address.
    is_receivers_fault = claim.type == "webhook" and result.verdict == "temporary"
    is_about_costs = claim.kind not in ("verification", "test")
    return _DISABLED if is_receivers_fault and is_about_costs else None


async def close_all(senders: Mapping[ChannelType, ChannelSender]) -> None:
    """Close all senders, ignoring network errors."""
    for sender in senders.values():
        with suppress(OSError):
            await sender.close()
