"""A user's notification channels: create, verify, remove, and list their deliveries.

All functions take a connection with an open transaction of the viewer. They return refusals instead
of raising them, because wrong codes must be counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from ledger.notifications.signatures import secret_text
from ledger.notifications.verification_codes import (
    CODE_SECONDS,
    GUESSES_MAX,
    digest,
    matches,
    new_code,
    new_secret,
)
from ledger.postgres.database import Connection, Record
from ledger.postgres.functions import reads
from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer
from schemas.notices import (
    CHANNELS_MAX,
    Attempt,
    Channel,
    ChannelType,
    Deliveries,
    Delivery,
    NewChannel,
    NoticeKind,
)

_SQL: Final = statements("notifications/channels")
_READS: Final = reads("notifications/channels")

DELIVERIES_MAX: Final = 50
NEWEST: Final = 2**62
MESSAGES_PER_HOUR: Final = 10
MESSAGE_SECONDS: Final = 60
"""The least time between two messages of one kind to a channel."""

_HOUR_SECONDS: Final = 3_600
_attempts: Final = msgspec.json.Decoder(list[Attempt])


class ChannelRequest(NamedTuple):
    """A channel to create; the address is in canonical form."""

    type: ChannelType
    address: str


class ChannelRefusal(NamedTuple):
    """Why a request is refused, and when to retry; `absent`: the viewer has no such channel."""

    message: str = ""
    after_seconds: int | None = None
    absent: bool = False


ABSENT: Final = ChannelRefusal(absent=True)


async def read_channels(readers: ReaderPool, viewer: Viewer, user_id: str) -> list[Channel]:
    """Return the channels of a user, like `list_channels`; raises StoreUnavailableError."""
    rows = await readers.read(viewer, *_READS.bind("list", user_id=user_id, **viewer.parameters))
    return [Channel(**dict(row)) for row in rows]


async def list_channels(connection: Connection, viewer: Viewer, user_id: str) -> list[Channel]:
    """Return the channels of a user, oldest first; none for a viewer without access."""
    rows = await connection.fetch(*_SQL.bind("list", user_id=user_id, **viewer.parameters))
    return [Channel(**dict(row)) for row in rows]


async def create_channel(
    connection: Connection, viewer: Viewer, user_id: str, requested: ChannelRequest
) -> NewChannel | ChannelRefusal:
    """Create a channel, and send a verification message."""
    await _lock_channels(connection, user_id)
    known = await list_channels(connection, viewer, user_id)
    if requested in {(channel.type, channel.address) for channel in known}:
        return ChannelRefusal(
            "You already have this channel. Request a new code, or remove it first to get a new "
            "secret."
        )
    if len(known) >= CHANNELS_MAX:
        return ChannelRefusal(f"You can have at most {CHANNELS_MAX} channels. Remove one first.")
    return await _create(connection, viewer, user_id, requested)


async def replace_channels(
    connection: Connection, viewer: Viewer, user_id: str, requested: Sequence[ChannelRequest]
) -> list[Channel] | ChannelRefusal:
    """Replace a user's channels; existing ones stay unchanged.

    Returns all channels, new ones as NewChannel. If it is refused, the caller must roll back its
    transaction.
    """
    if len(set(requested)) > CHANNELS_MAX:
        return ChannelRefusal(f"`channels` can have at most {CHANNELS_MAX} channels.")
    await _lock_channels(connection, user_id)
    known = await list_channels(connection, viewer, user_id)
    remaining = [channel for channel in known if (channel.type, channel.address) in requested]
    for channel in known:
        if channel not in remaining:
            await _remove(connection, viewer, user_id, channel.channel_id)
    created: list[Channel] = []
    for one in dict.fromkeys(requested):
        if one not in {(channel.type, channel.address) for channel in remaining}:
            new = await _create(connection, viewer, user_id, one)
            if isinstance(new, ChannelRefusal):
                return new
            created.append(new)
    return remaining + created


async def remove_channel(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str
) -> list[Channel] | ChannelRefusal:
    """Remove a channel, and return the remaining ones."""
    await _lock_channels(connection, user_id)
    if not _is_id(channel_id) or not await _remove(connection, viewer, user_id, channel_id):
        return ABSENT
    return await list_channels(connection, viewer, user_id)


async def verify_channel(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str, code: str
) -> Channel | ChannelRefusal:
    """Verify a channel by its code; wrong codes are counted.

    A channel that is already verified stays verified, whatever the code.
    """
    await _lock_channels(connection, user_id)
    of_channel = _of_channel(viewer, user_id, channel_id)
    channel = await _one(connection, viewer, user_id, channel_id)
    if channel is None:
        return ABSENT
    if channel.state == "verified":
        return channel
    stored = await connection.fetchrow(*_SQL.bind("code", **of_channel))
    if stored is None:
        return ChannelRefusal("The code has expired. Request a new one.")
    if stored["guesses"] >= GUESSES_MAX:
        return ChannelRefusal("Too many wrong codes. Request a new one.")
    if not await asyncio.to_thread(matches, code, stored["digest"]):
        await connection.execute(*_SQL.bind("count_guess", **of_channel))
        left = GUESSES_MAX - stored["guesses"] - 1
        return ChannelRefusal(f"Wrong code. {left} of {GUESSES_MAX} attempts left.")
    await connection.execute(*_SQL.bind("drop_code", **of_channel))
    row = await connection.fetchrow(*_SQL.bind("verify", **of_channel))
    return Channel(**dict(row)) if row else ABSENT


async def request_code(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str
) -> Channel | ChannelRefusal:
    """Send a new code to an unverified channel; the previous code becomes invalid."""
    await _lock_channels(connection, user_id)
    channel = await _one(connection, viewer, user_id, channel_id)
    if channel is None:
        return ABSENT
    if channel.state == "verified":
        return ChannelRefusal("This channel is already verified.")
    refusal = await _refuse_too_many(connection, viewer, user_id, "verification", channel_id)
    if refusal is not None:
        return refusal
    await _challenge(connection, viewer, user_id, channel)
    return channel


async def request_test(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str
) -> str | ChannelRefusal:
    """Send a test message to a verified channel; returns the delivery's id."""
    await _lock_channels(connection, user_id)
    channel = await _one(connection, viewer, user_id, channel_id)
    if channel is None:
        return ABSENT
    if channel.state != "verified":
        return ChannelRefusal("Verify this channel first.")
    refusal = await _refuse_too_many(connection, viewer, user_id, "test", channel_id)
    if refusal is not None:
        return refusal
    of_channel = _of_channel(viewer, user_id, channel_id)
    await connection.execute(*_SQL.bind("resume", **of_channel))
    return str(
        await connection.fetchval(*_SQL.bind("request", **of_channel, kind="test", code=None))
    )


