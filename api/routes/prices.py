"""The price catalogue for administrators: `/api/admin/prices`."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from aiohttp import web

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_json
from api.http.options import RequestLimits
from api.http.parameters import SERVICE, flag, flag_of, path_number, service_of
from api.http.problems import invalid_body, not_found, price_conflict
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from api.routes.model_aliases import ModelAliasRoutes
from api.routes.repricing import RepricingRoutes
from ledger.postgres.clock import Clock
from ledger.postgres.viewers import ReaderPool
from ledger.prices.approval import decide
from ledger.prices.conditions import FIELDS as CONDITION_FIELDS
from ledger.prices.conditions import Conditions
from ledger.prices.entry import (
    ListedPrice,
    PriceConflictError,
    enter_prices,
    list_prices,
)
from ledger.prices.proposals import Decision, NoProposalError, Proposal, list_proposals
from ledger.prices.refreshes import list_sources
from ledger.prices.rows import InvalidPriceError, PriceRow, price_row
from ledger.repricing.repricer import Repricer
from schemas.events import Direction
from schemas.exact import Exact
from schemas.prices import (
    PriceConditions,
    PriceEntered,
    PriceEntry,
    PriceItem,
    PriceList,
    PriceProposal,
    PriceSource,
)

_LIST_PATH: Final = "/api/admin/prices"
_PROPOSAL_PATH: Final = _LIST_PATH + "/{proposalId}"
ALL: Final = flag("all", "Whether to include superseded prices.", default=False)
_LIST: Final = Operation(
    name="listPrices",
    tag=Tag.PRICES,
    summary="List the price catalogue and pending proposals",
    response=PriceList,
    has_etag=True,
    query=(SERVICE, ALL),
)
_ENTER: Final = Operation(
    name="enterPrice",
    tag=Tag.PRICES,
    summary="Submit a price",
    response=PriceEntered,
    body=PriceEntry,
    example={
        "service": "twilio",
        "operation": "outbound_call",
        "unit": "minutes",
        "price_usd": "0.015",
    },
    error_statuses=(409,),
)


class PriceRoutes:
    """The routes of prices."""

    def __init__(
        self,
        readers: ReaderPool,
        repricer: Repricer | None,
        limits: RequestLimits,
        now: Clock,
    ) -> None:
        self._repricing = RepricingRoutes(repricer, now)
        self._aliases = ModelAliasRoutes(readers, limits)
        self._readers = readers
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        approve = _decision("approvePrice", "Approve a price proposal")
        reject = _decision("rejectPrice", "Reject a price proposal")
        return (
            Route("GET", _LIST_PATH, Access.ADMIN, self.list, _LIST),
            Route("POST", _LIST_PATH, Access.ADMIN, self.enter, _ENTER),
            Route("POST", f"{_PROPOSAL_PATH}/approve", Access.ADMIN, self.approve, approve),
            Route("POST", f"{_PROPOSAL_PATH}/reject", Access.ADMIN, self.reject, reject),
            *self._repricing.routes(),
            *self._aliases.routes(),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return the catalogue and the pending proposals."""
        service, with_past = service_of(request), flag_of(request, ALL)
        now = self._now()
        async with self._readers.reading(request[CALLER].viewer) as connection:
            prices = await list_prices(connection, at=now, service=service)
            pending = await list_proposals(connection, service)
            sources = await list_sources(connection, now)
        shown = [item(price, now) for price in prices if with_past or price.state != "past"]
        states = [PriceSource(**one._asdict(), stale=one.stale(now)) for one in sources]
        return tagged_reply(
            request, PriceList(prices=shown, pending=[*map(proposal_body, pending)], sources=states)
        )

    async def enter(self, request: web.Request) -> web.Response:
        """Submit a price; it becomes a proposal if it differs much from the price in force."""
        entry = await read_json(request, self._limits, PriceEntry)
        caller = request[CALLER]
        row = _row(entry, caller.user_id, self._now())
        try:
            async with self._readers.writing(caller.viewer) as connection:
                entered = await enter_prices(
                    connection, [row], set_by=caller.author, approved=entry.approve
                )
        except PriceConflictError as error:
            raise price_conflict(str(error)) from None
        if entered.added:
            return reply(PriceEntered(result="entered", proposal=None))
        pending = [proposal_body(proposal) for proposal in entered.pending]
        return reply(
            PriceEntered(
                result="pending" if pending else "known", proposal=next(iter(pending), None)
            )
        )

    async def approve(self, request: web.Request) -> web.Response:
        """Add a proposed price to the catalogue."""
        return await self._decide(request, "approved")

    async def reject(self, request: web.Request) -> web.Response:
        """Reject a proposed price."""
        return await self._decide(request, "rejected")

    async def _decide(self, request: web.Request, decision: Decision) -> web.Response:
        proposal_id, caller = path_number(request, "proposalId", "a proposal"), request[CALLER]
        try:
            async with self._readers.writing(caller.viewer) as connection:
                decided = await decide(connection, proposal_id, decision, decided_by=caller.author)
        except NoProposalError:
            raise not_found(f"There is no proposal {proposal_id}.") from None
        except PriceConflictError as error:
            raise price_conflict(f"Proposal {proposal_id}: {error}.".replace("..", ".")) from None
        return reply(proposal_body(decided))


