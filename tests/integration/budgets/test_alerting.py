"""Alerts in a real database: each exists once, when it is due, with its reason."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.support.alerting import USD, AlertKey, change, just_now, raised_alerts
from tests.support.events import Plain, charged, cost, ended, refunded, started
from tests.support.recording import BatchWriter, TopicLog, assert_verified, batch_of, fetch

NOW = just_now()
TODAY, MONTH = f"{NOW:%Y-%m-%d}", f"{NOW:%Y-%m}"
YESTERDAY = NOW - timedelta(days=1)


def key(percent: int, kind: str = "daily", version: int = 1, period: str | None = None) -> AlertKey:
    by_type = {"daily": TODAY, "monthly": MONTH, "call": "call-1"}
    return AlertKey("alice", kind, period or by_type[kind], Fraction(percent), version)


def charge(amount: object, at: datetime | None = None, **more: Any) -> Plain:
    return charged(time=at or NOW, amount=amount, fee=0, **more)


async def record(database_url: str, *events: Plain) -> None:
    """Record events as one batch."""
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))


async def outbox(database_url: str) -> list[dict[str, Any]]:
    rows = await fetch(database_url, "SELECT payload FROM outbox ORDER BY seq")
    return [json.loads(row[0], parse_float=Decimal) for row in rows]


async def test_each_threshold_raises_one_alert_with_its_reason(database_url: str) -> None:
    await change(database_url, "alice", daily_limit=(True, 10 * USD), thresholds=(Decimal(50),))
    first, second, third = charge(4), charge("4.5", call="call-2"), charge(3)
    await record(database_url, first)
    assert await raised_alerts(database_url) == {}
    await record(database_url, second, first)
    await record(database_url, second)
    assert await raised_alerts(database_url) == {key(50): False, key(80): False}
    await record(database_url, third)
    assert set(await raised_alerts(database_url)) == {key(50), key(80), key(100)}
    messages = await outbox(database_url)
    assert [event["data"]["threshold_percent"] for event in messages] == [50, 80, 100]
    alert = messages[1]["data"]
    assert messages[1]["id"] == alert["alertId"]
    assert messages[1]["subject"] == alert["userId"] == "alice"
    assert (alert["limit_usd"], alert["current_spend"], alert["remaining"]) == (
        10,
        Decimal("8.5"),
        Decimal("1.5"),
    )
    assert alert["crossedBy"] == {
        "source": second["source"],
        "id": second["id"],
        "service": "stripe",
    }
    assert alert["callId"] == "call-2"
    assert alert["periodStart"] == f"{TODAY}T00:00:00Z"
    assert alert["spentLastHour"] == Decimal("8.5")
    assert (
        alert["message"] == "You've been charged $8.50 today, past 80% of your $10.00 daily limit."
    )
    assert messages[2]["data"]["crossedBy"]["id"] == third["id"]
    assert messages[2]["data"]["remaining"] == 0


async def test_alert_by_default_charge_names_the_end_of_the_call(database_url: str) -> None:
    await change(database_url, "alice", monthly_limit=(True, 4 * USD))
    end = ended(time=NOW)
    await record(database_url, started(time=NOW), cost(time=NOW), end, cost("call-2", time=NOW))
    assert set(await raised_alerts(database_url)) == {key(80, "monthly"), key(100, "monthly")}
    for event in await outbox(database_url):
        assert event["data"]["crossedBy"]["id"] == end["id"]
        assert {driver["service"] for driver in event["data"]["drivers"]} <= {
            "stripe",
            "twilio",
            "raindrop",
            "vultr",
        }
        assert event["data"]["drivers"][0]["service"] == "stripe"


async def test_changed_limit_rearms_alerts_and_lowered_limit_alerts_at_once(
    database_url: str,
) -> None:
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    await record(database_url, charge(9))
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    assert set(await raised_alerts(database_url)) == {key(80)}
    await change(database_url, "alice", daily_limit=(True, 100 * USD))
    assert set(await raised_alerts(database_url)) == {key(80)}
    await change(database_url, "alice", daily_limit=(True, 5 * USD))
    now = {key(80), key(80, version=3), key(100, version=3)}
    assert set(await raised_alerts(database_url)) == now
    assert [event["data"]["crossedBy"] for event in await outbox(database_url)][1:] == [None, None]
    await change(database_url, "alice", thresholds=(Decimal(150),))
    assert set(await raised_alerts(database_url)) == now | {key(150, version=3)}
    await change(database_url, "alice", daily_limit=(True, None))
    await record(database_url, charge(100, call="call-2"))
    assert len(await raised_alerts(database_url)) == 4


async def test_repeats_refunds_and_voids_raise_no_second_alert(database_url: str) -> None:
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    events = [charge(10), refunded(time=NOW, amount=10), charge(10, call="call-2")]
    for event in [*events, *events]:
        await record(database_url, event)
    assert set(await raised_alerts(database_url)) == {key(80), key(100)}
    assert len(await outbox(database_url)) == 2


async def test_late_alert_is_recorded_and_not_notified(database_url: str) -> None:
    await change(database_url, "alice", daily_limit=(True, 10 * USD))
    await record(database_url, charge(12, YESTERDAY), charge(1))
    late = {
        key(80, period=f"{YESTERDAY:%Y-%m-%d}"): True,
        key(100, period=f"{YESTERDAY:%Y-%m-%d}"): True,
    }
    assert await raised_alerts(database_url) == late
    assert await outbox(database_url) == []


async def test_days_follow_the_time_zone_of_the_user(database_url: str) -> None:
    zone = "Pacific/Kiritimati"
    here = datetime.now(UTC) + timedelta(hours=14)
    before = datetime.combine(here.date(), datetime.min.time(), UTC) - timedelta(
        hours=14, minutes=1
    )
    await change(database_url, "alice", daily_limit=(True, 10 * USD), timezone=zone)
    await record(database_url, charge(9, before), charge(9, call="call-2"))
    days = {
        (found.period, found.threshold): late
        for found, late in (await raised_alerts(database_url)).items()
    }
    yesterday = f"{here - timedelta(days=1):%Y-%m-%d}"
    assert days == {(yesterday, Fraction(80)): True, (f"{here:%Y-%m-%d}", Fraction(80)): False}


async def test_call_at_its_cap_is_cut_off_once_per_limit(database_url: str) -> None:
    await change(database_url, "alice", call_limit=(True, USD))
    await record(database_url, started(time=NOW), cost(time=NOW, totalCost="0.8"))
    await record(database_url, cost(time=NOW, totalCost="0.3"), cost(time=NOW, totalCost="0.3"))
    await record(database_url, cost(time=NOW, totalCost="5"))
    assert set(await raised_alerts(database_url)) == {key(80, "call"), key(100, "call")}
    messages = await outbox(database_url)
    assert [event["type"] for event in messages] == [
        "budget.threshold.reached", "budget.threshold.reached", "call.cutoff.requested",
    ]  # fmt: skip
    command = messages[2]["data"]
    assert command["callId"] == messages[2]["subject"] == "call-1"
    assert command["alertId"] == messages[1]["data"]["alertId"]
    assert command["crossedBy"]["service"] == "twilio"
    assert messages[1]["data"]["drivers"][0] == {
        "service": "twilio",
        "cost": Decimal("1.4"),
        "share_percent": Decimal("97.56"),
    }
    await change(database_url, "alice", call_limit=(True, 2 * USD))
    assert len(await outbox(database_url)) == 6


async def test_lowered_cap_cuts_off_a_long_call(database_url: str) -> None:
    """A long call still costs money, and the most."""
    began = NOW - timedelta(hours=23)
    await record(database_url, started(time=began), cost(time=began, totalCost="7"))
    await change(database_url, "alice", call_limit=(True, 5 * USD))
    assert set(await raised_alerts(database_url)) == {key(80, "call"), key(100, "call")}
    messages = [event["type"] for event in await outbox(database_url)]
    assert messages == ["budget.threshold.reached"] * 2 + ["call.cutoff.requested"]


async def test_cap_without_auto_cutoff_only_alerts(
    database_url: str,
) -> None:
    await change(database_url, "alice", call_limit=(True, USD), auto_cutoff=False)
    await record(database_url, started(time=NOW), cost(time=NOW, totalCost="3"))
    assert [event["type"] for event in await outbox(database_url)] == [
        "budget.threshold.reached"
    ] * 2
    await change(database_url, "alice", auto_cutoff=True)
    assert [event["type"] for event in await outbox(database_url)][2:] == ["call.cutoff.requested"]


async def test_slow_clock_does_not_close_a_call(database_url: str) -> None:
    """A started call is active for a day from its start, whatever happened before."""
    await change(database_url, "alice", call_limit=(True, USD))
    behind = cost(time=NOW - timedelta(days=2), totalCost="0.001")
    await record(database_url, started(time=NOW), behind)
    await record(database_url, cost(time=NOW, totalCost="3"))
    assert not any((await raised_alerts(database_url)).values())
    messages = [event["type"] for event in await outbox(database_url)]
    assert messages == ["budget.threshold.reached"] * 2 + ["call.cutoff.requested"]


async def test_ended_call_is_not_cut_off(database_url: str) -> None:
    await change(database_url, "alice", call_limit=(True, USD))
    await record(database_url, started(time=NOW), ended(time=NOW), cost(time=NOW, totalCost="3"))
    assert [event["type"] for event in await outbox(database_url)] == [
        "budget.threshold.reached"
    ] * 2
    old = NOW - timedelta(days=3)
    await record(database_url, ended("old", time=old), cost("old", time=old, totalCost="3"))
    late = {
        found.period for found, is_late in (await raised_alerts(database_url)).items() if is_late
    }
    assert late == {"old"}


async def test_concurrent_batch_and_limit_change_miss_no_alert(database_url: str) -> None:
    """Whichever commits first, the other sees it, because both lock the row."""
    for number in range(20):
        user = f"user-{number}"
        event = charged(f"call-{number}", user, time=NOW, amount=9, fee=0)
        async with BatchWriter(database_url) as writer:
            await asyncio.gather(
                writer.record(TopicLog().batch([event])),
                change(database_url, user, daily_limit=(True, 10 * USD)),
            )
        assert len(await raised_alerts(database_url, user)) == 1


async def test_concurrent_writers_know_the_limit_of_a_new_user(database_url: str) -> None:
    """Each cached that the user has no settings, which arrive while one of them waits."""
    for number in range(20):
        user = f"user-{number}"
        log = TopicLog()
        batches = [
            log.batch([charged(f"call-{number}-{one}", user, time=NOW, amount=5, fee=0)])
            for one in range(2)
        ]
        async with BatchWriter(database_url) as first, BatchWriter(database_url) as second:
            await asyncio.gather(
                first.record(batches[0]),
                change(database_url, user, daily_limit=(True, 10 * USD)),
                second.record(batches[1]),
            )
        assert {found.threshold for found in await raised_alerts(database_url, user)} == {80, 100}
    await assert_verified(database_url)


async def test_concurrent_writers_of_a_user_raise_each_alert_once(database_url: str) -> None:
    await change(
        database_url, "alice", daily_limit=(True, 100 * USD), thresholds=(Decimal(1), Decimal(50))
    )
    events = [charge(1, call=f"call-{number}") for number in range(120)]
    log = TopicLog()
    records = [log.append(event, partition=number % 3) for number, event in enumerate(events)]

    async def lane(partition: int) -> None:
        own = [record for record in records if record.partition == partition]
        async with BatchWriter(database_url) as writer:
            for start in range(0, len(own), 4):
                await writer.record(batch_of(own[start : start + 4]))

    await asyncio.gather(*(lane(partition) for partition in range(3)))
    assert set(await raised_alerts(database_url)) == {key(1), key(50), key(80), key(100)}
    spent = [event["data"]["current_spend"] for event in await outbox(database_url)]
    assert spent == sorted(spent)
    await assert_verified(database_url)
