"""Grants, scopes, messages and executed commands between a backup and a restore by the document.

PostgreSQL is lost after them. The restored ledger has the same balances, totals of scopes and
alerts; no message is sent twice, and no command is executed twice.
"""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from tests.faults.test_restore_drill import CallEmitter, RestoreDrill, new_server  # noqa: F401
from tests.support import parts
from tests.support.alerting import USD, just_now
from tests.support.events import Plain, charged, cost, event, granted, started
from tests.support.fault_table import AlertFigures, FaultRecorder
from tests.support.links import linked
from tests.support.notifications import SECRET, write_channel
from tests.support.product_processes import Product
from tests.support.receivers import HttpReceiver, receiver
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

USERS = ("ann", "ben", "cyd")
KINDS = ("alert", "low_balance", "forecast", "daily_digest")
PROCESSES = ("worker", "notices", "commands", "api")
EXPECTED = {"budget.threshold.reached": 12, "balance.ending": 3, "digest.daily": 3}
"""Messages of three users: two thresholds of the scope and of a call, the balance, the digest."""
ALERTS = {
    "budgets": "SELECT alert_id::text FROM budget_alerts",
    "balances": "SELECT alert_id::text FROM balance_alerts",
    "ends of balances": "SELECT alert_id::text FROM balance_ending_alerts",
}


def history(user: str) -> list[Plain]:
    """Return a grant, and calls of the last ten days with a tag."""
    now = just_now()
    events = [granted(user, amount=300, time=now - timedelta(days=12))]
    for day in range(10, 0, -1):
        at = now - timedelta(days=day)
        of: dict[str, Any] = {"call": f"{user}-{day}", "user": user, "time": at}
        events += [started(**of, tags={"customer": "acme"}), charged(**of, amount=20)]
    return events


def between(user: str) -> list[Plain]:
    """Return what happens after the backup: the scope, the balance and a call reach their limits."""
    of: dict[str, Any] = {"call": f"{user}-now", "user": user, "time": just_now()}
    at = event("call.updated", {"callId": of["call"], "provider": "acme"}, time=of["time"])
    return [
        started(**of, tags={"customer": "acme"}),
        at,
        charged(**of, amount=65),
        *(cost(**of, totalCost="0.6", id=f"{user}-{number}") for number in range(2)),
    ]


class Observed:
    """What users see, without what only time changes, and which messages they got."""

    def __init__(self) -> None:
        self.bodies: dict[str, Any] = {}
        self.alerts: dict[str, set[str]] = {}

    def all_alerts(self) -> set[str]:
        return set().union(*self.alerts.values())

    def difference_nano(self, other: "Observed") -> int:
        """Return the sum of the differences of balances."""
        pairs = [(self.bodies[user][0], other.bodies[user][0]) for user in USERS]
        return sum(abs(int((one - two) * USD)) for one, two in pairs)

    async def read(self, product: Product, url: str) -> "Observed":
        for user in USERS:
            credit = await product.ask("GET", f"/api/costs/user/{user}/credits", None, user)
            grants = [(one["id"], one["state"], one["remaining_usd"]) for one in credit["grants"]]
            found = await product.ask("GET", f"/api/costs/user/{user}/budgets", None, user)
            scopes = [
                (one["budgetId"], one["currentSpend"], one["currentLimit_usd"])
                for one in found["budgets"]
            ]
            self.bodies[user] = (credit["balance_usd"], grants, scopes)
        for name, query in ALERTS.items():
            self.alerts[name] = {row[0] for row in await fetch(url, query)}
        return self


async def prepare(product: Product, url: str, endpoint: HttpReceiver) -> None:
    """Give each user a raised budget of a tag, limits and a channel for all kinds."""
    until_ = (just_now() + timedelta(days=2)).isoformat()
    budget = {
        "scope": {"kind": "tag", "key": "customer", "value": "acme"}, "period": "month",
        "limit_usd": 50, "raise": {"limit_usd": 60, "until": until_},
    }  # fmt: skip
    for user in USERS:
        path = f"/api/costs/user/{user}"
        await write_channel(url, f"{endpoint.url}/{user}", user_id=user, kinds=KINDS)  # type: ignore[arg-type]
        await product.send(*history(user))
        await put(product, "POST", f"{path}/budgets", user, budget)
        limits = {"monthlyLimit_usd": 100_000, "maxCostPerCall_usd": 1}
        await put(product, "PUT", f"{path}/budget", user, limits)
        await put(product, "PUT", f"{path}/credits", user, {"lowBalanceDays": 3})


async def put(product: Product, method: str, path: str, user: str, body: Any) -> Any:
    role = "admin" if "/admin/" in path else "user"
    return await product.ask(method, path, json.dumps(body).encode(), user, role)  # type: ignore[arg-type]


async def let_more_follow(product: Product, url: str) -> None:
    """Grant and void by REST, reach limits, and write digests, after the backup."""
    for user in USERS:
        grant = {"userId": user, "amount": 7, "note": "After the backup"}
        for _ in range(2):
            accepted = await put(product, "POST", "/api/admin/credits", "root", grant)
        void = {"userId": user, "voids": accepted["accepted"][0], "reason": "Twice"}
        await put(product, "POST", "/api/admin/credits/void", "root", void)
        await product.send(*between(user))
    await make_digests_due(url)