def _decision(name: str, summary: str) -> Operation:
    return Operation(
        name=name,
        tag=Tag.PRICES,
        summary=summary,
        response=PriceProposal,
        error_statuses=(404, 409),
    )


def _row(entry: PriceEntry, user_id: str, now: datetime) -> PriceRow:
    """Return the validated row of a body; raises the 400 Problem with all errors."""
    fields = {
        "service": entry.service,
        "class": entry.service_class,
        "operation": entry.operation,
        "unit": entry.unit,
        "price_usd": str(entry.price_usd),
        "per_units": str(entry.per_units),
        "effective_from": (entry.effective_from or now).isoformat(),
        "source": entry.source or "",
        "source_url": entry.source_url or "",
        "source_date": entry.source_date.isoformat() if entry.source_date else "",
        "minimum_seconds": str(entry.minimum_seconds),
        "increment_seconds": str(entry.increment_seconds),
    }
    if entry.model is not None:
        fields["model"] = entry.model
    if entry.retires_on is not None:
        fields["retires_on"] = entry.retires_on.isoformat()
    if entry.is_deprecated is not None:
        fields["is_deprecated"] = str(entry.is_deprecated)
    if entry.conditions is not None:
        given = {name: getattr(entry.conditions, name) for name in CONDITION_FIELDS}
        fields |= {name: str(value) for name, value in given.items() if value is not None}
    try:
        return price_row(fields, source=f"entered by {user_id}")
    except InvalidPriceError as error:
        raise invalid_body(" ".join(error.reasons)) from None


def conditions_body(conditions: Conditions) -> PriceConditions | None:
    """Return the conditions of a price; None if it has none."""
    fields = conditions.to_fields()
    if not fields:
        return None
    return PriceConditions(
        tier=fields.get("tier"),
        input_size_above=conditions.input_size_above,
        direction=cast("Direction | None", fields.get("direction")),
        destination=fields.get("destination"),
        voice_class=fields.get("voice_class"),
        hours=fields.get("hours"),
    )


def item(price: ListedPrice, at: datetime) -> PriceItem:
    """Return a price as a list item."""
    row = price.row
    return PriceItem(
        id=price.price_id,
        service=row.service,
        service_class=row.service_class,
        operation=row.operation,
        model=row.model,
        unit=row.unit,
        conditions=conditions_body(row.conditions),
        price_usd=Exact(row.price_usd),
        per_units=row.per_units,
        **row.increments._asdict(),
        effective_from=row.effective_from,
        state=price.state,
        stale=price.stale(at) is not None,
        stale_reason=price.stale(at),
        verified_at=price.verified_at,
        source=row.source,
        source_url=row.source_url or None,
        source_date=row.source_date,
        set_by=price.set_by,
        created_at=price.created_at,
        retires_on=row.retires_on,
        is_deprecated=bool(row.is_deprecated),
    )


def proposal_body(proposal: Proposal) -> PriceProposal:
    """Return a proposal as a list item."""
    row, percent = proposal.row, proposal.percent
    return PriceProposal(
        id=proposal.proposal_id,
        service=row.service,
        service_class=row.service_class,
        operation=row.operation,
        model=row.model,
        unit=row.unit,
        conditions=conditions_body(row.conditions),
        price_usd=Exact(row.price_usd),
        per_units=row.per_units,
        **row.increments._asdict(),
        effective_from=row.effective_from,
        in_force_price_usd=Exact(proposal.in_force.price_usd),
        in_force_per_units=proposal.in_force.per_units,
        in_force_minimum_seconds=proposal.in_force.increments.minimum_seconds,
        in_force_increment_seconds=proposal.in_force.increments.increment_seconds,
        change_percent=None if percent is None else Exact(percent),
        state=proposal.state,
        source=row.source,
        set_by=proposal.set_by,
        proposed_at=proposal.proposed_at,
        decided_by=proposal.decided_by,
        price_id=proposal.price_id,
    )
