"""Prices and pending proposals as text tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from cost_analytics.text_tables import columns, time_text
from ledger.prices.aliases import StoredAlias
from ledger.prices.changes import LargeChange, change_percent
from ledger.prices.entry import ListedPrice
from ledger.prices.proposals import Proposal
from ledger.prices.rows import PriceRow

_HEADINGS: Final = (
    "service", "operation", "model", "unit", "price", "per", "from", "state", "verified",
    "source",
)  # fmt: skip
_RIGHT: Final = frozenset({4, 5})
_PROPOSAL_HEADINGS: Final = (
    "ID", "item", "price", "per", "in force", "per", "change", "source",
)  # fmt: skip
_PROPOSAL_RIGHT: Final = frozenset({0, 2, 3, 4, 5, 6})


def as_table(prices: Iterable[ListedPrice], now: datetime) -> str:
    """Return prices as a table; prices not verified for long are marked `stale`."""
    return columns([_HEADINGS, *(_cells(price, now) for price in prices)], _RIGHT)


def proposals_table(proposals: Iterable[Proposal]) -> str:
    """Return pending proposals as a table, with the prices in force."""
    lines = [_PROPOSAL_HEADINGS, *(_proposal_cells(proposal) for proposal in proposals)]
    return columns(lines, _PROPOSAL_RIGHT)


def aliases_table(aliases: Iterable[StoredAlias]) -> str:
    """Return aliases of models as a table."""
    lines = [
        (one.service, one.alias, one.model or "(ends)", time_text(one.effective_from),
         time_text(one.until) if one.until else "", one.source)
        for one in aliases
    ]  # fmt: skip
    return columns([("service", "alias", "model", "from", "until", "source"), *lines], frozenset())


def changes_table(changes: Iterable[LargeChange]) -> str:
    """Return large changes as a table, with the prices in force."""
    lines = [_PROPOSAL_HEADINGS[1:], *(_change_cells(one.row, one.in_force.row) for one in changes)]
    return columns(lines, frozenset(column - 1 for column in _PROPOSAL_RIGHT))


def _cells(price: ListedPrice, now: datetime) -> tuple[str, ...]:
    row = price.row
    stale = ", stale" if price.stale(now) else ""
    return (
        row.service, row.operation, row.model or "(no model)", row.detailed_unit,
        f"${row.price_usd:f}", f"{row.per_units:,}", time_text(row.effective_from),
        _state(price, now), f"{price.verified_at:%Y-%m-%d}{stale}", _source(row),
    )  # fmt: skip


def _source(row: PriceRow) -> str:
    """Return where a price was published: name, date and address."""
    return ", ".join(str(part) for part in (row.source, row.source_date, row.source_url) if part)


def _state(price: ListedPrice, now: datetime) -> str:
    """Return whether a price is in force, and when its model is retired."""
    day = price.row.retires_on
    if day is not None:
        return f"{price.state}, {'retired' if day <= now.date() else 'retires'} {day}"
    return f"{price.state}, deprecated" if price.row.is_deprecated else price.state


def _proposal_cells(proposal: Proposal) -> tuple[str, ...]:
    return str(proposal.proposal_id), *_change_cells(proposal.row, proposal.in_force)


def _change_cells(row: PriceRow, current: PriceRow) -> tuple[str, ...]:
    changed = change_percent(row, current)
    percent = "new" if changed is None else f"{changed:+f}%"
    return (
        row.name, f"${row.price_usd:f}", f"{row.per_units:,}",
        f"${current.price_usd:f}", f"{current.per_units:,}", percent, row.source,
    )  # fmt: skip
