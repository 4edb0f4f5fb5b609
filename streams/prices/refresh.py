"""Refreshes prices from sources: unchanged ones are verified, changed ones entered or proposed.

The notification process runs it daily, `cost-analytics prices refresh` at any time. An advisory
lock admits one refresh at a time. The table of refreshes keeps several processes from repeating the
daily one.
"""

from __future__ import annotations

import asyncio
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
    PriceSession,
    fetch,
    price_session,
)
from streams.prices.reading import PriceSourceError
from streams.prices.sources import AnySource

FRESH_FOR: Final = timedelta(hours=20)
"""The daily refresh skips sources that were read within this time."""

_log = logging.getLogger(__name__)


class RefreshResult(NamedTuple):
    """The result of refreshing a source; `error` is a sentence if it failed.

    `proposed` counts new proposals, `pending` all that await approval for the source's prices.
    """

    source: str
    verified: int = 0
    added: int = 0
    proposed: int = 0
    pending: int = 0
    error: str | None = None


async def refresh_prices(
    database_url: str,
    sources: Sequence[AnySource],
    *,
    dry_run: bool = False,
    skip_if_read_within: timedelta | None = None,
    fetch_seconds_max: int = FETCH_SECONDS_MAX,
) -> list[RefreshResult] | None:
    """Refresh prices from each source once; a failing source does not stop the others.

    Returns the result of each source, or None if another process is refreshing.
    `skip_if_read_within` skips sources that were successfully read within that time. A dry run
    writes nothing. Raises OSError or a PostgreSQL error if the database is unavailable.
    """
    async with (
        connected(database_url, name="cost-analytics prices") as connection,
        price_session(fetch_seconds_max) as session,
    ):
        if not dry_run and not await lock_refreshes(connection):
            return None
        results: list[RefreshResult] = []
        for source in sources:
            if skip_if_read_within is not None and await was_read_since(
                connection, source.name, datetime.now(UTC) - skip_if_read_within
            ):
                continue
            results.append(await _refresh(connection, session, source, dry_run=dry_run))
        return results


async def _refresh(
    connection: Connection, session: PriceSession, source: AnySource, *, dry_run: bool
) -> RefreshResult:
    started_at = datetime.now(UTC)
    try:
        result = await _fetch_and_enter(connection, session, source, dry_run=dry_run)
    except (PriceSourceError, PriceConflictError) as error:
        result = RefreshResult(source.name, error=f"{source.name}: {error}."[:1_000])
    _log.log(
        logging.WARNING if result.error else logging.INFO,
        "prices of %s: %s",
        source.name,
        result.error
        or f"{result.verified} verified, {result.added} added, {result.pending} pending",
        extra={"action": "price_refresh_failed" if result.error else "prices_refreshed"},
    )
    if not dry_run:
        attempt = RefreshAttempt(
            source.name, started_at, result.verified, result.added, result.proposed, result.error
        )
        await store_attempt(connection, attempt)
    return result


async def _fetch_and_enter(
    connection: Connection, session: PriceSession, source: AnySource, *, dry_run: bool
) -> RefreshResult:
    text = await fetch(session, source) if source.url else b""
    # In a thread, because a list of thousands of prices takes seconds.
    rows = await asyncio.to_thread(source.rows, text, datetime.now(UTC))
    if dry_run:
        review = await review_prices(connection, rows)
        pending = len(review.pending)
        return RefreshResult(
            source.name, len(review.verified), len(review.accepted), pending, pending
        )
    entered = await enter_prices(connection, rows, set_by=f"source {source.name}", from_source=True)
    return RefreshResult(
        source.name, entered.verified, entered.added, entered.proposed, len(entered.pending)
    )
