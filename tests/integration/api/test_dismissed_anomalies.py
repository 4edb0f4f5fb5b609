"""Anomalies are dismissed with a reason by their user or an administrator, and by no one else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from cost_analytics.configuration.worker_sections import RetentionSection
from cost_analytics.roots.worker import retention_options
from ledger.operations.retention import remove_old
from ledger.operations.verification import rebuild
from ledger.postgres.database import connected
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from tests.support.anomalies import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    USD,
    check_day,
    check_for_anomalies,
    row,
    write_calls,
    write_history,
)
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.ledger_rows import CENT
from tests.support.recording import fetch

PATH = "/api/costs/user/alice/anomalies"
ADMIN = token("root", role="admin")


@pytest.fixture
async def written(database_url: str) -> str:
    """An expensive call of alice, and one without telephony."""
    await write_history(database_url)
    await write_calls(
        database_url,
        row("expensive", NOW - MINUTE, elevenlabs=5 * USD),
        row("lost", NOW - DAY, twilio=0),
    )
    await check_for_anomalies(database_url, "expensive", "lost", now=NOW + HOUR)
    return database_url


@pytest.fixture
async def api(written: str) -> AsyncIterator[ApiClient]:
    async with served_from(written, today=NOW.date()) as api:
        yield api


async def listed(api: ApiClient, query: str = "") -> Any:
    return (await api.get(f"{PATH}{query}", "alice")).data["anomalies"]


async def dismiss(
    api: ApiClient, anomaly: dict[str, Any], reason: str, bearer: str | None = None
) -> ApiResponse:
    path = f"{PATH}/{anomaly['anomalyId']}/dismissal"
    return await api.ask("PUT", path, bearer=bearer or token("alice"), body={"reason": reason})


async def test_dismissed_anomaly_is_hidden_until_the_dismissal_is_undone(api: ApiClient) -> None:
    expensive, lost = await listed(api)
    response = (await dismiss(api, expensive, "  Load test  ")).data
    by, at = response["dismissal"]["dismissedBy"], response["dismissal"]["dismissedAt"]
    assert by == "alice"
    assert response == expensive | {
        "dismissal": {"reason": "Load test", "dismissedBy": by, "dismissedAt": at}
    }
    assert (await dismiss(api, expensive, "Load test", ADMIN)).data == response
    assert await listed(api) == await listed(api, "?dismissed=false") == [lost]
    assert await listed(api, "?dismissed=true") == [response]
    assert await listed(api, "?dismissed=any") == [response, lost]
    everyones = "/api/admin/costs/anomalies"
    for query, expected in (("", [lost]), ("?dismissed=true", [response])):
        page = await api.ask("GET", f"{everyones}{query}", bearer=ADMIN)
        assert page.data["anomalies"] == expected
    changed = (await dismiss(api, expensive, "Known customer", ADMIN)).data["dismissal"]
    assert (changed["reason"], changed["dismissedBy"]) == ("Known customer", "root")
    assert changed["dismissedAt"] > at
    path = f"{PATH}/{expensive['anomalyId']}/dismissal"
    for _ in range(2):
        assert (await api.ask("DELETE", path, bearer=token("alice"))).data == expensive
    assert await listed(api) == [expensive, lost]


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": ""}, {"reason": " \n "}, {"reason": "x" * 501}, {"reason": None},
     {"reason": "a\0b"}, {"reason": "x", "by": "root"}, []],
)  # fmt: skip
async def test_reason_is_required_and_bounded(api: ApiClient, body: Any) -> None:
    path = f"{PATH}/{(await listed(api))[0]['anomalyId']}/dismissal"
    response = await api.ask("PUT", path, bearer=token("alice"), body=body)
    assert (response.status, response.code) == (400, "invalid_body")
    assert await listed(api, "?dismissed=true") == []


async def test_longest_reason_is_stored_whole(api: ApiClient) -> None:
    reason = "\N{GRINNING FACE}" * 500
    response = await dismiss(api, (await listed(api))[0], reason)
    assert response.data["dismissal"]["reason"] == reason


async def test_anomaly_of_another_user_is_neither_shown_nor_changed(api: ApiClient) -> None:
    anomalies = await listed(api)
    missing = await api.get("/api/costs/user/bob/anomalies/x", "bob")
    assert (missing.status, missing.code) == (403, "forbidden")
    for user in ("alice", "bob"):
        anomaly_path = f"/api/costs/user/{user}/anomalies/{anomalies[0]['anomalyId']}"
        for method, path, body in (
            ("GET", anomaly_path, None),
            ("PUT", f"{anomaly_path}/dismissal", {"reason": "mine"}),
            ("DELETE", f"{anomaly_path}/dismissal", None),
        ):
            refused = await api.ask(method, path, bearer=token("bob"), body=body)
            assert (refused.status, refused.body) == (missing.status, missing.body)
    assert await listed(api) == anomalies


async def test_statements_show_and_change_only_own_anomalies_without_row_policies(
    api: ApiClient, written: str
) -> None:
    """The statements run as a superuser, whom no policy restricts."""
    sql, lists = statements("anomalies/dismissals"), statements("anomalies/lists")
    anomaly_id = (await listed(api))[0]["anomalyId"]
    superuser = await asyncpg.connect(written)
    try:
        for viewer, count in ((Viewer("bob"), 0), (Viewer("alice"), 1)):
            values = {"user_id": "alice", "anomaly_id": anomaly_id, **viewer.parameters}
            for statement in (
                sql.bind("dismissed", **values),
                lists.bind("of_id", window_days=56, **values),
            ):
                assert len(await superuser.fetch(*statement)) == count
            await superuser.execute(*sql.bind("dismiss", reason="x", **values))
            assert await superuser.fetchval("SELECT count(*) FROM anomaly_dismissals") == count
        for viewer, count in ((Viewer("bob"), 1), (Viewer("alice"), 0)):
            values = {"user_id": "alice", "anomaly_id": anomaly_id, **viewer.parameters}
            await superuser.execute(*sql.bind("undo", **values))
            assert await superuser.fetchval("SELECT count(*) FROM anomaly_dismissals") == count
    finally:
        await superuser.close()


async def test_anomaly_stays_dismissed_when_it_is_detected_again_reopened_or_rebuilt(
    api: ApiClient, written: str
) -> None:
    lost = (await listed(api))[1]
    dismissed = (await dismiss(api, lost, "Not billed")).data
    again = await check_for_anomalies(written, "expensive", "lost", now=NOW + 2 * HOUR)
    assert again.found == 0
    duration = "UPDATE calls SET duration_ms = $1 WHERE call_id = 'lost'"
    for duration_ms, is_resolved in ((1, True), (300_000, False)):
        await fetch(written, duration, duration_ms)
        await check_for_anomalies(written, "lost", now=NOW + 3 * HOUR)
        [found] = await listed(api, "?dismissed=true")
        assert (found["resolvedAt"] is not None) is is_resolved
        assert found["dismissal"] == dismissed["dismissal"]
    assert await rebuild(written) > 0
    assert await listed(api, "?dismissed=true") == [found]
    assert await listed(api, "?kind=missing_leg") == []


async def test_dismissals_are_removed_with_their_anomalies(api: ApiClient, written: str) -> None:
    for anomaly in await listed(api):
        await dismiss(api, anomaly, "Old")
    async with connected(written, name="test") as connection:
        days = retention_options(RetentionSection()).days
        removed = {**await remove_old(connection, days, NOW + timedelta(days=3_000))}
    assert removed["anomalies"] == 2
    assert (await fetch(written, "SELECT count(*) FROM anomaly_dismissals"))[0][0] == 0


async def test_call_is_shown_with_its_costs(api: ApiClient) -> None:
    expensive = (await listed(api))[0]
    shown = (await api.get(f"{PATH}/{expensive['anomalyId']}", "alice")).data
    costs = shown.pop("costByService")
    assert shown == expensive | {"days": [], "usualRange": None}
    assert costs["elevenlabs"] == 5
    assert set(costs) == {"twilio", "deepgram", "cerebras", "elevenlabs"}


async def test_day_is_shown_with_its_usual_range(database_url: str) -> None:
    usual = [
        row(f"day-{n}", NOW - n * DAY, twilio=(90 + 10 * (n % 3)) * CENT) for n in range(1, 41)
    ]
    await write_calls(database_url, *usual, row("today", NOW, twilio=40 * USD))
    await check_day(database_url, "alice", now=NOW + MINUTE)
    async with served_from(database_url, today=NOW.date()) as api:
        [found] = await listed(api)
        shown = (await api.get(f"{PATH}/{found['anomalyId']}", "alice")).data
    assert (shown["kind"], shown["service"]) == ("day_spike", "twilio")
    assert shown["costByService"] is None
    days = {day["date"]: day["cost_usd"] for day in shown["days"]}
    assert len(days) == 41
    assert list(days) == sorted(days)
    assert days[NOW.date().isoformat()] == shown["observed_usd"] == 40
    assert days[(NOW - DAY).date().isoformat()] == 1
    low, high = shown["usualRange"]["low_usd"], shown["usualRange"]["high_usd"]
    assert 0 < low < shown["expected_usd"] < high < shown["observed_usd"]
    assert all(low <= cost <= high for day, cost in days.items() if day != shown["day"])
