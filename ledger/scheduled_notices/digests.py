"""Digests: a user's calls and money of the last day or week, compared with the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ledger.notifications.notices import Notice
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.scheduled_notices.times import DigestKind, DigestWindow
from schemas.money import Usd
from schemas.scheduled_notices import DIGEST_TYPES, Digest
from schemas.sentences import day_name, dollars

_SQL: Final = statements("scheduled_notices/schedule")
PAGE: Final = "/spending"
"""The page of the dashboard that a digest links to."""


class DigestRequest(NamedTuple):
    """A digest that is due."""

    kind: DigestKind
    user_id: str
    zone: str
    window: DigestWindow


class DigestTotals(NamedTuple):
    """Money in nano-dollars and calls of a window, and of the time before it."""

    cost: int
    charged: int
    refunded: int
    cost_before: int
    charged_before: int
    calls: int
    calls_before: int


async def read_digests(connection: Connection, requests: Sequence[DigestRequest]) -> list[Notice]:
    """Return the digests; none for a user without calls and money in its window."""
    if not requests:
        return []
    windows = [request.window for request in requests]
    rows = await connection.fetch(
        *_SQL.bind(
            "digest_totals",
            user_ids=[request.user_id for request in requests],
            before=[window.before for window in windows],
            starts=[window.start for window in windows],
            ends=[window.end for window in windows],
        )
    )
    totals = [DigestTotals(*map(int, row)) for row in rows]
    pairs = zip(requests, totals, strict=True)
    return [digest_notice(request, one) for request, one in pairs if _has_activity(one)]


def _has_activity(totals: DigestTotals) -> bool:
    return any((totals.calls, totals.cost, totals.charged, totals.refunded))


def digest_notice(request: DigestRequest, totals: DigestTotals) -> Notice:
    """Return a digest as a message."""
    window, is_day = request.window, request.kind == "daily_digest"
    day = day_name(window.first_day)
    before = "the day before" if is_day else "the week before"
    profit = totals.charged - totals.refunded - totals.cost
    sentences = [
        f"Calls: {totals.calls:,} ({before}: {totals.calls_before:,}).",
        f"Charged: {dollars(totals.charged)} ({before}: {dollars(totals.charged_before)}).",
        f"Cost: {dollars(totals.cost)} ({before}: {dollars(totals.cost_before)}).",
    ]
    if totals.refunded:
        sentences.append(f"Refunded: {dollars(totals.refunded)}.")
    sentences.append(f"Charged minus refunds and cost: {dollars(profit)}.")
    data = Digest(
        user_id=request.user_id,
        period=window.label,
        period_start=window.start,
        period_end=window.end,
        timezone=request.zone,
        calls=totals.calls,
        calls_before=totals.calls_before,
        charged=Usd(totals.charged),
        charged_before=Usd(totals.charged_before),
        refunded=Usd(totals.refunded),
        cost=Usd(totals.cost),
        cost_before=Usd(totals.cost_before),
    )
    title = f"Your calls on {day}" if is_day else f"Your calls in the week from {day}"
    return Notice(
        request.kind, request.user_id, (window.label,), title, sentences, PAGE,
        DIGEST_TYPES[request.kind], data,
    )  # fmt: skip
