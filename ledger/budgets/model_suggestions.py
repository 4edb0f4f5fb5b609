"""Finds the cheaper model that saves most in a call, among those that recommendations compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from ledger.budgets.thresholds import BudgetPosition
from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.prices.alternatives import UsageSlice, alternatives, read_retirements
from ledger.prices.price_book import PriceBook
from schemas.call_steps import ModelSuggestion
from schemas.events import PriceContext
from schemas.money import Usd
from schemas.usages import INPUT_UNITS

_SQL: Final = statements("budgets/steps")
_decode_context: Final = msgspec.json.Decoder(PriceContext | None).decode


class UsageOfModel(NamedTuple):
    """The usage of a model in one unit so far, and its cost in nano-dollars."""

    service: str
    operation: str
    model: str
    unit: str
    usage: Decimal
    cost_nano: int
    slices: list[UsageSlice]


class ModelSuggestions:
    """Suggests models, by a cached catalogue."""

    def __init__(self) -> None:
        self._book = PriceBook()

    async def best(
        self, connection: Connection, position: BudgetPosition, now: datetime
    ) -> ModelSuggestion | None:
        """Return the model that saves most for the usage of a call so far; None without one.

        If savings are equal, the first model by service, operation and name is chosen.
        """
        await self._book.refresh(connection)
        retirements = await read_retirements(connection)
        usage = _SQL.bind(
            "usage_of_call",
            call_id=position.period,
            user_id=position.user_id,
            since=position.start,
            input_units=sorted(INPUT_UNITS),
        )
        found: list[ModelSuggestion] = []
        for lines in _by_model(await connection.fetch(*usage)):
            others = alternatives(lines, self._book.catalogue, now, retirements)
            if others and others[0].saving_nano > 0:
                found.append(
                    ModelSuggestion(
                        service=lines[0].service,
                        operation=lines[0].operation,
                        from_=lines[0].model,
                        to=others[0].model,
                        current_cost=Usd(sum(line.cost_nano for line in lines)),
                        estimated_saving=Usd(others[0].saving_nano),
                    )
                )
        return max(found, key=lambda one: one.estimated_saving.nano, default=None)


def _by_model(rows: Iterable[Record]) -> Iterator[list[UsageOfModel]]:
    """Yield the usages of each service, operation and model, by unit."""
    for _, of_model in groupby(rows, key=lambda row: tuple(row)[:3]):
        lines = []
        for unit, parts in groupby(of_model, key=lambda row: row["unit"]):
            same_unit = list(parts)
            first = same_unit[0]
            lines.append(
                UsageOfModel(
                    first["service"],
                    first["operation"],
                    first["model"],
                    unit,
                    sum((row["usage"] for row in same_unit), Decimal(0)),
                    sum(row["cost_nano"] for row in same_unit),
                    [_slice_of(row) for row in same_unit],
                )
            )
        yield lines


def _slice_of(row: Record) -> UsageSlice:
    context = _decode_context(row["context"] or "null")
    return UsageSlice(context, row["input_size"], None, None, row["usage"])
