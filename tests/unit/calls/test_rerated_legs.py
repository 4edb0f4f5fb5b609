"""Legs and charges at cost plus a markup: prices, pieces, voids and the end come in any order."""

import json
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.calls.basis import charge_basis_prices
from ledger.calls.entries import Entry
from ledger.prices.catalogue import Catalogue
from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.repricing.corrections import Rates, correcting_events
from ledger.repricing.recorded_costs import RecordedCost
from schemas.events import Event
from tests.support.charge_plans import SamplePlan, stored_plans
from tests.support.events import NOW, Plain, cost, decoded, ended, voided, with_usages
from tests.support.expected_legs import LegPart, leg_nano
from tests.support.expected_prices import nano
from tests.support.memory_ledger import MemoryLedger, basis_nano
from tests.support.prices import DEFAULTS, SamplePrice, catalogue

SHARES = 35_000_000  # of infrastructure
PLANS = stored_plans([SamplePlan("cost_plus", markup="25")])
OTHERS = [row for row in DEFAULTS if row.service != "twilio"]


class Piece:
    """A cost by the plain definition: its price now, and the price that charges follow."""

    def __init__(self, event: Plain, row: SamplePrice | None) -> None:
        self.event = event
        self.row = self.basis = row

    def reprice(self, row: SamplePrice | None, *, follows: bool) -> None:
        if self.row is None:
            self.row = self.basis = row
        elif row is not None and (row.usd, row.increments) != (self.row.usd, self.row.increments):
            self.row = row
            self.basis = row if follows else self.basis

    def parts(self, row: SamplePrice | None) -> Iterable[tuple[str | None, LegPart]]:
        """Yield the leg of each quantity, and the quantity at a price."""
        data = self.event["data"]
        one = {"unit": data.get("unit"), "quantity": data.get("usage")}
        for usage in data.get("usages") or [one]:
            minutes = Fraction(str(usage["quantity"])) / (1 if usage["unit"] == "minutes" else 60)
            amount = nano(minutes * Fraction(row.usd)) if row else 0
            yield data.get("legId"), LegPart(NOW, minutes * 60, amount, row)


class Books:
    """A ledger with prices that are entered late, and what the plain definition says of it."""

    def __init__(self) -> None:
        self.rows: list[SamplePrice] = []
        self.pieces: dict[int, Piece] = {}
        self.added = 0
        self.ledger = MemoryLedger(self.prices())

    def prices(self) -> Catalogue:
        return catalogue([*OTHERS, *self.rows], PLANS)

    def enter(self, usd: str, increments: Increments) -> None:
        """Enter a price that is in force for all pieces."""
        since = NOW.replace(year=2024, microsecond=len(self.rows))
        self.rows.append(SamplePrice("twilio", "outbound_call", "*", "minutes", usd, since=since, increments=increments))  # fmt: skip
        self.ledger.use(self.prices())

    def add(self, event: Plain) -> None:
        number = self.added
        self.added += 1
        self.pieces[number] = Piece(event, self.rows[-1] if self.rows else None)
        event["id"], event["data"]["metadata"] = f"cost-{number}", {"number": number}
        self.record(decoded(event))

    def void(self, number: int) -> None:
        """Void a cost that still counts."""
        entry = self.counted().get(number)
        if entry is not None:
            del self.pieces[number]
            self.record(
                decoded(voided({"source": entry.source, "id": entry.event_id}, id=f"void-{number}"))
            )

    def reprice(self, *, follows: bool) -> None:
        """Correct all costs to the newest price."""
        rates = Rates(self.prices())
        for number, entry in self.counted().items():
            recorded = recorded_cost(entry)
            corrected = rates.correction(recorded)
            if corrected is not None:
                self.record(*correcting_events(recorded, corrected, changes_charges=follows))
            self.pieces[number].reprice(self.rows[-1] if self.rows else None, follows=follows)

    def record(self, *events: Event) -> None:
        self.ledger.record(events)
        assert self.ledger.refused == []

    def counted(self) -> dict[int, Entry]:
        """Return the counted costs by the number of their piece."""
        voids = {entry.voids for entry in self.ledger.entries}
        return {
            json.loads(entry.data or "")["number"]: entry
            for entry in self.ledger.entries
            if entry.type == "cost.recorded" and entry.identity not in voids
        }


def recorded_cost(entry: Entry) -> RecordedCost:
    """Return a stored cost as repricing reads it."""
    columns = {
        name: value for name, value in entry._asdict().items() if name in RecordedCost._fields
    }
    usages = None if entry.usages is None else bytes(entry.usages).decode()
    basis_prices = charge_basis_prices(entry.source, entry.data)
    return RecordedCost(
        **columns | {"usages": usages, "user_id": "alice"},
        basis_nano=basis_nano(entry),
        basis_prices=json.dumps(basis_prices) if basis_prices else None,
    )  # fmt: skip


def cost_of_legs(parts: Iterable[tuple[str | None, LegPart]]) -> int:
    """Return the cost of all legs; one with a part without a price is not rounded."""
    legs: dict[str | None, list[LegPart]] = {}
    for leg, part in parts:
        legs.setdefault(leg, []).append(part)
    return sum(
        sum(part.nano for part in of_leg)
        if any(part.row is None for part in of_leg)
        else leg_nano(of_leg)
        for of_leg in legs.values()
    )


_numbers = st.integers(0, 130) | st.decimals(0, 3, places=5)
_units = st.sampled_from(("seconds", "minutes"))
_requests = st.dictionaries(_units, _numbers, min_size=1).map(
    lambda of: [{"unit": unit, "quantity": number} for unit, number in of.items()]
)
_pieces = st.fixed_dictionaries(
    {
        "usage": _numbers,
        "unit": _units,
        "usages": st.none() | _requests,
        "legId": st.sampled_from((None, None, "b")),
    }
)
_prices = st.tuples(
    st.sampled_from(("0.014", "0.02", "0.0123457", "0")),
    st.sampled_from((Increments(60, 60), Increments(30, 6), Increments(7), NO_INCREMENTS)),
)
_actions = st.one_of(
    st.tuples(st.just("add"), _pieces),
    st.tuples(st.just("void"), st.integers(0, 3)),
    st.tuples(st.just("enter"), _prices),
    st.tuples(st.just("reprice"), st.sampled_from((False, False, True))),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_actions, min_size=2, max_size=12), st.integers(0, 12), st.booleans())
def test_cost_and_charge_are_those_of_the_plain_definition_in_any_order(
    actions: list[tuple[str, Any]], end_at: int, starts_priced: bool
) -> None:
    books = Books()
    if starts_priced:
        books.enter("0.014", Increments(60, 60))
    actions.insert(end_at, ("end", None))
    for action, value in actions:
        if action == "add":
            books.add(cost(**with_usages(dict(value))))
        elif action == "void":
            books.void(value)
        elif action == "enter":
            books.enter(*value)
        elif action == "reprice":
            books.reprice(follows=value)
        else:
            books.record(decoded(ended(id="end")))

    call = books.ledger.calls["call-1"]
    pieces = books.pieces.values()
    assert call.costs_by_service().get("twilio", 0) == cost_of_legs(
        part for piece in pieces for part in piece.parts(piece.row)
    )
    basis = SHARES + cost_of_legs(part for piece in pieces for part in piece.parts(piece.basis))
    assert call.charged_nano() == nano(Fraction(basis, 10**9) * Fraction(5, 4))
