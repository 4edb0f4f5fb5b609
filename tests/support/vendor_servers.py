"""Fake Twilio, Telnyx, Vapi, Retell and LiveKit in their documented shapes, and a webhook.

Each checks the authentication and the form of a request, and answers as its vendor does. A script
makes it fail instead: see `Behaviour`.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from tests.support.vendor_requests import (
    ACCOUNT,
    KEY,
    LIVEKIT_SECRET,
    TOKEN,
    VENDORS,
    WEBHOOK_SECRET,
    Reply,
    Request,
    Vendor,
)

Behaviour = Literal["ok", "429", "500", "401", "400", "hang", "late", "lost", "twice", "ended"]
"""`late` answers after a while, `twice` writes its answer twice, `lost` ends the call and breaks the
connection, `ended` finds the call ended."""
Script = Callable[[str, int], Behaviour]
"""The behaviour for the n-th request about a call, from 1."""
LATE_SECONDS = 0.3


@dataclass
class SeenRequest:
    """A request about a call: when it arrived, and whether its success was written completely."""

    call: str
    at_ns: int
    behaviour: Behaviour
    answered: bool = False
    request: Request | None = None


@dataclass
class VendorServer:
    """A vendor's server; `executions` counts how often each call was ended."""

    vendor: Vendor
    script: Script
    port: int = 0
    seen: list[SeenRequest] = field(default_factory=list)
    refused: list[Request] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    executions: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            found = self.vendor.look_up(request)
            if found is not None:
                await _write(writer, found)
                return
            call = self.vendor.call_of(request)
            if call is None:
                self.refused.append(request)
                await _write(writer, self.vendor.refused)
                return
            number = 1 + sum(one.call == call for one in self.seen)
            seen = SeenRequest(call, time.time_ns(), self.script(call, number), request=request)
            self.seen.append(seen)
            await self._follow(seen, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            writer.close()

    async def _follow(
        self, seen: SeenRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behaviour = seen.behaviour
        if behaviour == "hang":
            await reader.read()
        elif behaviour == "429":
            await _write(writer, Reply(429, {"message": "Too many requests"}, 1))
        elif behaviour in {"500", "401", "400"}:
            await _write(writer, Reply(int(behaviour), {"message": "A scripted failure"}))
        elif behaviour == "ended" or (seen.call in self.ended and "#" not in seen.call):
            self.ended.add(seen.call)
            await _write(writer, self.vendor.ended)
        else:
            self.ended.add(seen.call)
            self.executions[seen.call] += 1
            if behaviour == "lost":
                return
            if behaviour == "late":
                await asyncio.sleep(LATE_SECONDS)
            await _write(writer, self.vendor.done, times=2 if behaviour == "twice" else 1)
            seen.answered = True


async def _read(reader: asyncio.StreamReader) -> Request:
    raw = await reader.readuntil(b"\r\n\r\n")
    head, *lines = raw.decode().strip().split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    method, path, _ = head.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, reply: Reply, times: int = 1) -> None:
    body = b"" if reply.body is None else json.dumps(reply.body).encode()
    connection = "close" if times == 1 else "keep-alive"
    lines = [f"HTTP/1.1 {reply.status} So", f"Connection: {connection}"]
    if reply.status != 204:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if reply.retry_after is not None:
        lines.append(f"Retry-After: {reply.retry_after}")
    writer.write(("\r\n".join(lines).encode() + b"\r\n\r\n" + body) * times)
    await writer.drain()


def succeed(call: str, number: int) -> Behaviour:
    """Execute every command."""
    del call, number
    return "ok"


def following(*behaviours: Behaviour) -> Script:
    """Return a script for the requests about each call, in order; then they succeed."""
    return lambda _, number: behaviours[number - 1] if number <= len(behaviours) else "ok"


@asynccontextmanager
async def vendor_server(name: str, script: Script = succeed) -> AsyncIterator[VendorServer]:
    """Serve a vendor for the length of a block."""
    endpoint = VendorServer(VENDORS[name], script)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()


def settings_of(servers: dict[str, VendorServer]) -> dict[str, str]:
    """Return the settings of a process that uses these servers."""
    values = {
        "twilio": {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN},
        "telnyx": {"TELNYX_API_KEY": KEY},
        "retell": {"RETELL_API_KEY": KEY},
        "vapi": {"VAPI_CONTROL_HOSTS": "127.0.0.1"},
        "livekit": {"LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": LIVEKIT_SECRET},
        "webhook": {"COMMANDS_WEBHOOK_SECRET": WEBHOOK_SECRET},
    }
    result = {"WEBHOOK_ALLOW_PRIVATE": "true"}
    for name, server in servers.items():
        result |= values[name]
        if name == "webhook":
            result["COMMANDS_WEBHOOK_URL"] = f"{server.url}/commands"
        elif name != "vapi":
            result[f"{name.upper()}_URL"] = server.url
    return result
