"""Reads the cost of one call in detail, and a user's spending over a range of days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

import msgspec

from ledger.calls.call import decode_costs_by_service
from ledger.calls.roundings import Rounding, decode_roundings
from ledger.calls.tags import decode_tags
from ledger.charge_plans.terms import ChargeDecision, decode_decision
from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.versions import VersionedReport
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.limit_cutoffs import LimitCutoff, decode_limit_cutoff
from ledger.reports.profit import Profit
from schemas.costs import UNKNOWN_PERSONA

_READS: Final = reads("reports/costs")

PERSONAS_MAX: Final = 10
USAGE_LINES_MAX: Final = 1_000
"""A call's report lists its earliest usages; the list of its events has all, page by page."""

CostClass = Literal["api", "infrastructure", "transaction"]


class ServiceCost(NamedTuple):
    """A service's cost in nano-dollars, and its class."""

    cost_nano: int
    cost_class: CostClass


class ServiceCosts(dict[str, ServiceCost]):
    """Costs by service."""

    def total_nano(self, cost_class: CostClass | None = None) -> int:
        """Return the sum over all services, or over those of one class."""
        return sum(
            cost.cost_nano
            for cost in self.values()
            if cost_class is None or cost.cost_class == cost_class
        )


class QuantityLine(msgspec.Struct, gc=False, rename="camel"):
    """A quantity of a request; cost and price are None if the catalogue has no price for it."""

    unit: str
    quantity: Decimal
    cost_nano: int | None
    price_usd: Decimal | None
    per_units: int | None
    price_unit: str | None


class UsageLine(msgspec.Struct, gc=False, rename="camel"):
    """A recorded usage, and the price it was counted at.

    `unit_cost` is the price per unit that the emitter sent, in US dollars. `price_usd`, `per_units`
    and `price_unit` are set if the catalogue priced the usage. `metadata` is JSON. A line with
    several quantities has `usages` in the place of `usage` and `unit`.
    """

    service: str
    operation: str
    usage: Decimal | None
    unit: str | None
    cost_nano: int
    unit_cost: Decimal | None
    price_usd: Decimal | None
    per_units: int | None
    price_unit: str | None
    metadata: str | None
    usages: list[QuantityLine] | None = None
    unpriced: bool = False
    leg_id: str | None = None


class UsageLines(msgspec.Struct, gc=False):
    """The count of a call's usage lines, and the listed ones: the earliest."""

    count: int
    listed: list[UsageLine]


class CallReport(NamedTuple):
    """A call with its cost so far."""

    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: str
    duration_ms: int
    costs: ServiceCosts
    profit: Profit
    lines: UsageLines
    estimated: bool
    first_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    archived_events: int = 0
    unpriced_events: int = 0
    charge_plan: ChargeDecision | None = None
    roundings: Sequence[Rounding] = ()
    ended_by_limit: LimitCutoff | None = None


class PersonaSum(msgspec.Struct, gc=False, rename="camel"):
    """The cost of calls with a persona, in nano-dollars."""

    persona_id: str
    calls: int
    cost_nano: int


class DaySum(msgspec.Struct, gc=False, rename="camel"):
    """The costs and charges of a UTC day, in nano-dollars.

    `by_persona` has the top personas, `by_group` the listed groups.
    """

    day: date
    calls: int = 0
    duration_ms: int = 0
    charged_nano: int = 0
    refunded_nano: int = 0
    costs: dict[str, int] = {}
    by_persona: dict[str, int] = {}
    by_group: dict[str, int] = {}

    @property
    def profit(self) -> Profit:
        """The day's profit. Its transaction cost is unknown, so do not use `net_revenue_nano`."""
        return Profit(self.charged_nano, self.refunded_nano, sum(self.costs.values()), 0)


class SpendingReport(NamedTuple):
    """A user's spending on a range of days; `daily` lacks empty days."""

    calls: int
    duration_ms: int
    costs: ServiceCosts
    profit: Profit
    personas: list[PersonaSum]
    daily: list[DaySum]
    unpriced_events: int = 0


