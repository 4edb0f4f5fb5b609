"""The running totals of a call, as published on the totals topic after each commit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from schemas.events import CallStatus, Direction
from schemas.jsonio import wire_name
from schemas.money import Usd


class CallTotal(msgspec.Struct, kw_only=True, rename=wire_name, omit_defaults=True):
    """A call's totals as of `version`; a higher version is newer, in any order of arrival.

    `version` increases with every commit that changes the call, and by far more with a restore.
    `refunded` is the part of `charged_to_user` that was refunded. `tags` is left out if there are
    none. Times are UTC.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    status: CallStatus
    direction: Direction | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_seconds: Decimal
    expected_duration_seconds: Decimal | None
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    charged_to_user: Usd
    refunded: Usd
    estimated: bool
    version: int
    updated_at: datetime
    tags: dict[str, str] = {}