async def list_deliveries(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str, before: int = NEWEST
) -> Deliveries | ChannelRefusal:
    """Return the newest deliveries to a channel before a position, with all attempts."""
    if await _one(connection, viewer, user_id, channel_id) is None:
        return ABSENT
    of_channel = _of_channel(viewer, user_id, channel_id)
    deliveries = _SQL.bind("deliveries", **of_channel, before=before, limit=DELIVERIES_MAX + 1)
    rows = await connection.fetch(*deliveries)
    page = rows[:DELIVERIES_MAX]
    return Deliveries(
        deliveries=[_delivery(row) for row in page],
        next_cursor=str(page[-1]["seq"]) if len(rows) > len(page) else None,
    )


def _delivery(row: Record) -> Delivery:
    fields: dict[str, Any] = dict(row)
    fields.pop("seq")
    tried = fields.pop("tried")
    return Delivery(**fields, attempts=_attempts.decode(tried) if tried else [])


async def _lock_channels(connection: Connection, user_id: str) -> None:
    await connection.execute(*_SQL.bind("lock", user_id=user_id))


async def _one(
    connection: Connection, viewer: Viewer, user_id: str, channel_id: str
) -> Channel | None:
    if not _is_id(channel_id):
        return None
    row = await connection.fetchrow(*_SQL.bind("one", **_of_channel(viewer, user_id, channel_id)))
    return Channel(**dict(row)) if row else None


async def _create(
    connection: Connection, viewer: Viewer, user_id: str, requested: ChannelRequest
) -> NewChannel | ChannelRefusal:
    refusal = await _refuse_too_many(connection, viewer, user_id, "verification", None)
    if refusal is not None:
        return refusal
    secret = secret_text(new_secret()) if requested.type == "webhook" else None
    values = {"user_id": user_id, **viewer.parameters, **requested._asdict(), "secret": secret}
    row = await connection.fetchrow(*_SQL.bind("create", **values))
    if row is None:
        return ABSENT
    channel = NewChannel(**dict(row), secret=secret)
    await _challenge(connection, viewer, user_id, channel)
    return channel


async def _challenge(
    connection: Connection, viewer: Viewer, user_id: str, channel: Channel
) -> None:
    """Store a new code and send it; pending messages with an older code are skipped."""
    of_channel = _of_channel(viewer, user_id, channel.channel_id)
    code = new_code(channel.type)
    stored = await asyncio.to_thread(digest, code)
    await connection.execute(*_SQL.bind("supersede", **of_channel))
    set_code = _SQL.bind("set_code", **of_channel, digest=stored, seconds=CODE_SECONDS)
    await connection.execute(*set_code)
    await connection.execute(*_SQL.bind("resume", **of_channel))
    await connection.execute(*_SQL.bind("request", **of_channel, kind="verification", code=code))


async def _remove(connection: Connection, viewer: Viewer, user_id: str, channel_id: str) -> bool:
    of_channel = _of_channel(viewer, user_id, channel_id)
    removed = await connection.fetchval(*_SQL.bind("remove", **of_channel))
    await connection.execute(*_SQL.bind("withdraw", **of_channel))
    return removed is not None


async def _refuse_too_many(
    connection: Connection, viewer: Viewer, user_id: str, kind: NoticeKind, channel_id: str | None
) -> ChannelRefusal | None:
    """Return a refusal if a user requests too many messages: they could reach strangers."""
    of_channel = _of_channel(viewer, user_id, channel_id)
    recent = _SQL.bind("recent", **of_channel, kind=kind, seconds=_HOUR_SECONDS)
    row = await connection.fetchrow(*recent)
    if row is None:
        return ABSENT
    if row["requests"] >= MESSAGES_PER_HOUR:
        reason = f"You can request at most {MESSAGES_PER_HOUR} messages per hour."
        return ChannelRefusal(reason, _HOUR_SECONDS // MESSAGES_PER_HOUR)
    if row["ago_seconds"] is not None and row["ago_seconds"] < MESSAGE_SECONDS:
        return ChannelRefusal("A message was just requested.", MESSAGE_SECONDS - row["ago_seconds"])
    return None


def _of_channel(viewer: Viewer, user_id: str, channel_id: str | None) -> dict[str, Any]:
    return {"user_id": user_id, **viewer.parameters, "channel_id": channel_id}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
