"""Reads the data of recommendations: a user's usage and charges, summed by PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from ledger.postgres.database import Record
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.prices.alternatives import Retirements, UsageSlice, read_retirements
from ledger.prices.catalogue import Catalogue
from ledger.prices.reading import read_catalogue
from ledger.reports.advice_facts import (
    EXAMPLES_MAX,
    ChargeSum,
    EventRef,
    UsageSum,
)
from schemas.usages import INPUT_UNITS

_SQL: Final = statements("reports/advice")
_examples: Final = msgspec.json.Decoder(list[EventRef])
_slices: Final = msgspec.json.Decoder(list[UsageSlice])

CALLS_MAX: Final = 1_000
"""The maximum number of calls whose events are read, newest first."""


class AdviceInput(NamedTuple):
    """The sums, the catalogue, and the number of calls that were read, of all calls."""

    usages: list[UsageSum]
    charges: list[ChargeSum]
    catalogue: Catalogue
    retirements: Retirements
    calls_read: int
    calls: int


async def read_advice_input(
    readers: ReaderPool, viewer: Viewer, user_id: str, since: datetime, before: datetime
) -> AdviceInput:
    """Return the data of the calls that began from `since` to before `before`.

    Empty for a viewer without access to the user. Raises StoreUnavailableError.
    """
    calls = {
        "user_id": user_id,
        **viewer.parameters,
        "since": since,
        "before": before,
        "calls_max": CALLS_MAX,
    }
    examples = calls | {"examples_max": EXAMPLES_MAX}
    async with readers.reading_snapshot(viewer) as connection:
        [counted] = await connection.fetch(*_SQL.bind("calls", **calls))
        wanted = examples | {"input_units": sorted(INPUT_UNITS)}
        usages = await connection.fetch(*_SQL.bind("usages", **wanted))
        charges = await connection.fetch(*_SQL.bind("charges", **examples))
        retirements = await read_retirements(connection)
        catalogue = await read_catalogue(connection)
    return AdviceInput(
        [UsageSum(**_fields(row) | {"slices": _slices.decode(row["slices"])}) for row in usages],
        [ChargeSum(**_fields(row)) for row in charges],
        catalogue,
        retirements,
        counted["calls_read"],
        counted["calls"],
    )


def _fields(row: Record) -> dict[str, Any]:
    """Return a row by column name; sums of nano-dollars arrive as decimals."""
    fields = {name: int(value) if name.endswith("_nano") else value for name, value in row.items()}
    return fields | {"examples": _examples.decode(row["examples"])}
