"""Makes the published total of a call from its state, as an object and as JSON.

Each commit publishes the total of every changed call, so the JSON is made directly, in half the
time.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from ledger.calls.call import Call
from schemas.events import CallStatus, Direction
from schemas.jsonio import wire_name
from schemas.money import Usd, raw_number, usd_text
from schemas.totals import CallTotal

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_ZERO: Final = raw_number(0)
_NAMES_MAX: Final = 10_000


class _Names(dict[str, str]):
    """A cache of the names of services as keys of a JSON object."""

    def __missing__(self, service: str) -> str:
        if len(self) >= _NAMES_MAX:
            self.clear()
        name = self[service] = f"{_encode(service).decode()}:"
        return name


_names: Final = _Names()


class _EncodedTotal(msgspec.Struct, rename=wire_name, omit_defaults=True, gc=False):
    """A `CallTotal` whose amounts are already JSON."""

    call_id: str
    user_id: str
    persona_id: str | None
    status: CallStatus
    direction: Direction | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: Decimal | int
    expected_duration_seconds: Decimal | int | None
    total_cost: msgspec.Raw
    cost_by_service: msgspec.Raw
    charged_to_user: msgspec.Raw
    refunded: msgspec.Raw
    estimated: bool
    version: int
    updated_at: datetime
    tags: dict[str, str] = {}


def seconds(milliseconds: int) -> Decimal | int:
    """Return a duration in seconds, exact and without padding zeros."""
    whole, rest = divmod(milliseconds, 1000)
    return Decimal(milliseconds).scaleb(-3).normalize() if rest else whole


def call_total(call: Call, updated_at: datetime) -> CallTotal:
    """Return the total of a call whose owner is known."""
    by_service = call.costs_by_service()
    expected = call.expected_duration_ms
    return CallTotal(
        call_id=call.call_id,
        user_id=call.user_id or "",
        persona_id=call.persona_id,
        status=call.status,
        direction=call.direction,
        started_at=call.started_at or call.first_at,
        ended_at=call.ended_at,
        duration_seconds=Decimal(seconds(call.duration_ms)),
        expected_duration_seconds=None if expected is None else Decimal(seconds(expected)),
        total_cost=Usd(sum(by_service.values())),
        cost_by_service={service: Usd(nano) for service, nano in by_service.items()},
        charged_to_user=Usd(call.charged_nano()),
        refunded=Usd(call.refunded_nano()),
        estimated=call.estimated_count > 0,
        version=call.version,
        updated_at=updated_at,
        tags=call.tags or {},
    )


def call_total_json(call: Call, updated_at: datetime, version: int | None = None) -> bytes:
    """Return the JSON of `call_total`.

    `version` is the published version, by default the one of the call.
    """
    by_service = call.costs_by_service()
    written = ",".join([_names[service] + usd_text(nano) for service, nano in by_service.items()])
    expected = call.expected_duration_ms
    return _encode(
        _EncodedTotal(
            call.call_id,
            call.user_id or "",
            call.persona_id,
            call.status,
            call.direction,
            call.started_at or call.first_at,
            call.ended_at,
            seconds(call.duration_ms),
            None if expected is None else seconds(expected),
            raw_number(sum(by_service.values())),
            msgspec.Raw(f"{{{written}}}".encode()),
            raw_number(call.charged_nano()) if call.charges else _ZERO,
            raw_number(call.refunded_nano()) if call.charges else _ZERO,
            call.estimated_count > 0,
            call.version if version is None else version,
            updated_at,
            call.tags or {},
        )
    )
