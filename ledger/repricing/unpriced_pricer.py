"""Prices events that were recorded without a price, as soon as the catalogue has one: the use case.

A cost is voided and recorded again at its price, as a correction is; the fee of a charge is
recorded as a cost of its processor. Each event is priced in the transaction that removes it from
the list of events without a price, and while its call is locked. So no event is lost or priced
twice, even if a run stops or several processes run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.budgets.alerting import Alerting
from ledger.calls.rating import Incoming
from ledger.postgres.database import Connection
from ledger.prices.catalogue import Catalogue
from ledger.prices.pricing import lacks_price
from ledger.recording.ledger import Ledger
from ledger.recording.unpriced_events import remove_unpriced
from ledger.repricing.applying import RepricingRefusedError, apply_events
from ledger.repricing.corrections import Rates, correcting_events, fee_event
from ledger.repricing.rows import counted_costs
from ledger.repricing.unpriced_rows import (
    NO_KIND,
    UnpricedEvent,
    UnpricedKind,
    UsageKind,
    lock_pricing,
    lock_unpriced,
    unpriced_kinds,
    unpriced_page,
)
from schemas.alerts import SpendBasis

CHUNK_EVENTS: Final = 500
KINDS_AT_ONCE: Final = 1_000
"""Kinds of usage of one run; the next run continues after them."""
RETRY_SECONDS: Final = 60
"""A kind with events that could not be priced is tried again after this time or with new prices."""

FEE_UNITS: Final = ("usd", "charges")
"""The units of the two parts of a fee, the percentage and the fixed amount. Both need a price."""

_NO_IDENTITY: Final = "0" * 32

_log: Final = logging.getLogger(__name__)


class PricingBusyError(Exception):
    """Another process is pricing events."""


class PricedEvents(NamedTuple):
    """The number of priced events, of those left without a price, and of raised alerts."""

    priced: int = 0
    left: int = 0
    alerts: int = 0


class UnpricedPricer:
    """Prices events without a price in repeated runs."""

    def __init__(self, basis: SpendBasis) -> None:
        """`basis` is the spend basis of budgets."""
        self._basis: SpendBasis = basis
        self._after = NO_KIND
        self._catalogue: Catalogue | None = None
        self._left_at_ns: dict[UsageKind, int] = {}

    async def run_once(
        self,
        connection: Connection,
        catalogue: Catalogue,
        stopped: Callable[[], bool] = lambda: False,
    ) -> PricedEvents:
        """Price the events of the next kinds for which the catalogue has a price.

        Raises OSError or a PostgreSQL error; events priced before the error stay priced.
        """
        if catalogue is not self._catalogue:
            self._catalogue = catalogue
            self._left_at_ns.clear()
        kinds = await unpriced_kinds(connection, self._after, KINDS_AT_ONCE)
        self._after = kinds[-1].kind if len(kinds) == KINDS_AT_ONCE else NO_KIND
        run = _Run(connection, Rates(catalogue), self._basis)
        try:
            for found in kinds:
                if stopped():
                    break
                if self._is_due(found.kind):
                    left = run.left
                    await run.price_kind(found, stopped)
                    if run.left > left:
                        self._left_at_ns[found.kind] = time.monotonic_ns()
        except PricingBusyError:
            pass  # the other process prices the rest
        return PricedEvents(run.priced, run.left, run.alerts)

    def _is_due(self, kind: UsageKind) -> bool:
        """Return whether the kind can be tried: no event of it was left unpriced recently."""
        left_at_ns = self._left_at_ns.get(kind)
        if left_at_ns is None:
            return True
        return time.monotonic_ns() - left_at_ns >= RETRY_SECONDS * 1_000_000_000


class _Run:
    """One run: prices events page by page, each page in its own transaction."""

    def __init__(self, connection: Connection, rates: Rates, basis: SpendBasis) -> None:
        self.rates = rates
        self.priced = self.left = self.alerts = 0
        self._connection = connection
        self._ledger = Ledger(Alerting(basis))

    async def price_kind(self, found: UnpricedKind, stopped: Callable[[], bool]) -> None:
        """Price the events of a kind that are not before its first price."""
        since = first_priced_time(self.rates, found.kind)
        identity = _NO_IDENTITY
        while since is not None and since <= found.newest and not stopped():
            page = await unpriced_page(self._connection, found.kind, since, identity, CHUNK_EVENTS)
            if not page:
                break
            await self._price_page(found.kind, page)
            since, identity = page[-1].time, page[-1].identity

    async def _price_page(self, kind: UsageKind, page: Sequence[UnpricedEvent]) -> None:
        """Price events in one transaction, or in halves if the ledger refuses one of them."""
        done = 0

        async def make_events() -> Sequence[Incoming]:
            nonlocal done
            if not await lock_pricing(self._connection):
                raise PricingBusyError
            done, events = await self._make_events(kind, page)
            return events

        try:
            applied = await apply_events(
                self._connection, self._ledger, self.rates.catalogue, make_events
            )
        except RepricingRefusedError as error:
            if len(page) > 1:
                middle = len(page) // 2
                await self._price_page(kind, page[:middle])
                await self._price_page(kind, page[middle:])
                return
            self.left += 1
            _log.warning(
                "an event cannot be priced: %s",
                error,
                extra={"action": "pricing_refused", "identity": page[0].identity},
            )
        else:
            self.priced += done
            self.left += len(page) - done
            self.alerts += applied.alerts

    async def _make_events(
        self, kind: UsageKind, page: Sequence[UnpricedEvent]
    ) -> tuple[int, list[Incoming]]:
        """Lock the calls of a page; return how many of its events are done, and new events."""
        identities = await lock_unpriced(self._connection, page)
        unpriced = [event for event in page if event.identity in identities]
        done = len(page) - len(unpriced)
        if not unpriced:
            return done, []
        if kind.type == "call.charged":
            fees = await self._make_fees(unpriced)
            return done + len(fees), fees
        costs = await counted_costs(
            self._connection, [(event.identity, event.call_id) for event in unpriced]
        )
        counted = {cost.identity for cost in costs if lacks_price(cost.price_id)}
        # A process of the previous release voids a cost and leaves it in the list.
        voided = [event.identity for event in unpriced if event.identity not in counted]
        if voided:
            await remove_unpriced(self._connection, voided)
        events: list[Incoming] = []
        for cost in costs:
            rates = self.rates.correction(cost) if lacks_price(cost.price_id) else None
            if rates is not None:
                events += correcting_events(cost, rates)
        return done + len(voided) + len(events) // 2, events

    async def _make_fees(self, charges: Sequence[UnpricedEvent]) -> list[Incoming]:
        catalogue = self.rates.catalogue
        fees = [
            (charge, fee_nano)
            for charge in charges
            if (fee_nano := catalogue.fee_nano(charge.service, charge.amount_nano, charge.time))
            is not None
        ]
        if fees:
            await remove_unpriced(self._connection, [charge.identity for charge, _ in fees])
        return [
            fee_event(
                charge.identity,
                call_id=charge.call_id,
                user_id=charge.user_id,
                processor=charge.service,
                time=charge.time,
                fee_nano=fee_nano,
            )
            for charge, fee_nano in fees
        ]


def first_priced_time(rates: Rates, kind: UsageKind) -> datetime | None:
    """Return the first time for which the catalogue can price a kind of usage, if any."""
    units = FEE_UNITS if kind.type == "call.charged" else (kind.unit,)
    starts = [[since for since, _ in rates.tariff(*kind[1:4], unit).rates] for unit in units]
    return max(map(min, starts)) if all(starts) else None
