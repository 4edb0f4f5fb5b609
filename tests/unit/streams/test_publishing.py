"""Publishing: the key of a line, and how lines are cut out of what is read."""

import asyncio
import io
import os
from pathlib import Path
from typing import cast

import pytest

from cost_analytics import publishing
from cost_analytics.failures import CommandError
from cost_analytics.progress import Progress
from cost_analytics.publishing import key_of
from cost_analytics.sending import RecordSender


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"data": {"userId": "u"}, "subject": "c"}', b"u"),
        (b'{"data": {"userId": ""}, "subject": "c"}', b"c"),
        (b'{"data": {"userId": 7}, "subject": "c"}', b"c"),
        (b'{"data": [], "subject": "c"}', b"c"),
        (b'{"subject": "c"}', b"c"),
        (b'{"subject": 7}', None),
        (b"{}", None),
        (b"[]", None),
        (b"no json", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_key(line: bytes, key: bytes | None) -> None:
    assert key_of(line) == key


async def lines_of(path: Path) -> list[bytes]:
    with path.open("rb") as source:
        return [line async for line in publishing.read_lines(source, asyncio.Event())]


async def test_lines_are_cut_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "events"
    long = b"x" * (publishing._READ_BYTES + 10)
    path.write_bytes(b"one\r\n\n" + long + b"\ntwo\x0bthree\nlast")
    assert await lines_of(path) == [b"one\r", b"", long, b"two\x0bthree", b"last"]


async def test_a_line_without_end_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"y" * (3 * publishing.LINE_BYTES_MAX))
    (only,) = await lines_of(path)
    assert publishing.LINE_BYTES_MAX < len(only) < 2 * publishing.LINE_BYTES_MAX


class Taker:
    """Takes what is sent."""

    async def send(self, *_: object) -> None:
        """Take a record."""

    async def flush(self) -> None:
        """Wait for nothing."""


@pytest.mark.parametrize("size", [1_000_000, 1_100_000, 3_000_000])
async def test_no_size_is_made_up_of_a_line_that_is_too_long(tmp_path: Path, size: int) -> None:
    path, sender = tmp_path / "events", cast(RecordSender, Taker())
    path.write_bytes(b"{}\n" + b"x" * size + b"\n{}")
    with path.open("rb") as source, pytest.raises(CommandError) as refused:
        await publishing._send_lines(source, sender, Progress("events"), asyncio.Event())
    assert "Line 2 has more than 921600 bytes" in str(refused.value)
    assert str(size) not in str(refused.value)


async def test_a_pipe_is_read_as_it_comes_and_left_when_we_are_to_stop() -> None:
    reading, writing = os.pipe()
    stop = asyncio.Event()
    with io.FileIO(reading) as source:
        lines = publishing.read_lines(source, stop)
        os.write(writing, b"one\ntwo\nthr")
        assert await anext(lines) == b"one"
        assert await anext(lines) == b"two"
        asyncio.get_running_loop().call_later(0.05, stop.set)
        assert [line async for line in lines] == []
    os.close(writing)
