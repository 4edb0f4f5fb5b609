"""Moves totals, holds and offsets of a batch in one statement: alerts wait for the round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ledger.budgets.windows import SpendWindow
from ledger.calls.batch_changes import BatchChanges
from ledger.calls.movements import BatchMovements
from ledger.calls.periods import hours_of
from ledger.calls.spend import SpendChanges
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.recording.batch_rows import RepeatedIdentityError
from ledger.recording.epochs import require_epoch
from ledger.recording.offsets import PositionMark, StreamPosition
from ledger.recording.small_batches import entries_json, identities_json
from schemas.alerts import SpendBasis

_SQL: Final = statements("recording/recording")
_NOTHING: Final = "[]"

Columns = dict[str, Sequence[Any]]


class MoveResult(NamedTuple):
    """The result of moving a batch.

    `outbox_id` is the row in the totals outbox, None if no call changed. `spent` is the spend in
    each requested window before the batch. `epoch` is that of the ledger, `erasures` the newest
    erasure of a user; no other commits before this transaction ends.
    """

    outbox_id: int | None
    spent: Sequence[int]
    epoch: int
    erasures: int


async def move(
    connection: Connection,
    changes: BatchChanges,
    position: StreamPosition,
    windows: Sequence[SpendWindow],
    basis: SpendBasis,
    *,
    worker_id: str,
    expected_epoch: int | None,
    is_large: bool,
) -> MoveResult:
    """Move the totals of users and the offsets, and release the holds of finished calls.

    Inserts the events of a small batch, too. The caller has locked the settings of the users
    (`ledger.budgets.alerting`). Raises RepeatedIdentityError if an identity is not new,
    LedgerClosedError during a restore, and EpochChangedError if the epoch is not the expected one.
    """
    statement = _SQL.bind(
        "move",
        **_cost_columns(changes.movements),
        **_day_columns(changes.movements),
        **_spend_columns(changes.spend),
        **_hold_columns(changes.holds_to_release),
        **position.stream._asdict(),
        **_offset_columns(position),
        worker_id=worker_id,
        changed_calls=[call.call_id for call in changes.owned],
        changed_hours=hours_of(call.first_at for call in changes.owned),
        identities=_NOTHING if is_large else identities_json(changes),
        entries=_NOTHING if is_large else entries_json(changes),
        **_window_columns(windows),
        by_cost=basis == "cost",
    )
    row = await connection.fetchrow(*statement)
    outbox_id, spent, epoch, recorded, erasures = row or (None, None, None, None, 0)
    epoch = require_epoch(epoch, expected_epoch)
    if not is_large and recorded != len(changes.recorded):
        raise RepeatedIdentityError
    return MoveResult(outbox_id, [int(nano) for nano in spent or ()], epoch, erasures)


def _offset_columns(position: StreamPosition) -> Columns:
    partitions = sorted(position.next_offsets)
    marks = [position.marks.get(partition, PositionMark()) for partition in partitions]
    return {
        "partitions": partitions,
        "next_offsets": [position.next_offsets[partition] for partition in partitions],
        **_named(("generations", "last_records"), marks),
    }


def _cost_columns(movements: BatchMovements) -> Columns:
    keys, sums = _columns(sorted(movements.changed_costs().items()), 2)
    names = ("cost_users", "cost_days", "cost_personas", "cost_services")
    return {**_named(names, keys), "cost_sums": sums}


def _day_columns(movements: BatchMovements) -> Columns:
    keys, sums = _columns(sorted(movements.changed_days().items()), 2)
    names = ("day_calls", "day_durations", "day_charges", "day_refunds")
    return {**_named(("day_users", "days", "day_personas"), keys), **_named(names, sums)}


def _spend_columns(spend: SpendChanges) -> Columns:
    keys, sums = _columns(sorted(spend.changed().items()), 2)
    names = ("spend_costs", "spend_charges", "spend_refunds")
    return {**_named(("spend_users", "spend_quarters"), keys), **_named(names, sums)}


def _hold_columns(holds: Iterable[tuple[str, str]]) -> Columns:
    return _named(("hold_users", "hold_calls"), sorted(holds))


def _window_columns(windows: Sequence[SpendWindow]) -> Columns:
    names = ("window_users", "window_starts", "window_ends")
    return _named(names, [window[:3] for window in windows])


def _named(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Columns:
    """Return the columns of rows by name."""
    return dict(zip(names, _columns(rows, len(names)), strict=True))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    """Return rows as `width` columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * width
