"""Unknown query parameters are refused, and the nearest known one is suggested."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from api.app import build_app
from api.http.access import ROUTES, Route
from api.openapi.operations import Operation, SocketMessages
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiClient, authenticator, served, token

SPENDING = "/api/costs/user/alice/spending"
CALLS = "/api/costs/user/alice/calls"
SPENDING_PARAMETERS = (
    "`period`, `startDate`, `endDate`, `compare`, `personaId`, `tag`, `service`, `model`, "
    "`groupBy`, `groupLimit`"
)


def describe_types() -> Iterator[Any]:
    for route in build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]:
        if route.operation:
            yield pytest.param(route, route.operation, id=route.operation.name)


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served() as api:
        yield api


@pytest.mark.parametrize(("route", "operation"), [*describe_types()])
async def test_each_route_refuses_an_unknown_parameter(
    api: ApiClient, route: Route, operation: Operation
) -> None:
    path = re.sub(r"{\w+}", "alice", route.path)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    response = await api.ask(
        route.method,
        f"{path}?Unheard_of=1",
        bearer=token("alice", role="admin"),
        headers=headers if isinstance(operation.response, SocketMessages) else {},
    )
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert response.json["error"].startswith("`Unheard_of` is unknown; ")
    for parameter in operation.query:
        assert f"`{parameter.name}`" in response.json["error"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("perid=7d", "`perid` is unknown; the nearest parameter is `period`."),
        ("period=7d&startdate=2025-11-01", "`startdate` is unknown; the nearest parameter is `startDate`."),
        ("period=7d&days=7", f"`days` is unknown; the parameters of this route are {SPENDING_PARAMETERS}."),
        ("=7d", f"`` is unknown; the parameters of this route are {SPENDING_PARAMETERS}."),
        ("%FF=1", f"`\ufffd` is unknown; the parameters of this route are {SPENDING_PARAMETERS}."),
        ("x" * 1000, f"`{'x' * 60}` is unknown; the parameters of this route are {SPENDING_PARAMETERS}."),
    ],
)  # fmt: skip
async def test_nearest_parameter_is_suggested(api: ApiClient, query: str, error: str) -> None:
    for method in ("GET", "HEAD"):
        response = await api.ask(method, f"{SPENDING}?{query}", bearer=token("alice"))
        assert response.status == 400
        if method == "GET":
            assert response.json["error"] == error


async def test_authentication_comes_before_the_query(api: ApiClient) -> None:
    assert (await api.ask("GET", f"{CALLS}?limits=1")).status == 401
    assert (await api.get(f"{CALLS}?limits=1", "bob")).status == 403
    assert (await api.get(f"{CALLS}?limits=1", "alice")).status == 400


async def test_dashboard_pages_accept_any_query(api: ApiClient) -> None:
    assert (await api.ask("GET", "/spending?user=alice&perid=7d")).status in {200, 404, 503}
