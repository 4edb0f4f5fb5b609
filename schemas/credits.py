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
"""The maximum number of grants in a response."""

GrantState = Literal["valid", "used", "expired", "voided", "upcoming"]


class BalanceAlert(Struct, kw_only=True, rename=wire_name):
    """An alert that a prepaid balance fell to a threshold. Money is US dollars, times are UTC.

    `lasts_until` is when the balance is used up if the user is charged as in the last 7 days, null
    if that is not expected. `grant_id` is the newest grant; each threshold is reported once for it.
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
    """An alert that a prepaid balance will be used up within `threshold_days`.

    Money is US dollars, times are UTC. `lasts_until` is when the balance is used up if the user is
    charged as in the last 7 days. The alert is raised again only after the balance lasted longer
    than `threshold_days` in between, or after the user changed the days.
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

    It is valid from `valid_from` (inclusive) until `valid_until` (exclusive): `granted_at` rounded
    down and `expires_at` rounded up to a quarter of an hour. `source` and `id` are those of its
    event; a void of the grant names them.
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
    """A user's prepaid balance, in US dollars.

    `balance_usd` and `available_usd` are null for a user without a grant that counts. Charges draw
    from the grants in the order of `grants`, refunds return to the grant that they came from. A
    negative balance is a debt, which the next grant pays. `held_usd` is held for calls that were
    allowed and have not been charged yet. `lasts_until` is when the balance is used up if the user
    is charged as in the last 7 days, null if that is not expected. `low_balance_usd` are the
    balances at which the user is warned, in addition to zero. The user is also warned when the
    balance ends within `low_balance_days`; null turns this warning off.
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
    """The settings of the warnings of a low balance; an absent field keeps its value.

    The user is warned at the balances `low_balance_usd` and at zero, and when the balance would end
    within `low_balance_days` at the present pace; null turns this warning off.
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
    """A request to void a grant; `voids` is the source and id of the grant's event."""

    user_id: Text
    voids: EventReference
    reason: Annotated[str, Meta(min_length=1, max_length=NOTE_LENGTH_MAX)]
