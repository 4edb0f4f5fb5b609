"""Values written to PostgreSQL come back the same, on each way that a batch uses."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.copy_rows import (
    ENTRY_COLUMNS,
    IDENTITY_COLUMNS,
    copy_input,
    identity_rows,
    owner_cell,
)
from ledger.calls.entries import Entry
from ledger.postgres.database import connect
from ledger.postgres.statements import Statements, parse
from ledger.prices.usages import PricedUsage, pack_usages, unpack_usages
from ledger.recording.small_batches import entries_json
from tests.support.background_loop import BackgroundLoop
from tests.support.databases import DatabaseCloner

letters = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
awkward = st.sampled_from(
    ["\x1f", "a\x1f", "\x1fb\x1f", "{\x1f}", "", " ", "NULL", "null", '"', '\\"', "\\", "{}", "{", ",", '","', "a,b", "\n\t", "'", "💶", "\\u0000"]
)  # fmt: skip
bigints = st.integers(-(2**63), 2**63 - 1)
times = st.datetimes(
    datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)
)  # accepted events are well within these bounds
numbers = st.one_of(
    st.integers(0, 10**12),
    st.decimals(-(10**12), 10**12, places=6),
    st.decimals(0, 1, places=30),
    st.sampled_from([Decimal("-0"), Decimal("0E+30"), Decimal("1E+12"), Decimal("1E-30"), 0]),
)
many = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class ColumnConnection:
    """One connection for many examples, on the loop of the shared servers."""

    def __init__(self, background: BackgroundLoop, url: str) -> None:
        self._background = background
        self._connection = background.run(connect(url, name="columns"))
        for table in ("call_cost_events", "event_identities"):
            background.run(
                self._connection.execute(
                    f"CREATE TEMP TABLE new_{table} (LIKE {table} INCLUDING DEFAULTS)"
                )
            )

    def ask(self, query: str, *arguments: Any) -> Any:
        return self._background.run(self._connection.fetchval(query, *arguments))

    def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        return self._background.run(self._connection.fetch(query, *arguments))

    def copy_rows(self, table: str, columns: tuple[str, ...], rows: AsyncIterator[bytes]) -> None:
        self._background.run(self._connection.execute(f"TRUNCATE {table}"))
        self._background.run(
            self._connection.copy_to_table(table, columns=columns, source=rows, format="binary")
        )

    def close(self) -> None:
        self._background.run(self._connection.close())


@pytest.fixture(scope="module")
def wire(background: BackgroundLoop, databases: DatabaseCloner) -> Iterator[ColumnConnection]:
    with databases.clone() as url:
        wire = ColumnConnection(background, url)
        yield wire
        wire.close()


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("text", letters | awkward),
        ("bigint", bigints),
        ("integer", st.integers(-(2**31), 2**31 - 1)),
        ("boolean", st.booleans()),
        ("numeric", numbers),
        ("timestamptz", times),
        ("date", times.map(datetime.date)),
        ("uuid", st.uuids()),
        ("bytea", st.binary(max_size=30)),
        ("json", (letters | awkward).map(json.dumps)),
    ],
)
@many
@given(data=st.data())
def test_bound_array_is_read_back_the_same(
    wire: ColumnConnection, type_name: str, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    echo = Statements(parse(f"-- name: echo\nSELECT :given::{type_name}[]"))
    given = data.draw(st.none() | st.lists(values, max_size=8) | st.lists(st.none() | values))
    assert wire.ask(*echo.bind("echo", given=given)) == given


keys = st.uuids().map(lambda key: key.hex)
words = letters | awkward
entries = st.builds(
    Entry,
    identity=keys,
    source=words,
    event_id=words,
    type=words,
    time=times,
    user_id=words,
    call_id=words,
    persona_id=st.none() | words,
    service=st.none() | words,
    operation=st.none() | words,
    operation_sent=st.none() | words,
    model=st.none() | words,
    usage=st.none() | numbers,
    unit=st.none() | words,
    unit_cost=st.none() | numbers,
    cost_nano=bigints,
    amount_nano=bigints,
    price_id=st.none() | st.integers(-(2**31), 2**31 - 1),
    estimated=st.booleans(),
    voids=st.none() | keys,
    data=st.none() | words,
    tags=st.none() | words,
    price_context=st.none() | words,
    leg_id=st.none() | words,
    list_cost_nano=st.none() | bigints,
    usages=st.none() | st.lists(st.builds(PricedUsage, words, numbers)).map(pack_usages),
)


COLUMNS = ", ".join(Entry._fields)


def as_read(entry: Entry) -> dict[str, object]:
    """Return an entry as PostgreSQL returns it."""
    keys = {"identity": UUID(entry.identity), "voids": entry.voids and UUID(entry.voids)}
    usages = {"usages": entry.usages and unpack_usages(bytes(entry.usages).decode())}
    return entry._asdict() | keys | usages


def read_row(row: asyncpg.Record) -> dict[str, object]:
    """Return a row as read, with its quantities decoded."""
    return dict(row) | {"usages": row["usages"] and unpack_usages(row["usages"])}


@many
@given(written=st.lists(entries, max_size=8))
def test_copied_event_rows_are_read_back_the_same(
    wire: ColumnConnection, written: list[Entry]
) -> None:
    pieces = [piece for one in written for piece in (one.copy_cells(), owner_cell(one.owner))]
    wire.copy_rows("new_call_cost_events", ENTRY_COLUMNS, copy_input(pieces))
    read = wire.rows(f"SELECT {COLUMNS} FROM new_call_cost_events")
    assert list(map(read_row, read)) == list(map(as_read, written))


@many
@given(written=st.lists(entries, max_size=8))
def test_inserted_event_rows_are_read_back_the_same(
    wire: ColumnConnection, written: list[Entry]
) -> None:
    read = wire.rows(
        f"SELECT {COLUMNS} FROM json_populate_recordset(NULL::call_cost_events, $1::text::json)",
        entries_json(BatchChanges(entries=[*written])),
    )
    assert list(map(read_row, read)) == list(map(as_read, written))


@many
@given(written=st.lists(st.tuples(keys, bigints), max_size=8))
def test_identity_rows_are_read_back_the_same(
    wire: ColumnConnection, written: list[tuple[str, int]]
) -> None:
    rows = identity_rows([one[0] for one in written], [one[1] for one in written])
    wire.copy_rows("new_event_identities", IDENTITY_COLUMNS, copy_input(rows))
    read = wire.rows("SELECT identity, fingerprint FROM new_event_identities")
    assert sorted((row[0].hex, row[1]) for row in read) == sorted(written)
    assert [row[0] for row in read] == sorted(row[0] for row in read)
