"""Periodically raises the alerts that are not decided while a batch is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NamedTuple

from ledger.budgets.alerting import Alerting
from ledger.budgets.global_review import review_global_budgets
from ledger.budgets.raise_ends import end_raises
from ledger.credits.ended_grants import review_ended_grants
from ledger.postgres.clock import Clock
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis
from streams.kept_connection import KeptConnection
from streams.periodic import RetryLog, run_periodically

_log: Final = logging.getLogger(__name__)


class Review(NamedTuple):
    """A review, how often it runs, and how its messages and failures are logged.

    `run` raises the alerts that are due, and returns the number of messages to publish; None if
    another worker has just done so.
    """

    run: Callable[[Connection, datetime], Awaitable[int | None]]
    interval_ms: int
    sentence: str
    action: str
    retry: RetryLog


def reviews(basis: SpendBasis) -> tuple[Review, ...]:
    """Return the reviews of a worker; `basis` is the spend basis of budgets."""
    alerting = Alerting(basis)
    return (
        Review(
            lambda connection, now: end_raises(connection, Alerting(basis), now),
            1_000,
            "ended raises of limits, with %d messages",
            "budget_raises_ended",
            RetryLog("ended raises are not reviewed yet, trying again", "budget_watch_retry"),
        ),
        Review(
            lambda connection, now: review_global_budgets(connection, alerting, now),
            400,
            "raised %d alerts of global budgets",
            "global_budgets_decided",
            RetryLog("global budgets are not decided yet, trying again", "global_budgets_retry"),
        ),
        Review(
            review_ended_grants,
            10_000,
            "raised %d alerts after grants ended",
            "credit_reviewed",
            RetryLog("balances are not reviewed yet, trying again", "credit_review_retry"),
        ),
    )


class PeriodicReview:
    """Repeats a review while its worker runs."""

    def __init__(
        self,
        review: Review,
        connect: Callable[[], Awaitable[Connection]],
        now: Clock,
        raised: Callable[[], None],
    ) -> None:
        """`raised` is called when there are messages to publish."""
        self._review = review
        self._connection = KeptConnection(connect)
        self._now = now
        self._raised = raised

    async def run(self, stop: asyncio.Event) -> None:
        """Review periodically until `stop`."""
        interval_ms, retry = self._review.interval_ms, self._review.retry
        await run_periodically(self._run_once, self._connection, stop, interval_ms, retry)

    async def _run_once(self) -> None:
        messages = await self._review.run(await self._connection.open(), self._now())
        if messages:
            self._raised()
            extra = {"action": self._review.action, "messages": messages}
            _log.info(self._review.sentence, messages, extra=extra)
