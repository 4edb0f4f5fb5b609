"""Every route that the application really has is asked by everyone who must not be answered.

The list is taken from the built application, so a route added later is tested without a word here.
No database is behind it: whoever gets past the gate would get a 500.
"""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiohttp import web

from api.access import ROUTES, Access, Caller, Role, Route
from api.app import build_app
from api.auth import Authenticator, TokenRules
from api.jwks import key_source
from ledger.store.database import Pool
from ledger.store.reading import ReaderPool
from tests.support.api import SECRET, Answer, Api, authenticator, served, token
from tests.support.keys import RSA, RSA_PEM
from tests.support.tokens import AUDIENCE, ISSUER, MEANT_FOR_US, forged


def application() -> web.Application:
    return build_app(ReaderPool(cast(Pool, None)), authenticator())


ALL = application()[ROUTES]
GUARDED = [route for route in ALL if route.access is not Access.ANYONE]
WITH_USER = [route for route in GUARDED if route.access is Access.SELF]


def each(of: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", of, ids=[f"{r.method} {r.path}" for r in of])


def path_of(route: Route, user: str = "alice") -> str:
    path = route.path.replace("{userId}", user).replace("{callId}", "some-call")
    return path.replace("{channelId}", "some-channel").replace("{proposalId}", "7")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with served() as api:
        yield api


async def ask(api: Api, route: Route, path: str, **options: Any) -> Answer:
    body: dict[str, str] | None = {} if route.method in {"PUT", "POST"} else None
    return await api.ask(route.method, path, body=body, **options)


def test_the_list_is_the_whole_list() -> None:
    app = application()
    served = {(r.method, r.resource.canonical) for r in app.router.routes() if r.resource}
    listed = {(route.method, route.path) for route in app[ROUTES]}
    assert {pair for pair in served if pair[0] != "HEAD"} == listed
    assert {path for method, path in served if method == "HEAD"} <= {path for _, path in listed}


def test_whatever_is_about_money_is_guarded() -> None:
    assert {route.path for route in ALL} >= {
        "/api/costs/call/{callId}",
        "/api/costs/user/{userId}/spending",
        "/api/costs/user/{userId}/budget",
    }
    assert not [r for r in ALL if r.path.startswith("/api") and r.access is Access.ANYONE]
    others = {r.path for r in ALL if "{userId}" in r.path and r.access is not Access.SELF}
    assert others == {"/api/costs/user/{userId}/authorize"}


@each(GUARDED)
async def test_nobody_gets_in_without_a_good_token(api: Api, route: Route) -> None:
    path = path_of(route)
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer nonsense"},
                    {"Authorization": f"Bearer{token()}"}, {"Authorization": f"Basic {token()}"},
                    {"Authorization": token()}, {"X-Authorization": f"Bearer {token()}"},
                    {"Cookie": f"token={token()}"}):  # fmt: skip
        refused = await ask(api, route, path, headers=headers)
        assert (refused.status, refused.code) == (401, "unauthorized")
        assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="cost-analytics"')
    in_the_query = await ask(api, route, f"{path}?token={token()}&access_token={token()}")
    assert in_the_query.status == 401


@each(GUARDED)
@pytest.mark.parametrize(
    ("settings", "key", "algorithm"),
    [({"secret": SECRET}, SECRET, "HS256"), ({"public_key_pem": RSA_PEM}, RSA, "RS256")],
    ids=["HS256", "RS256"],
)
async def test_no_forged_token_opens_any_route(
    route: Route, settings: dict[str, str], key: Any, algorithm: str
) -> None:
    verifier = Authenticator(key_source(**settings), TokenRules(issuer=ISSUER, audience=AUDIENCE))
    async with served(verifier=verifier) as api:
        good = token("somebody-else", key=key, algorithm=algorithm, **MEANT_FOR_US)
        if route.access is Access.SELF:
            assert (await ask(api, route, path_of(route), bearer=good)).status == 403
        for name, bad in forged(key, algorithm, **MEANT_FOR_US).items():
            refused = await ask(api, route, path_of(route), bearer=bad)
            assert (refused.status, refused.code) == (401, "unauthorized"), name
            assert bad.encode() not in refused.body


@each(GUARDED)
async def test_a_head_request_is_guarded_as_well(api: Api, route: Route) -> None:
    if route.method == "GET":
        assert (await api.ask("HEAD", path_of(route))).status == 401


@each(WITH_USER)
@pytest.mark.parametrize(
    "spelling", ["bob", "Alice", "alice%20", "%61lice%00", "alice%2F", "ALICE"]
)
async def test_nobody_gets_what_is_somebody_elses(api: Api, route: Route, spelling: str) -> None:
    answer = await ask(api, route, path_of(route, spelling), bearer=token("alice"))
    assert answer.status == (400 if "%00" in spelling else 403)


@each(WITH_USER)
async def test_services_do_not_read_users_money(api: Api, route: Route) -> None:
    bearer = token("alice", role="service")
    assert (await ask(api, route, path_of(route), bearer=bearer)).code == "forbidden"


@each(GUARDED)
async def test_two_tokens_are_none(api: Api, route: Route) -> None:
    """One good token beside another one might be read differently by a proxy before us."""
    good = f"Authorization: Bearer {token()}\r\n"
    head = f"{route.method} {path_of(route)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert b" 401 " in await api.raw(f"{head}{good}{good}\r\n".encode())


@pytest.mark.parametrize(
    ("access", "role", "permitted"),
    [
        (Access.SELF, "user", True),
        (Access.SELF, "service", False),
        (Access.OWNER, "user", True),
        (Access.OWNER, "service", False),
        (Access.ADMIN, "user", False),
        (Access.ADMIN, "service", False),
        (Access.EMITTER, "user", False),
        (Access.EMITTER, "service", True),
        *((access, "admin", True) for access in Access),
    ],
)
def test_who_may_what(access: Access, role: Role, permitted: bool) -> None:
    caller = Caller("alice", role, 0)
    assert access.permits(caller, "alice") is permitted
    assert caller.viewer == ("alice", role == "admin")


def test_a_user_is_only_that_user() -> None:
    assert not Access.SELF.permits(Caller("alice", "user", 0), "bob")
    assert not Access.SELF.permits(Caller("alice", "user", 0), None)
    assert Access.SELF.permits(Caller("root", "admin", 0), "bob")
