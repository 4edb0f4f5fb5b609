"""Measures an export and the analytics of all users: neither may need more memory with more rows.

Both use the API as in production, in its own process, with a million calls and a million events.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiohttp import ClientSession, ClientTimeout

from api.http.roles import Role
from bench.context import BenchContext, InvalidRunError
from bench.http_load import LoadResult, request_bytes, saturate
from bench.memory import memory_of
from bench.million import CALLS, EVENTS, EXPORTER, make_calls, make_events
from bench.reads import running_api
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.tokens import mint
from devkit.embedded.ports import LOOPBACK

_SECONDS: Final = 3
_ADMINISTRATORS: Final = 50
"""The number of administrators; requests alternate, so that none reaches the request limit."""
_TOKEN_SECONDS: Final = 3_600
_FILE_SECONDS_MAX: Final = 600
_PERIODS: Final = ("7d", "30d", "90d")


class Export(NamedTuple):
    """One export: its size, its duration, and the API's memory before and at its maximum."""

    lines: int
    size_bytes: int
    seconds: float
    before_bytes: int
    peak_bytes: int


async def measure_export(context: BenchContext) -> list[Export]:
    """Export a million events repeatedly; raises InvalidRunError."""
    context.progress.title("an export of a million events")
    runs: list[Export] = []
    async with context.databases.fresh() as url:
        context.progress.update("writing the events")
        await make_events(url)
        await context.databases.checkpoint()
        for _ in range(context.options.runs):
            async with _api(context, url) as (port, pid, tokens):
                runs.append(await _export(port, pid, mint(tokens, EXPORTER, ttl_seconds=900)))
            context.progress.result(f"{runs[-1].lines:,} lines in {runs[-1].seconds:.1f} s")
    return runs


async def _export(port: int, pid: int, token: str) -> Export:
    base = f"http://{LOOPBACK}:{port}/api/costs/user/{EXPORTER}/export.csv"
    headers = {"Authorization": f"Bearer {token}"}
    limit = ClientTimeout(total=_FILE_SECONDS_MAX)
    async with ClientSession(headers=headers, timeout=limit, auto_decompress=False) as session:
        # A short export first, so that everything is warmed up before measuring.
        async with session.get(f"{base}?type=daily&period=7d") as response:
            await response.read()
        before = memory_of(pid, "VmRSS")
        began, lines, size = time.monotonic(), 0, 0
        async with session.get(f"{base}?type=events&period=90d") as response:
            async for piece in response.content.iter_any():
                lines += piece.count(b"\r\n")
                size += len(piece)
        seconds = time.monotonic() - began
    if lines != EVENTS + 1:
        raise InvalidRunError(f"the file had {lines} lines")
    return Export(lines, size, seconds, before, memory_of(pid, "VmHWM"))


async def measure_analytics(context: BenchContext) -> dict[str, list[LoadResult]]:
    """Measure analytics of all users and a page of calls with a million calls."""
    context.progress.title("analytics of all users")
    runs: dict[str, list[LoadResult]] = {}
    async with context.databases.fresh() as url:
        context.progress.update(f"writing {CALLS:,} calls")
        await make_calls(url)
        await context.databases.checkpoint()
        async with _api(context, url) as (port, _, tokens):
            for _ in range(context.options.runs):
                for name, path in _paths().items():
                    requests = [
                        request_bytes(path, _administrator(tokens, number))
                        for number in range(_ADMINISTRATORS)
                    ]
                    await saturate(port, requests, connections=1, seconds=1)
                    responses = await saturate(port, requests, connections=1, seconds=_SECONDS)
                    if responses.refused:
                        raise InvalidRunError(f"{name}: {responses.refused} requests failed")
                    runs.setdefault(name, []).append(responses)
                    context.progress.result(f"{name}: {responses.rate:,.0f}/s")
    return runs


def _paths() -> dict[str, str]:
    analytics = "/api/admin/costs/analytics?period="
    return {
        **{f"analytics, {period}": f"{analytics}{period}" for period in _PERIODS},
        "analytics, the 60 days before the last 10": f"{analytics}custom&{_custom(70, 10)}",
        "a page of a user's calls": "/api/costs/user/user-7/calls?limit=20",
    }


def _custom(first: int, last: int) -> str:
    def day(ago: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago * 86_400))

    return f"startDate={day(first)}&endDate={day(last)}"


def _administrator(tokens: TokenSection, number: int) -> str:
    role: Role = "admin"
    return mint(tokens, f"admin-{number}", role=role, ttl_seconds=_TOKEN_SECONDS)


@asynccontextmanager
async def _api(context: BenchContext, url: str) -> AsyncIterator[tuple[int, int, TokenSection]]:
    secret = secrets.token_urlsafe(48)
    async with running_api(context, url, secret) as (port, pid):
        yield port, pid, TokenSection(secret=Secret(secret))
