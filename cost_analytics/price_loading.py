"""Loads a ready price list into the catalogue, or shows what it would change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from cost_analytics.files import read_text
from cost_analytics.price_listing import changes_table, proposals_table
from cost_analytics.running import run
from ledger.postgres.database import Connection
from ledger.prices.changes import ClassifiedRows
from ledger.prices.entry import EntryResult, PriceConflictError, enter_prices, review_prices
from ledger.prices.rows import PriceRow
from streams.prices.configured import is_secure
from streams.prices.fetching import fetch, price_session
from streams.prices.litellm import LiteLlmPrices, ReadPrices, read_litellm
from streams.prices.reading import PriceSourceError

_NAME: Final = "prices"
_SHOWN: Final = 20


def read_list(place: str, services: Sequence[str], since: datetime) -> ReadPrices:
    """Read LiteLLM's list from a file, from standard input (-) or a URL; raises CommandError."""
    try:
        text = _fetch(place) if "://" in place else read_text(place).encode()
        return read_litellm(text, since, source="LiteLLM", services=services)
    except PriceSourceError as error:
        raise CommandError(f"{place} was not loaded: {error}.") from None


def _fetch(url: str) -> bytes:
    if not is_secure(url):
        raise CommandError("The URL must be https.")

    async def read() -> bytes:
        async with price_session() as session:
            return await fetch(session, LiteLlmPrices(name="LiteLLM", url=url))

    return run(read())


def summarize(found: ReadPrices) -> str:
    """Return what was read and what was left out, as lines."""
    lines = [f"{len(found.rows):,} prices of {found.models:,} models."]
    left_out = sorted(found.left_out.items(), key=lambda item: -item[1])
    if left_out:
        lines.append("Left out:")
        lines += [f"  {number:,} {reason}" for reason, number in left_out]
    return "\n".join(lines)


def preview(url: Secret, rows: Sequence[PriceRow]) -> str:
    """Return what loading would do."""

    async def review(db: Connection) -> ClassifiedRows:
        return await review_prices(db, rows)

    reviewed = run_connected(url, _NAME, review)
    lines = [
        f"{len(reviewed.verified):,} would be verified, {len(reviewed.accepted):,} added, "
        f"{len(reviewed.pending):,} would need approval."
    ]
    if reviewed.pending:
        lines.append(changes_table(reviewed.pending[:_SHOWN]))
    if len(reviewed.pending) > _SHOWN:
        lines.append(f"… and {len(reviewed.pending) - _SHOWN:,} more.")
    return "\n".join(lines)


def load(url: Secret, rows: Sequence[PriceRow], *, set_by: str, approved: bool) -> str:
    """Enter the prices and return what was done; raises CommandError for contradicting prices."""

    async def write(db: Connection) -> EntryResult:
        return await enter_prices(db, rows, set_by=set_by, approved=approved, confirms=True)

    try:
        entered = run_connected(url, _NAME, write)
    except PriceConflictError as error:
        raise CommandError("\n  ".join(["Nothing was loaded:", *error.reasons[:_SHOWN]])) from None
    done = f"{entered.added:,} prices added, {entered.verified:,} verified."
    if entered.waiting:
        return f"{done}\nPending approval:\n{proposals_table(entered.waiting)}"
    return done