_charges_by_day: Final = msgspec.json.Decoder(dict[str, tuple[int, int]])
_sums: Final = msgspec.json.Decoder(dict[str, int])
_classes: Final = msgspec.json.Decoder(dict[str, str])
_CLASSES: Final[dict[str, CostClass]] = {
    "api": "api",
    "infrastructure": "infrastructure",
    "transaction": "transaction",
}
_lines: Final = msgspec.json.Decoder(UsageLines)
_personas: Final = msgspec.json.Decoder(list[PersonaSum])
_days: Final = msgspec.json.Decoder(list[DaySum])


async def read_call_report(
    readers: ReaderPool, viewer: Viewer, call_id: str, known_version: str = ""
) -> VersionedReport[CallReport] | None:
    """Return a call if the viewer may see it, else None; raises StoreUnavailableError."""
    call = _READS.bind(
        "call",
        call_id=call_id,
        **viewer.parameters,
        lines_max=USAGE_LINES_MAX,
        known_version=known_version,
    )
    rows = await readers.read(viewer, *call)
    if not rows:
        return None
    [row] = rows
    is_unchanged = row["version"] == known_version
    return VersionedReport(row["version"], None if is_unchanged else _decode_call_report(row))


def _decode_call_report(row: Record) -> CallReport:
    values: dict[str, Any] = dict(row)
    del values["version"]
    charged_nano, refunded_nano = charges_of_days(values.pop("charges"))
    costs = add_classes(decode_costs_by_service(values["costs"]), values.pop("classes"))
    decoded = {
        "costs": costs,
        "tags": decode_tags(values["tags"]) or {},
        "charge_plan": decode_decision(values["charge_plan"]),
        "profit": profit_of(charged_nano, refunded_nano, costs),
        "lines": _lines.decode(values["lines"]),
        "archived_events": int(values["archived_events"]),
        "roundings": decode_roundings(values["roundings"]) or [],
        "ended_by_limit": decode_limit_cutoff(values["ended_by_limit"]),
    }
    return CallReport(**(values | decoded))


async def read_spending_report(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    days: tuple[date, date],
    known_version: str = "",
) -> VersionedReport[SpendingReport]:
    """Return a user's spending from the first to the last UTC day, both included.

    Zeros for a viewer without access to the user. Raises StoreUnavailableError.
    """
    spending = _READS.bind(
        "spending",
        user_id=user_id,
        **viewer.parameters,
        first_day=days[0],
        last_day=days[1],
        personas_max=PERSONAS_MAX,
        unknown_persona=UNKNOWN_PERSONA,
        known_version=known_version,
    )
    [row] = await readers.read(viewer, *spending)
    is_unchanged = row["version"] == known_version
    return VersionedReport(row["version"], None if is_unchanged else decode_spending_report(row))


def decode_spending_report(row: Record) -> SpendingReport:
    """Return the report in a row of the statements `spending` and `grouped`."""
    costs = add_classes(_sums.decode(row["costs"] or "{}"), row["classes"])
    return SpendingReport(
        calls=row["calls"],
        duration_ms=int(row["duration_ms"]),
        costs=costs,
        profit=profit_of(int(row["charged_nano"]), int(row["refunded_nano"]), costs),
        personas=_personas.decode(row["personas"] or "[]"),
        daily=_days.decode(row["daily"] or "[]"),
        unpriced_events=row["unpriced_events"],
    )


def charges_of_days(stored: str) -> tuple[int, int]:
    """Return what a call was charged and what was refunded, over all days."""
    days = _charges_by_day.decode(stored).values()
    return sum(charged for charged, _ in days), sum(refunded for _, refunded in days)


def add_classes(by_service: Mapping[str, int], classes_json: str | None) -> ServiceCosts:
    """Add the classes to sums by service; a service without a class is API usage."""
    classes = _classes.decode(classes_json or "{}")
    return ServiceCosts(
        (service, ServiceCost(nano, _CLASSES.get(classes.get(service, "api"), "api")))
        for service, nano in by_service.items()
    )


def profit_of(charged_nano: int, refunded_nano: int, costs: ServiceCosts) -> Profit:
    """Return the profit."""
    return Profit(charged_nano, refunded_nano, costs.total_nano(), costs.total_nano("transaction"))
