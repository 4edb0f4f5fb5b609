"""Reads the status and the alerts of budgets, and locks the settings of users."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from ledger.budgets.active_calls import decode_active_calls
from ledger.budgets.alert_rows import limits_of
from ledger.budgets.burn_rate import burn_rate, expected_charges
from ledger.budgets.global_use import GlobalUses
from ledger.budgets.limits import Limits
from ledger.budgets.settings import ACTIVE_CALLS_MAX, lock_settings
from ledger.budgets.thresholds import CALL_CLOSES_AFTER
from ledger.calls.periods import CalendarPeriod, period_of
from ledger.charge_plans.plans import ChargePlans, decode_plan_list
from ledger.postgres.database import Connection, Record
from ledger.postgres.functions import reads
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.alerts import AlertType, SpendBasis
from schemas.notices import Channel

_SQL: Final = statements("budgets/budgets")
_READS: Final = reads("budgets/budgets")

LATEST_ALERTS_MAX: Final = 10
ZONES_CACHED_MAX: Final = 10_000

_decode_channels: Final = msgspec.json.Decoder(list[Channel]).decode


class BudgetStatus(NamedTuple):
    """A user's budget with its spend in the current day and month of the user's time zone.

    Spend is in nano-dollars, the burn rate in nano-dollars an hour; `alerts` are JSON, latest
    first.
    """

    limits: Limits
    warning_percent: Decimal
    thresholds: list[Decimal]
    day: CalendarPeriod
    month: CalendarPeriod
    day_nano: int
    month_nano: int
    burn_rate: int
    alerts: list[str]
    now: datetime
    channels: Sequence[Channel] = ()


class PeriodSpend(NamedTuple):
    """A user's spend in the current day and month, and what an expected charge is computed from.

    `default_charge_nano` is the catalogue's, for calls without a charge plan. Amounts are
    nano-dollars.
    """

    day: CalendarPeriod
    month: CalendarPeriod
    day_nano: int
    month_nano: int
    default_charge_nano: int
    plans: ChargePlans


class AlertPage(NamedTuple):
    """A page of alerts as JSON, latest first, and the position of the next page, if any."""

    alerts: list[str]
    before: int | None


class AlertFilter(NamedTuple):
    """A filter of alerts by the type of their limit and by whether they were read; None for any."""

    type: AlertType | None = None
    is_read: bool | None = None


ALL_ALERTS: Final = AlertFilter()


class Budgets:
    """The budgets of all users, with one definition of spend and one default threshold."""

    def __init__(
        self, readers: ReaderPool, basis: SpendBasis, default_threshold_percent: int
    ) -> None:
        self._readers = readers
        self.basis = basis
        self.default_threshold_percent = default_threshold_percent
        self.global_uses = GlobalUses(readers, basis)
        self._zones: OrderedDict[str, str] = OrderedDict()

    async def read_status(self, viewer: Viewer, user_id: str, now: datetime) -> BudgetStatus:
        """Return a user's budget; raises StoreUnavailableError.

        For a viewer without access, it has no limits and no spend.
        """
        zone = self._zones.get(user_id, "UTC")
        while True:
            arguments = self._arguments(viewer, user_id, zone, now)
            [row] = await self._readers.read(viewer, *_READS.bind("budget_status", **arguments))
            limits = _limits(user_id, row)
            if limits.timezone == zone:
                return self._status(row, limits, now)
            # The periods were those of another time zone: repeat with the right one.
            zone = limits.timezone
            self._remember_zone(user_id, zone)

    async def read_alerts(
        self,
        viewer: Viewer,
        user_id: str,
        before: int | None,
        limit: int,
        filters: AlertFilter = ALL_ALERTS,
    ) -> AlertPage:
        """Return a page of a user's alerts; raises StoreUnavailableError."""
        rows = await self._readers.read(
            viewer,
            *_READS.bind(
                "alerts_page",
                user_id=user_id,
                **viewer.parameters,
                before=before,
                limit=limit + 1,
                **filters._asdict(),
            ),
        )
        next_before = rows[limit - 1]["seq"] if len(rows) > limit else None
        return AlertPage([row["data"] for row in rows[:limit]], next_before)

    def reading(self, viewer: Viewer) -> AbstractAsyncContextManager[Connection]:
        """Return a transaction that reads for a viewer."""
        return self._readers.reading(viewer)

    @asynccontextmanager
    async def lock(self, viewer: Viewer, user_id: str) -> AsyncIterator[tuple[Connection, Limits]]:
        """Lock a user's settings for a transaction, against batches and other changes."""
        async with self._readers.writing(viewer) as connection:
            yield connection, await lock_settings(connection, viewer, user_id)

    async def read_status_on(
        self, connection: Connection, viewer: Viewer, limits: Limits, now: datetime
    ) -> BudgetStatus:
        """Return the budget of a user with these limits, within the caller's transaction."""
        arguments = self._arguments(viewer, limits.user_id, limits.timezone, now)
        [row] = await connection.fetch(*_SQL.bind("budget_status", **arguments))
        return self._status(row, limits, now)

    async def read_spend(
        self, connection: Connection, viewer: Viewer, limits: Limits, now: datetime
    ) -> PeriodSpend:
        """Return a user's spend in the current periods, within the caller's transaction."""
        arguments = self._arguments(viewer, limits.user_id, limits.timezone, now)
        arguments |= {"calls_max": 0, "alerts_max": 0}
        [row] = await connection.fetch(*_SQL.bind("budget_status", **arguments))
        day, month = _periods(now, limits.timezone)
        return PeriodSpend(
            day=day,
            month=month,
            day_nano=int(row["day_nano"]),
            month_nano=int(row["month_nano"]),
            default_charge_nano=row["default_charge_nano"] or 0,
            plans=ChargePlans(decode_plan_list(row["charge_plans"])),
        )

    def _arguments(
        self, viewer: Viewer, user_id: str, zone: str, now: datetime
    ) -> dict[str, object]:
        """Return the arguments of the statement `budget_status`, for periods in a time zone."""
        day, month = _periods(now, zone)
        return {
            "user_id": user_id,
            **viewer.parameters,
            "by_cost": self.basis == "cost",
            "day_start": day.start,
            "day_end": day.end,
            "month_start": month.start,
            "month_end": month.end,
            "since": now - CALL_CLOSES_AFTER,
            "calls_max": ACTIVE_CALLS_MAX,
            "alerts_max": LATEST_ALERTS_MAX,
        }

    def _status(self, row: Record, limits: Limits, now: datetime) -> BudgetStatus:
        default = Decimal(self.default_threshold_percent)
        day, month = _periods(now, limits.timezone)
        plans = ChargePlans(decode_plan_list(row["charge_plans"]))
        charges = expected_charges(limits.user_id, plans, row["default_charge_nano"] or 0, now)
        rate = burn_rate(decode_active_calls(row["active_calls"]), self.basis, charges, now)
        return BudgetStatus(
            limits=limits,
            warning_percent=limits.warning(default),
            thresholds=limits.thresholds(default),
            day=day,
            month=month,
            day_nano=int(row["day_nano"]),
            month_nano=int(row["month_nano"]),
            burn_rate=rate,
            alerts=row["alerts"],
            now=now,
            channels=_decode_channels(row["channels"] or "[]"),
        )

    def _remember_zone(self, user_id: str, zone: str) -> None:
        self._zones[user_id] = zone
        if len(self._zones) > ZONES_CACHED_MAX:
            self._zones.popitem(last=False)


def _limits(user_id: str, row: Record) -> Limits:
    return Limits(user_id=user_id) if row["user_id"] is None else limits_of(row)


def _periods(now: datetime, zone: str) -> tuple[CalendarPeriod, CalendarPeriod]:
    return period_of("daily", now, zone), period_of("monthly", now, zone)
