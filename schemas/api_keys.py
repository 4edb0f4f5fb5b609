"""Bodies of the keys of services."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from schemas.events import CallStatus
from schemas.jsonio import wire_name
from schemas.money import Usd

KeyScope = Literal["ingest", "reserve", "read"]
"""What a key permits: `ingest` to send events, `reserve` to authorize calls and reserve costs,
`read` to read all users' costs."""

SCOPES: Final[tuple[KeyScope, ...]] = get_args(KeyScope)
KEY_PREFIX: Final = "cak_"
"""The beginning of every key, by which scanners for leaked secrets recognize it."""
KEY_PATTERN: Final = rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}"


class ApiKeyItem(Struct, kw_only=True, rename=wire_name):
    """A key without its secret: `hint` is its beginning.

    The service owns the sources of its events. `revoked_at` is null for an active key.
    `accepted_at` and `refused_at` are the times of its last accepted and last refused report, to
    about a second; `refusal` is the reason of the latter.
    """

    id: int
    hint: str
    service: str
    scopes: list[KeyScope]
    created_by: str
    created_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None
    accepted_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str | None = None


class ReportedCall(Struct, kw_only=True, rename=wire_name):
    """The call of a key's last accepted report.

    `events` are counted, `held_events` wait until an event of the call names its user.
    """

    call_id: str
    user_id: str | None
    status: CallStatus
    events: int
    held_events: int
    total_cost: Usd


class RefusedEvent(Struct, kw_only=True, rename=wire_name):
    """An event that the API accepted, and that a worker refused."""

    code: str
    message: str
    refused_at: datetime


class ApiKeyReport(Struct, kw_only=True, rename=wire_name):
    """The outcome of a key's last report.

    `call_id` is the call of the last accepted report, the first one if it is about several. `call`
    is null until an event of it is counted or held. `refused_event` is the newest refused event of
    that call.
    """

    item: ApiKeyItem
    call_id: str | None
    call: ReportedCall | None
    refused_event: RefusedEvent | None


class ApiKeyList(Struct, kw_only=True, rename=wire_name):
    """Active keys, then revoked ones, the newest first; at most 1,000."""

    keys: list[ApiKeyItem]


class WantedApiKey(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A key to create: the service that will use it, and what it may do."""

    service: Annotated[str, Meta(min_length=1, max_length=255)]
    scopes: Annotated[list[KeyScope], Meta(min_length=1, max_length=len(SCOPES))]


class NewApiKey(Struct, kw_only=True, rename=wire_name):
    """A new key. `key` is the bearer token; it is not shown again."""

    key: str
    item: ApiKeyItem
