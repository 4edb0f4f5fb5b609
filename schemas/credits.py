"""Bodies of prepaid credit: grants, the balance that charges draw from, and alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.events import GRANT_PRIORITY, GRANT_PRIORITY_MAX, NOTE_LENGTH_MAX, EventReference, Text
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

LOW_BALANCE_TYPE: Final = "balance.low"
SOURCE: Final = "/cost-analytics/credits"
LOW_BALANCE_USD: Final = 10
"""The balance at which users are warned by default, in addition to zero."""
LOW_BALANCES_MAX: Final = 20
BALANCE_ENDING_TYPE: Final = "balance.ending"
LOW_BALANCE_DAYS_MAX: Final = 90
GRANTS_MAX: Final = 500
"""The grants that a response lists at most."""

GrantState = Literal["valid", "used", "expired", "voided", "upcoming"]


class BalanceAlert(Struct, kw_only=True, rename=wire_name):
    """A prepaid balance fell to an amount. Money is US dollars, times are UTC.

    `lasts_until` is when the balance is used up if the user is charged as in the last 7 days, null
    if that is not expected. Each amount is reported once after each new grant, `grant_id`.
    """

    alert_id: str
    user_id: str
    threshold_usd: Usd
    balance_usd: Usd
    charged_per_day_usd: Usd
    lasts_until: datetime | None
    message: str
    triggered_at: datetime
    grant_id: str


class BalanceEndingAlert(Struct, kw_only=True, rename=wire_name):
    """At the present pace a prepaid balance ends within the days that the user chose.

    Money is US dollars, times are UTC. `lasts_until` is when the balance is used up if the user is
    charged as in the last 7 days. It is reported again only after that time was once further away.
    """

    alert_id: str
    user_id: str
    threshold_days: int
    balance_usd: Usd
    charged_per_day_usd: Usd
    lasts_until: datetime
    message: str
    triggered_at: datetime


class Grant(Struct, kw_only=True, rename=wire_name):
    """A grant of prepaid credit, with its remaining amount and its expired amount.

    It is valid from `valid_from` to before `valid_until`, which are `granted_at` and `expires_at`
    rounded outwards to quarters of an hour. `source` and `id` name its event, for a void of it.
    """

    grant_id: str
    source: str
    id: str
    state: GrantState
    amount_usd: Usd
    remaining_usd: Usd
    expired_usd: Usd
    priority: int
    granted_at: datetime
    expires_at: datetime | None
    valid_from: datetime
    valid_until: datetime | None
    note: str | None
    void_reason: str | None


class Credit(Struct, kw_only=True, rename=wire_name):
    """A user's prepaid balance, in US dollars; null for a user without a grant that counts.

    Charges draw from the grants in the order of `grants`, refunds return to the grant that they
    came from. A negative balance is a debt, which the next grant pays. `held_usd` is held for calls
    that were allowed and have not been charged yet. `lasts_until` is when the balance is used up if
    the user is charged as in the last 7 days, null if that is not expected. `low_balance_usd` are
    the balances at which the user is warned, in addition to zero. The user is also warned when the
    balance ends within `low_balance_days`, null for never.
    """

    user_id: str
    balance_usd: Usd | None
    held_usd: Usd
    available_usd: Usd | None
    charged_per_day_usd: Usd
    lasts_until: datetime | None
    low_balance_usd: list[Usd]
    low_balance_days: int | None
    grants: list[Grant]
    alerts: list[BalanceAlert]
    ending_alerts: list[BalanceEndingAlert]


class CreditChange(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """Changes when the user is warned of a low balance; an absent field keeps its value.

    The user is warned at the balances `low_balance_usd` and at zero, and when the balance would end
    within `low_balance_days` at the present pace; null for never.
    """

    low_balance_usd: Annotated[list[Number], Meta(max_length=LOW_BALANCES_MAX)] | UnsetType = UNSET
    low_balance_days: Annotated[int, Meta(ge=1, le=LOW_BALANCE_DAYS_MAX)] | UnsetType | None = UNSET


class GrantRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A grant of prepaid credit in US dollars, from now until `expires_at`, if given."""

    user_id: Text
    amount: Number
    expires_at: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    priority: Annotated[int, Meta(ge=0, le=GRANT_PRIORITY_MAX)] = GRANT_PRIORITY
    note: Annotated[str, Meta(min_length=1, max_length=NOTE_LENGTH_MAX)] | UnsetType = UNSET


class GrantVoidRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The void of a grant, which `voids` names as its event's source and id."""

    user_id: Text
    voids: EventReference
    reason: Annotated[str, Meta(min_length=1, max_length=NOTE_LENGTH_MAX)]
