"""Posts to addresses chosen by users, but never into private networks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiohttp import ClientSession
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.notifications.retry_policy import DeliveryResult, retry_after_seconds
from streams.notifications.http import FAILURES, failure_of, make_session, read_beginning
from streams.notifications.sender import ATTEMPT_MS
from streams.notifications.targets import GuardedResolver, check_url

_STATUSES_WITH_RETRY_AFTER: Final = frozenset({429, 503})


class Response(NamedTuple):
    """A receiver's response; `body` is its beginning if it was to be read, else empty."""

    status: int
    body: bytes
    retry_after_seconds: int | None


class GuardedClient:
    """Posts once, without redirects and without state."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
        timeout_ms: int = ATTEMPT_MS,
    ) -> None:
        """`allow_private` is unsafe: it allows private addresses."""
        self._allow_private = allow_private
        self._resolver = GuardedResolver(allow_private=allow_private, resolver=resolver)
        self._timeout_ms = timeout_ms
        self._session: ClientSession | None = None

    async def post(
        self,
        address: str | URL,
        body: bytes,
        headers: Mapping[str, str],
        *hidden: str | None,
        reads_body: bool = False,
    ) -> Response | DeliveryResult:
        """Post JSON; returns the response, or the result of an attempt that got none.

        `hidden` are secrets that errors must not contain.
        """
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                return await self._post(URL(address), body, headers, reads_body=reads_body)
        except FAILURES as error:
            return failure_of(error, *hidden)

    async def _post(
        self, url: URL, body: bytes, headers: Mapping[str, str], *, reads_body: bool
    ) -> Response:
        check_url(url, allow_private=self._allow_private)
        # A body that is not needed is not read, and the connection is closed.
        async with self._open().post(
            url,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            allow_redirects=False,
        ) as response:
            status = response.status
            after = response.headers.get("Retry-After")
            return Response(
                status,
                await read_beginning(response) if reads_body else b"",
                retry_after_seconds(after) if status in _STATUSES_WITH_RETRY_AFTER else None,
            )

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = make_session(self._resolver)
        return self._session

    async def close(self) -> None:
        """Close the session and the resolver."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()
