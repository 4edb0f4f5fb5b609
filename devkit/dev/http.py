"""Asks the API whether it is ready, without a client library."""

from __future__ import annotations

import asyncio

_ANSWER_BYTES_MAX = 64 * 1024
_SECONDS_MAX = 5


async def get(port: int, path: str) -> tuple[int, str]:
    """Return the status and the body of a response on this machine; 0 without a response."""
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                response = await reader.read(_ANSWER_BYTES_MAX)
            finally:
                writer.close()
    except OSError:  # no listener yet, or no response in time
        return 0, ""
    head, _, body = response.decode(errors="replace").partition("\r\n\r\n")
    parts = head.split(" ", 2)
    return (int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0), body
