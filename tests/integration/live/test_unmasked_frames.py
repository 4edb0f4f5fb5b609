"""An unmasked frame of a client closes its connection (RFC 6455, section 5.1)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.support.api import token
from tests.support.live import Replica, live_system

PING = b'{"type":"ping"}'
PONG = b'{"type":"pong"}'
PROTOCOL_ERROR = b"\x88\x02\x03\xea"
MASKED = bytes([0x81, 0x80 | len(PING)]) + bytes(4) + PING


@pytest.fixture
async def replica(tmp_path: Path, database_url: str) -> AsyncIterator[Replica]:
    async with (
        EmbeddedTansu(tmp_path) as broker,
        live_system(broker.bootstrap, database_url) as system,
        system.replica() as replica,
    ):
        yield replica


async def opened(replica: Replica) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return an open socket that has received its snapshot."""
    reader, writer = await asyncio.open_connection("127.0.0.1", replica.port)
    writer.write(
        f"GET /api/costs/live HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token()}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    await reader.readuntil(b'"type":"snapshot"')
    return reader, writer


@pytest.mark.parametrize(
    "unmasked",
    [bytes([0x81, len(PING)]) + PING, bytes([0x89, 0]), bytes([0x88, 0]), bytes([0x01, 1]) + b"a"],
    ids=["text", "ping", "close", "fragment"],
)
async def test_unmasked_frame_closes_the_socket_with_1002(
    replica: Replica, unmasked: bytes
) -> None:
    async with asyncio.timeout(60):
        reader, writer = await opened(replica)
        writer.write(MASKED + unmasked + MASKED)
        body = await reader.read()
    assert body.count(PONG) == 1, "what was masked before it is answered, what follows is not"
    assert PROTOCOL_ERROR in body
    assert b"\x8a" not in body.partition(PROTOCOL_ERROR)[2], "no pong"
    writer.close()


async def test_masked_frames_split_into_bytes_are_answered(replica: Replica) -> None:
    async with asyncio.timeout(60):
        reader, writer = await opened(replica)
        for byte in MASKED * 2:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        for _ in range(2):
            assert (await reader.readuntil(PONG)).endswith(PONG)
    writer.close()
