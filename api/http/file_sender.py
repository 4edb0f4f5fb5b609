"""Sends exported files within the limits of concurrent exports, of their duration and pace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import hdrs, web

from api.http.access import ADDRESS, CALLER
from api.http.options import RequestLimits
from api.http.problems import LimitName
from api.http.slots import SlotPool
from api.http.streamed_body import ClientGoneError, ClientTooSlowError, StreamedBody
from ledger.postgres.viewers import StoreUnavailableError

_log: Final = logging.getLogger(__name__)


class FileSender:
    """Sends the files of one route."""

    def __init__(self, limits: RequestLimits, count_refusal: Callable[[LimitName], None]) -> None:
        self._limits = limits
        self._count_refusal = count_refusal
        self._slots = SlotPool(
            limits.exports, limits.exports_per_user, limits.exports_per_address, "exports"
        )

    async def send(
        self,
        request: web.Request,
        headers: Mapping[str, str],
        write: Callable[[StreamedBody], Awaitable[None]],
    ) -> web.StreamResponse:
        """Return the response with the file that `write` writes; for a HEAD request only headers.

        Raises the 429 Problem without a free slot. An error raises StoreUnavailableError before the
        first byte, and aborts the connection after it.
        """
        file = StreamedBody(
            request, headers, self._limits.send_seconds, self._limits.export_bytes_per_second
        )
        if request.method == hdrs.METH_HEAD:
            return file.response
        with self._slots.taken(request[CALLER].user_id, request[ADDRESS]):
            try:
                async with asyncio.timeout(self._limits.export_seconds):
                    await write(file)
                    return await file.end()
            except (ClientGoneError, StoreUnavailableError, TimeoutError) as error:
                if isinstance(error, ClientTooSlowError):
                    self._count_refusal("export_pace")
                if not file.has_begun:
                    raise StoreUnavailableError(str(error)) from error
                _log.warning("export aborted: %s", error, extra={"action": "export_broken_off"})
                return file.abort()
            except BaseException:  # a file that ends here is incomplete, whatever the error
                file.abort()
                raise
