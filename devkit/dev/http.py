"""Asks the API of the instance, without a client library."""

from __future__ import annotations

import asyncio

_ANSWER_BYTES_MAX = 1024 * 1024
_PART_BYTES = 64 * 1024
_SECONDS_MAX = 5


async def get(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Return the status and the body of a response on this machine; 0 if there was none."""
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                authorization = f"Authorization: Bearer {token}\r\n" if token else ""
                request = (
                    f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}"
                    "Connection: close\r\n\r\n"
                )
                writer.write(request.encode())
                response = b""
                while len(response) < _ANSWER_BYTES_MAX and (
                    part := await reader.read(_PART_BYTES)
                ):
                    response += part
            finally:
                writer.close()
    except OSError:  # no listener yet, or no response in time
        return 0, ""
    head, _, body = response.decode(errors="replace").partition("\r\n\r\n")
    parts = head.split(" ", 2)
    return (int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0), body
