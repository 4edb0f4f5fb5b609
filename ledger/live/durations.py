"""The usual duration of calls with a persona, without revealing other users' data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ledger.calls.privacy import OTHER_USERS_MIN, rounded_for_privacy
from schemas.money import half_even


class UserDurations(NamedTuple):
    """The calls of one user with a persona, of all users for None; durations are milliseconds."""

    user_id: str | None
    calls: int
    duration_ms: int

    @property
    def mean_ms(self) -> int:
        """The mean duration, rounded half-even."""
        return half_even(self.duration_ms, self.calls)


class PersonaDurations(NamedTuple):
    """The last completed calls with a persona: number of users, durations of all and of each.

    `by_user` is empty if there are so many users that each has enough other users.
    """

    users: int
    of_all: UserDurations
    by_user: Mapping[str, UserDurations]

    @classmethod
    def of(cls, users: int, sums: Iterable[UserDurations]) -> PersonaDurations:
        """Return the durations from sums, one of which is that of all users."""
        by_user = {one.user_id: one for one in sums}
        of_all = by_user.pop(None)
        return cls(users, of_all, {name: one for name, one in by_user.items() if name is not None})

    def usual_ms(self, user_id: str) -> int | None:
        """Return the usual duration of a user's call; None if it would reveal other users' data.

        The mean of all calls if enough other users are among them, else of the user's own.
        """
        own = self.by_user.get(user_id)
        if self.users - (own is not None) >= OTHER_USERS_MIN:
            return rounded_for_privacy(self.of_all.mean_ms)
        return None if own is None else own.mean_ms
