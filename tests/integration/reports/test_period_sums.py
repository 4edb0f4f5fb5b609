"""Reports of all users read sums of periods, and the calls of periods that changed since."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.operations.verification import rebuild, verify
from ledger.postgres.database import connected
from ledger.postgres.statements import statements
from ledger.reports import summing
from tests.support.api import served_from, token
from tests.support.archives import archive, month_start
from tests.support.events import Plain, charged, cost, ended, refunded, started, voided
from tests.support.personal_data import erased
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.summing import AT_ONCE, sum_at_once, unchanged_periods

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(days=2)
TOMORROW = NOW + timedelta(days=1)
LATER = NOW + timedelta(days=3)
QUERY = f"period=custom&startDate={NOW:%F}&endDate={LATER:%F}"


async def record(url: str, *events: Plain) -> None:
    async with BatchWriter(url) as writer:
        await writer.record(TopicLog().batch(events))
        assert writer.letters == []


async def groups(url: str, group_by: str, query: str = "") -> dict[str | None, tuple[Any, ...]]:
    """Return the cost, the charges and the calls of each group over all users."""
    query = query or QUERY
    async with served_from(url, today=LATER.date()) as api:
        path = f"/api/admin/costs/analytics?{query}&groupBy={group_by}&groupLimit=100"
        body = (await api.ask("GET", path, bearer=token("root", role="admin"))).data
    listed = [*body["groups"]["groups"], {**body["groups"]["without"], "value": None}]
    names = ("totalCost", "totalCharged", "totalCalls", "totalRefunded")
    return {one["value"]: tuple(one.get(name) for name in names) for one in listed}


async def read_from_calls(url: str, group_by: str, query: str = "") -> Any:
    """Return the same, without any sums."""
    await fetch(url, "TRUNCATE summed_periods, period_sums")
    return await groups(url, group_by, query)


async def assert_sums_are_used(url: str) -> None:
    """Sum everything; afterwards a falsified sum must show in the report."""
    await sum_at_once(url, LATER)
    right = await groups(url, "tag:campaign")
    query = "UPDATE period_sums SET charged_nano = charged_nano + 1000000000 * $1"
    await fetch(url, query, 1)
    assert await groups(url, "tag:campaign") != right
    await fetch(url, query, -1)
    assert await groups(url, "tag:campaign") == right


def a_call(name: str, at: datetime | None = None, user: str = "alice", **tags: str) -> list[Plain]:
    at = at or NOW
    speech = {"service": "deepgram", "operation": "streaming_stt", "model": "nova-2"}
    return [
        started(name, user, time=at, tags=tags),
        cost(name, user, time=at, totalCost="1", **speech),
        cost(name, user, time=at, totalCost="0.25"),
        charged(name, user, time=at, amount="4.99", fee="0.5"),
        ended(name, user, time=at + timedelta(minutes=1)),
    ]


WRONG = cost(
    "call-1", time=NOW, totalCost="7", service="cerebras", operation="inference", model="x"
)
CHANGES: dict[str, Callable[[], list[Plain]]] = {
    "a late tag": lambda: [ended("call-2", time=NOW, tags={"campaign": "autumn"})],
    "a late cost on another day": lambda: [cost("call-1", time=TOMORROW, totalCost="3")],
    "a void": lambda: [voided(WRONG, "call-1", time=TOMORROW)],
    "a refund on another day": lambda: [refunded("call-1", time=TOMORROW, amount="4.99")],
    "an earlier first event": lambda: [
        cost("call-1", time=NOW - timedelta(hours=3), totalCost="1")
    ],
    "an earlier tag": lambda: [
        cost(
            "call-1",
            time=NOW - timedelta(seconds=1),
            tags={"campaign": "winter"},
            personaId="early",
        )
    ],
    "a call of a summed hour": lambda: a_call(
        "call-new", NOW - timedelta(minutes=20), campaign="new"
    ),
}


@pytest.mark.parametrize("change", list(CHANGES))
async def test_each_late_change_counts_at_once(database_url: str, change: str) -> None:
    calls = [*a_call("call-1", campaign="spring"), *a_call("call-2"), WRONG]
    await record(database_url, *calls)
    assert await sum_at_once(database_url, LATER) > 0
    before = await groups(database_url, "tag:campaign")
    await record(database_url, *CHANGES[change]())
    after = {by: await groups(database_url, by) for by in ("tag:campaign", "model", "persona")}
    assert after["tag:campaign"] != before
    assert (await verify(database_url)).differences == 0
    await assert_sums_are_used(database_url)
    for group_by, found in after.items():
        assert await groups(database_url, group_by) == found
    assert (await verify(database_url)).differences == 0
    for group_by, found in after.items():
        assert await read_from_calls(database_url, group_by) == found


async def test_change_while_a_period_is_summed_stays_marked(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch commits after the snapshot that is summed."""
    await record(database_url, *a_call("call-1", campaign="spring"))
    tag_keys = summing.tag_keys

    async def changed_meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        await record(database_url, ended("call-1", time=NOW, tags={"team": "red"}))
        return await tag_keys(*arguments)

    monkeypatch.setattr(summing, "tag_keys", changed_meanwhile)
    await sum_at_once(database_url, LATER)
    assert [row[0] for row in await fetch(database_url, "SELECT tags FROM period_sums")] == [
        '{"campaign": "spring"}'
    ]
    assert (await groups(database_url, "tag:team"))["red"][:3] == (
        Decimal("1.785"),
        Decimal("4.99"),
        1,
    )
    await assert_sums_are_used(database_url)


