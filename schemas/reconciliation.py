"""Body of the reconciliation: the same money in four places, and bills against records."""

from __future__ import annotations

import datetime
from typing import Literal

from msgspec import field

from schemas.bodies import Body
from schemas.costs import Period
from schemas.exact import Exact
from schemas.money import Usd


class CountedCalls(Body):
    """The number of calls in each place."""

    events: int
    calls: int
    user_days: int
    everyone: int


class CountedMoney(Body):
    """An amount in each place: events, totals of calls, of users' days, and of all users."""

    events: Usd
    calls: Usd
    user_days: Usd
    everyone: Usd


class ReconciledDay(Body):
    """One UTC day; `differences` counts which of the four figures differ between the places."""

    date: datetime.date
    differences: int
    calls: CountedCalls
    total_cost: CountedMoney
    charged: CountedMoney
    refunded: CountedMoney


class BilledService(Body):
    """The billed cost of a service against the recorded cost, on the days that were billed.

    `variance` is billed minus recorded; `variance_percent` is relative to recorded.
    """

    service: str
    days: int
    billed: Usd
    recorded: Usd
    variance: Usd
    variance_percent: str = field(name="variancePercent")


class BilledDay(Body):
    """The billed and recorded cost of one UTC day; `bills` are the names of the bill files."""

    date: datetime.date
    service: str
    quantity: Exact | None
    billed: Usd
    recorded: Usd
    variance: Usd
    variance_percent: str = field(name="variancePercent")
    bills: list[str]


class BillsBody(Body):
    """Vendors' bills against recorded costs."""

    services: list[BilledService]
    days: list[BilledDay]


class ListedService(Body):
    """The costs of a service that the vendor priced, against the catalogue's prices.

    `reported` is the vendor's price, which counts, `listed` the catalogue's. `variance` is reported
    minus listed; `variance_percent` is relative to listed. Only costs that have both are compared.
    """

    service: str
    days: int
    costs: int
    reported: Usd
    listed: Usd
    variance: Usd
    variance_percent: str = field(name="variancePercent")


class GapBody(Body):
    """A range of records that Kafka lost before they were counted.

    `to_offset` is the offset after the last lost record. It and `records` are null if the end of
    the log is unknown. `counted` is how many of the records were sent again and counted.
    """

    id: int
    cluster: str
    topic: str
    partition: int
    incarnation: str | None
    from_offset: int
    to_offset: int | None
    records: int | None
    counted: int
    reason: Literal["records_removed", "topic_recreated", "log_truncated"]
    noticed_at: datetime.datetime


class ReconciliationBody(Body):
    """`differences` must be 0: then all places agree on every day.

    `archived_events` counts the events of the period's months that are in the archive; their days
    are compared with the seals of the months. `list_prices` compares costs that vendors priced with
    the catalogue, without archived ones. `gaps` are the open gaps of all periods: their events are
    missing in every place.
    """

    period: Period
    differences: int
    archived_events: int
    days: list[ReconciledDay]
    bills: BillsBody
    list_prices: list[ListedService]
    gaps: list[GapBody]
