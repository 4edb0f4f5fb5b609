"""Published messages: budget alerts, and requests to end calls."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from schemas.anomalies import Anomaly
from schemas.call_steps import StepRequest
from schemas.crossings import Crossing
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

ALERT_TYPE: Final = "budget.threshold.reached"
CUTOFF_TYPE: Final = "call.cutoff.requested"
SOURCE: Final = "/cost-analytics/budgets"

AlertType = Literal["daily", "weekly", "monthly", "call"]
ScopeKind = Literal["user", "persona", "tag", "all", "service"]
SpendBasis = Literal["charged", "cost"]
"""What counts as a user's spend: charges minus refunds, or the cost of the user's calls."""


def _alert_name(name: str) -> str:
    """Return the JSON name of a field; consumers know the alert's `current_spend` by this name."""
    return name if name == "current_spend" else wire_name(name)


class Driver(Struct, kw_only=True, rename=wire_name):
    """One of the largest costs of a period: its sum in USD and its share of the total."""

    service: str
    cost: Usd
    share_percent: Exact


class BudgetScope(Struct, kw_only=True, rename=wire_name):
    """What a budget applies to.

    The kinds are `user` (all calls of the user), `persona` (calls with the persona `value`) and
    `tag` (calls with `value` for the tag `key`); for administrators also `all` (all users) and
    `service` (the costs of the service `value` for all users), and `tag` for the calls of all
    users. `key` is null unless the scope is a tag, `value` for `user` and `all`.
    """

    kind: ScopeKind
    key: str | None
    value: str | None


class BudgetAlert(Struct, kw_only=True, rename=_alert_name):
    """Spend has reached a threshold of a limit. Money is US dollars, times are UTC.

    `period` is the day, week, month or call that the limit applies to. `crossed_by` is null if a
    change of the settings raised the alert. `drivers` are the largest costs of the UTC days in the
    period. `spent_last_hour` is the spend of the last 60 to 75 minutes: it starts at a full quarter
    of an hour. `budget_id` and `scope` are those of a scoped budget, null for a limit of the user's
    settings.
    """

    alert_id: str
    user_id: str
    type: AlertType
    threshold_percent: Exact
    limit_usd: Usd
    current_spend: Usd
    remaining: Usd
    message: str
    triggered_at: datetime
    period: str
    period_start: datetime
    period_end: datetime | None
    call_id: str | None
    crossed_by: Crossing | None
    limit_version: int
    basis: SpendBasis
    late: bool
    drivers: list[Driver]
    spent_last_hour: Usd
    event_time: datetime | None
    budget_id: str | None = None
    scope: BudgetScope | None = None


class ListedAlert(BudgetAlert, kw_only=True, rename=_alert_name):
    """An alert as listed; `read_at` is when it was marked as read, null if it is unread."""

    read_at: datetime | None


class PublishedAlert(BudgetAlert, kw_only=True, rename=_alert_name):
    """An alert as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime


class CutoffRequest(Struct, kw_only=True, rename=wire_name):
    """Asks the voice pipeline to end a call. Money is US dollars.

    If the cost of the call reached a limit, `limit_usd`, `limit_version` and `alert_id` are set,
    and so is `budget_id` if it is the limit of a scoped budget. For a stuck call, `anomaly_id` is
    set. For a call that a person ends, `requested_by` is set. Without a limit, `limit_usd` and
    `alert_id` are null, and `limit_version` is 0.
    """

    command_id: str
    call_id: str
    user_id: str
    reason: str
    limit_usd: Usd | None
    current_cost: Usd
    limit_version: int
    alert_id: str | None
    requested_at: datetime
    crossed_by: Crossing | None
    event_time: datetime | None
    anomaly_id: str | None = None
    requested_by: str | None = None
    budget_id: str | None = None


class PublishedCutoff(CutoffRequest, kw_only=True, rename=wire_name):
    """A request as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime


class CloudEvent(Struct, kw_only=True):
    """The CloudEvents envelope of a published message; `data` is its content."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: BudgetAlert | CutoffRequest | StepRequest | Anomaly
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
