"""Decides whether a call may cause further costs, from its reservations and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from ledger.budgets.limits import FULL, Limit


class LimitUse(NamedTuple):
    """A limit with its use in nano-dollars, without and with the reservation to decide."""

    limit: Limit
    before_nano: int
    after_nano: int


class ReservationDecision(NamedTuple):
    """Whether costs may be caused: `refused_by` is the first budget that refuses them.

    `remaining_nano` is the rest of that budget; of a granted reservation, the lowest rest of all
    budgets after it, None without a limit. `is_tight` means that a budget has reached its warning
    threshold.
    """

    refused_by: Limit | None
    remaining_nano: int | None
    is_tight: bool


def decide_reservation(uses: Iterable[LimitUse], warning_percent: Decimal) -> ReservationDecision:
    """Decide a reservation by the use of each limit."""
    rests = []
    is_tight = False
    for limit, before_nano, after_nano in uses:
        if after_nano > limit.nano and after_nano > before_nano:
            return ReservationDecision(limit, max(0, limit.nano - before_nano), True)
        rests.append(max(0, limit.nano - after_nano))
        is_tight |= after_nano * FULL >= warning_percent * limit.nano
    return ReservationDecision(None, min(rests, default=None), is_tight)