async def test_writer_of_the_previous_release_is_noticed(database_url: str) -> None:
    """It does not say which hours it changes."""
    await record(database_url, *a_call("call-1", campaign="spring"))
    await sum_at_once(database_url, LATER)
    async with connected(database_url, name="old") as connection, connection.transaction():
        await connection.execute(
            "UPDATE calls SET tags = '{\"campaign\": \"old\"}', first_at = first_at - interval '5 hours'"
        )
        await connection.execute(
            "INSERT INTO totals_outbox (worker_id, call_ids) VALUES ('old', '{call-1}')"
        )
    since = f"period=custom&startDate={NOW - timedelta(days=1):%F}&endDate={LATER:%F}"
    found = await groups(database_url, "tag:campaign", since)
    assert found["old"][2] == 1
    assert "spring" not in found
    hours = await fetch(database_url, "SELECT DISTINCT hour FROM changed_hours ORDER BY 1")
    started_at = NOW.replace(minute=0)
    assert [row[0] for row in hours] == [started_at - timedelta(hours=5), started_at]


async def test_archived_and_rebuilt_ledgers_are_read_as_they_are(
    database_url: str, tmp_path: Path
) -> None:
    old = month_start(3) + timedelta(days=3)
    dates = f"period=custom&startDate={old:%F}&endDate={LATER:%F}"
    await record(database_url, *a_call("call-1", old, campaign="spring"), *a_call("call-2"))
    await sum_at_once(database_url, LATER)
    assert (await groups(database_url, "model", dates))["nova-2"][0] == 2
    await archive(database_url, tmp_path)
    archived = await groups(database_url, "model", dates)
    assert archived["nova-2"][0] == 1  # an archived cost has no model
    await sum_at_once(database_url, LATER)
    assert await groups(database_url, "model", dates) == archived
    assert (await verify(database_url)).differences == 0
    await fetch(database_url, "UPDATE period_sums SET cost_nanos[1] = 1")
    assert (await verify(database_url)).differences > 0
    await rebuild(database_url)
    assert await unchanged_periods(database_url) == 0
    assert await groups(database_url, "model", dates) == archived
    await assert_sums_are_used(database_url)


async def test_tags_of_an_erased_user_are_deleted(database_url: str) -> None:
    await record(
        database_url, *a_call("call-1", customer="for alice"), *a_call("call-2", user="bob")
    )
    await sum_at_once(database_url, LATER)
    receipt = await erased(database_url, user_id="alice")
    query = "SELECT s::text FROM period_sums AS s WHERE s::text ~ 'alice'"
    assert await fetch(database_url, query) == []
    found = await groups(database_url, "tag:customer")
    assert found[f"for {receipt.pseudonym}"][2] == 1
    await assert_sums_are_used(database_url)
    assert (await verify(database_url)).differences == 0


@pytest.mark.parametrize("limit", ["TAG_VALUES_MAX", "COMBINATIONS_MAX", "TAG_KEYS_MAX"])
async def test_keys_with_many_values_are_read_from_the_calls(
    database_url: str, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    for number in range(6):
        tags = {"campaign": f"c{number % 2}", "lead": f"lead-{number}"}
        await record(database_url, *a_call(f"call-{number}", NOW, **tags))
    wanted = ("tag:lead", "tag:campaign", "tag:campaign&tag=lead:lead-3", "tag:other")
    expected = {by: await groups(database_url, by) for by in wanted}
    monkeypatch.setattr(summing, limit, 1 if limit == "TAG_KEYS_MAX" else 3)
    await assert_sums_are_used(database_url)
    assert await fetch(database_url, "SELECT FROM summed_periods WHERE tag_keys = '{campaign}'")
    assert len(await fetch(database_url, "SELECT FROM period_sums")) == 2
    assert {by: await groups(database_url, by) for by in wanted} == expected
    assert (await verify(database_url)).differences == 0


async def test_calls_before_the_first_summed_period_are_summed(database_url: str) -> None:
    await record(database_url, *a_call("call-1", NOW, campaign="spring"))
    assert await sum_at_once(database_url, LATER) > 0
    long_ago = NOW - timedelta(days=40)
    await record(database_url, *a_call("call-0", long_ago, campaign="autumn"))
    since = f"period=custom&startDate={long_ago:%F}&endDate={LATER:%F}"
    read = await groups(database_url, "tag:campaign", since)
    await sum_at_once(database_url, LATER)
    query = "SELECT FROM summed_periods JOIN period_sums USING (starts) WHERE starts <= $1 AND ends > $1"
    assert len(await fetch(database_url, query, long_ago)) == 1
    assert await sum_at_once(database_url, LATER) == 0
    assert await groups(database_url, "tag:campaign", since) == read


async def test_marks_of_many_batches_are_one_for_each_hour(database_url: str) -> None:
    await record(database_url, *a_call("call-1", campaign="spring"))
    await sum_at_once(database_url, TOMORROW)
    for number in range(5):
        await record(
            database_url,
            cost("call-1", time=NOW, totalCost="1"),
            *a_call(f"late-{number}", NOW + timedelta(days=2, hours=-1)),
        )
    assert len(await fetch(database_url, "SELECT FROM changed_hours")) == 10
    async with connected(database_url, name="test") as connection:
        await connection.execute(statements("reports/summing")["combine_marks"])
        assert (
            await summing.sum_periods(connection, TOMORROW, lambda: True, delays=AT_ONCE) == 0
        )  # stopped
    assert [row[0] for row in await fetch(database_url, "SELECT hour FROM changed_hours")] == [
        NOW.replace(minute=0)
    ]
