"""Statements of prepaid credit return nothing of other users, also without row policies."""

from datetime import timedelta
from typing import Any

from ledger.postgres.database import connected
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from tests.support.alerting import just_now
from tests.support.events import charged, granted
from tests.support.foreign_user import CREDIT_OF_USER
from tests.support.recording import BatchWriter, TopicLog

ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
SQL = statements("credits/credits")


async def test_statements_of_credit_hide_other_users(database_url: str) -> None:
    now = just_now()
    async with BatchWriter(database_url) as writer:
        events = [granted("alice", amount=5, time=now), charged("a", amount=4, time=now)]
        await writer.record(TopicLog().batch(events))
    values: dict[str, Any] = {
        "user_id": "alice", "user_ids": ["alice"], "limit": 10, "now": now, "call_id": "",
        "by_cost": False, "starts": [now - timedelta(days=1)], "ends": [now + timedelta(days=1)],
    }  # fmt: skip

    def bound(name: str, viewer: Viewer, **more: Any) -> tuple[Any, ...]:
        known = values | viewer.parameters | more
        return SQL.bind(name, **{each: known[each] for each in SQL.statement(name).parameters})

    async with connected(database_url, name="test") as connection:
        hold = "INSERT INTO budget_holds VALUES ('alice', 'c', 9, $1)"
        await connection.execute(
            hold.replace("VALUES", "(user_id, call_id, spend_nano, expires_at) VALUES"),
            now + timedelta(hours=1),
        )
        await connection.execute(CREDIT_OF_USER[-1], "alice")
        for viewer, seen in ((ALICE, True), (BOB, False), (ROOT, True)):
            for name in ("grants", "alerts", "ending_alerts", "low_balance", "accounts", "drawn"):
                assert bool(await connection.fetch(*bound(name, viewer))) is seen, name
            assert (await connection.fetchval(*bound("held", viewer)) > 0) is seen
        change = {"amounts": [7], "has_amounts": True, "days": 3, "has_days": True}
        await connection.execute(*bound("change_low_balance", BOB, **change))
        [low] = await connection.fetch(*bound("low_balance", ALICE))
        assert tuple(low) == (None, None)
        await connection.execute(*bound("change_low_balance", ALICE, **change))
        [low] = await connection.fetch(*bound("low_balance", ALICE))
        assert tuple(low) == ([7], 3)
