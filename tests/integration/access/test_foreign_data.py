"""Every route, requested for the data of another user: no answer has any of it."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from api.app import build_app
from api.http.access import ROUTES, Access, Route
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiClient, ApiResponse, authenticator, served_from, token
from tests.support.attacks import AttackRecorder
from tests.support.foreign_user import ANOMALY, CALL, USER, shows_foreign_data, write_foreign_user
from tests.support.intake import MemoryEventStream

ALL = build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]
ABOUT_USERS = [route for route in ALL if route.access in {Access.SELF, Access.OWNER}]
QUERIES = (
    "",
    "?period=30d",
    "?compare=true",
    "?dismissed=any",
    "?sort=-totalCost",
    "?period=weekly",
    "?type=events",
    "?type=calls",
    "?type=daily",
)
ATTACKERS: dict[str, dict[str, Any]] = {
    "another user": {"user": "mallory"},
    "a service": {"user": "mallory", "role": "service"},
    "a service of the user's name": {"user": USER, "role": "service"},
    "a user of a similar name": {"user": f"{USER} "},
    "a user who claims a list of roles": {"user": "mallory", "role": ["admin", "user"]},
}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    await write_foreign_user(database_url)
    async with served_from(database_url, events=MemoryEventStream()) as api:
        yield api


async def ask(api: ApiClient, route: Route, query: str, bearer: str) -> ApiResponse:
    path = route.path.replace("{userId}", USER).replace("{callId}", CALL)
    path = path.replace("{anomalyId}", ANOMALY)
    for name in ("{channelId}", "{alertId}", "{budgetId}"):
        path = path.replace(name, "00000000-0000-4000-8000-000000000000")
    body: Any = {} if route.method in {"PUT", "POST"} else None
    return await api.ask(route.method, f"{path}{query}", bearer=bearer, body=body)


async def test_markers_are_shown_to_their_user(api: ApiClient) -> None:
    """Otherwise the tests below would search for texts that no answer has."""
    shown = {
        route.path
        for route in ABOUT_USERS
        if route.method == "GET"
        for query in QUERIES
        if shows_foreign_data((await ask(api, route, query, token(USER))).body)
    }
    silent = {route.path for route in ABOUT_USERS if route.method == "GET"} - shown
    assert silent <= {
        "/api/costs/user/{userId}/channels/{channelId}/deliveries",  # has no data
        "/api/costs/user/{userId}/recommendations",  # needs more calls
        "/api/costs/user/{userId}/recent",  # needs Kafka: see tests/integration/live
    }


async def test_tags_are_shown_to_their_user(api: ApiClient) -> None:
    """Four routes show them, so the tests below search for them in four routes."""
    shown = {
        route.path
        for route in ABOUT_USERS
        if route.method == "GET"
        for query in QUERIES
        if b"marker-tag" in (await ask(api, route, query, token(USER))).body
    }
    assert shown == {
        "/api/costs/call/{callId}",
        "/api/costs/call/{callId}/events",
        "/api/costs/user/{userId}/calls",
        "/api/costs/user/{userId}/export.csv",
    }


@pytest.mark.parametrize("attacker", ATTACKERS)
async def test_no_route_shows_or_changes_data_of_another_user(
    api: ApiClient, attacker: str, record_attack: AttackRecorder
) -> None:
    bearer = token(**ATTACKERS[attacker])
    before = await api.get(f"/api/costs/user/{USER}/budget", USER)
    attempts = refused = 0
    for route in ABOUT_USERS:
        for query in QUERIES if route.method == "GET" else QUERIES[:1]:
            response = await ask(api, route, query, bearer)
            attempts += 1
            # Unknown parameters are refused before the database is queried.
            expected = {403} if not query else {400, 403}
            refused += response.status in expected and not shows_foreign_data(response.body)
    assert (await api.get(f"/api/costs/user/{USER}/budget", USER)).body == before.body
    record_attack(f"foreign data: by {attacker}", attempts=attempts, refused=refused)
