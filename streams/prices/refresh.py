"""Looks at the sources of prices: what is unchanged is verified, what changed is entered or waits.

Run by a timer in workers and by `cost-analytics prices refresh`. An advisory lock lets one do it at
a time, and the table of looks keeps the timers of several workers from doing it one after another.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, connected
from ledger.prices.entry import PriceConflictError, enter_prices, review_prices
from ledger.prices.refreshes import (
    RefreshAttempt,
    lock_refreshes,
    store_attempt,
    was_read_since,
)
from streams.prices.fetching import (
    FETCH_SECONDS_MAX,
    FetchError,
    PriceSession,
    fetch,
    price_session,
)
from streams.prices.reading import AnySource, UnreadablePricesError

TIMER_PAUSE: Final = timedelta(hours=20)
"""What a daily timer passes as `unless_within`: who fires a little later finds nothing to do."""

_log = logging.getLogger(__name__)


class RefreshResult(NamedTuple):
    """What a look at a source came to; `error` is a sentence where it failed."""

    source: str
    verified: int = 0
    added: int = 0
    proposed: int = 0
    waiting: int = 0
    error: str | None = None


async def refresh_prices(
    database_url: str,
    sources: Sequence[AnySource],
    *,
    dry_run: bool = False,
    unless_within: timedelta | None = None,
    fetch_seconds_max: int = FETCH_SECONDS_MAX,
) -> list[RefreshResult] | None:
    """Look at each source once; one that fails stops none of the others.

    Returns what came of each, or None where another process does. Sources that were read
    successfully `unless_within` the time before now are passed over. A dry run writes nothing.
    Raises OSError or a PostgreSQL error where the database is away.
    """
    async with (
        connected(database_url, name="cost-analytics prices") as connection,
        price_session(fetch_seconds_max) as session,
    ):
        if not dry_run and not await lock_refreshes(connection):
            return None
        results: list[RefreshResult] = []
        for source in sources:
            if unless_within is not None and await was_read_since(
                connection, source.name, datetime.now(UTC) - unless_within
            ):
                continue
            results.append(await _look(connection, session, source, dry_run=dry_run))
        return results


async def _look(
    connection: Connection, session: PriceSession, source: AnySource, *, dry_run: bool
) -> RefreshResult:
    started_at = datetime.now(UTC)
    try:
        result = await _read(connection, session, source, dry_run=dry_run)
    except (FetchError, UnreadablePricesError, PriceConflictError) as error:
        result = RefreshResult(source.name, error=f"{source.name}: {error}."[:1_000])
    _log.log(
        logging.WARNING if result.error else logging.INFO,
        "prices of %s: %s",
        source.name,
        result.error or f"{result.verified} verified, {result.added} added, {result.waiting} wait",
        extra={"action": "price_refresh_failed" if result.error else "prices_refreshed"},
    )
    if not dry_run:
        look = RefreshAttempt(
            source.name, started_at, result.verified, result.added, result.proposed, result.error
        )
        await store_attempt(connection, look)
    return result


async def _read(
    connection: Connection, session: PriceSession, source: AnySource, *, dry_run: bool
) -> RefreshResult:
    text = await fetch(session, source)
    rows = source.rows(text, datetime.now(UTC))
    if dry_run:
        would = await review_prices(connection, rows)
        waits = len(would.wait)
        return RefreshResult(source.name, len(would.verified), len(would.add), waits, waits)
    entered = await enter_prices(connection, rows, set_by=f"source {source.name}", confirms=True)
    return RefreshResult(
        source.name, entered.verified, entered.added, entered.proposed, len(entered.waiting)
    )
