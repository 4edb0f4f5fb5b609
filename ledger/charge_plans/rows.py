"""Validates new charge plans.

Plans are only ever added: a plan that was in force has charged calls, which point to it. A plan
ends when the next one of its scope begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, cast, get_args

from ledger.charge_plans.plans import PlanScope
from ledger.charge_plans.terms import PPM_PER_PERCENT, PlanTerms
from schemas.bounds import checked_tags
from schemas.charge_plans import (
    AMOUNT_USD_MAX,
    INCLUDED_MINUTES_MAX,
    MARKUP_PERCENT_MAX,
    SECONDS_MAX,
    PlanKind,
)
from schemas.effective_times import EARLIEST_TIME, EFFECTIVE_FROM_ERROR, parse_time
from schemas.exact import exact_text
from schemas.money import nano_from_usd, usd_text
from schemas.numbers import decimal_from
from schemas.refusals import Refused

FIELDS: Final = (
    "user_id", "persona_id", "tag_key", "tag_value", "effective_from", "kind", "amount_usd",
    "minimum_seconds", "increment_seconds", "included_minutes", "markup_percent", "source",
)  # fmt: skip
"""The fields of a row in a file."""

_AMOUNT_DECIMALS: Final = 9
_MARKUP_DECIMALS: Final = 4
_TEXT_MAX: Final = 255
_KINDS: Final[tuple[PlanKind, ...]] = get_args(PlanKind)
_FIELDS_OF: Final[Mapping[PlanKind, tuple[str, ...]]] = {
    "per_call": ("amount_usd",),
    "per_minute": ("amount_usd", "minimum_seconds", "increment_seconds", "included_minutes"),
    "cost_plus": ("markup_percent", "amount_usd"),
    "default": (),
    "ended": (),
}
"""The fields of the terms by kind; the first one is required."""


class PlanRow(NamedTuple):
    """A valid plan: its terms for the calls of a scope, since `effective_from` (UTC)."""

    scope: PlanScope
    effective_from: datetime
    terms: PlanTerms
    source: str

    @property
    def key(self) -> tuple[PlanScope, datetime]:
        """Scope and time, which are unique together."""
        return self.scope, self.effective_from

    @property
    def name(self) -> str:
        """The plan's name for people."""
        return f"The plan of {scope_text(self.scope)} from {_time_text(self.effective_from)}"

    def fields(self) -> dict[str, str]:
        """Return the row as the fields of a file; those that do not apply are empty."""
        terms = self.terms
        values = {
            "amount_usd": usd_text(terms.amount_nano),
            "minimum_seconds": str(terms.minimum_seconds),
            "increment_seconds": str(terms.increment_seconds),
            "included_minutes": str(terms.included_minutes),
            "markup_percent": markup_percent(terms),
        }
        fields = dict.fromkeys(FIELDS, "") | self.scope._asdict()
        fields |= {name: values[name] for name in _FIELDS_OF[terms.kind]}
        since = _time_text(self.effective_from)
        return fields | {"effective_from": since, "kind": terms.kind, "source": self.source}


def _time_text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def scope_text(scope: PlanScope) -> str:
    """Return the calls that a plan is for, for people."""
    parts = [
        f"user {scope.user_id}" if scope.user_id else "",
        f"persona {scope.persona_id}" if scope.persona_id else "",
        f"tag {scope.tag_key}={scope.tag_value}" if scope.tag_key else "",
    ]
    return " and ".join(part for part in parts if part) or "all calls"


def markup_percent(terms: PlanTerms) -> str:
    """Return the markup in percent."""
    return exact_text(Decimal(terms.markup_ppm) / PPM_PER_PERCENT)


class InvalidPlanError(Exception):
    """An invalid plan; `reasons` has a sentence for each error."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def plan_row(fields: Mapping[str, str], *, source: str) -> PlanRow:
    """Validate a plan of text fields; `source` is the default source. Raises InvalidPlanError."""
    check = _Checks({name: value.strip() for name, value in fields.items()})
    row = PlanRow(
        check.scope(), check.effective_from(), check.terms(), check.text("source") or source
    )
    if check.reasons:
        raise InvalidPlanError(check.reasons)
    return row._replace(source=row.source[:_TEXT_MAX])


class _Checks:
    """Reads the fields of a plan and collects errors; an invalid field gets a placeholder."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self.reasons: list[str] = []
        unknown = sorted(set(fields) - set(FIELDS))
        if unknown:
            self.reasons.append(f"Unknown field {', '.join(unknown)}.")

    def text(self, name: str) -> str:
        value = self._fields.get(name, "")
        if len(value) > _TEXT_MAX or not value.isprintable():
            self.reasons.append(f"{name} is not a name of at most {_TEXT_MAX} characters.")
        return value

    def scope(self) -> PlanScope:
        key, value = self._fields.get("tag_key", ""), self._fields.get("tag_value", "")
        if key or value:
            try:
                checked_tags({key: value})
            except Refused as refused:
                self.reasons.append(refused.message)
        return PlanScope(self.text("user_id"), self.text("persona_id"), key, value)

    def terms(self) -> PlanTerms:
        kind = self._fields.get("kind", "")
        if kind not in _KINDS:
            self.reasons.append(f"kind must be one of {', '.join(_KINDS)}.")
            return PlanTerms(kind="default")
        allowed = _FIELDS_OF[kind]
        known = {name for names in _FIELDS_OF.values() for name in names}
        for name in sorted(known - set(allowed)):
            if self._fields.get(name):
                self.reasons.append(f"A plan of the kind {kind} has no {name}.")
        if allowed and not self._fields.get(allowed[0]):
            self.reasons.append(f"A plan of the kind {kind} needs {allowed[0]}.")
        markup = self._number("markup_percent", MARKUP_PERCENT_MAX, _MARKUP_DECIMALS)
        return PlanTerms(
            kind=kind,
            amount_nano=nano_from_usd(self._number("amount_usd", AMOUNT_USD_MAX, _AMOUNT_DECIMALS)),
            minimum_seconds=int(self._number("minimum_seconds", SECONDS_MAX)),
            increment_seconds=int(self._number("increment_seconds", SECONDS_MAX)),
            included_minutes=int(self._number("included_minutes", INCLUDED_MINUTES_MAX)),
            markup_ppm=int(markup * PPM_PER_PERCENT),
        )

    def _number(self, name: str, largest: int, decimals: int = 0) -> Decimal:
        """Return a number from 0 to `largest`; 0 if the field is empty."""
        text = self._fields.get(name, "")
        try:
            value = decimal_from(text or "0")
            exponent = cast("int", value.normalize().as_tuple().exponent)
            if 0 <= value <= largest and exponent >= -decimals:
                return value
        except ValueError:
            pass
        of = f" with at most {decimals} decimals" if decimals else ""
        kind = "number" if decimals else "whole number"
        self.reasons.append(f"{name} must be a {kind} from 0 to {largest}{of}.")
        return Decimal(0)

    def effective_from(self) -> datetime:
        try:
            return parse_time(self._fields.get("effective_from", ""))
        except ValueError:
            self.reasons.append(EFFECTIVE_FROM_ERROR)
            return EARLIEST_TIME
