"""Validates and normalises new rows of the price catalogue.

Prices are only ever added: a row that was in force has priced events, which point to it. So this
module checks rows, and no module changes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from ledger.postgres.database import Record
from ledger.prices.catalogue import ANY_MODEL, ESTIMATE, ServiceClass
from ledger.prices.conditions import FIELDS as CONDITION_FIELDS
from ledger.prices.conditions import (
    NO_CONDITIONS,
    Conditions,
    conditions_from,
    parse_stored_unit,
    stored_unit,
)
from ledger.prices.increments import FIELDS as INCREMENT_FIELDS
from ledger.prices.increments import NO_INCREMENTS, Increments, increments_from
from ledger.prices.names import standard_model, standard_operation
from schemas.numbers import decimal_from
from schemas.prices import PER_UNITS_MAX, PRICE_USD_MAX
from schemas.usages import UNIT_LENGTH_MAX, UNITS, is_unit

COLUMNS: Final = (
    "service", "class", "operation", "model", "unit",
    "price_usd", "per_units", "effective_from", "source",
)  # fmt: skip
"""The stored columns of a row, in the order of its fields, but for its increments."""
STORED_COLUMNS: Final = (*COLUMNS, *INCREMENT_FIELDS)
RETIREMENT: Final = ("retires_on", "is_deprecated")
"""Columns that describe the model of a row; they change with what a source says."""
FIELDS: Final = (*STORED_COLUMNS, *CONDITION_FIELDS, *RETIREMENT)
"""The fields of a row in a file."""

_DECIMALS_MAX: Final = 18
_TEXT_MAX: Final = 255
_YEARS: Final = (2000, 2100)

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


class PriceRow(NamedTuple):
    """A valid row: `price_usd` for `per_units` of `unit`, since `effective_from` (UTC).

    `retires_on` is the day on which the vendor retires the model, and `is_deprecated` whether it
    advises against it; None where the source does not say so.
    """

    service: str
    service_class: ServiceClass
    operation: str
    model: str
    unit: str
    price_usd: Decimal
    per_units: int
    effective_from: datetime
    source: str
    conditions: Conditions = NO_CONDITIONS
    increments: Increments = NO_INCREMENTS
    retires_on: date | None = None
    is_deprecated: bool | None = None

    @classmethod
    def from_stored(cls, record: Record | Mapping[str, Any]) -> PriceRow:
        """Return a stored row."""
        row = cls(*(record[name] for name in COLUMNS))
        unit, conditions = parse_stored_unit(row.unit)
        return row._replace(
            unit=unit,
            conditions=conditions,
            increments=Increments(*(record[name] for name in INCREMENT_FIELDS)),
            **{name: record[name] for name in RETIREMENT},
        )

    @property
    def stored_unit(self) -> str:
        """The unit with the conditions, as stored."""
        return stored_unit(self.unit, self.conditions)

    def stored(self) -> dict[str, Any]:
        """Return the values of the row by column."""
        values = (*self[: len(COLUMNS)], *self.increments)
        return dict(zip(STORED_COLUMNS, values, strict=True)) | {
            "unit": self.stored_unit,
            "retires_on": self.retires_on,
            "is_deprecated": self.is_deprecated,
        }

    @property
    def key(self) -> tuple[str, str, str, str, datetime]:
        """The key, which is unique in the catalogue; the conditions are part of it."""
        return self.service, self.operation, self.model, self.stored_unit, self.effective_from

    @property
    def name(self) -> str:
        """The row's name for people."""
        model = f" ({self.model})" if self.model not in {"", ANY_MODEL} else ""
        since = self.effective_from.isoformat().replace("+00:00", "Z")
        return f"{self.service} {self.operation}{model} per {self.detailed_unit} from {since}"

    @property
    def detailed_unit(self) -> str:
        """The unit with conditions and increments, for people."""
        details = ", ".join(filter(None, (str(self.conditions), str(self.increments))))
        return f"{self.unit} ({details})" if details else self.unit

    def with_retirement(self, confirmed: PriceRow) -> PriceRow:
        """Return the row with what another one says about the retirement of its model."""
        return self._replace(retires_on=confirmed.retires_on, is_deprecated=confirmed.is_deprecated)

    def same_price(self, other: PriceRow) -> bool:
        """Return whether both prices are equal, such as 0.15 per 1000 and 0.00015 per 1.

        Prices with different increments are different.
        """
        return (
            self.price_usd * other.per_units == other.price_usd * self.per_units
            and self.increments == other.increments
        )


class InvalidPriceError(Exception):
    """An invalid row; `reasons` has a sentence for each error."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def price_row(fields: Mapping[str, str], *, source: str) -> PriceRow:
    """Validate a row of text fields and normalise its names; `source` is the default source.

    `model` and `per_units` may be missing: any model, and one unit. Raises InvalidPriceError.
    """
    check = _Checks(fields)
    service = check.text("service")
    service_class = check.service_class()
    operation = check.text("operation")
    unit = check.unit(service_class)
    conditions, reasons = conditions_from(fields)
    increments, more_reasons = increments_from(fields, unit)
    check.reasons += reasons + more_reasons
    row = PriceRow(
        service=service,
        service_class=service_class,
        operation=standard_operation(service, operation),
        model=check.model(),
        unit=unit,
        price_usd=check.price(),
        per_units=check.per_units(),
        effective_from=check.moment(),
        source=check.source() or source[:_TEXT_MAX],
        conditions=conditions,
        increments=increments,
        retires_on=check.day("retires_on"),
        is_deprecated=check.flag("is_deprecated"),
    )
    check.fits_class(row)
    if check.reasons:
        raise InvalidPriceError(check.reasons)
    return row


class _Checks:
    """Reads the fields of a row and collects errors; an invalid field gets a placeholder."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self.reasons: list[str] = []
        unknown = sorted(set(fields) - set(FIELDS))
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

    def source(self) -> str:
        value = self._fields.get("source", "").strip()[:_TEXT_MAX]
        if not value.isprintable():
            self.reasons.append("source is not one line of text.")
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

    def moment(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self._fields.get("effective_from", "").strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            if _YEARS[0] <= moment.year < _YEARS[1]:
                return moment.astimezone(UTC)
        except ValueError:
            pass
        self.reasons.append(
            "effective_from must be a day or a time like 2026-01-31 or 2026-01-31T12:00:00Z "
            f"of the years {_YEARS[0]} to {_YEARS[1] - 1}."
        )
        return datetime(*_YEARS[:1], 1, 1, tzinfo=UTC)

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

    def fits_class(self, row: PriceRow) -> None:
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
