"""Sends the lines of a file to the topic of events, unchanged: the consumer validates them.

A line that is not JSON is sent as well and appears among the refused events: no line is dropped
silently.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.failures import CommandError
from cost_analytics.progress import Progress
from cost_analytics.sending import RecordSender, open_sender
from schemas.topics import CALL_EVENTS

LINE_BYTES_MAX: Final = 900 * 1024
"""Below Kafka's default limit of one megabyte; an event has at most 64 KiB anyway."""
_READ_BYTES: Final = 256 * 1024


class _EventData(msgspec.Struct, gc=False, rename={"user_id": "userId"}):
    user_id: str | None = None


class _Subject(msgspec.Struct, gc=False):
    subject: str | None = None


class _KeyedEvent(_Subject, gc=False):
    data: _EventData | None = None


_keyed: Final = msgspec.json.Decoder(_KeyedEvent)
_subject: Final = msgspec.json.Decoder(_Subject)


def key_of(line: bytes) -> bytes | None:
    """Return the Kafka key of a line: the user, else the subject; None if neither can be read.

    The key only affects order and balanced load, never correctness.
    """
    key: str | None
    try:
        event = _keyed.decode(line)
        key = (event.data and event.data.user_id) or event.subject
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            key = _subject.decode(line).subject
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    return key.encode() if key else None


async def publish(kafka: KafkaSection, file: str, stop: asyncio.Event) -> str:
    """Send the lines of `file` ("-": standard input); returns a summary.

    Raises CommandError for a file that cannot be read, for a line too long for Kafka, and if Kafka
    cannot be reached; the message contains the number of acknowledged events.
    """
    progress = Progress("events")
    with open_lines(file) as source:
        async with open_sender(kafka) as sender:
            try:
                skipped = await _send_lines(source, sender, progress, stop)
            except CommandError as error:
                raise CommandError(
                    f"{error} {sender.acknowledged} events were acknowledged before that; sending "
                    "them again is harmless."
                ) from None
            finally:
                progress.close()
            return _report(sender.acknowledged, skipped, progress.rate(), stop.is_set())


async def _send_lines(
    source: BinaryIO, sender: RecordSender, progress: Progress, stop: asyncio.Event
) -> int:
    """Send all lines and wait for Kafka; returns the number of empty lines, which are skipped."""
    number = skipped = 0
    async for line in read_lines(source, stop):
        number += 1
        if not line.strip():
            skipped += 1
            continue
        if len(line) > LINE_BYTES_MAX:
            await sender.flush()
            # The total number of lines is unknown: the file may have been read only partly.
            raise CommandError(
                f"Line {number} has more than {LINE_BYTES_MAX} bytes, which is too long for Kafka."
            )
        await sender.send(CALL_EVENTS.name, line, key_of(line))
        progress.set(number - skipped)
    await sender.flush()
    return skipped


def _report(sent: int, skipped: int, rate: int, stopped: bool) -> str:
    parts = [f"Sent {sent} events ({rate:,}/s)"]
    if skipped:
        parts.append(f"skipped {skipped} empty lines")
    if stopped:
        parts.append("stopped before the end")
    return ", ".join(parts) + "."


def open_lines(file: str) -> BinaryIO:
    """Open a file, or standard input for "-"; raises CommandError."""
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None


async def read_lines(source: BinaryIO, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield the lines of a file or a pipe as they arrive, without line ends, until `stop`."""
    rest = b""
    async for piece in _pieces(source, stop):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > LINE_BYTES_MAX:
            break  # yields the incomplete line, which the caller refuses as too long
    if rest and not stop.is_set():
        yield rest


async def _pieces(source: BinaryIO, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield available data; waits for a pipe or terminal without blocking the loop."""
    if not _may_block(source):
        while not stop.is_set() and (piece := source.read(_READ_BYTES)):
            yield piece
            await asyncio.sleep(0)
        return
    reader = asyncio.StreamReader(limit=_READ_BYTES)
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while piece := await _read(reader, stopped):
            yield piece
    finally:
        stopped.cancel()
        # Other users of a terminal, such as the shell, expect it to be blocking.
        os.set_blocking(source.fileno(), True)
        pipe.close()


def _may_block(source: BinaryIO) -> bool:
    mode = os.fstat(source.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or source.isatty()


async def _read(reader: asyncio.StreamReader, stopped: asyncio.Task[Literal[True]]) -> bytes:
    """Return available data; nothing at the end of the input or after `stop`."""
    reading = asyncio.ensure_future(reader.read(_READ_BYTES))
    await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        reading.cancel()
        return b""
    return reading.result()
