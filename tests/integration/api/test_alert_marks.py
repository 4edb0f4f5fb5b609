"""Alerts are marked as read by their user or an administrator, and by no one else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from tests.support.api import ApiClient, served_from, token
from tests.support.events import charged
from tests.support.recording import BatchWriter, TopicLog

PATH = "/api/costs/user/alice/alerts"


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    """Alerts of alice: 50, 80 and 100% of a daily and of a monthly limit."""
    budget = {"dailyLimit_usd": 4, "monthlyLimit_usd": 5, "thresholds": [50]}
    async with served_from(database_url) as api, BatchWriter(database_url) as writer:
        await api.ask("PUT", "/api/costs/user/alice/budget", bearer=token("alice"), body=budget)
        event = charged("call-1", time=datetime.now(UTC), amount=6, fee=0)
        await writer.record(TopicLog().batch([event]))
        yield api


async def listed(api: ApiClient, query: str = "") -> Any:
    return (await api.get(f"{PATH}{query}", "alice")).data["alerts"]


async def test_alerts_are_read_or_unread_and_filtered(api: ApiClient) -> None:
    alerts = await listed(api)
    assert len(alerts) == 6
    assert {alert["readAt"] for alert in alerts} == {None}
    mark = f"{PATH}/{alerts[0]['alertId']}/read"
    marked = (await api.ask("PUT", mark, bearer=token("alice"))).data
    assert marked == alerts[0] | {"readAt": marked["readAt"]}
    assert marked["readAt"] is not None
    again = await api.ask("PUT", mark, bearer=token("alice"), body={"read": True})
    assert again.data == marked
    assert await listed(api, "?read=true") == [marked]
    budget = (await api.get("/api/costs/user/alice/budget", "alice")).data
    assert budget["alerts"][0] == marked
    unread = await listed(api, "?read=false")
    assert unread == alerts[1:]
    daily = await listed(api, "?read=false&type=daily")
    assert daily == [alert for alert in unread if alert["type"] == "daily"]
    back = await api.ask("PUT", mark, bearer=token("alice"), body={"read": False})
    assert back.data == alerts[0]


@pytest.mark.parametrize("query", ["read=maybe", "type=yearly"])
async def test_invalid_filter_is_refused(api: ApiClient, query: str) -> None:
    assert (await api.get(f"{PATH}?{query}", "alice")).code == "invalid_parameter"


@pytest.mark.parametrize("body", [{"read": "yes"}, {"seen": True}, []])
async def test_invalid_body_is_refused(api: ApiClient, body: Any) -> None:
    one = f"{PATH}/{(await listed(api))[0]['alertId']}/read"
    assert (await api.ask("PUT", one, bearer=token("alice"), body=body)).code == "invalid_body"


async def test_alert_of_another_user_cannot_be_marked(api: ApiClient) -> None:
    alert = (await listed(api))[0]
    missing = await api.ask("PUT", "/api/costs/user/bob/alerts/x/read", bearer=token("bob"))
    assert (missing.status, missing.code) == (403, "forbidden")
    for user in ("alice", "bob"):
        path = f"/api/costs/user/{user}/alerts/{alert['alertId']}/read"
        refused = await api.ask("PUT", path, bearer=token("bob"))
        assert (refused.status, refused.body) == (missing.status, missing.body)
    assert (await listed(api))[0] == alert
    admin = token("root", role="admin")
    path = f"{PATH}/{alert['alertId']}/read"
    assert (await api.ask("PUT", path, bearer=admin)).data["readAt"] is not None


async def test_queries_mark_only_own_alerts_without_row_policies(
    api: ApiClient, database_url: str
) -> None:
    """The statements run as a superuser, whom no policy restricts."""
    sql, alert_id = statements("budgets/budgets"), (await listed(api))[0]["alertId"]
    superuser = await asyncpg.connect(database_url)
    try:
        for viewer, changes in ((Viewer("bob"), False), (Viewer("alice"), True)):
            values = {"user_id": "alice", "alert_id": alert_id, **viewer.parameters}
            for name, expected in (("mark_alert_read", 1), ("mark_alert_unread", 0)):
                await superuser.execute("DELETE FROM alert_reads")
                if name == "mark_alert_unread":
                    await superuser.execute(
                        "INSERT INTO alert_reads (alert_id, user_id) VALUES ($1, 'alice')", alert_id
                    )
                await superuser.execute(*sql.bind(name, **values))
                count = await superuser.fetchval("SELECT count(*) FROM alert_reads")
                assert count == (expected if changes else 1 - expected)
            assert (await superuser.fetchval(*sql.bind("alert", **values)) is not None) is changes
    finally:
        await superuser.close()
