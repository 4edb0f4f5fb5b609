"""Validates and normalises new rows of the price catalogue.

Recorded events name the rows that priced them. So prices are only added; of a stored row, only
its source, its verification and the retirement of its model change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ledger.postgres.database import Record
from ledger.prices.catalogue import ANY_MODEL, ServiceClass
from ledger.prices.conditions import FIELDS as CONDITION_FIELDS
from ledger.prices.conditions import (
    NO_CONDITIONS,
    Conditions,
    conditions_from,
    parse_stored_unit,
    stored_unit,
)
from ledger.prices.field_checks import FieldChecks
from ledger.prices.increments import FIELDS as INCREMENT_FIELDS
from ledger.prices.increments import NO_INCREMENTS, Increments, increments_from
from ledger.prices.names import standard_operation

COLUMNS: Final = (
    "service", "class", "operation", "model", "unit",
    "price_usd", "per_units", "effective_from", "source",
)  # fmt: skip
"""The stored columns of a row without its increments, in the order of its fields."""
STORED_COLUMNS: Final = (*COLUMNS, *INCREMENT_FIELDS)
RETIREMENT: Final = ("retires_on", "is_deprecated")
"""Columns that describe the model of a row; they change with the statements of a source."""
PUBLICATION: Final = ("source_url", "source_date")
"""Columns that say where and when the source published the price."""
FIELDS: Final = (*STORED_COLUMNS, *CONDITION_FIELDS, *RETIREMENT, *PUBLICATION)
"""The fields of a row in a file."""


PriceKey = tuple[str, str, str, str]
"""Service, operation, model and stored unit: prices of a key replace each other over time."""


class PriceRow(NamedTuple):
    """A valid row: `price_usd` for `per_units` of `unit`, since `effective_from` (UTC).

    `retires_on` is the day on which the vendor retires the model, and `is_deprecated` whether it
    advises against it; None where the source does not say so. `source_url` is the address of the
    source, or empty, and `source_date` the day on which the price was published or read there.
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
    source_url: str = ""
    source_date: date | None = None

    @classmethod
    def from_stored(cls, record: Record | Mapping[str, Any]) -> PriceRow:
        """Return a stored row."""
        row = cls(*(record[name] for name in COLUMNS))
        unit, conditions = parse_stored_unit(row.unit)
        return row._replace(
            unit=unit,
            conditions=conditions,
            increments=Increments(*(record[name] for name in INCREMENT_FIELDS)),
            **{name: record[name] for name in (*RETIREMENT, *PUBLICATION)},
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
            "source_url": self.source_url,
            "source_date": self.source_date,
        }

    @property
    def key(self) -> PriceKey:
        """The key, of which the conditions are a part."""
        return self.service, self.operation, self.model, self.stored_unit

    @property
    def dated_key(self) -> tuple[PriceKey, datetime]:
        """The key and the time from which the row is in force; unique in the catalogue."""
        return self.key, self.effective_from

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
        """Return the row with the retirement of its model that another row states."""
        return self._replace(retires_on=confirmed.retires_on, is_deprecated=confirmed.is_deprecated)

    def with_source(self, confirmed: PriceRow) -> PriceRow:
        """Return the row with the source of another one, if that has a date."""
        if confirmed.source_date is None:
            return self
        return self._replace(
            source=confirmed.source,
            source_url=confirmed.source_url,
            source_date=confirmed.source_date,
        )

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
    check = FieldChecks(fields, FIELDS)
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
        effective_from=check.effective_from(),
        source=check.source(source),
        conditions=conditions,
        increments=increments,
        retires_on=check.day("retires_on"),
        is_deprecated=check.flag("is_deprecated"),
        source_url=check.address("source_url"),
        source_date=check.day("source_date"),
    )
    check.check_class(row)
    if check.reasons:
        raise InvalidPriceError(check.reasons)
    return row
