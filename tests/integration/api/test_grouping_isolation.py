"""Groups never show costs of other users: the statement and the row policies each suffice."""

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.filters import NO_FILTER
from ledger.reports.grouping import Grouping, read_grouped_report
from tests.support.ledger_rows import LiveCallRow, rows
from tests.support.logins import as_login

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
DAYS = (NOW.date(), NOW.date())
ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
SOURCES: tuple[dict[str, bool], ...] = (
    {"reads_calls": False, "reads_models": False},
    {"reads_calls": True, "reads_models": False},
    {"reads_calls": True, "reads_models": True},
)
VALUES: dict[str, Any] = {
    "user_id": "alice", "first_day": DAYS[0], "last_day": DAYS[1], "months": '"(2025-11)-',
    "personas": None, "services": None, "models": None, "tags": None, "group_by": "persona",
    "tag_key": "", "groups_max": 5, "personas_max": 5, "unknown_persona": "unknown",
}  # fmt: skip


async def write(database_url: str) -> None:
    """Write a call with a cost of a model, of alice and of bob."""
    async with rows(database_url) as ledger:
        for user in ("alice", "bob"):
            tags = {"campaign": f"of-{user}"}
            call = LiveCallRow(call_id=f"call-of-{user}", user_id=user, at=NOW, tags=tags)
            await ledger.call(call)
            line: dict[str, Any] = {"operation": "x", "usage": 1, "unit": "minutes", "cost_nano": 1}
            await ledger.event(call, service="twilio", model=f"of-{user}", **line)


async def test_statement_hides_other_users_without_row_policies(database_url: str) -> None:
    await write(database_url)
    superuser = await asyncpg.connect(database_url)
    grouped = statements("reports/grouping")
    for viewer, seen in ((ALICE, True), (BOB, False), (ROOT, True)):
        for source in SOURCES:
            given = VALUES | source | viewer.parameters
            [row] = await superuser.fetch(*grouped.bind("grouped", **given))
            assert (row["calls"] == 1, row["groups"] is not None) == (seen, seen)
            assert (row["costs"] is not None, json.loads(row["users"])[0]) == (seen, 0)
            [row] = await superuser.fetch(*grouped.bind("grouped", **given | {"user_id": None}))
            assert (row["calls"], row["groups"]) == (0, None)
            given |= {"user_id": None, "tag_names": []}
            given.pop("reads_calls")
            [row] = await superuser.fetch(*grouped.bind("grouped_of_all", **given))
            assert row["calls"] == (2 if viewer.reads_all else 0)
            assert (row["groups"] is not None) is viewer.reads_all
    await superuser.close()


async def test_report_is_empty_without_permission(database_url: str) -> None:
    await write(database_url)
    async with reader_pool(as_login(database_url, "api")) as readers:
        for grouping in (Grouping("tag", "campaign"), Grouping("model"), Grouping("persona")):
            for viewer, user, calls in (
                (BOB, "alice", 0), (ALICE, "alice", 1), (ALICE, None, 0), (ROOT, None, 2),
            ):  # fmt: skip
                report = await read_grouped_report(readers, viewer, user, DAYS, NO_FILTER, grouping)
                assert report.spending.calls == calls
                values = {one.value for one in report.groups.listed}
                assert len(values) == (min(calls, 1) if grouping.kind == "persona" else calls)
                assert (report.groups.without.profit.cost_nano > 0) is (
                    grouping.kind == "model" and calls > 0
                )
