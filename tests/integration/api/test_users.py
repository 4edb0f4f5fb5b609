"""The search for users by their id or a part of it, for administrators only."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.users import find_users
from tests.support.api import ApiClient, served_from, token
from tests.support.attacks import AttackRecorder
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import as_login
from tests.support.recording import fetch

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
PATH = "/api/admin/users"
ROOT = token("root", role="admin")
USERS = {"alice": 3, "malice": 0, "Alicia": 1, "ali": 9, "bob": 5, "zoë%_": 2}
"""Days since the last call."""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with rows(database_url) as ledger:
        for user, days_ago in USERS.items():
            at = NOW - timedelta(days=days_ago)
            await ledger.call(LiveCallRow(call_id=f"of-{user}", user_id=user, at=at))
        await ledger.connection.execute("INSERT INTO user_budget_settings VALUES ('alina', 1, 2)")
        await ledger.connection.execute("INSERT INTO user_budget_settings VALUES ('bob', 1, 2)")
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def search(api: ApiClient, query: str) -> tuple[list[str], int]:
    data = (await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)).data
    return [user["userId"] for user in data["users"]], data["totalUsers"]


@pytest.mark.parametrize(
    ("part", "users"),
    [
        ("ali", ["ali", "Alicia", "alice", "alina", "malice"]),
        ("ALI", ["Alicia", "alice", "ali", "alina", "malice"]),
        ("alice", ["alice", "malice"]),
        ("ob", ["bob"]),
        ("%", ["zoë%_"]),
        ("oë", ["zoë%_"]),
        ("alix", []),
        ("", ["malice", "Alicia", "zoë%_", "alice", "bob", "ali", "alina"]),
    ],
)
async def test_users_are_found_by_a_part_of_their_id(
    api: ApiClient, part: str, users: list[str]
) -> None:
    """The equal id first, then ids that begin so, latest active first."""
    assert await search(api, f"q={quote(part)}") == (users, len(users))


async def test_found_user_has_the_days_of_its_calls(api: ApiClient) -> None:
    [alice] = (await api.ask("GET", f"{PATH}?q=alice&limit=1", bearer=ROOT)).data["users"]
    assert alice == {"userId": "alice", "firstDay": "2025-11-16", "lastDay": "2025-11-16"}
    [alina] = (await api.ask("GET", f"{PATH}?q=alina", bearer=ROOT)).data["users"]
    assert alina == {"userId": "alina", "firstDay": None, "lastDay": None}
    assert await search(api, "q=ali&limit=2") == (["ali", "Alicia"], 5)


async def test_bad_parameter_is_named(api: ApiClient) -> None:
    for query, name in (
        ("q=%00", "q"),
        (f"q={'a' * 256}", "q"),
        ("limit=101", "limit"),
        ("part=ali", "part"),
    ):
        response = await api.ask("GET", f"{PATH}?{query}", bearer=ROOT)
        assert (response.status, f"`{name}`" in response.json["error"]) == (400, True), query


async def test_only_admins_find_users(
    api: ApiClient, database_url: str, record_attack: AttackRecorder
) -> None:
    attempts = refused = 0
    for role in ("user", "service"):
        for part in ("", "bob", "alice"):
            bearer = token("alice", role=role)
            response = await api.ask("GET", f"{PATH}?q={part}", bearer=bearer)
            attempts += 1
            refused += response.status == 403 and b"bob" not in response.body
    record_attack("search for users: by others", attempts=attempts, refused=refused)
    queries = statements("reports/users")
    async with reader_pool(as_login(database_url, "api")) as readers:
        for viewer, seen in ((Viewer("alice"), 0), (Viewer("root", reads_all=True), 7)):
            assert await find_users(readers, viewer, "", 0) == ([], 0)
            users, total = await find_users(readers, viewer, "", 10)
            assert len(users) == total == seen
            # Without row policies.
            bound = queries.bind("users", reads_all=viewer.reads_all, part="", limit=10)
            assert len(await fetch(database_url, *bound)) == seen
            # Without the condition of the statement.
            bound = queries.bind("users", reads_all=True, part="", limit=10)
            async with readers.reading(viewer) as connection:
                assert len(await connection.fetch(*bound)) == seen
