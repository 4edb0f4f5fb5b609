"""A user's notification channels: create, verify, remove, and list their deliveries.

Methods return refusals: an exception would roll back the transaction, and with it the count of
wrong codes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import asdict

from ledger.notifications.channel_requests import ABSENT, ChannelRefusal, ChannelRequest
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
from schemas.jsonio import encode
from schemas.notices import (
    CHANNELS_MAX,
    DEFAULT_KINDS,
    Attempt,
    Channel,
    ChannelChange,
    ChannelKind,
    ChannelType,
    Deliveries,
    Delivery,
    NewChannel,
    NoticeKind,
    QuietHours,
)

_SQL: Final = statements("notifications/channels")
_READS: Final = reads("notifications/channels")

DELIVERIES_MAX: Final = 50
NEWEST: Final = 2**62
"""A position before which all deliveries are."""
MESSAGES_PER_HOUR: Final = 10
MESSAGE_SECONDS: Final = 60
"""The least time between two messages of one kind to a channel."""

_HOUR_SECONDS: Final = 3_600
_decode_hours: Final = msgspec.json.Decoder(QuietHours).decode
_attempts: Final = msgspec.json.Decoder(list[Attempt])


async def read_channels(readers: ReaderPool, viewer: Viewer, user_id: str) -> list[Channel]:
    """Return a user's channels in one round trip; raises StoreUnavailableError."""
    rows = await readers.read(viewer, *_READS.bind("list", user_id=user_id, **viewer.parameters))
    return [_channel(row) for row in rows]


