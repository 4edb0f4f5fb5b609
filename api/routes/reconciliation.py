"""`GET /api/admin/reconciliation`: compares all totals, and vendors' bills with recorded costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeVar

from aiohttp import web

from api.http.access import ADDRESS, CALLER, Access, Route
from api.http.parameters import end_of, start_of
from api.http.replies import reply
from api.http.slots import SlotPool
from api.openapi.operations import Operation, Tag
from api.routes.spending import END_DATE, START_DATE, DayRange, days_of, period_parameter
from ledger.operations.gaps import StreamGap
from ledger.operations.reconciliation import (
    BilledServiceDay,
    DayCount,
    ListedServiceDay,
    Reconciliation,
    TotalsPlace,
    reconcile,
)
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from schemas.exact import Exact
from schemas.money import Usd, percent_text
from schemas.reconciliation import (
    BilledDay,
    BilledService,
    BillsBody,
    CountedCalls,
    CountedMoney,
    GapBody,
    ListedService,
    ReconciledDay,
    ReconciliationBody,
)

ServiceDay = TypeVar("ServiceDay", BilledServiceDay, ListedServiceDay)

PERIOD: Final = period_parameter("7d")


class ReconciliationRoutes:
    """The reconciliation route; its readers are separate, because it reads a lot."""

    def __init__(self, readers: ReaderPool, now: Clock) -> None:
        self._readers = readers
        self._now = now
        self._slots = SlotPool(1, 1, 1, "reconciliations")

    def routes(self) -> tuple[Route, ...]:
        operation = Operation(
            name="reconcile",
            tag=Tag.ALL_USERS,
            summary="Get the reconciliation of totals and bills, and open gaps",
            response=ReconciliationBody,
            query=(PERIOD, START_DATE, END_DATE),
        )
        path = "/api/admin/reconciliation"
        return (Route("GET", path, Access.ADMIN, self.compare, operation),)

    async def compare(self, request: web.Request) -> web.Response:
        """Return the totals of each place for the requested days, and their differences."""
        caller = request[CALLER]
        days = days_of(request, self._now().date(), PERIOD)
        with self._slots.taken(caller.user_id, request[ADDRESS]):
            span = (start_of(days.first), end_of(days.last))
            report = await reconcile(self._readers, caller.viewer, span)
        return reply(reconciliation(days, report))


def reconciliation(days: DayRange, report: Reconciliation) -> ReconciliationBody:
    """Return the response body."""
    compared = [_day(day, counts) for day, counts in report.days.items()]
    return ReconciliationBody(
        period=days.period(),
        differences=sum(day.differences for day in compared),
        archived_events=report.archived_events,
        days=compared,
        bills=BillsBody(
            services=_services(report.billed), days=[_billed(day) for day in report.billed]
        ),
        list_prices=_list_prices(report.listed),
        gaps=[_gap(gap) for gap in report.gaps],
    )


def _day(day: date, counts: Mapping[TotalsPlace, DayCount]) -> ReconciledDay:
    figures = zip(*counts.values(), strict=True)
    return ReconciledDay(
        date=day,
        differences=sum(len(set(figure)) > 1 for figure in figures),
        calls=CountedCalls(**{place: count.calls for place, count in counts.items()}),
        total_cost=_money({place: count.cost_nano for place, count in counts.items()}),
        charged=_money({place: count.charged_nano for place, count in counts.items()}),
        refunded=_money({place: count.refunded_nano for place, count in counts.items()}),
    )


def _money(nano: Mapping[TotalsPlace, int]) -> CountedMoney:
    return CountedMoney(**{place: Usd(amount) for place, amount in nano.items()})


def _billed(day: BilledServiceDay) -> BilledDay:
    variance = day.billed_nano - day.recorded_nano
    return BilledDay(
        date=day.day,
        service=day.service,
        quantity=None if day.quantity is None else Exact(day.quantity),
        billed=Usd(day.billed_nano),
        recorded=Usd(day.recorded_nano),
        variance=Usd(variance),
        variance_percent=percent_text(variance, day.recorded_nano),
        bills=day.bills,
    )


def _gap(gap: StreamGap) -> GapBody:
    return GapBody(
        id=gap.gap_id,
        cluster=gap.cluster,
        topic=gap.topic,
        partition=gap.partition,
        incarnation=gap.incarnation,
        from_offset=gap.from_offset,
        to_offset=gap.to_offset,
        records=gap.records,
        counted=gap.counted,
        reason=gap.reason,
        noticed_at=gap.noticed_at,
    )


def _by_service(days: Iterable[ServiceDay]) -> Iterator[tuple[str, list[ServiceDay]]]:
    """Yield each service and its days, ordered by service."""
    service_of = attrgetter("service")
    for service, of_service in groupby(sorted(days, key=service_of), service_of):
        yield service, list(of_service)


def _services(billed: Iterable[BilledServiceDay]) -> list[BilledService]:
    return [_service(service, days) for service, days in _by_service(billed)]


def _service(service: str, days: list[BilledServiceDay]) -> BilledService:
    billed, recorded = sum(d.billed_nano for d in days), sum(d.recorded_nano for d in days)
    return BilledService(
        service=service,
        days=len(days),
        billed=Usd(billed),
        recorded=Usd(recorded),
        variance=Usd(billed - recorded),
        variance_percent=percent_text(billed - recorded, recorded),
    )


def _list_prices(listed: Iterable[ListedServiceDay]) -> list[ListedService]:
    return [_list_price(service, days) for service, days in _by_service(listed)]


def _list_price(service: str, days: list[ListedServiceDay]) -> ListedService:
    reported, at_list = sum(d.reported_nano for d in days), sum(d.listed_nano for d in days)
    return ListedService(
        service=service,
        days=len(days),
        costs=sum(d.costs for d in days),
        reported=Usd(reported),
        listed=Usd(at_list),
        variance=Usd(reported - at_list),
        variance_percent=percent_text(reported - at_list, at_list),
    )
