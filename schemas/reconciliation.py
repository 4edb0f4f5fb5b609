"""The body that compares: the same money in four places, and vendors' bills with our records."""

from __future__ import annotations

import datetime
from typing import Literal

from msgspec import field

from schemas.bodies import Body
from schemas.costs import Period
from schemas.exact import Exact
from schemas.money import Usd


class CountedCalls(Body):
    """How many calls each place knows."""

    events: int
    calls: int
    user_days: int
    everyone: int


class CountedMoney(Body):
    """What an amount is in each place: events, totals of calls, of users' days, of everyone."""

    events: Usd
    calls: Usd
    user_days: Usd
    everyone: Usd


class ReconciledDay(Body):
    """One UTC day; `differences` is how many of the four figures are not the same in all places."""

    date: datetime.date
    differences: int
    calls: CountedCalls
    total_cost: CountedMoney
    charged: CountedMoney
    refunded: CountedMoney


class BilledService(Body):
    """What vendors billed for a service on the days that they billed at all, and what we recorded.

    `variance` is billed less recorded; its percentage is of what was recorded.
    """

    service: str
    days: int
    billed: Usd
    recorded: Usd
    variance: Usd
    variance_percent: str = field(name="variancePercent")


class BilledDay(Body):
    """The same for one UTC day; `bills` are the files that it comes from."""

    date: datetime.date
    service: str
    quantity: Exact | None
    billed: Usd
    recorded: Usd
    variance: Usd
    variance_percent: str = field(name="variancePercent")
    bills: list[str]


class BillsBody(Body):
    """Vendors' bills beside what was recorded."""

    services: list[BilledService]
    days: list[BilledDay]


class GapBody(Body):
    """A range of records that Kafka lost before they were counted.

    `to_offset` is the offset after the last record; with it `records` is null where the end of the
    log is unknown. `counted` is how many of them were counted after they were sent again.
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
    """`differences` must be 0: then every place says the same of every day.

    `archived_events` is how many events of the period's months are in the archive: their days are
    compared by the seals of the months. `gaps` are the open ones, whatever the period: events that
    no place can know.
    """

    period: Period
    differences: int
    archived_events: int
    days: list[ReconciledDay]
    bills: BillsBody
    gaps: list[GapBody]
