"""The steps before a call's end: their settings, and the commands that are published for them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from schemas.crossings import Crossing
from schemas.events import Text
from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd
from schemas.numbers import Number

WARN_TYPE: Final = "call.warn"
DOWNGRADE_TYPE: Final = "call.downgrade"

WARN_AT_PERCENT: Final = 80
DOWNGRADE_AT_PERCENT: Final = 95
"""The default percentages, as shares of the limit of a call."""

CLOSING_SENTENCE: Final = "I'm sorry, we have to finish this call soon."
"""What the agent of a call says if the settings have no sentence."""

CallStep = Literal["warn", "downgrade"]


class CallSteps(Struct, kw_only=True, rename=wire_name):
    """The steps before the end of a call that reaches its limit, and from which percentage on.

    `warn` asks the call's agent to say `closing_sentence`, null for the default one. `downgrade`
    asks it to use a cheaper model. Neither is on by default.
    """

    warn: bool
    warn_at_percent: Exact
    downgrade: bool
    downgrade_at_percent: Exact
    closing_sentence: str | None


class WantedCallSteps(
    Struct, kw_only=True, frozen=True, rename=wire_name, forbid_unknown_fields=True
):
    """The steps to set; an absent field gets its default.

    `warn_at_percent` must be above 0 and below `downgrade_at_percent`, and that below 100.
    """

    warn: bool = False
    warn_at_percent: Number = WARN_AT_PERCENT
    downgrade: bool = False
    downgrade_at_percent: Number = DOWNGRADE_AT_PERCENT
    closing_sentence: Text | None = None


class ModelSuggestion(Struct, kw_only=True, rename=wire_name):
    """A cheaper model or voice for the rest of a call. Money is US dollars.

    The usage of the call so far cost `current_cost` with the model `from`; with the model `to` it
    would cost `estimated_saving` less, at present prices.
    """

    service: str
    operation: str
    from_: str
    to: str
    current_cost: Usd
    estimated_saving: Usd


class StepRequest(Struct, kw_only=True, rename=wire_name):
    """A step before the end of a call whose cost nears its limit. Money is US dollars.

    The cost has reached `threshold_percent` of the limit. `budget_id` is that of a scoped budget,
    null for the limit of the user's settings. `crossed_by` and `event_time` are null if a change of
    the settings caused the step.
    """

    command_id: str
    call_id: str
    user_id: str
    reason: str
    threshold_percent: Exact
    limit_usd: Usd
    current_cost: Usd
    limit_version: int
    budget_id: str | None
    requested_at: datetime
    crossed_by: Crossing | None
    event_time: datetime | None


class WarnRequest(StepRequest, kw_only=True, rename=wire_name):
    """Asks the agent of a call to say a closing sentence."""

    closing_sentence: str


class DowngradeRequest(StepRequest, kw_only=True, rename=wire_name):
    """Asks the agent of a call to use a cheaper model."""

    suggestion: ModelSuggestion


class PublishedWarn(WarnRequest, kw_only=True, rename=wire_name):
    """A request as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime


class PublishedDowngrade(DowngradeRequest, kw_only=True, rename=wire_name):
    """A request as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime
