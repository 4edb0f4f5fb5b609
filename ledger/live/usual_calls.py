"""What a persona's calls usually last and cost, without revealing other users' data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ledger.calls.privacy import OTHER_USERS_MIN, round_for_privacy
from schemas.money import half_even

PERMILLE: Final = 1_000


class ServiceSums(NamedTuple):
    """The calls with a cost of a service, their users, and the sum in nano-dollars."""

    users: int
    calls: int
    cost_nano: int


class CallLengths(NamedTuple):
    """The sum of the durations of calls, its `base`, and how much their running costs vary.

    `base` is the number of calls, or the sum of the durations that they announced (ms); 0 if there
    are none. `spread_permille` is the standard deviation of the running costs per unit of `base`,
    relative to their mean. Running costs are those of services that are not paid once per call.
    """

    duration_ms: int
    base: int
    spread_permille: int


class CallSums(NamedTuple):
    """Sums of ended calls with a persona, of one user, or of all users if `user_id` is None."""

    user_id: str | None
    calls: int
    by_call: CallLengths
    by_announced: CallLengths
    services: Mapping[str, ServiceSums]


class UsualServiceCost(NamedTuple):
    """A service's mean cost in the calls that have one, and their share of all calls."""

    cost_nano: int
    share_permille: int


class UsualCall(NamedTuple):
    """What a persona's calls usually last and cost. Money is nano-dollars.

    `announced_lengths` are relative to the announced durations; None if no call announced one.
    """

    calls: int
    lengths: CallLengths
    announced_lengths: CallLengths | None
    costs: Mapping[str, UsualServiceCost]

    @property
    def duration_ms(self) -> int:
        """The mean duration in milliseconds."""
        return half_even(self.lengths.duration_ms, self.lengths.base)


def usual_call(sums: CallSums) -> UsualCall:
    """Return the exact means of some calls."""
    announced = sums.by_announced
    return UsualCall(
        sums.calls,
        sums.by_call,
        announced if announced.base and announced.duration_ms else None,
        {
            service: UsualServiceCost(
                half_even(cost.cost_nano, cost.calls),
                half_even(cost.calls * PERMILLE, sums.calls),
            )
            for service, cost in sums.services.items()
        },
    )


def _round_means(sums: CallSums) -> UsualCall:
    """Return the means that other users may see: rounded, without services of few users."""
    rounded, exact = round_for_privacy, usual_call(sums)
    announced = exact.announced_lengths
    return UsualCall(
        rounded(exact.calls),
        CallLengths(rounded(exact.duration_ms), 1, rounded(exact.lengths.spread_permille)),
        None
        if announced is None
        else CallLengths(
            rounded(half_even(announced.duration_ms * PERMILLE, announced.base)),
            PERMILLE,
            rounded(announced.spread_permille),
        ),
        {
            service: UsualServiceCost(rounded(cost.cost_nano), rounded(cost.share_permille))
            for service, cost in exact.costs.items()
            if sums.services[service].users > OTHER_USERS_MIN
        },
    )


class PersonaCalls(NamedTuple):
    """The last ended calls with a persona: the number of their users, and sums.

    `of_all` sums the calls of all users. `by_user` is empty if there are so many users that the
    sums of all reveal nothing about a single one.
    """

    users: int
    of_all: CallSums
    by_user: Mapping[str, CallSums]

    @classmethod
    def of(cls, users: int, sums: Iterable[CallSums]) -> PersonaCalls:
        """Create it from sums, of which one is that of all users."""
        by_user = {one.user_id: one for one in sums}
        of_all = by_user.pop(None)
        return cls(users, of_all, {name: one for name, one in by_user.items() if name is not None})

    def usual(self, user_id: str) -> UsualCall | None:
        """Return the means of all calls, or of the user's own ones; None if there are none.

        The means of all calls are only used if these include calls of enough other users, because
        they would reveal the data of few users.
        """
        own = self.by_user.get(user_id)
        if self.users - (own is not None) >= OTHER_USERS_MIN:
            return _round_means(self.of_all)
        return None if own is None else usual_call(own)
