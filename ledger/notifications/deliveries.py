"""Stores deliveries: creates them, claims them for attempts, and stores the results.

PostgreSQL's clock decides what is due and which claims have expired, so the clocks of the
delivering machines need not agree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from ledger.notifications.quiet_hours import QuietTimes, quiet_until
from ledger.notifications.retry_policy import ERROR_CHARACTERS_MAX, DeliveryResult, NextAttempt
from ledger.notifications.verification_codes import CODE_SECONDS
from ledger.postgres.database import Connection, affected_rows
from ledger.postgres.pool import Pool, connection_pool
from ledger.postgres.statements import statements
from schemas.notices import ChannelType, NoticeKind

_SQL: Final = statements("notifications/deliveries")

CONNECTIONS_MAX: Final = 4
STATEMENT_TIMEOUT_MS: Final = 30_000
ACQUIRE_TIMEOUT_SECONDS: Final = 10
SWEEP_SECONDS_BACK: Final = 3 * 86_400
SWEEP_MAX: Final = 10_000
NOTICES_AT_ONCE: Final = 1_000
OLD_SECONDS: Final = 86_400
"""A message that could not be sent for this long is skipped."""
ORDER_SECONDS: Final = 900
"""An alert waiting for its next attempt holds back later alerts of its channel for this long."""
CLAIMS_MAX: Final = 30
"""After this number of interrupted attempts, the delivery itself is considered the cause."""
NOTICE_DAYS: Final = 90
"""A notice is deleted after this time. Its deliveries stay until retention removes them."""
PRUNE_MAX: Final = 10_000


class ClaimedDelivery(NamedTuple):
    """A delivery claimed by this process, with the data of its channel.

    `number` is the current attempt; `failures` counts the channel's consecutive failures. `content`
    is JSON: an alert, an anomaly or a NoticeContent. `code` is that of a verification.
    """

    delivery_id: str
    number: int
    channel_id: str
    user_id: str
    kind: NoticeKind
    code: str | None
    created_at: datetime
    type: ChannelType
    address: str
    secret: str | None
    unsubscribe_token: str
    failures: int
    content: str | None
    subject_id: str


class DeliveryBacklog(NamedTuple):
    """Deliveries that are due and not claimed, and how long the first of them has been due."""

    waiting: int
    overdue_seconds: int


class DeliveryStore:
    """Deliveries, from a pool that the caller closes.

    Each method is a transaction and raises `database.TRANSIENT_ERRORS`.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def queue(self, alert_ids: Sequence[str]) -> int:
        """Create the deliveries of alerts, and missing ones of their users' earlier alerts.

        Returns their number.
        """
        return await self._execute("queue", alert_ids=alert_ids, seconds_back=SWEEP_SECONDS_BACK)

    async def queue_notices(self) -> int:
        """Create the deliveries of new notices; returns their number."""
        return await self._execute("queue_notices", limit=NOTICES_AT_ONCE)

    async def sweep(self) -> int:
        """Create missing deliveries of recent alerts and anomalies; returns their number."""
        recent = {"seconds_back": SWEEP_SECONDS_BACK, "limit": SWEEP_MAX}
        alerts = await self._execute("sweep", **recent)
        return alerts + await self._execute("sweep_anomalies", **recent)

    async def claim(
        self, limit: int, failing_max: int, lease_seconds: int
    ) -> list[ClaimedDelivery]:
        """Claim up to `limit` due deliveries, at most `failing_max` of them at failing channels.

        Deliveries that must not be sent any more are skipped, expired claims are released, and
        messages that are not urgent wait for the end of quiet hours.
        """
        async with self.connection() as connection, connection.transaction():
            await connection.execute(_SQL["lock_claims"])
            await connection.execute(*_SQL.bind("release", claims_max=CLAIMS_MAX))
            await connection.execute(
                *_SQL.bind("skip", code_seconds=CODE_SECONDS, old_seconds=OLD_SECONDS)
            )
            await _defer(connection)
            rows = await connection.fetch(
                *_SQL.bind(
                    "claim",
                    limit=limit,
                    failing_max=failing_max,
                    lease_seconds=lease_seconds,
                    order_seconds=ORDER_SECONDS,
                )
            )
        return [ClaimedDelivery(*row) for row in rows]

    async def store_success(
        self,
        claim: ClaimedDelivery,
        result: DeliveryResult,
        duration_ms: int,
        *,
        is_journaled: bool = False,
    ) -> None:
        """Store a success, and whether it is in the delivery journal."""
        await self._execute(
            "delivered",
            delivery_id=claim.delivery_id,
            number=claim.number,
            duration_ms=duration_ms,
            channel_id=claim.channel_id,
            status=result.status,
            is_journaled=is_journaled,
        )

    async def store_failure(
        self,
        claim: ClaimedDelivery,
        result: DeliveryResult,
        step: NextAttempt,
        duration_ms: int,
        disabling_reason: str | None,
    ) -> bool:
        """Store a failure and the next attempt; returns whether the channel was disabled.

        It is disabled for `disabling_reason`, if there is one, when no attempt follows and the
        address is gone or has accepted nothing since the delivery was created. The error is
        truncated to fit its column, so that the failure itself is always stored.
        """
        attempt = {"delivery_id": claim.delivery_id, "number": claim.number}
        of_channel = attempt | {"channel_id": claim.channel_id}
        error = None if result.error is None else result.error[:ERROR_CHARACTERS_MAX]
        async with self.connection() as connection, connection.transaction():
            await connection.execute(
                *_SQL.bind(
                    "attempt_failed",
                    **attempt,
                    duration_ms=duration_ms,
                    outcome=result.verdict,
                    status=result.status,
                    error=error,
                )
            )
            if step.delay_ms is not None:
                pause = {"delay_ms": step.delay_ms, "pause_ms": step.pause_ms}
                await connection.execute(*_SQL.bind("postpone", **of_channel, **pause))
                return False
            await connection.execute(*_SQL.bind("give_up", **of_channel, reason=error))
            if disabling_reason is None:
                return False
            disabled = await connection.fetchval(
                *_SQL.bind(
                    "disable",
                    channel_id=claim.channel_id,
                    reason=disabling_reason,
                    delivery_id=claim.delivery_id,
                    is_certain=result.verdict == "gone",
                )
            )
            return disabled is not None

    async def prune_notices(self) -> int:
        """Delete old notices; returns their number."""
        return await self._execute("prune_notices", days=NOTICE_DAYS, limit=PRUNE_MAX)

    async def backlog(self) -> DeliveryBacklog:
        """Return the deliveries that are due."""
        async with self.connection() as connection:
            [row] = await connection.fetch(_SQL["backlog"])
        return DeliveryBacklog(*row)

    async def _execute(self, statement: str, **values: object) -> int:
        """Run one statement; returns the number of affected rows."""
        async with self.connection() as connection:
            return affected_rows(await connection.execute(*_SQL.bind(statement, **values)))

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Return a connection for the duration of a block."""
        return self._pool.borrow(ACQUIRE_TIMEOUT_SECONDS)


async def _defer(connection: Connection) -> None:
    """Defer messages that are not urgent until quiet hours end, by PostgreSQL's clock."""
    rows = await connection.fetch(_SQL["quiet_times"])
    if not rows:
        return
    now: datetime = await connection.fetchval(_SQL["now"])
    quiet = [
        (times, until) for row in rows if (until := quiet_until(times := QuietTimes(*row), now))
    ]
    if quiet:
        await connection.execute(
            *_SQL.bind(
                "defer",
                starts=[times.start for times, _ in quiet],
                ends=[times.end for times, _ in quiet],
                zones=[times.zone for times, _ in quiet],
                untils=[until for _, until in quiet],
            )
        )


@asynccontextmanager
async def delivery_store(url: str) -> AsyncIterator[DeliveryStore]:
    """Open a store for the duration of a block; raises OSError or a PostgresError."""
    async with connection_pool(
        url,
        name="cost-analytics notices",
        connections_max=CONNECTIONS_MAX,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    ) as pool:
        yield DeliveryStore(pool)
