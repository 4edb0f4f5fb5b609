"""Unsubscribe links in emails: `/unsubscribe?token=…` (RFC 8058) turns a channel off.

The token is the only credential. It is in the query, which is never logged. `GET` changes nothing,
because mail scanners follow links; mail programs and the button on the page send `POST`.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from aiohttp import web

from api.http.access import Access, Route
from api.http.client_address import ClientAddresses
from api.http.limits import read_body
from api.http.options import RequestLimits
from api.http.parameters import value_of
from api.http.problems import Problem
from api.http.verification import verification_queue
from api.openapi.operations import Parameter
from ledger.notifications.unsubscribe import disable_channel
from ledger.postgres.viewers import ReaderPool
from schemas.problems import ProblemCode

PATH: Final = "/unsubscribe"

_TOKEN: Final = Parameter("token", "The token of the link.", {"type": "string", "format": "uuid"})
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{title} · Cost Analytics</title></head>
<body><main><h1>{title}</h1>
{content}
</main></body>
</html>
"""
_QUESTION: Final = _PAGE.format(
    title="Turn off these emails?",
    content="""\
<p>This notification channel will send no more emails to this address.</p>
<form method="post"><button name="List-Unsubscribe" value="One-Click">Turn off</button></form>""",
)
_DONE: Final = _PAGE.format(
    title="Emails are turned off",
    content="""\
<p>This notification channel sends no more emails to this address. To turn them on again, verify the
channel on the Budget page.</p>""",
)


class UnsubscribeRoutes:
    """The routes of unsubscribe links. Unknown tokens are limited like failed authentications.

    They are pages for people and mail programs, so the OpenAPI document leaves them out.
    """

    def __init__(self, readers: ReaderPool, limits: RequestLimits) -> None:
        self._readers = readers
        self._limits = limits
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._queue = verification_queue(limits)

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", PATH, Access.ANYONE, self.ask),
            Route("POST", PATH, Access.ANYONE, self.turn_off),
        )

    async def ask(self, request: web.Request) -> web.Response:
        """Return the confirmation page; changes nothing, and reveals nothing about the token."""
        _token_of(request)
        return _page(_QUESTION)

    async def turn_off(self, request: web.Request) -> web.Response:
        """Turn the channel off; idempotent. The body is ignored."""
        token = _token_of(request)
        await read_body(request, self._limits)
        async with self._queue.turn(self._addresses.of(request)):
            if not await disable_channel(self._readers, token):
                raise _UnknownLinkProblem(401, "unauthorized")
        return _page(_DONE)


def _token_of(request: web.Request) -> str:
    """Return the token of the query in canonical form; raises the Problem if it is missing."""
    try:
        return str(UUID(value_of(request, _TOKEN) or ""))
    except ValueError:
        raise _UnknownLinkProblem(400, "invalid_parameter") from None


class _UnknownLinkProblem(Problem):
    """A link without a channel's token; answered with a page, because people read it."""

    def __init__(self, status: int, code: ProblemCode) -> None:
        super().__init__(status, code, "Its channel was removed, or the link is not complete.")

    def response(self) -> web.Response:
        """Return the page."""
        text = _PAGE.format(title="This link does not work", content=f"<p>{self.message}</p>")
        return _page(text, self.status)


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)
