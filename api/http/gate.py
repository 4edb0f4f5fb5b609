"""What every request passes: limits, CORS, who is calling, who may, and what goes wrong on the way.

One middleware for all of it, because each one costs; the parts are small and stand elsewhere.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Final
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Handler as NextHandler
from aiohttp.typedefs import Middleware

from api.http.access import ADDRESS, CALLER, ROUTE, Access, Caller, Handler, Route
from api.http.auth import Authenticator, bearer_token
from api.http.client_address import ClientAddresses
from api.http.common_headers import SECURITY_HEADERS, SERVER_HEADER
from api.http.concurrency import ConcurrencyLimit
from api.http.connections import GuardedConnection
from api.http.cors import Cors
from api.http.limits import RateLimiter, check_head
from api.http.options import ApiOptions
from api.http.parameters import check_path, check_query
from api.http.problems import (
    RETRY_AFTER_SECONDS,
    Problem,
    forbidden,
    foreign_origin,
    internal_error,
    problem_of,
    rate_limited,
    unavailable,
)
from api.http.verification import verification_budget
from api.metrics.refusals import RefusalMeter
from api.metrics.requests import RequestMeter
from ledger.postgres.viewers import ShareUsedUpError, StoreUnavailableError

_access_log: Final = logging.getLogger("api.http.access")
_log: Final = logging.getLogger(__name__)


class RequestGate:
    """Stands before all routes of one application.

    Its `meter` counts what was answered, its `refusals` what limits refused.
    """

    def __init__(self, authenticator: Authenticator, options: ApiOptions) -> None:
        self.meter = RequestMeter()
        self.refusals = RefusalMeter()
        self._authenticator = authenticator
        self._limits = limits = options.limits
        self._cors = Cors(options.cors_origins)
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._rate = RateLimiter(limits.requests_per_second, limits.burst, limits.clients)
        self._tokens = verification_budget(limits)
        self._tickets = verification_budget(limits)
        self._of_address = ConcurrencyLimit(
            limits.requests_per_address,
            "concurrent_requests_per_address",
            f"An address may have {limits.requests_per_address} requests under way.",
        )
        self._of_user = ConcurrencyLimit(
            limits.requests_per_user,
            "concurrent_requests_per_user",
            f"A user may have {limits.requests_per_user} requests under way.",
        )

    def guard(self, route: Route) -> Handler:
        """Return the route's handler behind the checks of caller, path and query."""
        handler = _checking_query(route)
        if route.access is Access.ANYONE:
            return handler

        async def guarded(request: web.Request) -> web.StreamResponse:
            request[ROUTE] = route
            address = request[ADDRESS] = self._addresses.of(request)
            if route.ways_in is not None:  # a socket stays, and has limits of its own
                await self._admit(request, route)
                return await handler(request)
            with self._of_address.taken(address):
                caller = await self._admit(request, route)
                with self._of_user.taken(caller.user_id):
                    return await handler(request)

        return guarded

    def middleware(self) -> Middleware:
        """Return the one middleware: turns whatever happens into an answer, and logs it."""

        @web.middleware
        async def stand(request: web.Request, handler: NextHandler) -> web.StreamResponse:
            started_ns = time.monotonic_ns()
            self.meter.began(request, started_ns)
            if isinstance(request.protocol, GuardedConnection):
                request.protocol.request_began()
            response = await self._answer(request, handler)
            _log_access(request, response.status, time.monotonic_ns() - started_ns)
            return response

        return stand

    async def _admit(self, request: web.Request, route: Route) -> Caller:
        """Return the caller, and note it; raises the Problem 401, 429, 400 or 403."""
        caller = await self._identify(request, route)
        if wait_seconds := self._rate.take(caller.user_id):
            raise rate_limited(wait_seconds, "requests_per_user")
        check_path(request)
        if not route.access.permits(caller, request.match_info.get("userId")):
            raise forbidden()
        request[CALLER] = caller
        return caller

    async def _identify(self, request: web.Request, route: Route) -> Caller:
        instead = None
        if route.ways_in is not None:
            if not self._cors.may_open(request):
                raise foreign_origin()
            instead = route.ways_in.authorization(request)
            if "ticket" in request.query:
                async with self._tickets.turn(request[ADDRESS]):
                    caller = await route.ways_in.caller(request)
                if caller is not None:
                    return caller
        token = bearer_token(request.headers, instead)
        known = self._authenticator.recall(token)
        if known is not None:
            return known
        return await self._authenticator.verify(token, partial(self._tokens.turn, request[ADDRESS]))

    async def _answer(self, request: web.Request, handler: NextHandler) -> web.StreamResponse:
        try:
            check_head(request, self._limits)
            return self._cors.preflight(request) or await handler(request)
        except Problem as problem:
            if problem.limit is not None:
                self.refusals.count(problem.limit)
            return problem.response()
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return problem_of(error).response()
        except ShareUsedUpError:
            self.refusals.count("database_share")
            return _share_used_up().response()
        except StoreUnavailableError as error:
            _log.warning("no database: %s", error, extra={"action": "store_unavailable"})
            return unavailable("The database").response()
        except Exception:
            # Whatever it is, the caller gets an id and nothing else, and we get the trace.
            error_id = uuid4().hex
            _log.exception("error id %s", error_id, extra={"action": "request_failed"})
            return internal_error(error_id).response()

    async def finish(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add what every answer carries, as its head is about to be sent, and count it."""
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.update(SERVER_HEADER)
        self._cors.mark(request, response)
        self.meter.answered(request, response.status)


def _checking_query(route: Route) -> Handler:
    """Return the handler of a route that refuses parameters which its operation lacks."""
    operation = route.operation
    if operation is None:  # a page of the dashboard, which reads its own
        return route.handler

    async def checked(request: web.Request) -> web.StreamResponse:
        check_query(request, operation)
        return await route.handler(request)

    return checked


def _share_used_up() -> Problem:
    return rate_limited(
        RETRY_AFTER_SECONDS, message="Too many of your requests wait for the database."
    )


def _log_access(request: web.Request, status: int, took_ns: int) -> None:
    """Log the path as sent, without the query, which may hold personal data."""
    if _access_log.isEnabledFor(logging.INFO):
        path = request.rel_url.raw_path
        took_us = took_ns // 1_000
        _access_log.info(
            "%s %s %d in %d us",
            request.method,
            path,
            status,
            took_us,
            extra={
                "action": "request",
                "method": request.method,
                "path": path,
                "status": status,
                "took_us": took_us,
            },
        )
