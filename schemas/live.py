"""Messages of the live WebSocket, and the recent costs that a page starts with."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.bodies import Body
from schemas.budgets import Budget
from schemas.events import CallStatus
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd


class LiveProjection(Struct, kw_only=True, rename=wire_name):
    """What an active call is expected to cost at hang-up: 8 of 10 calls cost `low` to `high`.

    `duration_seconds` is the expected duration. `due_once` is the part of the projected cost that
    does not grow with the duration and is still to come, such as the payment fee. `based_on_calls`
    is the number of earlier calls of the persona that it is based on; 0 means the call's own rate.
    """

    low: Usd
    high: Usd
    duration_seconds: Exact
    due_once: Usd
    based_on_calls: int


class LiveCall(Struct, kw_only=True, rename=wire_name):
    """A call as of `version`; a higher version is newer, on any connection.

    `version` increases with every commit that changes the call, and by far more with a restore.
    `elapsed_seconds` is the duration of the call: until now if it is active, in total if it has
    ended. `projected_cost` is the expected cost of the call at hang-up, and `projection` how it was
    estimated. For an ended call, and while too little is known, `projection` is null and
    `projected_cost` the cost so far. Money is US dollars.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: CallStatus
    started_at: datetime | None
    elapsed_seconds: Exact
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    charged_to_user: Usd
    projected_cost: Usd
    projection: LiveProjection | None
    version: int
    updated_at: datetime


class LiveSnapshot(Struct, kw_only=True, rename=wire_name, tag="snapshot"):
    """All calls of the subscription and the caller's budget; replaces everything sent before."""

    calls: list[LiveCall]
    budget: Budget


class LiveChange(Struct, kw_only=True, rename=wire_name, tag="call"):
    """The newest state of one call."""

    call: LiveCall


class LiveAlert(Struct, kw_only=True, rename=wire_name, tag="alert"):
    """An alert, as in `data` on the topic of alerts."""

    alert: Raw


class LiveBudget(Struct, kw_only=True, rename=wire_name, tag="budget"):
    """The caller's budget in its present state."""

    budget: Budget


class LivePong(Struct, kw_only=True, rename=wire_name, tag="pong"):
    """The reply to a ping."""


class LiveSubscribe(
    Struct, kw_only=True, rename=wire_name, tag="subscribe", forbid_unknown_fields=True
):
    """Restricts the subscription to these calls, or to all of the user; a snapshot follows."""

    calls: list[str] | UnsetType | None = UNSET


class LivePing(Struct, kw_only=True, rename=wire_name, tag="ping", forbid_unknown_fields=True):
    """Asks for a pong."""


class LiveTicket(Struct, kw_only=True, rename=wire_name):
    """Opens one live connection within `expires_in_seconds`, instead of a token."""

    ticket: str
    expires_in_seconds: int


class RecentCosts(Body):
    """The increase of the costs of calls in the last ten minutes, in equal steps from `since` on.

    `cost_by_service` has a list for each service with one amount for each step, the oldest first.
    `since` is later than ten minutes ago if the process started later.
    """

    since: datetime
    step_seconds: int
    steps: int
    cost_by_service: dict[str, list[Usd]]
