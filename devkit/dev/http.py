"""Asks the API of the instance, without a client library."""

from __future__ import annotations

import asyncio

_RESPONSE_BYTES_MAX = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_TIMEOUT_SECONDS = 5


async def get(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Send a GET to 127.0.0.1; return the status, 0 without a response, and the body."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                authorization = f"Authorization: Bearer {token}\r\n" if token else ""
                request = (
                    f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
                    "Connection: close\r\n\r\n"
                )
                writer.write(request.encode())
                response = b""
                while len(response) < _RESPONSE_BYTES_MAX and (
                    chunk := await reader.read(_CHUNK_BYTES)
                ):
                    response += chunk
            finally:
                writer.close()
    except OSError:  # no listener yet, or a TimeoutError
        return 0, ""
    head, _, body = response.decode(errors="replace").partition("\r\n\r\n")
    status_line = head.split(" ", 2)
    has_status = len(status_line) > 1 and status_line[1].isdigit()
    return (int(status_line[1]) if has_status else 0), body
