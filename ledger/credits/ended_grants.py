"""Reviews balances when grants end or are near their end, which no event announces."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.credits.booking import raise_alerts
from ledger.credits.rows import lock_due_users, plan_review
from ledger.postgres.database import Connection

REVIEWED_MAX: Final = 100


async def review_ended_grants(connection: Connection, now: datetime) -> int:
    """Raise the alerts of balances that are due for a review, some users at a time.

    Returns the number of alerts. Several workers may do this: each user is reviewed by one.
    """
    alerts = 0
    while True:
        async with connection.transaction():
            users = await lock_due_users(connection, now, REVIEWED_MAX)
            if users:
                alerts += await raise_alerts(connection, sorted(users), now)
                await plan_review(connection, users, now)
        if len(users) < REVIEWED_MAX:
            return alerts
