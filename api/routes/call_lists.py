"""Lists: a user's calls (`…/calls`), and the events of a call (`…/call/{callId}/events`)."""

from __future__ import annotations

from typing import Final, cast
from uuid import UUID

import msgspec
from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.identifiers import identifier_error
from api.http.paging import (
    CURSOR,
    LIMIT,
    cursor_of,
    limit_of,
    page,
    page_with_cursor,
    rank_cursor,
    rank_cursor_of,
)
from api.http.parameters import (
    FIRST_DAY,
    LAST_DAY,
    NAME,
    choice,
    choice_of,
    end_of,
    optional_days_of,
    start_of,
    value_of,
)
from api.http.problems import forbidden, invalid_parameter
from api.http.replies import tagged_reply
from api.openapi.operations import Operation, Parameter, Tag
from api.routes.breakdown import nonzero_costs, rounding_costs, with_standard_services
from api.routes.call_bodies import charge_plan_body, ended_by_limit_body
from api.routes.filters import CALL_FILTERS, cost_filter_of
from ledger.calls.tags import decode_tags
from ledger.postgres.viewers import ReaderPool
from ledger.prices.catalogue import DEFAULT_PROCESSOR
from ledger.prices.usages import unpack_usages
from ledger.reports.lists import (
    CallEventRow,
    CallFilter,
    CallOrder,
    ListedCall,
    list_calls,
    list_events,
    rank_calls,
)
from schemas.call_lists import (
    CALL_STATUSES,
    CallPage,
    CallSummary,
    EventPage,
    ListedEvent,
    ListedQuantity,
    ListedType,
    SettlementData,
)
from schemas.events import CallStatus, CostVoided, EventReference
from schemas.exact import Exact
from schemas.jsonio import decode, encode
from schemas.money import Usd

STATUS: Final = choice("status", "Filters by status.", CALL_STATUSES)
ID_PART: Final = Parameter("q", "Filters by a part of the call's id, in any case.", NAME)
_NEWEST: Final = "-createdAt"
_SORTED_BY: Final = ("createdAt", "duration_seconds", "totalCost", "chargedToUser", "grossProfit")
SORT: Final = choice(
    "sort",
    "The field to sort by; `-` before it sorts in descending order.",
    [f"{sign}{name}" for name in _SORTED_BY for sign in ("-", "")],
    _NEWEST,
)

_LIST_CALLS: Final = Operation(
    name="listCalls",
    tag=Tag.CALLS,
    summary="List a user's calls",
    response=CallPage,
    has_etag=True,
    query=(LIMIT, CURSOR, FIRST_DAY, LAST_DAY, *CALL_FILTERS, STATUS, ID_PART, SORT),
)
_EVENTS: Final = Operation(
    name="listCallEvents",
    tag=Tag.CALLS,
    summary="List a call's cost events, in order of time",
    response=EventPage,
    has_etag=True,
    query=(LIMIT, CURSOR),
)


class CallLists:
    """The routes of calls and of their events."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/costs/user/{userId}/calls", Access.SELF, self.calls, _LIST_CALLS),
            Route("GET", "/api/costs/call/{callId}/events", Access.OWNER, self.events, _EVENTS),
        )

    async def calls(self, request: web.Request) -> web.Response:
        """Return a page of the user's calls."""
        user_id, limit, sort = request.match_info["userId"], limit_of(request), sort_of(request)
        selection = (self._readers, request[CALLER].viewer, user_id, filter_of(request))
        if sort == _NEWEST:
            rows = await list_calls(*selection, after=cursor_of(request), limit=limit + 1)
            shown, following = page(rows, limit, lambda call: call.position)
        else:
            order = CallOrder(sort.removeprefix("-"), sort.startswith("-"))
            after = rank_cursor_of(request, sort)
            rows = await rank_calls(*selection, order, after=after, limit=limit + 1)
            shown, following = page_with_cursor(
                rows, limit, lambda call: rank_cursor(sort, call.rank_position)
            )
        calls = [summary(call) for call in shown]
        return tagged_reply(request, CallPage(user_id=user_id, calls=calls, next_cursor=following))

    async def events(self, request: web.Request) -> web.Response:
        """Return a page of a call's events; 403 as for the call itself."""
        call_id, limit = request.match_info["callId"], limit_of(request)
        listed = await list_events(
            self._readers,
            request[CALLER].viewer,
            call_id,
            after=cursor_of(request, _is_identity),
            limit=limit + 1,
        )
        if listed is None:
            raise forbidden()
        rows, archived = listed
        shown, following = page(rows, limit, lambda event: event.position)
        events = [listed_event(event) for event in shown]
        body = EventPage(
            call_id=call_id, events=events, next_cursor=following, archived_events=archived
        )
        return tagged_reply(request, body)


def filter_of(request: web.Request) -> CallFilter:
    """Return the requested filter; raises the 400 Problem."""
    first, last = optional_days_of(request)
    return CallFilter(
        start_of(first) if first else None,
        end_of(last) if last else None,
        choice_of(request, STATUS),
        name_of(request, ID_PART),
        cost_filter_of(request, CALL_FILTERS),
    )