async def make_digests_due(url: str) -> None:
    await fetch(url, "UPDATE notice_schedule SET due_at = now() - interval '1 second'")


async def start_and_back_up(product: Product, drill: RestoreDrill) -> None:
    url = drill.pipeline.database_url
    for name in PROCESSES:
        product.start(name)
    await product.until_ready()
    await prepare(product, url, drill.endpoint)
    await until(lambda: is_ready(url, len(USERS) * 21), 90)
    await drill.run_documented(0, ADMIN_DATABASE_URL=url)


async def let_it_settle(product: Product, url: str) -> None:
    """Wait until the restored ledger is complete, twice with digests that are due."""
    await make_digests_due(url)
    await until(lambda: is_settled(url), 90)
    await make_digests_due(url)
    await asyncio.sleep(8)  # the schedule and the deliveries run meanwhile
    await until(lambda: is_settled(url), 60)
    await product.until_ready()


async def is_settled(url: str) -> bool:
    """Return whether everything is counted, written, sent and executed."""
    query = """SELECT (SELECT count(*) FROM credit_events) = 12
                  AND (SELECT count(*) FROM balance_ending_alerts) = 3
                  AND (SELECT count(*) FROM call_commands WHERE state = 'executed') = 3
                  AND (SELECT count(*) FROM notices WHERE kind = 'daily_digest') = 3
                  AND NOT EXISTS (SELECT FROM notice_schedule WHERE due_at <= now())
                  AND NOT EXISTS (SELECT FROM notice_deliveries WHERE state IN ('pending', 'delivering'))
                  AND NOT EXISTS (SELECT FROM notices AS n WHERE NOT EXISTS (
                          SELECT FROM notice_deliveries AS d WHERE d.subject_id = n.notice_id))
                  AND (SELECT published_at IS NOT NULL AND journal_read_at IS NOT NULL
                         FROM ledger_epochs ORDER BY epoch DESC LIMIT 1)"""
    return bool((await fetch(url, query))[0][0])


def ids_of(endpoint: HttpReceiver) -> Counter[str]:
    return Counter(request.headers["webhook-id"] for request in endpoint.accepted)


@pytest.mark.long
async def test_restored_ledger_has_all_credit_scopes_and_messages_once(
    pipeline: Pipeline,
    new_server: EmbeddedPostgres,  # noqa: F811
    tmp_path: Path,
    record_fault: FaultRecorder,
) -> None:
    url = pipeline.database_url
    async with receiver() as endpoint, receiver() as ender, linked(url) as (link, linked_url):
        drill = RestoreDrill(
            pipeline, new_server, tmp_path, link, endpoint, CallEmitter(pipeline), []
        )
        product = Product(
            Pipeline(pipeline.bootstrap, pipeline.idempotent, linked_url), tmp_path,
            COMMANDS_WEBHOOK_URL=ender.url, COMMANDS_WEBHOOK_SECRET=SECRET,
        )  # fmt: skip
        try:
            await start_and_back_up(product, drill)
            at_backup = len(endpoint.accepted)
            await let_more_follow(product, url)
            await until(lambda: is_settled(url), 60)
            before = await Observed().read(product, url)
            sent, executed = ids_of(endpoint), ids_of(ender)
            link.cut()
            await drill.restore()
            fresh = drill.fresh.database_url
            await let_it_settle(product, fresh)
            after = await Observed().read(product, fresh)
        finally:
            product.close()
        verified = await drill.run_documented(2, DATABASE_URL=fresh)
        found, found_executed = ids_of(endpoint), ids_of(ender)
    kinds = Counter(request.json["type"] for request in endpoint.accepted)
    sums = [sum(one.values()) for one in (sent, found - sent, executed, found_executed - executed)]
    report(pipeline.broker, at_backup, sums, kinds)
    record_fault(
        f"restore with grants, scopes, messages and commands since the backup, {pipeline.broker}",
        sent=12,
        counted=sum(len(grants) for _, grants, _ in after.bodies.values()) + 3,
        difference=after.difference_nano(before),
        alerts=AlertFigures.of(before.all_alerts(), sorted(after.all_alerts())),
    )
    assert after.bodies == before.bodies
    assert after.alerts == before.alerts
    assert found_executed == executed
    assert found.keys() >= sent.keys()
    assert set(found.values()) == {1}, "a message that was under way is sent once, too"
    assert kinds == EXPECTED
    assert "Differences: 0" in verified


def report(broker: str, at_backup: int, sums: list[int], kinds: Counter[str]) -> None:
    """Print the figures: messages before and after the restore, and commands."""
    parts.figures.append(
        f"restore with credit, {broker}: {sums[0]} messages before"
        f" ({sums[0] - at_backup} after the backup), {sums[1]} more after it,"
        f" {sums[2]} commands executed, {sums[3]} again; {dict(kinds)}"
    )


async def is_ready(url: str, count: int) -> bool:
    """Return whether the first events are counted, and digests and forecasts are planned."""
    query = """SELECT (SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled')
                    + (SELECT count(*) FROM credit_events),
                      (SELECT count(*) FROM notice_schedule WHERE due_at > now())"""
    [(counted, planned)] = await fetch(url, query)
    return bool(counted >= count and planned >= 2 * len(USERS))
