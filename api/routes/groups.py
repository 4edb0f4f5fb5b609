"""Builds the groups of response bodies."""

from __future__ import annotations

from typing import Any

from ledger.reports.filters import CostFilter
from ledger.reports.grouping import Grouping, Groups, GroupSum
from schemas.costs import CostGroup, CostGroups, GroupSums, OtherGroups
from schemas.exact import Exact
from schemas.money import Usd, percent_text


def groups_body(
    grouping: Grouping | None, groups: Groups, filters: CostFilter
) -> CostGroups | None:
    """Return the groups of a report; None if it is not grouped."""
    if grouping is None:
        return None
    listed, others, without = groups
    total_nano = sum(one.profit.cost_nano for one in (*listed, others, without))

    def sums(one: GroupSum) -> dict[str, Any]:
        return _sums(one, total_nano, grouping, filters)

    return CostGroups(
        by=f"tag:{grouping.tag_key}" if grouping.kind == "tag" else grouping.kind,
        groups=[CostGroup(value=one.value, **sums(one)) for one in listed],
        others=OtherGroups(number=others.number, **sums(others)),
        without=GroupSums(**sums(without)),
    )


def _sums(
    one: GroupSum, total_nano: int, grouping: Grouping, filters: CostFilter
) -> dict[str, Any]:
    profit, has_calls = one.profit, not grouping.of_costs
    has_profit = has_calls and not filters.narrows_costs
    return {
        "total_cost": Usd(profit.cost_nano),
        "cost_percent": percent_text(profit.cost_nano, total_nano),
        "total_calls": one.calls if has_calls else None,
        "total_duration_seconds": Exact.of_milliseconds(one.duration_ms) if has_calls else None,
        "total_charged": Usd(profit.charged_nano) if has_calls else None,
        "total_refunded": Usd(profit.refunded_nano) if has_calls else None,
        "total_gross_profit": Usd(profit.gross_nano) if has_profit else None,
        "average_margin_percent": profit.margin_percent if has_profit else None,
    }
