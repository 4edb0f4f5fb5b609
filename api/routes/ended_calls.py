"""Builds what response bodies say about the end of a call."""

from __future__ import annotations

from ledger.reports.limit_cutoffs import LimitCutoff
from schemas.costs import EndedByLimit
from schemas.money import Usd


def ended_by_limit_body(cutoff: LimitCutoff | None) -> EndedByLimit | None:
    """Return the limit that ended a call; None if none did."""
    if cutoff is None:
        return None
    return EndedByLimit(
        limit_usd=Usd(cutoff.limit_nano),
        budget_id=cutoff.budget_id,
        limit_version=cutoff.limit_version,
        executed_at=cutoff.executed_at,
    )
