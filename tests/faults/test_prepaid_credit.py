"""Workers are killed while they count charges, refunds, grants and voids: balances stay exact."""

import asyncio
import random
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ledger.credits.rows import read_accounts
from ledger.postgres.database import connected
from schemas.credits import LOW_BALANCE_USD
from schemas.money import NANO_PER_USD
from tests.support.alerting import just_now
from tests.support.credit_model import latest_grant, plain_balance
from tests.support.events import Plain, charged, ended, grant_voided, granted, refunded
from tests.support.fault_table import AlertFigures, FaultRecorder
from tests.support.recording import assert_verified, fetch
from tests.support.streaming import Pipeline
from tests.support.worker_process import WorkerProcess

USERS, CALLS = 20, 1_500
WORKERS, KILLS, BATCH_MAX = 2, 6, 20
REPEATED = 200


def events_of(rng: random.Random, now: datetime) -> dict[str, list[Plain]]:
    """Return grants, voids, charges, ends and refunds of the last three days, by user."""
    events: dict[str, list[Plain]] = defaultdict(list)
    for number in range(USERS):
        user = f"user-{number}"
        for priority in (0, 100, 100):
            at = now - timedelta(hours=rng.randint(1, 72))
            lasts = rng.choice([None, timedelta(hours=rng.randint(1, 40))])
            ends = None if lasts is None else at + lasts
            amount = rng.randint(10, 150)
            events[user].append(
                granted(user, amount=amount, time=at, priority=priority, expiresAt=ends)
            )
        if number % 4 == 0:
            events[user].append(grant_voided(events[user][0], user, time=now))
    for number in range(CALLS):
        user = f"user-{rng.randrange(USERS)}"
        at = now - timedelta(minutes=rng.randint(0, 72 * 60))
        where = {"call": f"call-{number}", "user": user}
        end = rng.random() < 0.5
        paid = (
            ended(**where, time=at) if end else charged(**where, amount=rng.randint(1, 9), time=at)
        )
        events[user].append(paid)
        if rng.random() < 0.2:
            later = min(now, at + timedelta(hours=1))
            events[user].append(refunded(**where, amount=rng.randint(1, 6), time=later))
    return events


@pytest.mark.timeout(300)
async def test_kills_change_no_balance(
    pipeline: Pipeline, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    rng, now = random.Random(41), just_now()
    events = events_of(rng, now)
    stream = [event for of_user in events.values() for event in of_user]
    rng.shuffle(stream)
    workers = [WorkerProcess(pipeline, tmp_path / f"worker-{n}", BATCH_MAX) for n in range(WORKERS)]
    with ExitStack() as stack:
        for worker in workers:
            worker.directory.mkdir()
            stack.callback(worker.abandon)
        records = len(await pipeline.send([*stream, *rng.sample(stream, REPEATED)]))
        for worker in workers:
            worker.start()
        for _ in range(KILLS):
            await pipeline.until_more_than(await pipeline.counted() + records // (KILLS + 4))
            await asyncio.sleep(rng.random() * 0.02)
            victim = rng.choice(workers)
            victim.kill()
            victim.start()
        await pipeline.until_counted(records)
        for worker in workers:
            await worker.stop()
    await assert_balances(pipeline, events, now, record_fault)


async def assert_balances(
    pipeline: Pipeline, events: dict[str, list[Plain]], now: datetime, record_fault: FaultRecorder
) -> None:
    async with connected(pipeline.database_url, name="test") as connection:
        accounts = await read_accounts(connection, sorted(events), now)
    found = {account.user_id: account.balance for account in accounts}
    expected = {user: plain_balance(of_user, now) for user, of_user in events.items()}
    recorded = """SELECT (SELECT count(*) FROM call_cost_events WHERE type <> 'call.settled')
                       + (SELECT count(*) FROM credit_events)"""
    [[counted]] = await fetch(pipeline.database_url, recorded)
    keys = "SELECT user_id, threshold_nano, grant_id::text FROM balance_alerts"
    alerts = [tuple(row) for row in await fetch(pipeline.database_url, keys)]
    due = {
        (user, amount, latest_grant(events[user], now))
        for user, balance in expected.items()
        for amount in (LOW_BALANCE_USD * NANO_PER_USD, 0)
        if balance.nano <= amount
    }
    record_fault(
        f"prepaid credit, {WORKERS} workers killed {KILLS} times, {pipeline.broker}",
        sent=sum(map(len, events.values())),
        counted=counted,
        difference=sum(abs(expected[user].nano - found[user].nano) for user in events),
        alerts=AlertFigures.of(due, [alert for alert in alerts if alert in due]),
    )
    assert {user: (b.remaining, b.expired, b.nano) for user, b in found.items()} == expected
    await assert_verified(pipeline.database_url)
