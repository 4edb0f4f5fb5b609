"""What travels over a live socket: the running totals of calls that are going on, and what for."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.budgets import Budget
from schemas.events import CallStatus
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd


class LiveCall(Struct, kw_only=True, rename=wire_name):
    """A call as of `version`; a higher version is newer, whichever socket it came by.

    `version` rises with every commit that changes the call, and by far more with a restore.

    `elapsed_seconds` is how long the call had lasted when this was written: until then for one that
    goes on, in all for one that has ended. `projected_cost` is what the call will have cost when it
    is hung up. Money is US dollars.
    """

    call_id: str
    user_id: str
    persona_id: str | None
    status: CallStatus
    started_at: datetime | None
    elapsed_seconds: Exact
    total_cost: Usd
    cost_by_service: dict[str, Usd]
    charged_to_user: Usd
    projected_cost: Usd
    version: int
    updated_at: datetime


class LiveSnapshot(Struct, kw_only=True, rename=wire_name, tag="snapshot"):
    """All calls that a socket is about, and its caller's budget; what was said before is over."""

    calls: list[LiveCall]
    budget: Budget


class LiveChange(Struct, kw_only=True, rename=wire_name, tag="call"):
    """The newest state of one call."""

    call: LiveCall


class LiveAlert(Struct, kw_only=True, rename=wire_name, tag="alert"):
    """An alert, as it stands in `data` on the topic of alerts."""

    alert: Raw


class LiveBudget(Struct, kw_only=True, rename=wire_name, tag="budget"):
    """Where the caller's own budget stands now."""

    budget: Budget


class LivePong(Struct, kw_only=True, rename=wire_name, tag="pong"):
    """The answer to a ping."""


class LiveSubscribe(
    Struct, kw_only=True, rename=wire_name, tag="subscribe", forbid_unknown_fields=True
):
    """Asks to hear of these calls only, or of all again; a snapshot answers."""

    calls: list[str] | UnsetType | None = UNSET


class LivePing(Struct, kw_only=True, rename=wire_name, tag="ping", forbid_unknown_fields=True):
    """Asks for a pong."""


class LiveTicket(Struct, kw_only=True, rename=wire_name):
    """Opens one socket within `expires_in_seconds`, in place of a token."""

    ticket: str
    expires_in_seconds: int
