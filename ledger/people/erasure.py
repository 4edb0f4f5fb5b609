"""Erases a user: the identity becomes a pseudonym in every table, and no total changes.

One transaction does all of it, and writers wait until it ends. So an interruption changes nothing,
and later events of the user are counted under the pseudonym. Archive files are rewritten afterwards
(`ledger.operations.erased_files`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from ledger.people.erased_users import read_erased_users
from ledger.postgres.database import Connection, Deadlock, LockTimeout
from ledger.postgres.statements import statements
from schemas.jsonio import encode
from schemas.people import (
    ErasedUserRecord,
    ErasureReceipt,
    ErasureRecord,
    PendingArchive,
    RewrittenFileRecord,
    TopicRetention,
)

_SQL: Final = statements("people/erasure")

SECONDS_MAX: Final = 3_600
_ATTEMPTS_MAX: Final = 60
_PAUSE_SECONDS: Final = 0.25
_PSEUDONYM: Final = "erased-"
_PSEUDONYM_BYTES: Final = 8
_JOURNAL: Final = "journal"
_CHANGED_BY_TEXT: Final = frozenset({"dead_letters", "outbox", "tag_scopes"})
"""Tables whose rows are also rewritten if a text merely contains the user's id."""

ErasureJournal = Callable[[ErasureRecord], Awaitable[None]]
"""Stores a record outside the database; raises if it is not stored durably."""


class _ErasureResult(msgspec.Struct):
    """What the SQL function `erase_user` returns; `rows` are changed rows by table."""

    pseudonym: str
    digest: str
    rows: dict[str, int]


_result: Final = msgspec.json.Decoder(_ErasureResult)


class _Erased(NamedTuple):
    """The receipt, the record of the journal, and whether the ledger knew the user before."""

    receipt: ErasureReceipt
    record: ErasedUserRecord
    is_known: bool


class ErasureBusyError(Exception):
    """Other writers held locks in all attempts; nothing was changed."""


class UnknownUserError(Exception):
    """No table names the user, so the id may be mistyped; nothing was changed."""


class _DryRunError(Exception):
    """Rolls a dry run back."""


async def erase_user(
    connection: Connection,
    user_id: str,
    author: str,
    now: datetime,
    *,
    topics: Sequence[TopicRetention],
    journal: ErasureJournal | None,
    allow_unknown: bool = False,
) -> ErasureReceipt:
    """Erase a user, and return the receipt; without a journal, as a dry run.

    The record is in the journal before the transaction commits. Raises ErasureBusyError,
    UnknownUserError unless `allow_unknown`, the journal's errors or a PostgreSQL error; then
    nothing was changed.
    """
    receipts: list[ErasureReceipt] = []

    async def work() -> None:
        erased = await _erase(connection, user_id, author, now, topics, dry_run=journal is None)
        receipt, record, is_known = erased
        if not (is_known or allow_unknown):
            raise UnknownUserError
        receipts.append(receipt)
        if journal is None:
            raise _DryRunError
        await journal(record)

    with suppress(_DryRunError):
        await _in_transaction(connection, work)
    return receipts[-1]


