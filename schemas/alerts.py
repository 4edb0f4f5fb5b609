"""Budget alerts and call commands: what is published when a threshold of a budget is reached."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from schemas.anomalies import Anomaly
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

ALERT_TYPE: Final = "budget.threshold.reached"
CUTOFF_TYPE: Final = "call.cutoff.requested"
SOURCE: Final = "/cost-analytics/budgets"

AlertType = Literal["daily", "monthly", "call"]
SpendBasis = Literal["charged", "cost"]


def _alert_name(name: str) -> str:
    """Translate a field name; the alert's `current_spend` is published as it is written here."""
    return name if name == "current_spend" else wire_name(name)


class Crossing(Struct, kw_only=True, rename=wire_name):
    """The event that carried a spend over a threshold; `service` is null where it names none."""

    source: str
    id: str
    service: str | None


class Driver(Struct, kw_only=True, rename=wire_name):
    """One of the largest costs of a period: its sum in USD and its share of all."""

    service: str
    cost: Usd
    share_percent: Exact


class BudgetAlert(Struct, kw_only=True, rename=_alert_name):
    """A spend has reached a threshold of its limit. Money is US dollars, times are UTC.

    `period` is the day, the month or the call that the limit is about. `crossed_by` is null where
    a change of the settings raised the alert. `drivers` are the largest costs of the period's UTC
    days, `spent_last_hour` is the user's spend since the quarter of an hour an hour ago.
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


class PublishedAlert(BudgetAlert, kw_only=True, rename=_alert_name):
    """An alert as consumers receive it: with when it was decided and when it was sent."""

    committed_at: datetime
    published_at: datetime


class CutoffRequest(Struct, kw_only=True, rename=wire_name):
    """The voice pipeline should end a call, whose cost has reached its cap. Money is US dollars."""

    command_id: str
    call_id: str
    user_id: str
    reason: str
    limit_usd: Usd
    current_cost: Usd
    limit_version: int
    alert_id: str
    requested_at: datetime
    crossed_by: Crossing | None
    event_time: datetime | None


class PublishedCutoff(CutoffRequest, kw_only=True, rename=wire_name):
    """A request as consumers receive it: with when it was decided and when it was sent."""

    committed_at: datetime
    published_at: datetime


class CloudEvent(Struct, kw_only=True):
    """The envelope of what is published; `data` says what happened."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: BudgetAlert | CutoffRequest | Anomaly
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
