"""The fast path for plain costs, which are most events of a busy stream.

A plain cost is in structured mode, with one usage, without tags, price context and leg. Its emitter
gave the cost, or the newest price applies and its kind of usage has neither conditions nor
increments. Plain costs are parsed, checked, priced and encoded a few hundred at a time, while they
are in the processor's caches. All other events take the general path (`schemas.cloudevents`,
`ledger.calls.rating`). A test verifies that both have the same result for plain costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import astuple

from ledger.calls.copy_rows import EPOCH, MICROSECOND, cost_row, kind_cells
from ledger.calls.entries import Entry
from ledger.calls.periods import Day, day_of
from ledger.calls.rating import FastPathCost
from ledger.prices.catalogue import Catalogue
from ledger.prices.list_costs import LIST_COST_NANO_MAX
from ledger.prices.tariff import Rate
from schemas.bounds import are_bounded
from schemas.cloudevents import MAX_EVENT_BYTES, Window, content_of, is_text, parse
from schemas.envelopes import Recorded
from schemas.events import RESERVED_SOURCES
from schemas.identity import KEY_BYTES, fingerprint_of, keys_of
from schemas.money import MAX_EVENT_NANO, nano_from_usd
from schemas.usages import is_unit

_KINDS_MAX: Final = 10_000
_DAY: Final = timedelta(days=1)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)

_KindKey = tuple[str, str, str, str | None, str, str | None, bool]
"""Source, service, operation, model, unit and persona, and whether the event has its own price."""


class _CostKind(NamedTuple):
    """The common facts of the costs of one source, persona and usage, from the time `since` on.

    `rate` is None if no price is known; for costs with their own price it is the list price. `nano`
    is the price of a unit in nano-dollars, None if it is a fraction. `cells` are those of
    `kind_cells`.
    """

    since: datetime
    rate: Rate | None
    nano: int | None
    service: str
    persona_id: str | None
    cells: bytes


class _CostKinds(dict[_KindKey, _CostKind]):
    """A cache of kinds of costs."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, key: _KindKey) -> _CostKind:
        source, service, operation, model, unit, persona_id, has_own_price = key
        tariff = self._catalogue.tariffs[service, operation, model, unit]
        since, rate = _EARLIEST, None
        if source in RESERVED_SOURCES or not is_unit(unit):
            since = _LATEST  # so that the general path refuses it
        elif tariff.conditional or (tariff.has_increments and not has_own_price):
            since = _LATEST  # the price may depend on more than the kind, or apply to a leg
        elif tariff.rates:
            since, rate = tariff.rates[0]
        shared_fields = Entry(
            identity="",
            source=source,
            event_id="",
            type=Recorded.kind,
            time=since,
            user_id="",
            call_id="",
            persona_id=persona_id,
            service=service,
            operation=tariff.operation,
            operation_sent=tariff.operation_sent,
            model=tariff.model,
            unit=unit,
            price_id=None if rate is None or has_own_price else rate.price_id,
        )
        nano = rate.numerator if rate and rate.denominator == 1 else None
        if len(self) >= _KINDS_MAX:
            self.clear()
        kind = self[key] = _CostKind(
            since, rate, nano, service, persona_id, kind_cells(shared_fields)
        )
        return kind


class FastPathRater:
    """Rates plain costs by one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Rate by the prices of this catalogue."""
        self._catalogue = catalogue
        self._kinds = _CostKinds(catalogue)
        self._day: Day = ""
        self._midnight = self._next_midnight = _LATEST
        self._midnight_us = 0

    def rate(self, values: Sequence[bytes | None], window: Window) -> list[FastPathCost | None]:
        """Return the plain costs among structured events, None in place of any other event."""
        indices, envelopes = _read(values, window)
        keys = keys_of([(envelope.source, envelope.id) for envelope in envelopes])
        rated: list[FastPathCost | None] = [None] * len(values)
        start = 0
        for index, envelope in zip(indices, envelopes, strict=True):
            rated[index] = self._rate(values[index], envelope, keys[start : start + KEY_BYTES])
            start += KEY_BYTES
        return rated

    def _rate(self, value: bytes | None, envelope: Recorded, key: bytes) -> FastPathCost | None:
        # One call for all fields takes as long as reading three fields.
        (
            service, operation, usage, unit, persona_id, model, unit_cost, total_cost, estimated,
            raw, price_context, usages, leg_id, call_id, user_id, tags,
        ) = astuple(envelope.data)  # fmt: skip
        metadata = bytes(raw)
        if (
            usage is None
            or unit is None
            or usages is not None
            or tags is not None
            or leg_id is not None
            or price_context is not None
            or not are_bounded(usage, unit_cost, total_cost, metadata)
            or (model is None and b'"model"' in metadata)
        ):
            return None
        since, rate, nano, service, persona_id, cells = self._kinds[
            envelope.source, service, operation, model, unit, persona_id, total_cost is not None
        ]
        time = envelope.time
        if time < since:
            return None
        list_cost_nano = None
        if total_cost is not None:
            cost_nano = nano_from_usd(total_cost)
            list_cost_nano = rate and rate.cost_nano(usage)
        elif nano and type(usage) is int:
            cost_nano = usage * nano
        elif rate is not None:
            cost_nano = rate.cost_nano(usage)
        else:
            return None
        if cost_nano > MAX_EVENT_NANO or (list_cost_nano or 0) > LIST_COST_NANO_MAX:
            return None
        if not self._midnight <= time < self._next_midnight:
            self._begin_day(time)
        passed = time - self._midnight
        moment = self._midnight_us + passed.seconds * 1_000_000 + passed.microseconds
        row = cost_row(
            key, moment, cost_nano, estimated, usage, unit_cost, list_cost_nano, envelope.id,
            metadata, call_id, cells,
        )  # fmt: skip
        return FastPathCost(
            key.hex(), fingerprint_of(content_of(envelope)), call_id, user_id, persona_id, service,
            time, self._day, cost_nano, estimated, self._catalogue, value or b"", "", None, row,
        )  # fmt: skip

    def _begin_day(self, time: datetime) -> None:
        self._day = day_of(time)
        self._midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
        self._next_midnight = self._midnight + _DAY
        self._midnight_us = (self._midnight - EPOCH) // MICROSECOND


def _read(values: Sequence[bytes | None], window: Window) -> tuple[list[int], list[Recorded]]:
    """Return the indices and the envelopes of events that may be plain costs."""
    indices: list[int] = []
    envelopes: list[Recorded] = []
    earliest, latest = window.earliest, window.latest
    # One check of all values nearly always makes a check of each unnecessary.
    joined = b"".join(filter(None, values))
    all_text = joined.isascii() and b"\\" not in joined and b"\0" not in joined
    for index, value in enumerate(values):
        if not value or len(value) > MAX_EVENT_BYTES or not (all_text or is_text(value)):
            continue
        try:
            envelope = parse(value)
        except (msgspec.MsgspecError, RecursionError, ValueError, ArithmeticError):
            continue
        time, subject = envelope.time, envelope.subject
        if (
            type(envelope) is Recorded
            and time.tzinfo is UTC
            and earliest <= time <= latest
            and (subject is None or subject == envelope.data.call_id)
        ):
            indices.append(index)
            envelopes.append(envelope)
    return indices, envelopes