async def _in_transaction(connection: Connection, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` in a transaction, again if it waits too long for a lock.

    Raises ErasureBusyError after the last attempt.
    """
    for _ in range(_ATTEMPTS_MAX):
        try:
            async with connection.transaction():
                await connection.execute(_SQL["limits"])
                await work()
        except (LockTimeout, Deadlock):
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
    raise ErasureBusyError("Other writers use the user's rows; try again later.")


async def _erase(
    connection: Connection,
    user_id: str,
    author: str,
    now: datetime,
    topics: Sequence[TopicRetention],
    *,
    dry_run: bool,
) -> _Erased:
    """Erase in the caller's transaction."""
    new = f"{_PSEUDONYM}{secrets.token_hex(_PSEUDONYM_BYTES)}"
    erase = _SQL.bind("erase", user_id=user_id, pseudonym=new, author=author, now=now)
    done = _result.decode(await connection.fetchval(*erase, timeout=SECONDS_MAX))
    pseudonym, digest = done.pseudonym, bytes.fromhex(done.digest)
    found = await connection.fetchrow(
        *_SQL.bind("identifiers", user_id=user_id, pseudonym=pseudonym), timeout=SECONDS_MAX
    )
    pending = await connection.fetch(*_SQL.bind("pending_archives", pseudonym=pseudonym))
    receipt = ErasureReceipt(
        pseudonym=pseudonym,
        erased_at=now,
        dry_run=dry_run,
        rows={name: count for name, count in sorted(done.rows.items()) if count},
        identifiers=dict(found or {}),
        pending_archives=[PendingArchive(**dict(row)) for row in pending],
        topics=list(topics),
    )
    stored = _SQL.bind("store_receipt", pseudonym=pseudonym, receipt=encode(receipt).decode())
    await connection.execute(*stored)
    key: bytes = await connection.fetchval(*_SQL.bind("key", user_id=user_id, digest=digest))
    is_known = (
        pseudonym != new
        or any(count for name, count in done.rows.items() if name not in _CHANGED_BY_TEXT)
        # A new pseudonym is only where the user's id was.
        or bool(await connection.fetchval(*_SQL.bind("is_named", user_id=pseudonym)))
    )
    return _Erased(receipt, ErasedUserRecord(key.hex(), digest.hex(), pseudonym, now), is_known)


async def list_receipts(connection: Connection) -> list[ErasureReceipt]:
    """Return the receipts of all erasures, oldest first."""
    rows = await connection.fetch(_SQL["receipts"])
    return [msgspec.json.decode(row["receipt"], type=ErasureReceipt) for row in rows]


async def apply_records(
    connection: Connection, records: Sequence[ErasureRecord], now: datetime
) -> int:
    """Apply the erasures of the journal to a restored ledger; returns the number of erased users.

    One transaction stores them and erases all users who have totals, so that no event finds its
    user erased and its call not. Then users that only other tables name are erased, one transaction
    each. After an interruption all records are applied again.
    """
    users = [record for record in records if isinstance(record, ErasedUserRecord)]
    counted = await _store_records(connection, users, now) if users else []
    for record in records:
        if isinstance(record, RewrittenFileRecord):
            await relink(connection, record)
    if not users:
        return 0
    others = [row["user_id"] for row in await connection.fetch(_SQL["users"], timeout=SECONDS_MAX)]
    others = await _erased_of(connection, others)
    for user_id in others:
        await erase_user(connection, user_id, _JOURNAL, now, topics=(), journal=_skip_journal)
    return len(counted) + len(others)


async def _store_records(
    connection: Connection, records: Sequence[ErasedUserRecord], now: datetime
) -> list[str]:
    """Store erasures and erase the users who have totals, in one transaction; returns these."""
    counted: list[str] = []

    async def work() -> None:
        for record in records:
            erasure = _SQL.bind(
                "note",
                key=bytes.fromhex(record.key),
                digest=bytes.fromhex(record.digest),
                pseudonym=record.pseudonym,
                erased_at=record.erased_at,
            )
            await connection.execute(*erasure)
        rows = await connection.fetch(_SQL["counted_users"], timeout=SECONDS_MAX)
        counted[:] = await _erased_of(connection, [row["user_id"] for row in rows])
        for user_id in counted:
            await _erase(connection, user_id, _JOURNAL, now, (), dry_run=False)

    await _in_transaction(connection, work)
    return counted


async def _erased_of(connection: Connection, user_ids: Iterable[str]) -> list[str]:
    """Return the erased ones of these users, sorted."""
    erased = await read_erased_users(connection)
    return sorted({user for user in user_ids if erased.pseudonym_of(user) is not None})


async def _skip_journal(record: ErasureRecord) -> None:
    """Do nothing, because the record is in the journal already."""


async def relink(connection: Connection, record: RewrittenFileRecord) -> bool:
    """Make the seal of a rewritten archive file name the new file; returns whether it exists."""
    return bool(await connection.fetchval(*_SQL.bind("relink", **msgspec.structs.asdict(record))))