class UserChannels:
    """The channels of a user, in an open transaction of a viewer."""

    def __init__(self, connection: Connection, viewer: Viewer, user_id: str) -> None:
        self._connection = connection
        self._of_user: dict[str, Any] = {"user_id": user_id, **viewer.parameters}

    async def read(self) -> list[Channel]:
        """Return all channels, oldest first; none for a viewer without access."""
        rows = await self._connection.fetch(*_SQL.bind("list", **self._of_user))
        return [_channel(row) for row in rows]

    async def create(self, requested: ChannelRequest) -> NewChannel | ChannelRefusal:
        """Create a channel, and send a verification message."""
        await self._lock()
        stored = await self.read()
        if requested.target in map(_target, stored):
            return ChannelRefusal(
                "You already have this channel. Request a new code, or remove it first to get a "
                "new secret."
            )
        if len(stored) >= CHANNELS_MAX:
            return ChannelRefusal(
                f"You can have at most {CHANNELS_MAX} channels. Remove one first."
            )
        return await self._create(requested)

    async def replace(self, requested: Sequence[ChannelRequest]) -> list[Channel] | ChannelRefusal:
        """Replace the channels; existing ones stay, with the requested kinds if there are any.

        Returns all channels, new ones as NewChannel. If it is refused, the caller must roll back
        its transaction.
        """
        wanted = {request.target: request for request in reversed(requested)}
        if len(wanted) > CHANNELS_MAX:
            return ChannelRefusal(f"`channels` can have at most {CHANNELS_MAX} channels.")
        await self._lock()
        stored = await self.read()
        remaining: list[Channel] = []
        for channel in stored:
            request = wanted.pop(_target(channel), None)
            if request is None:
                await self._remove(channel.channel_id)
            else:
                remaining.append(await self._with_kinds(channel, request.kinds))
        for request in reversed(wanted.values()):
            new = await self._create(request)
            if isinstance(new, ChannelRefusal):
                return new
            remaining.append(new)
        return remaining

    async def change(self, channel_id: str, change: ChannelChange) -> Channel | ChannelRefusal:
        """Change a channel, and return it; added kinds begin now."""
        await self._lock()
        channel = await self._find(channel_id)
        if channel is None:
            return ABSENT
        if change.quiet_hours is not UNSET:
            hours = change.quiet_hours
            text = None if hours is None else encode(hours).decode()
            row = await self._run("change_quiet_hours", channel_id, quiet_hours=text)
            channel = channel if row is None else _channel(row)
        kinds = None if change.kinds is UNSET else tuple(change.kinds)
        return await self._with_kinds(channel, kinds)

    async def remove(self, channel_id: str) -> list[Channel] | ChannelRefusal:
        """Remove a channel, and return the remaining ones."""
        await self._lock()
        if not _is_id(channel_id) or not await self._remove(channel_id):
            return ABSENT
        return await self.read()

    async def verify(self, channel_id: str, code: str) -> Channel | ChannelRefusal:
        """Verify a channel by its code; wrong codes are counted.

        A channel that is already verified stays verified, whatever the code.
        """
        await self._lock()
        channel = await self._find(channel_id)
        if channel is None:
            return ABSENT
        if channel.state == "verified":
            return channel
        stored = await self._run("code", channel_id)
        if stored is None:
            return ChannelRefusal("The code has expired. Request a new one.")
        if stored["guesses"] >= GUESSES_MAX:
            return ChannelRefusal("Too many wrong codes. Request a new one.")
        if not await asyncio.to_thread(matches, code, stored["digest"]):
            await self._run("count_guess", channel_id)
            left = GUESSES_MAX - stored["guesses"] - 1
            return ChannelRefusal(f"Wrong code. {left} of {GUESSES_MAX} attempts left.")
        await self._run("drop_code", channel_id)
        row = await self._run("verify", channel_id)
        return _channel(row) if row else ABSENT

    async def request_code(self, channel_id: str) -> Channel | ChannelRefusal:
        """Send a new code to an unverified channel; the previous code becomes invalid."""
        await self._lock()
        channel = await self._find(channel_id)
        if channel is None:
            return ABSENT
        if channel.state == "verified":
            return ChannelRefusal("This channel is already verified.")
        refusal = await self._refuse_too_many("verification", channel_id)
        if refusal is not None:
            return refusal
        await self._send_code(channel)
        return channel

    async def request_test(self, channel_id: str) -> str | ChannelRefusal:
        """Send a test message to a verified channel; returns the delivery's id."""
        await self._lock()
        channel = await self._find(channel_id)
        if channel is None:
            return ABSENT
        if channel.state != "verified":
            return ChannelRefusal("Verify this channel first.")
        refusal = await self._refuse_too_many("test", channel_id)
        if refusal is not None:
            return refusal
        await self._run("resume", channel_id)
        delivery = await self._run("request", channel_id, kind="test", code=None)
        return ABSENT if delivery is None else str(delivery["delivery_id"])

    async def deliveries(
        self, channel_id: str, before: int = NEWEST
    ) -> Deliveries | ChannelRefusal:
        """Return the newest deliveries to a channel before a position, with all attempts."""
        if await self._find(channel_id) is None:
            return ABSENT
        values = {"channel_id": channel_id, "before": before, "limit": DELIVERIES_MAX + 1}
        rows = await self._connection.fetch(*_SQL.bind("deliveries", **self._of_user, **values))
        page = rows[:DELIVERIES_MAX]
        return Deliveries(
            deliveries=[_delivery(row) for row in page],
            next_cursor=str(page[-1]["seq"]) if len(rows) > len(page) else None,
        )

    async def _run(self, statement: str, channel_id: str | None, **values: Any) -> Record | None:
        """Run a statement about a channel; returns its first row, if it has one."""
        bound = _SQL.bind(statement, **self._of_user, channel_id=channel_id, **values)
        row: Record | None = await self._connection.fetchrow(*bound)
        return row

    async def _lock(self) -> None:
        await self._connection.execute(*_SQL.bind("lock", user_id=self._of_user["user_id"]))

    async def _find(self, channel_id: str) -> Channel | None:
        row = await self._run("one", channel_id) if _is_id(channel_id) else None
        return _channel(row) if row else None

    async def _with_kinds(self, channel: Channel, kinds: tuple[ChannelKind, ...] | None) -> Channel:
        """Return the channel after setting its kinds, if any are given."""
        if kinds is None:
            return channel
        row = await self._run("change_kinds", channel.channel_id, kinds=kinds)
        return channel if row is None else _channel(row)

    async def _create(self, requested: ChannelRequest) -> NewChannel | ChannelRefusal:
        refusal = await self._refuse_too_many("verification", None)
        if refusal is not None:
            return refusal
        secret = secret_text(new_secret()) if requested.type == "webhook" else None
        kinds = DEFAULT_KINDS if requested.kinds is None else requested.kinds
        values = self._of_user | requested._asdict() | {"secret": secret, "kinds": kinds}
        row = await self._connection.fetchrow(*_SQL.bind("create", **values))
        if row is None:
            return ABSENT
        channel = NewChannel(**asdict(_channel(row)), secret=secret)
        await self._send_code(channel)
        return channel

    async def _send_code(self, channel: Channel) -> None:
        """Store a new code and send it; pending messages with an older code are skipped."""
        channel_id, code = channel.channel_id, new_code(channel.type)
        stored = await asyncio.to_thread(digest, code)
        await self._run("supersede", channel_id)
        await self._run("set_code", channel_id, digest=stored, seconds=CODE_SECONDS)
        await self._run("resume", channel_id)
        await self._run("request", channel_id, kind="verification", code=code)

    async def _remove(self, channel_id: str) -> bool:
        removed = await self._run("remove", channel_id)
        await self._run("withdraw", channel_id)
        return removed is not None

    async def _refuse_too_many(
        self, kind: NoticeKind, channel_id: str | None
    ) -> ChannelRefusal | None:
        """Refuse too many requested messages: the addresses could be those of strangers."""
        row = await self._run("recent", channel_id, kind=kind, seconds=_HOUR_SECONDS)
        if row is None:
            return ABSENT
        if row["requests"] >= MESSAGES_PER_HOUR:
            reason = f"You can request at most {MESSAGES_PER_HOUR} messages per hour."
            return ChannelRefusal(reason, _HOUR_SECONDS // MESSAGES_PER_HOUR)
        ago_seconds = row["ago_seconds"]
        if ago_seconds is not None and ago_seconds < MESSAGE_SECONDS:
            return ChannelRefusal("A message was just requested.", MESSAGE_SECONDS - ago_seconds)
        return None


def _channel(row: Record) -> Channel:
    fields: dict[str, Any] = dict(row)
    hours = fields.pop("quiet_hours")
    return Channel(**fields, quiet_hours=None if hours is None else _decode_hours(hours))


def _target(channel: Channel) -> tuple[ChannelType, str]:
    return channel.type, channel.address


def _delivery(row: Record) -> Delivery:
    fields: dict[str, Any] = dict(row)
    fields.pop("seq")
    tried = fields.pop("tried")
    return Delivery(**fields, attempts=_attempts.decode(tried) if tried else [])


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
