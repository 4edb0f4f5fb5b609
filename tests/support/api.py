"""A client of the API, served on a real port and used over HTTP with real tokens.

Every response is checked against the OpenAPI document.
"""

import asyncio
import json
import time as clock
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, cast

import jwt
from aiohttp import ClientSession
from multidict import CIMultiDictProxy
from yarl import URL

from api.app import build_app
from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.http.options import ApiOptions
from api.http.serving import serving
from api.intake.event_stream import EventStream
from api.intake.sources import SourceOwnerStore
from api.people import PeopleRights
from api.routes.health import ReadinessCheck
from api.traces.routes import TraceDeclarations
from ledger.postgres.clock import system_time
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool, reader_pool
from ledger.repricing.repricer import Repricer
from tests.support import documented_answers
from tests.support.logins import as_login

SECRET = "a secret of the tests, and long enough"
TOKEN_SECONDS = 6 * 3600
"""Tokens are created when tests are collected, long before the last test runs."""


NOON = time(12, tzinfo=UTC)
"""The time of day of tests with a fixed day."""


def claims(user: str = "alice", **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token of a user; a change to None removes a claim."""
    now = int(clock.time())
    values = {"sub": user, "iat": now, "exp": now + TOKEN_SECONDS, **changes}
    return {name: value for name, value in values.items() if value is not None}


def token(
    user: str = "alice", *, key: Any = SECRET, algorithm: str = "HS256", **changes: Any
) -> str:
    """Return a signed token."""
    return jwt.encode(claims(user, **changes), key, algorithm)


def authenticator(**rules: Any) -> Authenticator:
    """Return an authenticator that accepts the tokens above."""
    return Authenticator(key_source(secret=SECRET), TokenRules(**rules))


class MemoryOwnerStore:
    """Keeps the owners of sources in memory."""

    def __init__(self, **owned: str) -> None:
        self.owned = owned
        self.reads = 0

    async def claim(self, service: str, sources: Collection[str]) -> Mapping[str, str]:
        self.reads += 1
        return {source: self.owned.setdefault(source, service) for source in sources}


class NoDeclarations:
    """No attachment reports a trace."""

    async def find_attached(self, trace_ids: set[str]) -> set[str]:
        return set()


@dataclass(frozen=True)
class ApiResponse:
    """A response of the API."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body, parse_float=Decimal)

    @property
    def data(self) -> Any:
        """Return the data of a success."""
        assert self.status == 200, self.body
        content = self.json
        assert content["success"] is True
        assert content.keys() == {"success", "data"}
        return content["data"]

    @property
    def code(self) -> str:
        """Return the code of a failure."""
        content = self.json
        assert content["success"] is False
        assert content.keys() == {"success", "error", "code"}
        assert content["error"]
        return str(content["code"])


class ApiClient:
    """A client of one served application."""

    def __init__(self, session: ClientSession, port: int) -> None:
        self._session = session
        self.port = port

    async def ask(
        self,
        method: str,
        path: str,
        *,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> ApiResponse:
        """Send one request, with the path unchanged."""
        all_headers = dict(headers or {})
        if bearer is not None:
            all_headers["Authorization"] = f"Bearer {bearer}"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self._session.request(
            method, url, headers=all_headers, data=data, allow_redirects=False
        ) as raw:
            response = ApiResponse(raw.status, raw.headers, await raw.read())
        documented_answers.check_answer(method, path, (all_headers, data), response)
        return response

    async def raw(self, request: bytes) -> bytes:
        """Send bytes on a new connection; returns everything received until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()

    async def get(self, path: str, user: str | None = None, **options: Any) -> ApiResponse:
        """Send a GET request, with a token of `user` if there is one."""
        bearer = token(user) if user else None
        return await self.ask("GET", path, bearer=bearer, **options)


@asynccontextmanager
async def served(
    readers: ReaderPool | None = None,
    options: ApiOptions | None = None,
    *,
    verifier: Authenticator | None = None,
    checks: tuple[ReadinessCheck, ...] = (),
    today: date | None = None,
    events: EventStream | None = None,
    source_owners: SourceOwnerStore | None = None,
    declared_traces: TraceDeclarations | None = None,
    repricer: Repricer | None = None,
    people: PeopleRights | None = None,
    now: Callable[[], datetime] | None = None,
) -> AsyncIterator[ApiClient]:
    """Serve the application; without readers it must not need a database."""
    options = options or ApiOptions()
    app = build_app(
        readers or ReaderPool(cast(Pool, None)),
        verifier or authenticator(),
        options,
        events=events,
        source_owners=source_owners or (None if readers else MemoryOwnerStore()),
        declared_traces=declared_traces or (None if readers else NoDeclarations()),
        repricer=repricer,
        people=people,
        checks=checks,
        now=now or (lambda: datetime.combine(today, NOON) if today else system_time()),
    )
    async with (
        serving(app, "127.0.0.1", 0, options.limits) as address,
        ClientSession() as session,
    ):
        yield ApiClient(session, address.port)


@asynccontextmanager
async def served_from(database_url: str, **options: Any) -> AsyncIterator[ApiClient]:
    """Serve the application on a database."""
    async with (
        reader_pool(as_login(database_url, "api")) as readers,
        served(readers, **options) as api,
    ):
        yield api
