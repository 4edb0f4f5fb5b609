"""Lists refused events, and sends them to their topic again, unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cost_analytics.configuration.tree import Settings
from cost_analytics.progress import Progress
from cost_analytics.sending import RecordSender, open_sender
from ledger.operations.dead_letters import (
    DeadLetterKey,
    ListedDeadLetter,
    StoredDeadLetter,
    count_by_code,
    count_pending,
    list_refusals,
    mark_replayed,
    pending_pages,
)
from ledger.postgres.database import Connection, connected
from messaging.producer import record_size

_CONNECTION_NAME: Final = "cost-analytics dlq"
_START_SHOWN: Final = 120
_SENT_BYTES_MAX: Final = 1024 * 1024 - 512
"""A topic's default limit. Larger records arrived compressed, but are sent uncompressed."""


async def show(
    connection: Connection,
    *,
    code: str | None,
    limit: int,
    include_replayed: bool,
    print_line: Callable[[str], None],
    as_json: Callable[[object], str] | None,
) -> None:
    """Print how many events were refused with each code, and the newest `limit` events.

    With `as_json`, print the events only, each as this function returns it.
    """
    if as_json is None and not await _show_counts(connection, print_line):
        return
    shown = 0
    async for refusal in list_refusals(connection, code=code, include_replayed=include_replayed):
        if shown >= limit:
            break
        shown += 1
        for line in [as_json(_readable(refusal))] if as_json else _description_lines(refusal):
            print_line(line)


class _ReadableRefusal(NamedTuple):
    """A refused event whose beginning is text, for JSON."""

    origin: DeadLetterKey
    code: str
    message: str
    size_bytes: int
    start: str
    refused_at: datetime
    replayed_at: datetime | None


def _readable(refusal: ListedDeadLetter) -> _ReadableRefusal:
    start = refusal.start.decode("utf-8", "replace")
    return _ReadableRefusal(**{**refusal._asdict(), "start": start})


async def _show_counts(connection: Connection, print_line: Callable[[str], None]) -> bool:
    """Print how many events were refused with each code; returns whether there are any."""
    counts = await count_by_code(connection)
    for refused in counts:
        print_line(f"{refused.total:>9,}  {refused.code:<15} {refused.pending:,} not sent again")
    if not counts:
        print_line("No event was refused.")
    return bool(counts)


def _description_lines(refusal: ListedDeadLetter) -> Sequence[str]:
    origin = refusal.origin
    refused_at = refusal.refused_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    again = ", sent again" if refusal.replayed_at else ""
    start = refusal.start.decode("utf-8", "replace")[:_START_SHOWN]
    more = "…" if refusal.size_bytes > len(start.encode()) else ""
    return (
        "",
        f"{refused_at}  {refusal.code}: {_one_line(refusal.message)}",
        f"  {origin.topic} partition {origin.partition} offset {origin.offset}, "
        f"{refusal.size_bytes} bytes{again}",
        f"  {_one_line(start)}{more}",
    )


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else "·" for letter in text)


async def replay(
    settings: Settings, code: str | None, limit: int | None, stop: asyncio.Event
) -> str:
    """Send refused events again until `stop`; returns a summary."""
    async with connected(settings.database_url.reveal(), name=_CONNECTION_NAME) as connection:
        pending = await count_pending(connection, code=code)
        progress = Progress("events", min(pending, limit or pending))
        read = sent = 0
        async with open_sender(settings.kafka) as sender:
            async for letters in pending_pages(connection, code=code, limit=limit):
                sent += await _send_page(sender, connection, letters)
                read += len(letters)
                progress.set(read)
                if stop.is_set():
                    break
        progress.close()
    stopped = ", stopped before the end" if stop.is_set() else ""
    left = f" {read - sent} are too large for the topic and were not sent." if sent < read else ""
    return f"Sent {sent} events again{stopped}.{left}"


async def _send_page(
    sender: RecordSender, connection: Connection, letters: Sequence[StoredDeadLetter]
) -> int:
    """Send a page and mark it once all of it is acknowledged: after a crash it is sent twice.

    Returns the number of sent events. Events too large for the topic are skipped, so that they do
    not block those after them.
    """
    fitting = [
        letter
        for letter in letters
        if record_size(letter.key, letter.value, letter.headers) <= _SENT_BYTES_MAX
    ]
    for letter in fitting:
        # Kafka clients cannot send a record without key and value; an empty value is refused as
        # well.
        value = b"" if letter.key is None and letter.value is None else letter.value
        await sender.send(letter.origin.topic, value, letter.key, letter.headers)
    await sender.flush()
    await mark_replayed(connection, [letter.origin for letter in fitting])
    return len(fitting)
