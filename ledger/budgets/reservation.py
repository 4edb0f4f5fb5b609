"""Decides whether a call may cause further costs, from its reservations and the limits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from ledger.budgets.limits import FULL, Limit
from ledger.credits.prepaid import PrepaidUse


class ReservationUsage(NamedTuple):
    """A limit with its use in nano-dollars, without and with the reservation to decide."""

    limit: Limit
    before_nano: int
    after_nano: int


class ReservationDecision(NamedTuple):
    """Whether costs may be caused: `refused_by` is the first budget that refuses them.

    `remaining_nano` is what that budget has left; of a granted reservation, the smallest remaining
    amount of all budgets after it, None if there is no limit. `is_tight` means that a budget has
    reached its warning threshold. `lacks_balance` means that the prepaid balance refuses them,
    `exceeds_global` that a global limit refuses them; the figures of global limits are not
    disclosed.
    """

    refused_by: Limit | None
    remaining_nano: int | None
    is_tight: bool
    lacks_balance: bool = False
    exceeds_global: bool = False

    @property
    def is_granted(self) -> bool:
        """Whether the costs may be caused."""
        return self.refused_by is None and not self.lacks_balance and not self.exceeds_global


def decide_reservation(
    uses: Iterable[ReservationUsage], warning_percent: Decimal
) -> ReservationDecision:
    """Decide a reservation by the use of each limit."""
    rests = []
    is_tight = False
    for limit, before_nano, after_nano in uses:
        if after_nano > limit.nano and after_nano > before_nano:
            return ReservationDecision(limit, max(0, limit.nano - before_nano), True)
        rests.append(max(0, limit.nano - after_nano))
        is_tight |= after_nano * FULL >= warning_percent * limit.nano
    return ReservationDecision(None, min(rests, default=None), is_tight)


def reserve_prepaid(
    decision: ReservationDecision, prepaid: PrepaidUse | None, charge_nano: int
) -> ReservationDecision:
    """Add the prepaid balance, if there is one, to a decision; it must cover the expected charge.

    A call that was charged already, with an expected charge of 0, draws nothing more.
    """
    if prepaid is None or not decision.is_granted or not charge_nano:
        return decision
    if prepaid.refuses(charge_nano):
        return ReservationDecision(None, max(0, prepaid.left_nano), True, lacks_balance=True)
    rest = max(0, prepaid.left_nano - max(charge_nano, prepaid.held_nano))
    remaining = decision.remaining_nano
    return decision._replace(remaining_nano=rest if remaining is None else min(rest, remaining))
