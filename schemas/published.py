"""CloudEvents of the published topics, as consumers receive them.

`ledger` writes them to the outbox, and the relay adds the two times of publishing to their `data`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from schemas.alerts import ALERT_TYPE, CUTOFF_TYPE, PublishedAlert, PublishedCutoff
from schemas.anomalies import ANOMALY_TYPE, PublishedAnomaly
from schemas.call_steps import DOWNGRADE_TYPE, WARN_TYPE, PublishedDowngrade, PublishedWarn


class _PublishedEvent(Struct, kw_only=True, tag_field="type"):
    id: str
    source: str
    subject: str
    time: datetime
    specversion: Literal["1.0"]
    datacontenttype: Literal["application/json"]


class BudgetAlertEvent(_PublishedEvent, kw_only=True, tag=ALERT_TYPE):
    """A budget alert. `id` is the alert's id, `subject` the user, `time` when it was raised."""

    data: PublishedAlert


class CallCutoffEvent(_PublishedEvent, kw_only=True, tag=CUTOFF_TYPE):
    """A request to end a call. `id` is the command's id, `subject` the call."""

    data: PublishedCutoff


class CallWarnEvent(_PublishedEvent, kw_only=True, tag=WARN_TYPE):
    """A request to say a closing sentence. `id` is the command's id, `subject` the call."""

    data: PublishedWarn


class CallDowngradeEvent(_PublishedEvent, kw_only=True, tag=DOWNGRADE_TYPE):
    """A request to use a cheaper model. `id` is the command's id, `subject` the call."""

    data: PublishedDowngrade


class CostAnomalyEvent(_PublishedEvent, kw_only=True, tag=ANOMALY_TYPE):
    """An anomaly. `id` is the anomaly's id and never changes, `subject` is the user."""

    data: PublishedAnomaly
