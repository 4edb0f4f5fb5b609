"""After each commit, balances, grants and alerts are exactly those of the plain definition."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.budgets.alerting import Alerting
from ledger.credits.balance import Balance
from ledger.credits.rows import read_accounts
from ledger.postgres.database import connected
from schemas.credits import LOW_BALANCE_USD
from schemas.money import NANO_PER_USD
from tests.support.alerting import just_now
from tests.support.credit_model import latest_grant, plain_balance
from tests.support.events import (
    Plain,
    charged,
    cost,
    ended,
    grant_voided,
    granted,
    refunded,
    voided,
)
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

users = (f"user-{number}" for number in itertools.count())
amounts = st.integers(0, 24).map(lambda halves: Decimal(halves) / 2)
ages = st.sampled_from(
    [timedelta(), timedelta(minutes=20), timedelta(hours=1), timedelta(days=1), timedelta(days=40)]
)
moves = st.tuples(
    st.sampled_from(
        [
            "grant",
            "grant",
            "charge",
            "charge",
            "charge",
            "refund",
            "refund",
            "end",
            "failed",
            "cost",
        ]
    ),
    amounts,
    ages,
    st.integers(0, 2),
    st.sampled_from(
        [None, timedelta(minutes=15), timedelta(hours=3), timedelta(days=3), timedelta(90)]
    ),
    st.sampled_from([0, 100]),
)
steps = st.lists(
    st.one_of(moves, st.tuples(st.sampled_from(["void grant", "void cost"]), st.integers(0, 9))),
    min_size=3,
    max_size=14,
)
cuts = st.lists(st.integers(1, 4), min_size=14, max_size=14)


@pytest.mark.parametrize("basis", ["charged", "cost"])
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, order=st.randoms(use_true_random=False), cuts=cuts)
async def test_balances_agree_with_the_plain_definition(
    database_url: str, basis: str, steps: list[Any], order: Any, cuts: list[int]
) -> None:
    user, now = next(users), just_now()
    events = events_of(user, now, steps)
    order.shuffle(events)
    log, counted, alerts = TopicLog(), list[Plain](), set[tuple[int, str]]()
    remaining = iter(events)
    async with BatchWriter(database_url, alerting=Alerting(basis)) as writer:  # type: ignore[arg-type]
        for size in cuts:
            if not (batch := list(itertools.islice(remaining, size))):
                break
            await writer.record(log.batch(batch))
            assert not writer.letters
            counted += batch
            plain = plain_balance(counted, now)
            found = await balance_of_user(database_url, user, now)
            assert (found.remaining, found.expired, found.nano) == plain
            alerts |= due_alerts(counted, plain.nano, now)
            assert await raised(database_url, user) == alerts
    await assert_verified(database_url)


def events_of(user: str, now: datetime, steps: list[Any]) -> list[Plain]:
    """Return the events of generated steps; voids name an event by its place among those before."""
    events: list[Plain] = []
    for step in steps:
        if step[0] in {"void grant", "void cost"}:
            kind = "credit.granted" if step[0] == "void grant" else "cost.recorded"
            of_kind = [event for event in events if event["type"] == kind]
            if of_kind:
                target = of_kind[step[1] % len(of_kind)]
                events.append(
                    grant_voided(target, user, time=now)
                    if step[0] == "void grant"
                    else voided(target, target["data"]["callId"], user, time=now)
                )
            continue
        events.append(_event(user, now, *step))
    return events


def _event(
    user: str, now: datetime, kind: str, amount: Decimal, age: timedelta, call: int,
    lasts: timedelta | None, priority: int,
) -> Plain:  # fmt: skip
    at = now - age
    if kind == "grant":
        ends = None if lasts is None else at + lasts
        return granted(user, amount=amount, time=at, expiresAt=ends, priority=priority)
    where: dict[str, Any] = {"call": f"{user}/{call}", "user": user, "time": at}
    if kind == "charge":
        return charged(amount=amount, fee="0.25", **where)
    if kind == "refund":
        return refunded(amount=amount, **where)
    if kind in {"end", "failed"}:
        return ended(status="completed" if kind == "end" else "failed", **where)
    return cost(totalCost=amount, **where)


def due_alerts(events: list[Plain], nano: int, now: datetime) -> set[tuple[int, str]]:
    """Return each amount that the balance is at or below, with the latest grant."""
    latest = latest_grant(events, now)
    amounts = (LOW_BALANCE_USD * NANO_PER_USD, 0)
    return {(amount, latest) for amount in amounts if latest is not None and nano <= amount}


async def balance_of_user(database_url: str, user: str, now: datetime) -> Balance:
    """Return the balance of a user; an empty one without a grant that counts."""
    async with connected(database_url, name="test") as connection:
        accounts = await read_accounts(connection, [user], now)
    return accounts[0].balance if accounts else Balance({}, {}, 0)


async def raised(database_url: str, user: str) -> set[tuple[int, str]]:
    """Return the raised alerts."""
    query = "SELECT threshold_nano, grant_id::text FROM balance_alerts WHERE user_id = $1"
    return {tuple(row) for row in await fetch(database_url, query, user)}
