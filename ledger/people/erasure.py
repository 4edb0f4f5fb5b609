"""Erases a user: the identity becomes a pseudonym in every table, and no total changes.

One transaction does all of it, and writers wait until it ends. So an interruption changes nothing,
and a later event finds the user erased. Archive files follow (`ledger.operations.erased_files`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

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

Journal = Callable[[ErasureRecord], Awaitable[None]]
"""Stores a record outside the database; raises if it is not stored durably."""

_result: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ErasureBusyError(Exception):
    """Writers held the user's rows each time; nothing was changed."""


class _DryRunError(Exception):
    """Rolls a dry run back."""


async def erase_user(
    connection: Connection,
    user_id: str,
    author: str,
    now: datetime,
    *,
    topics: Sequence[TopicRetention],
    journal: Journal | None,
) -> ErasureReceipt:
    """Erase a user, and return the receipt; without a journal, show what would be done.

    The record is in the journal before the transaction commits. Raises ErasureBusyError, the
    journal's errors or a PostgreSQL error; then nothing was changed.
    """
    for _ in range(_ATTEMPTS_MAX):
        receipts: list[ErasureReceipt] = []
        try:
            async with connection.transaction():
                await connection.execute(_SQL["limits"])
                receipt, record = await _erase(
                    connection, user_id, author, now, topics, is_dry=journal is None
                )
                receipts.append(receipt)
                if journal is None:
                    raise _DryRunError
                await journal(record)
        except _DryRunError:
            return receipts[0]
        except (LockTimeout, Deadlock):
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return receipts[0]
    raise ErasureBusyError("Other writers use the user's rows; try again later.")


async def _erase(
    connection: Connection,
    user_id: str,
    author: str,
    now: datetime,
    topics: Sequence[TopicRetention],
    *,
    is_dry: bool,
) -> tuple[ErasureReceipt, ErasedUserRecord]:
    """Erase in the caller's transaction; returns the receipt and the record of the journal."""
    new = f"{_PSEUDONYM}{secrets.token_hex(_PSEUDONYM_BYTES)}"
    erase = _SQL.bind("erase", user_id=user_id, pseudonym=new, author=author, now=now)
    done = _result.decode(await connection.fetchval(*erase, timeout=SECONDS_MAX))
    pseudonym = msgspec.json.decode(done["pseudonym"], type=str)
    digest = bytes.fromhex(msgspec.json.decode(done["digest"], type=str))
    counts = msgspec.json.decode(done["rows"], type=dict[str, int])
    found = await connection.fetchrow(
        *_SQL.bind("identifiers", user_id=user_id, pseudonym=pseudonym), timeout=SECONDS_MAX
    )
    pending = await connection.fetch(*_SQL.bind("pending_archives", pseudonym=pseudonym))
    receipt = ErasureReceipt(
        pseudonym=pseudonym,
        erased_at=now,
        dry_run=is_dry,
        rows={name: count for name, count in sorted(counts.items()) if count},
        identifiers=dict(found or {}),
        pending_archives=[PendingArchive(**dict(row)) for row in pending],
        topics=list(topics),
    )
    stored = _SQL.bind("store_receipt", pseudonym=pseudonym, receipt=encode(receipt).decode())
    await connection.execute(*stored)
    key: bytes = await connection.fetchval(*_SQL.bind("key", user_id=user_id, digest=digest))
    return receipt, ErasedUserRecord(key.hex(), digest.hex(), pseudonym, now)


async def list_receipts(connection: Connection) -> list[ErasureReceipt]:
    """Return the receipts of all erasures, oldest first."""
    rows = await connection.fetch(_SQL["receipts"])
    return [msgspec.json.decode(row["receipt"], type=ErasureReceipt) for row in rows]


async def apply_records(
    connection: Connection, records: Iterable[ErasureRecord], now: datetime
) -> int:
    """Apply the erasures of the journal to a restored ledger; returns how many users it named.

    First each is stored, so that later events of these users are recognized. Then each user that
    a table still names is erased, one transaction each: an interruption is repeated from the start.
    """
    for record in records:
        if isinstance(record, ErasedUserRecord):
            noted = _SQL.bind(
                "note",
                key=bytes.fromhex(record.key),
                digest=bytes.fromhex(record.digest),
                pseudonym=record.pseudonym,
                erased_at=record.erased_at,
            )
            await connection.execute(*noted)
        else:
            await relink(connection, record)
    erased = await read_erased_users(connection)
    if not erased:
        return 0
    named = {row["user_id"] for row in await connection.fetch(_SQL["users"], timeout=SECONDS_MAX)}
    users = sorted(user for user in named if erased.pseudonym_of(user) is not None)
    for user_id in users:
        await erase_user(connection, user_id, "journal", now, topics=(), journal=_keep_journal)
    return len(users)


async def _keep_journal(record: ErasureRecord) -> None:
    """The record is in the journal already."""


async def relink(connection: Connection, record: RewrittenFileRecord) -> bool:
    """Make the seal of a rewritten archive file name the new one; returns whether there is one."""
    return bool(await connection.fetchval(*_SQL.bind("relink", **msgspec.structs.asdict(record))))
