"""Reads costs over the REST API: a method for each resource."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import TracebackType
from typing import Final, Literal, TypeVar
from urllib.parse import quote

from cost_analytics_emitter.reading.feed import LiveMessage, follow
from cost_analytics_emitter.reading.requests import ApiRequests, QueryValue
from cost_analytics_emitter.reading.results import (
    AlertList,
    AnomalyList,
    Budget,
    CallCost,
    CallPage,
    CallSummary,
    EventPage,
    Forecast,
    ListedAlert,
    ListedAnomaly,
    ListedEvent,
    RecentCosts,
    Recommendations,
    Spending,
)

T = TypeVar("T")
Page = TypeVar("Page", CallPage, EventPage, AlertList, AnomalyList)
When = str | date | datetime | None


@dataclass(frozen=True)
class CostFilters:
    """Only costs of these; a tag is `key:value`, or `key:` for calls without it."""

    personas: Sequence[str] = ()
    tags: Sequence[str] = ()
    services: Sequence[str] = ()
    models: Sequence[str] = ()

    def query(self) -> dict[str, QueryValue]:
        """Return the parameters of the API."""
        return {
            "personaId": self.personas,
            "tag": self.tags,
            "service": self.services,
            "model": self.models,
        }


_ALL: Final = CostFilters()


class CostReader:
    """Reads one product; for one event loop. Every method raises ApiError.

    Use it by `async with`. An attempt takes at most `timeout_seconds`; a read that may succeed
    later is repeated, with the waits of the emitter, until `retry_seconds` have passed.
    """

    def __init__(
        self,
        url: str,
        token: str | Callable[[], str],
        *,
        timeout_seconds: float = 10,
        retry_seconds: float = 30,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`token` is a token, or a function that returns the current one. Raises ValueError."""
        self._requests = ApiRequests(url, token, timeout_seconds, retry_seconds, ssl_context)

    async def __aenter__(self) -> CostReader:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._requests.close()

    async def call(self, call_id: str) -> CallCost:
        """Return the costs of a call."""
        return await self.read(_call(call_id), CallCost)

    async def spending(
        self,
        user: str,
        *,
        period: Literal["7d", "30d", "90d"] = "30d",
        start: When = None,
        end: When = None,
        compare: bool = False,
        group_by: str | None = None,
        filters: CostFilters = _ALL,
    ) -> Spending:
        """Return a user's spending in a period, or from `start` to `end`.

        `compare` adds the totals of the period before, `group_by` groups: `persona`, `service`,
        `model`, or `tag:` and the key of a tag.
        """
        is_custom = start is not None or end is not None
        return await self.read(
            _user(user, "spending"),
            Spending,
            period="custom" if is_custom else period,
            startDate=_text(start),
            endDate=_text(end),
            compare=compare or None,
            groupBy=group_by,
            **filters.query(),
        )

    async def budget(self, user: str) -> Budget:
        """Return a user's limits, spend and newest alerts."""
        return await self.read(_user(user, "budget"), Budget)

    async def forecast(
        self, user: str, period: Literal["daily", "weekly", "monthly"] = "monthly"
    ) -> Forecast:
        """Return the forecast of a user's spend."""
        return await self.read(_user(user, "forecast"), Forecast, period=period)

    async def recommendations(self, user: str) -> Recommendations:
        """Return what would make a user's calls cheaper."""
        return await self.read(_user(user, "recommendations"), Recommendations)

    async def recent(self, user: str) -> RecentCosts:
        """Return the costs of the last ten minutes, in equal steps."""
        return await self.read(_user(user, "recent"), RecentCosts)

    async def calls(
        self,
        user: str,
        *,
        start: When = None,
        end: When = None,
        status: str | None = None,
        id_part: str | None = None,
        sort: str | None = None,
        page_size: int = 100,
        filters: CostFilters = _ALL,
    ) -> AsyncIterator[CallSummary]:
        """Yield a user's calls, the newest first, or by `sort`; requests one page at a time."""
        async for page in self._pages(
            _user(user, "calls"),
            CallPage,
            limit=page_size,
            startDate=_text(start),
            endDate=_text(end),
            status=status,
            q=id_part,
            sort=sort,
            **filters.query(),
        ):
            for call in page.calls:
                yield call

    async def events(self, call_id: str, *, page_size: int = 100) -> AsyncIterator[ListedEvent]:
        """Yield a call's events, the oldest first."""
        async for page in self._pages(f"{_call(call_id)}/events", EventPage, limit=page_size):
            for event in page.events:
                yield event

    async def alerts(
        self,
        user: str,
        *,
        type: str | None = None,  # noqa: A002  as the API names it
        unread_only: bool = False,
        page_size: int = 100,
    ) -> AsyncIterator[ListedAlert]:
        """Yield a user's budget alerts, the newest first."""
        read = "false" if unread_only else None
        async for page in self._pages(
            _user(user, "alerts"), AlertList, limit=page_size, type=type, read=read
        ):
            for alert in page.alerts:
                yield alert

    async def anomalies(
        self,
        user: str,
        *,
        kind: str | None = None,
        service: str | None = None,
        start: When = None,
        end: When = None,
        dismissed: Literal["false", "true", "any"] = "false",
        page_size: int = 100,
    ) -> AsyncIterator[ListedAnomaly]:
        """Yield a user's anomalies, the newest first."""
        async for page in self._pages(
            _user(user, "anomalies"),
            AnomalyList,
            limit=page_size,
            kind=kind,
            service=service,
            startDate=_text(start),
            endDate=_text(end),
            dismissed=dismissed,
        ):
            for anomaly in page.anomalies:
                yield anomaly

    def feed(self, calls: Sequence[str] | None = None) -> AsyncIterator[LiveMessage]:
        """Yield the messages of the live feed, of these calls only if there are any.

        The first message is a snapshot, which replaces all before; another one follows each lost
        connection.
        """
        return follow(self._requests, calls)

    async def read(self, path: str, result: type[T], **query: QueryValue) -> T:
        """Return the result of any route with this path, as an instance of a dataclass."""
        return await self._requests.data(path, result, query)

    async def _pages(
        self, path: str, result: type[Page], **query: QueryValue
    ) -> AsyncIterator[Page]:
        cursor: str | None = None
        while True:
            page = await self.read(path, result, **query, cursor=cursor)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return


def _user(user: str, what: str) -> str:
    return f"/api/costs/user/{quote(user, safe='')}/{what}"


def _call(call_id: str) -> str:
    return f"/api/costs/call/{quote(call_id, safe='')}"


def _text(when: When) -> str | None:
    return when.isoformat() if isinstance(when, date) else when
