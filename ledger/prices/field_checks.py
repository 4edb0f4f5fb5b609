"""Reads the text fields of a new row of the catalogue, and reports each error."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from ledger.prices.catalogue import ANY_MODEL, ESTIMATE, ServiceClass
from ledger.prices.conditions import NO_CONDITIONS
from ledger.prices.names import standard_model
from schemas.effective_times import EARLIEST_TIME, EFFECTIVE_FROM_ERROR, parse_time
from schemas.numbers import decimal_from
from schemas.prices import PER_UNITS_MAX, PRICE_USD_MAX
from schemas.usages import UNIT_LENGTH_MAX, UNITS, is_unit

if TYPE_CHECKING:
    from ledger.prices.rows import PriceRow

_DECIMALS_MAX: Final = 18
_TEXT_MAX: Final = 255

_UNITS: Final[Mapping[ServiceClass, tuple[str, ...]]] = {
    "api": tuple(UNITS),
    "infrastructure": ("calls",),
    "transaction": ("usd", "charges"),
    "revenue": ("calls",),
}
_OPERATIONS: Final[Mapping[str, str]] = {
    "infrastructure": "share",
    "transaction": "fee",
    "revenue": "charge",
}
_address: Final = re.compile(rf"https://[!-~]{{1,{_TEXT_MAX - len('https://')}}}").fullmatch


class FieldChecks:
    """Reads the fields of a row and collects errors; an invalid field gets a placeholder."""

    def __init__(self, fields: Mapping[str, str], known: Collection[str]) -> None:
        """Read `fields`; a field that is not in `known` is an error."""
        self._fields = fields
        self.reasons: list[str] = []
        unknown = sorted(set(fields) - set(known))
        if unknown:
            self.reasons.append(f"Unknown field {', '.join(unknown)}.")

    def text(self, name: str) -> str:
        value = self._fields.get(name, "").strip()
        if not value:
            self.reasons.append(f"{name} is missing.")
        elif len(value) > _TEXT_MAX or not value.isprintable():
            self.reasons.append(f"{name} is not a name of at most {_TEXT_MAX} characters.")
        return value

    def model(self) -> str:
        given = self._fields.get("model")
        model = ANY_MODEL if given is None else standard_model(given)
        if len(model) > _TEXT_MAX or not model.isprintable():
            self.reasons.append(f"model is not a name of at most {_TEXT_MAX} characters.")
        return model

    def source(self, default: str) -> str:
        value = self._fields.get("source", "").strip()[:_TEXT_MAX]
        if not value.isprintable():
            self.reasons.append("source is not one line of text.")
        return value or default[:_TEXT_MAX]

    def address(self, name: str) -> str:
        value = self._fields.get(name, "").strip()
        if value and not _address(value):
            self.reasons.append(f"{name} must be an https URL of at most {_TEXT_MAX} characters.")
        return value

    def service_class(self) -> ServiceClass:
        value = self._fields.get("class", "").strip() or "api"
        if value not in _UNITS:
            self.reasons.append(f"class must be one of {', '.join(_UNITS)}.")
            return "api"
        return cast("ServiceClass", value)

    def unit(self, service_class: ServiceClass) -> str:
        value = self.text("unit")
        if not value or value in _UNITS[service_class]:
            return value
        if service_class != "api":
            self.reasons.append(
                f"unit of class {service_class} must be one of {', '.join(_UNITS[service_class])}."
            )
        elif not is_unit(value):
            self.reasons.append(
                f"unit must be 1 to {UNIT_LENGTH_MAX} of the characters a-z0-9_, beginning with a "
                "letter."
            )
        return value

    def price(self) -> Decimal:
        try:
            price = decimal_from(self._fields.get("price_usd", "").strip())
            exponent = price.as_tuple().exponent
            if 0 <= price <= PRICE_USD_MAX and cast(int, exponent) >= -_DECIMALS_MAX:
                return price
        except ValueError:
            pass
        self.reasons.append(
            f"price_usd must be a number from 0 to {PRICE_USD_MAX} "
            f"with at most {_DECIMALS_MAX} decimals."
        )
        return Decimal(0)

    def per_units(self) -> int:
        value = self._fields.get("per_units", "").strip() or "1"
        if value.isascii() and value.isdigit() and 1 <= int(value[:20]) <= PER_UNITS_MAX:
            return int(value)
        self.reasons.append(f"per_units must be a whole number from 1 to {PER_UNITS_MAX}.")
        return 1

    def effective_from(self) -> datetime:
        try:
            return parse_time(self._fields.get("effective_from", ""))
        except ValueError:
            self.reasons.append(EFFECTIVE_FROM_ERROR)
            return EARLIEST_TIME

    def day(self, name: str) -> date | None:
        value = self._fields.get(name, "").strip()
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.reasons.append(f"{name} must be a day like 2026-01-31.")
            return None

    def flag(self, name: str) -> bool | None:
        value = self._fields.get(name, "").strip().lower()
        if value not in {"", "true", "false"}:
            self.reasons.append(f"{name} must be true or false.")
        return value == "true" if value else None

    def check_class(self, row: PriceRow) -> None:
        if row.model == ESTIMATE and row.conditions != NO_CONDITIONS:
            self.reasons.append(f"A price of model {ESTIMATE} has no conditions.")
        operation = _OPERATIONS.get(row.service_class)
        if operation is None:
            return
        if row.operation and row.operation != operation:
            self.reasons.append(f"operation of class {row.service_class} must be {operation}.")
        if row.conditions != NO_CONDITIONS:
            self.reasons.append(f"A price of class {row.service_class} has no conditions.")
        if row.model != ANY_MODEL:
            self.reasons.append(f"model of class {row.service_class} must be {ANY_MODEL}.")