def name_of(request: web.Request, parameter: Parameter) -> str | None:
    """Return an id or a part of one; raises the 400 Problem."""
    name = value_of(request, parameter)
    if name is not None and (flaw := identifier_error(name)) is not None:
        raise invalid_parameter(parameter.name, flaw)
    return name


def sort_of(request: web.Request) -> str:
    """Return the requested order; raises the 400 Problem."""
    return choice_of(request, SORT) or _NEWEST


def _is_identity(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def summary(call: ListedCall) -> CallSummary:
    """Return a call as a list item."""
    profit = call.profit
    return CallSummary(
        call_id=call.call_id,
        user_id=call.user_id,
        persona_id=call.persona_id,
        tags=call.tags,
        status=cast(CallStatus, call.status),
        duration_seconds=Exact.of_milliseconds(call.duration_ms),
        total_cost=Usd(profit.cost_nano),
        cost_by_service=with_standard_services(call.costs),
        charged_to_user=Usd(profit.charged_nano),
        refunded=Usd(profit.refunded_nano),
        gross_profit=Usd(profit.gross_nano),
        gross_margin_percent=profit.margin_percent,
        estimated=call.estimated,
        created_at=call.first_at,
        calculated_at=call.updated_at,
        started_at=call.started_at,
        ended_at=call.ended_at,
        unpriced_events=call.unpriced_events,
        charge_plan=charge_plan_body(call.charge_plan),
        ended_by_limit=ended_by_limit_body(call.ended_by_limit),
    )


def listed_event(event: CallEventRow) -> ListedEvent:
    """Return an event as a list item."""
    costs, amount_nano = costs_and_amount(event)
    return ListedEvent(
        source=event.source,
        id=event.event_id,
        type=cast(ListedType, event.type),
        time=event.time,
        recorded_at=event.recorded_at,
        service=event.service,
        operation=event.operation,
        model=event.model,
        usage=None if event.usage is None else Exact(event.usage),
        unit=event.unit,
        unit_cost=None if event.unit_cost is None else Exact(event.unit_cost),
        total_cost=Usd(sum(costs.values())),
        cost_by_service=nonzero_costs(costs),
        amount=Usd(amount_nano),
        estimated=event.estimated,
        voided=event.voided,
        voids=_voids(event),
        tags=decode_tags(event.tags) or {},
        data=msgspec.Raw((data_of(event) or "{}").encode()),
        usages=listed_quantities(event),
        leg_id=event.leg_id,
        list_cost=None if event.list_cost_nano is None else Usd(event.list_cost_nano),
        unpriced=bool(event.unpriced),
    )


def listed_quantities(event: CallEventRow) -> list[ListedQuantity]:
    """Return the quantities of a request; empty for any other event."""
    return [
        ListedQuantity(
            unit=usage.unit,
            quantity=Exact(usage.quantity),
            total_cost=None if usage.cost_nano is None else Usd(usage.cost_nano),
            price_id=abs(usage.price_id or 0) or None,
        )
        for usage in (unpack_usages(event.usages) if event.usages else ())
    ]


def costs_and_amount(event: CallEventRow) -> tuple[dict[str, int], int]:
    """Return an event's costs by service, and the user's charge, in nano-dollars."""
    settlement = event.settlement()
    if settlement is None:
        return ({event.service: event.cost_nano} if event.service else {}), event.amount_nano
    costs = dict(settlement.infrastructure)
    for rounding in settlement.roundings:
        costs[rounding.service] = costs.get(rounding.service, 0) + rounding.nano
    costs[DEFAULT_PROCESSOR] = costs.get(DEFAULT_PROCESSOR, 0) + settlement.default_fee
    return costs, settlement.default_charge


def data_of(event: CallEventRow) -> str | None:
    """Return an event's data as shown to users: amounts of the ledger's own events in dollars."""
    settlement = event.settlement()
    if settlement is None:
        return _without_control_url(event.data)
    settled = SettlementData(
        infrastructure={service: Usd(nano) for service, nano in settlement.infrastructure.items()},
        default_charge=Usd(settlement.default_charge),
        default_fee=Usd(settlement.default_fee),
        charge_plan=charge_plan_body(settlement.charge_plan),
        roundings=rounding_costs(settlement.roundings),
    )
    return encode(settled).decode()


def _without_control_url(data: str | None) -> str | None:
    """Return the data without the address that controls the call, which is a secret.

    Only `GET /api/costs/call/{callId}/provider` shows it, to services and administrators.
    """
    if data is None or '"controlUrl"' not in data:
        return data
    fields: dict[str, msgspec.Raw] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    fields.pop("controlUrl", None)
    return msgspec.json.encode(fields).decode()


def _voids(event: CallEventRow) -> EventReference | None:
    if event.type != "cost.voided" or not event.data:
        return None
    return decode(CostVoided, event.data.encode()).voids
