"""Which origins may read answers."""

from typing import cast

import pytest

from api.app import build_app
from api.http.access import ROUTES
from api.http.options import ApiOptions
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiResponse, authenticator, served

OURS, OTHER = "https://app.example", "https://evil.example"
BUDGET = "/api/costs/user/alice/budget"
PREFLIGHT = {"Access-Control-Request-Method": "PUT"}


async def ask(
    origins: tuple[str, ...], origin: str | None, *, preflight: bool = False
) -> ApiResponse:
    headers = ({} if origin is None else {"Origin": origin}) | (PREFLIGHT if preflight else {})
    async with served(options=ApiOptions(cors_origins=origins)) as api:
        return await api.ask("OPTIONS" if preflight else "GET", BUDGET, headers=headers)


async def test_allowed_origin_may_read_errors() -> None:
    response = await ask((OURS,), OURS)
    assert response.status == 401
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]
    assert "Origin" in response.headers["Vary"]


async def test_allowed_origin_gets_a_preflight_answer() -> None:
    response = await ask((OURS, OTHER), OURS, preflight=True)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == OURS
    assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


async def test_allowed_origin_may_use_each_method() -> None:
    response = await ask((OURS,), OURS, preflight=True)
    allowed = set(response.headers["Access-Control-Allow-Methods"].split(", "))
    routes = build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]
    assert {route.method for route in routes} <= allowed


async def test_allowed_origin_may_read_the_file_name() -> None:
    response = await ask((OURS,), OURS)
    assert "Content-Disposition" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", [OTHER, "null", f"{OURS}.evil.example", f"{OURS}:8443", OURS.upper(), "", None]
)
@pytest.mark.parametrize("preflight", [False, True])
async def test_other_origins_get_no_cors_headers(origin: str | None, preflight: bool) -> None:
    response = await ask((OURS,), origin, preflight=preflight)
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert "Origin" in response.headers["Vary"]


async def test_without_origins_no_cors_headers_are_sent() -> None:
    response = await ask((), OURS)
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert "Vary" not in response.headers


@pytest.mark.parametrize("preflight", [False, True])
async def test_wildcard_allows_every_origin_without_credentials(preflight: bool) -> None:
    response = await ask(("*",), OTHER, preflight=preflight)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
