"""`publish`: the key of a line, and how the input is split into lines."""

import asyncio
import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from cost_analytics import publishing
from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.failures import CommandError
from cost_analytics.publishing import key_of


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
def test_key_is_the_user_or_the_subject(line: bytes, key: bytes | None) -> None:
    assert key_of(line) == key


async def lines_of(path: Path) -> list[bytes]:
    with path.open("rb") as source:
        return [line async for line in publishing.read_lines(source, asyncio.Event())]


async def test_lines_are_split_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "events"
    long = b"x" * publishing.LINE_BYTES_MAX
    path.write_bytes(b"one\r\n\n" + long + b"\ntwo\x0bthree\nlast")
    assert await lines_of(path) == [b"one\r", b"", long, b"two\x0bthree", b"last"]


async def test_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"y" * (3 * publishing.LINE_BYTES_MAX))
    (only,) = await lines_of(path)
    assert publishing.LINE_BYTES_MAX < len(only) < 2 * publishing.LINE_BYTES_MAX


class AcceptingSender:
    """A sender that accepts everything."""

    acknowledged = 0

    async def send(self, *_: object) -> None:
        """Take a record."""

    async def flush(self) -> None:
        """Wait for nothing."""


@pytest.mark.parametrize("size", [1_000_000, 1_100_000, 3_000_000])
async def test_error_of_a_long_line_names_only_the_limit(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"{}\n" + b"x" * size + b"\n{}")
    monkeypatch.setattr(publishing, "open_sender", lambda _: nullcontext(AcceptingSender()))
    with pytest.raises(CommandError) as refused:
        await publishing.publish(cast(KafkaSection, None), str(path), asyncio.Event())
    assert "Line 2 has more than 921600 bytes" in str(refused.value)
    assert str(size) not in str(refused.value)


async def test_pipe_is_read_as_data_arrives_until_stop() -> None:
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
