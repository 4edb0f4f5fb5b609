"""Every route of the application refuses requests without the necessary rights.

The routes come from the built application, so new routes are tested without a change here. There is
no database: a request that passes the gate answers 500.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
from aiohttp import web

from api.app import build_app
from api.http.access import ROUTES, Access, Caller, Route
from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.http.roles import Role
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import SECRET, ApiClient, ApiResponse, authenticator, served, token
from tests.support.attacks import AttackRecorder
from tests.support.keys import P256, P256_PEM, RSA, RSA_PEM
from tests.support.tokens import AUDIENCE, ISSUER, MEANT_FOR_US, forged


def application() -> web.Application:
    return build_app(ReaderPool(cast(Pool, None)), authenticator())


ALL = application()[ROUTES]
GUARDED = [route for route in ALL if route.access not in {Access.ANYONE, Access.SIGNED}]
WITH_USER = [route for route in GUARDED if route.access is Access.SELF]


def each(of: Sequence[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", of, ids=[f"{r.method} {r.path}" for r in of])


def path_of(route: Route, user: str = "alice") -> str:
    path = route.path.replace("{userId}", user).replace("{callId}", "some-call")
    return (
        path.replace("{channelId}", "some-channel")
        .replace("{alertId}", "some-alert")
        .replace("{budgetId}", "some-budget")
        .replace("{anomalyId}", "some-anomaly")
        .replace("{proposalId}", "7")
        .replace("{keyId}", "7")
        .replace("{endpointId}", "some-endpoint")
        .replace("{secretId}", "7")
    )


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served() as api:
        yield api


async def ask(api: ApiClient, route: Route, path: str, **options: Any) -> ApiResponse:
    body: dict[str, str] | None = {} if route.method in {"PUT", "POST"} else None
    return await api.ask(route.method, path, body=body, **options)


def test_route_list_is_complete() -> None:
    app = application()
    served = {(r.method, r.resource.canonical) for r in app.router.routes() if r.resource}
    listed = {(route.method, route.path) for route in app[ROUTES]}
    assert {pair for pair in served if pair[0] != "HEAD"} == listed
    assert {path for method, path in served if method == "HEAD"} <= {path for _, path in listed}


def test_routes_about_money_need_a_token() -> None:
    assert {route.path for route in ALL} >= {
        "/api/costs/call/{callId}",
        "/api/costs/user/{userId}/spending",
        "/api/costs/user/{userId}/budget",
    }
    assert not [r for r in ALL if r.path.startswith("/api") and r.access is Access.ANYONE]
    others = {r.path for r in ALL if "{userId}" in r.path and r.access is not Access.SELF}
    assert others == {
        "/api/costs/user/{userId}/authorize",
        "/api/admin/users/{userId}/export",
        "/api/admin/users/{userId}/erasure",
    }


@each([route for route in ALL if route.access is Access.SIGNED])
@pytest.mark.parametrize("role", ["user", "service", "admin"])
async def test_token_does_not_replace_a_signature(api: ApiClient, route: Route, role: str) -> None:
    path = path_of(route).replace("{provider}", "vapi")
    response = await ask(api, route, path, bearer=token("alice", role=role))
    assert (response.status, response.code) == (401, "unauthorized")


WITHOUT = {
    "none": {},
    "empty header": {"Authorization": ""},
    "malformed": {"Authorization": "Bearer nonsense"},
    "without a space before it": {"Authorization": f"Bearer{token()}"},
    "under another scheme": {"Authorization": f"Basic {token()}"},
    "without a scheme": {"Authorization": token()},
    "in another header": {"X-Authorization": f"Bearer {token()}"},
    "in a cookie": {"Cookie": f"token={token()}"},
}


def is_refused(response: ApiResponse) -> bool:
    """Return whether an answer is the one to a request without a valid token."""
    return (
        (response.status, response.code) == (401, "unauthorized")
        and response.headers["WWW-Authenticate"].startswith('Bearer realm="cost-analytics"')
        and b"eyJ" not in response.body
    )


@each(GUARDED)
async def test_no_route_answers_without_a_valid_token(
    api: ApiClient, route: Route, record_attack: AttackRecorder
) -> None:
    path = path_of(route)
    for name, headers in WITHOUT.items():
        refused = await ask(api, route, path, headers=headers)
        record_attack(f"token: {name}", attempts=1, refused=is_refused(refused))
    query = await ask(api, route, f"{path}?token={token()}&access_token={token()}")
    record_attack("token: in the query", attempts=1, refused=query.status == 401)
    # A proxy in front of the API might read another one of two tokens.
    good = f"Authorization: Bearer {token()}\r\n"
    head = f"{route.method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    raw = await api.raw(f"{head}{good}{good}\r\n".encode())
    record_attack("token: two of them", attempts=1, refused=b" 401 " in raw)


TRUSTED: dict[str, tuple[dict[str, str], Any]] = {
    "HS256": ({"secret": SECRET}, SECRET),
    "RS256": ({"public_key_pem": RSA_PEM}, RSA),
    "ES256": ({"public_key_pem": P256_PEM}, P256),
}
"""Key settings by name, with the key and algorithm that sign valid tokens for them."""
GENUINE = {"ES256": "another family, elliptic"}
"""Names of forgeries that are valid tokens for their own key family."""


@each(GUARDED)
@pytest.mark.parametrize("algorithm", TRUSTED)
async def test_no_route_accepts_a_forged_token(
    route: Route, algorithm: str, record_attack: AttackRecorder
) -> None:
    settings, key = TRUSTED[algorithm]
    verifier = Authenticator(key_source(**settings), TokenRules(issuer=ISSUER, audience=AUDIENCE))
    async with served(verifier=verifier) as api:
        for name, bad in forged(key, algorithm, **MEANT_FOR_US).items():
            if name != GENUINE.get(algorithm):
                refused = await ask(api, route, path_of(route), bearer=bad)
                record_attack(f"token: {name}", attempts=1, refused=is_refused(refused))
        good = token("somebody-else", key=key, algorithm=algorithm, **MEANT_FOR_US)
        if route.access is Access.SELF:
            assert (await ask(api, route, path_of(route), bearer=good)).status == 403


@each([route for route in GUARDED if route.method == "GET"])
async def test_head_requests_need_a_token(
    api: ApiClient, route: Route, record_attack: AttackRecorder
) -> None:
    status = (await api.ask("HEAD", path_of(route))).status
    record_attack("token: none, by HEAD", attempts=1, refused=status == 401)


@each(WITH_USER)
async def test_no_user_reads_data_of_another_user(
    api: ApiClient, route: Route, record_attack: AttackRecorder
) -> None:
    spellings = ("bob", "Alice", "alice%20", "%61lice%00", "alice%2F", "ALICE")
    found = [
        (await ask(api, route, path_of(route, spelling), bearer=token("alice"))).status
        for spelling in spellings
    ]
    expected = [400 if "%00" in spelling else 403 for spelling in spellings]
    refused = sum(one == other for one, other in zip(found, expected, strict=True))
    record_attack("another user's id in the path", attempts=len(found), refused=refused)


SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "cost-analytics",
}
FRAMEWORK = re.compile(rb"aiohttp|python|uvloop|asyncpg|Traceback", re.IGNORECASE)


@each(ALL)
async def test_each_answer_has_security_headers(
    api: ApiClient, route: Route, record_attack: AttackRecorder
) -> None:
    """Successes and errors are not sniffed, not cached by others, and name no framework."""
    path, attempts, sound = path_of(route), 0, 0
    for method, query, bearer in (
        (route.method, "", None),
        (route.method, "", "nonsense"),
        (route.method, "", token("alice", role="admin")),
        ("PATCH", "", token("alice")),
        (route.method, f"?{'x' * 3_000}", token("alice")),
    ):
        response = await api.ask(method, f"{path}{query}", bearer=bearer)
        attempts += 1
        sound += (
            SECURITY_HEADERS.items() <= dict(response.headers).items()
            and "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            and (response.status < 400 or response.headers["Cache-Control"] == "no-store")
            and not FRAMEWORK.search(str(response.headers).encode() + without_texts(response))
        )
    record_attack("headers: answers of every route", attempts=attempts, refused=sound)


def without_texts(response: ApiResponse) -> bytes:
    """Return the body of an error; the body of a success may contain any name."""
    return response.body if response.status >= 400 else b""


WHO_MAY = {
    Access.SELF: {"user", "admin"},
    Access.OWNER: {"user", "admin"},
    Access.LISTENER: {"user", "admin"},
    Access.EMITTER: {"service", "admin"},
    Access.ADMIN: {"admin"},
}
"""The access rules, repeated independently of the code that decides."""


@each(GUARDED)
async def test_insufficient_role_is_refused(
    api: ApiClient, route: Route, record_attack: AttackRecorder
) -> None:
    """Also with unknown role names: only two roles give more rights than a user has."""
    for data in ("service", "user", None, "Admin", "ADMIN", "administrator", ["admin"], True):
        role = data if data == "service" else "user"
        if role not in WHO_MAY[route.access]:
            bearer = token("alice", role=data)
            response = await ask(api, route, path_of(route), bearer=bearer)
            refused = (response.status, response.code) == (403, "forbidden")
            case = data if isinstance(data, str) else "none" if data is None else "no text"
            record_attack(f"role too low: {case}", attempts=1, refused=refused)


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
        *((access, "admin", access is not Access.SIGNED) for access in Access),
    ],
)
def test_each_access_level_permits_its_roles(access: Access, role: Role, permitted: bool) -> None:
    caller = Caller("alice", role, 0)
    assert access.permits(caller, "alice") is permitted
    assert caller.viewer == ("alice", role == "admin")


def test_user_may_only_access_their_own_data() -> None:
    assert not Access.SELF.permits(Caller("alice", "user", 0), "bob")
    assert not Access.SELF.permits(Caller("alice", "user", 0), None)
    assert Access.SELF.permits(Caller("root", "admin", 0), "bob")
