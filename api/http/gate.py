"""The checks that every request passes: limits, CORS, authentication, access, error handling.

One middleware does it all, because each middleware costs time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias
from uuid import uuid4

from aiohttp import web
from aiohttp.typedefs import Handler as NextHandler
from aiohttp.typedefs import Middleware

from api.http.access import ADDRESS, CALLER, ROUTE, Access, Caller, Handler, Route
from api.http.api_keys import KeyVerifier
from api.http.auth import Authenticator, bearer_token
from api.http.client_address import ClientAddresses
from api.http.common_headers import SECURITY_HEADERS, SERVER_HEADER
from api.http.concurrency import ConcurrencyLimit
from api.http.connections import GuardedConnection
from api.http.cors import Cors
from api.http.key_reports import KeyReports
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
from api.http.verification import verification_queue
from api.metrics.refusals import RefusalMeter
from api.metrics.requests import RequestMeter
from ledger.operations.api_keys import KeyStore
from ledger.people.erased_users import is_of_erased_user
from ledger.postgres.viewers import ShareUsedUpError, StoreUnavailableError
from schemas.api_keys import KEY_PREFIX

PageNotFound: TypeAlias = Callable[[web.Request], web.Response | None]

_access_log: Final = logging.getLogger("api.http.access")
_log: Final = logging.getLogger(__name__)


class RequestGate:
    """Guards all routes of one application.

    Its `meter` counts responses, its `refusals` count requests refused by limits.
    """

    def __init__(self, authenticator: Authenticator, keys: KeyStore, options: ApiOptions) -> None:
        self.meter = RequestMeter()
        self.refusals = RefusalMeter()
        self._authenticator = authenticator
        self._reports = KeyReports(keys)
        self._keys = KeyVerifier(keys, on_revoked=self._reports.note_revoked)
        self._limits = limits = options.limits
        self._cors = Cors(options.cors_origins)
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._rate = RateLimiter(limits.requests_per_second, limits.burst, limits.clients)
        self._token_queue = verification_queue(limits)
        self._ticket_queue = verification_queue(limits)
        self._by_address = ConcurrencyLimit(
            limits.requests_per_address,
            "concurrent_requests_per_address",
            f"An address may have {limits.requests_per_address} requests under way.",
        )
        self._by_user = ConcurrencyLimit(
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
            if route.credential_sources is not None:  # sockets stay open and have their own limits
                self._admit(request, route, await self._identify(request, route))
                return await handler(request)
            with self._by_address.taken(address):
                if route.access is Access.SIGNED:
                    check_path(request)
                    return await handler(request)
                caller = await self._identify(request, route)
                with self._reports.noting(request, route, caller):
                    self._admit(request, route, caller)
                    with self._by_user.taken(caller.user_id):
                        return await handler(request)

        return guarded

    def middleware(self, page_not_found: PageNotFound | None = None) -> Middleware:
        """Return the middleware, which answers all errors and logs each request.

        `page_not_found` answers a browser that opens an address without a route.
        """

        @web.middleware
        async def handle(request: web.Request, handler: NextHandler) -> web.StreamResponse:
            started_ns = time.monotonic_ns()
            self.meter.began(request, started_ns)
            if isinstance(request.protocol, GuardedConnection):
                request.protocol.request_began()
            response = await self._answer(request, handler, page_not_found)
            _log_access(request, response.status, time.monotonic_ns() - started_ns)
            return response

        return handle

    def _admit(self, request: web.Request, route: Route, caller: Caller) -> None:
        """Store the caller with the request; raises the Problem 400, 403 or 429."""
        if wait_seconds := self._rate.take(caller.user_id):
            raise rate_limited(wait_seconds, "requests_per_user")
        check_path(request)
        if not route.permits(caller, request.match_info.get("userId")):
            raise forbidden()
        request[CALLER] = caller

    async def _identify(self, request: web.Request, route: Route) -> Caller:
        """Return the caller; raises the Problem 401 or 403."""
        authorization = None
        if route.credential_sources is not None:
            if not self._cors.may_open(request):
                raise foreign_origin()
            authorization = route.credential_sources.authorization(request)
            if "ticket" in request.query:
                async with self._ticket_queue.turn(request[ADDRESS]):
                    caller = await route.credential_sources.caller(request)
                if caller is not None:
                    return caller
        token = bearer_token(request.headers, authorization)
        slot = partial(self._token_queue.turn, request[ADDRESS])
        if token.startswith(KEY_PREFIX) and "." not in token:
            return await self._keys.caller(token, slot)
        recalled = self._authenticator.recall(token)
        if recalled is not None:
            return recalled
        return await self._authenticator.verify(token, slot)

    async def _answer(
        self, request: web.Request, handler: NextHandler, page_not_found: PageNotFound | None
    ) -> web.StreamResponse:
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
            page = page_not_found(request) if page_not_found and error.status == 404 else None
            return page or problem_of(error).response()
        except ShareUsedUpError:
            self.refusals.count("database_share")
            return _share_used_up().response()
        except StoreUnavailableError as error:
            _log.warning("no database: %s", error, extra={"action": "store_unavailable"})
            return unavailable("The database").response()
        except Exception as error:
            # The client gets an id only; the log gets the traceback.
            if is_of_erased_user(error):
                return forbidden().response()
            error_id = uuid4().hex
            _log.exception("error id %s", error_id, extra={"action": "request_failed"})
            return internal_error(error_id).response()

    async def close(self) -> None:
        """Close the authenticator, and wait for pending notes."""
        await self._authenticator.close()
        await self._reports.close()

    async def finish(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the common headers before a response's head is sent, and count the response."""
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.update(SERVER_HEADER)
        self._cors.add_headers(request, response)
        self.meter.answered(request, response.status)


def _checking_query(route: Route) -> Handler:
    """Return the route's handler, which refuses undeclared query parameters."""
    operation = route.operation
    if operation is None:  # a page of the dashboard reads its query itself
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
