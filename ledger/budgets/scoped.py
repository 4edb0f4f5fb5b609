"""Scoped budgets: limits of a period for a whole user, a persona or a tag, or for all users.

They are stored as JSON in the user's settings, so that one lock and one read cover all limits.
Those of all users, called global, are in the settings of the user with the empty name, which no
token can have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from ledger.budgets.call_steps import NO_STEPS, StepSettings
from ledger.calls.call import Call
from ledger.calls.periods import period_of
from schemas.alerts import AlertType
from schemas.sentences import service_name

BUDGETS_MAX: Final = 50
PERSONA: Final = "persona"
TAG: Final = "tag."
WHOLE_USER: Final = "user"
GLOBAL_OWNER: Final = ""
"""The user id under which global budgets are stored."""
ALL_USERS: Final = "all"
SERVICE: Final = "service"

_ZONES_APART: Final = timedelta(days=2)


class SpendScope(NamedTuple):
    """What a budget applies to: `dimension` is user, persona, or `tag.` and a key.

    For a global budget it is all, service, or `tag.` and a key.
    """

    dimension: str
    value: str

    @property
    def has_own_totals(self) -> bool:
        """Whether the scope has totals apart from those of a user."""
        return self.dimension != WHOLE_USER

    @property
    def selects_calls(self) -> bool:
        """Whether the scope is a persona or a tag, so that only some calls count."""
        return self.dimension == PERSONA or self.dimension.startswith(TAG)

    def matches(self, persona_id: str | None, tags: Mapping[str, str]) -> bool:
        """Return whether the scope contains a call."""
        if self.dimension == PERSONA:
            return persona_id == self.value
        if self.dimension.startswith(TAG):
            return tags.get(self.dimension.removeprefix(TAG)) == self.value
        return True

    def contains(self, call: Call) -> bool:
        """Return whether the scope contains a call."""
        return self.matches(call.persona_id, call.tags or {})


class Raise(msgspec.Struct, frozen=True, rename="camel"):
    """A higher limit until a time; its version is one below that of the limit after it."""

    limit_nano: int
    until: datetime


class StoredBudget(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A limit in nano-dollars. Without `thresholds`, those of the user apply.

    `counts_from` is when the totals of its scope begin. `limit_since` is when the limit was
    changed, None if never.
    """

    budget_id: str
    dimension: str
    value: str = ""
    period: AlertType
    limit_nano: int
    version: int
    thresholds: tuple[Decimal, ...] | None = None
    auto_cutoff: bool = True
    call_steps: StepSettings = NO_STEPS
    raised: Raise | None = None
    counts_from: datetime
    created_at: datetime
    limit_since: datetime | None = None

    @property
    def scope(self) -> SpendScope:
        return SpendScope(self.dimension, self.value)

    def scope_text(self) -> str:
        """Return the scope as the end of a sentence, nothing for a whole user or all users."""
        if self.dimension == SERVICE:
            return f" for {service_name(self.value)}"
        if self.dimension == PERSONA:
            return f" for the persona {self.value}"
        if self.dimension.startswith(TAG):
            return f" for {self.dimension.removeprefix(TAG)}: {self.value}"
        return ""

    def is_raised(self, now: datetime) -> bool:
        """Return whether a temporary raise applies."""
        return self.raised is not None and now < self.raised.until

    def nano(self, now: datetime) -> int:
        """Return the limit that applies, in nano-dollars."""
        if self.raised is not None and now < self.raised.until:
            return self.raised.limit_nano
        return self.limit_nano

    def applies_since(self, now: datetime) -> datetime:
        """Return the time from which on the present limit applies."""
        if self.raised is not None and not self.is_raised(now):
            return self.raised.until
        return self.limit_since or self.created_at

    def version_at(self, now: datetime) -> int:
        """Return the version of the limit that applies: the end of a raise is a change, too."""
        return self.version - self.is_raised(now)


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder(tuple[StoredBudget, ...]).decode


def decode_budgets(stored: str | None) -> tuple[StoredBudget, ...]:
    """Return stored budgets."""
    return () if stored is None else _decode(stored)


def stored_budgets(budgets: Sequence[StoredBudget]) -> str | None:
    """Return budgets as stored."""
    return _encode(budgets).decode() if budgets else None


def raise_ends_at(budgets: Iterable[StoredBudget]) -> datetime | None:
    """Return when the first raise ends."""
    return min((b.raised.until for b in budgets if b.raised is not None), default=None)


def without_ended_raises(
    budgets: Iterable[StoredBudget], now: datetime
) -> tuple[StoredBudget, ...]:
    """Return the budgets without raises that have ended."""
    return tuple(
        msgspec.structs.replace(budget, raised=None, limit_since=budget.raised.until)
        if budget.raised is not None and not budget.is_raised(now)
        else budget
        for budget in budgets
    )


def counting_start(now: datetime, zone: str) -> datetime:
    """Return when the totals of a new scope begin.

    This is before the present week and month in any time zone that the user may choose later.
    """
    first = min(period_of("weekly", now, zone).start, period_of("monthly", now, zone).start)
    return datetime.combine((first - _ZONES_APART).date(), time(), UTC)


def kept_scopes(budgets: Iterable[StoredBudget]) -> dict[SpendScope, datetime]:
    """Return the scopes whose totals are kept, and since when."""
    scopes: dict[SpendScope, datetime] = {}
    for budget in budgets:
        if budget.scope.selects_calls:
            known = scopes.get(budget.scope, budget.counts_from)
            scopes[budget.scope] = min(known, budget.counts_from)
    return scopes
