"""Anomalies are found in a real database, each cause once, by any number of detectors."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import pytest

from ledger.anomalies.detection import AnomalyDetector, DetectionResult
from ledger.anomalies.rows import anomaly_store
from ledger.anomalies.sweep_rows import lock_sweep
from tests.support.anomalies import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    USD,
    check_day,
    check_for_anomalies,
    count_announced,
    row,
    stored_anomalies,
    sweep,
    sweep_from,
    write_calls,
    write_history,
)
from tests.support.ledger_rows import CENT, rows
from tests.support.recording import fetch

SPIKE = ("call_spike", "expensive", "elevenlabs", True)


async def test_spike_is_found_and_announced_once(database_url: str) -> None:
    await write_history(database_url)
    await write_calls(database_url, row("expensive", NOW - MINUTE, elevenlabs=5 * USD))
    assert await check_for_anomalies(
        database_url, "expensive", "expensive", "unknown"
    ) == DetectionResult(1, 0)
    assert await check_for_anomalies(database_url, "expensive", now=NOW + HOUR) == DetectionResult(
        0, 0
    )
    assert await stored_anomalies(database_url) == [SPIKE]
    [(payload, key)] = await fetch(database_url, "SELECT payload, aggregateid FROM outbox")
    event = json.loads(payload)
    assert (key, event["type"]) == ("alice", "cost.anomaly.detected")
    assert event["id"] == event["data"]["anomalyId"]
    assert event["data"]["observed_usd"] == 5
    assert event["data"]["expected_usd"] == 0.5
    assert event["data"]["comparedWith"] == "own_persona_calls"
    assert event["data"]["message"] == (
        "ElevenLabs cost $1.00 per minute in this call, 10\N{MULTIPLICATION SIGN} the usual $0.10 "
        "in earlier calls with this persona."
    )


async def test_parallel_detectors_find_an_anomaly_once(database_url: str) -> None:
    await write_history(database_url)
    names = [f"expensive-{n}" for n in range(5)]
    await write_calls(
        database_url, *(row(name, NOW - MINUTE, elevenlabs=5 * USD) for name in names)
    )
    looks = await asyncio.gather(*(check_for_anomalies(database_url, *names) for _ in range(6)))
    assert sum(one.found for one in looks) == 5
    assert await count_announced(database_url) == 5


async def test_failed_transaction_leaves_nothing_and_is_repeated(
    database_url: str,
) -> None:
    await write_history(database_url)
    await write_calls(database_url, row("expensive", NOW - MINUTE, elevenlabs=5 * USD))

    async def cut_off() -> None:
        async with anomaly_store(database_url) as store, store.transaction() as connection:
            assert (await AnomalyDetector().check_calls(connection, ["expensive"], NOW)).found == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await cut_off()
    assert (await stored_anomalies(database_url), await count_announced(database_url)) == ([], 0)
    assert (await check_for_anomalies(database_url, "expensive")).found == 1
    assert await count_announced(database_url) == 1


async def test_withdrawn_spike_is_resolved_and_not_announced_again(
    database_url: str,
) -> None:
    await write_history(database_url)
    await write_calls(database_url, row("expensive", NOW - MINUTE, elevenlabs=5 * USD))
    await check_for_anomalies(database_url, "expensive")
    right = json.dumps({"2026-03-15": {"elevenlabs": 50 * CENT, "twilio": CENT}})
    wrong = (await fetch(database_url, "SELECT costs FROM calls WHERE call_id = 'expensive'"))[0][0]
    change = "UPDATE calls SET costs = $1 WHERE call_id = 'expensive'"
    await fetch(database_url, change, right)
    assert await check_for_anomalies(database_url, "expensive") == DetectionResult(0, 1)
    assert await stored_anomalies(database_url) == [(*SPIKE[:3], False)]
    await fetch(database_url, change, wrong)
    assert await check_for_anomalies(database_url, "expensive") == DetectionResult(0, 0)
    assert await stored_anomalies(database_url) == [SPIKE]
    assert await count_announced(database_url) == 1


async def test_missing_legs_are_found_after_the_grace_period_and_resolved(
    database_url: str,
) -> None:
    await write_history(database_url)
    lost = row("lost", NOW - 10 * MINUTE, twilio=0, elevenlabs=0)
    await write_calls(database_url, lost)
    assert await check_for_anomalies(database_url, "lost") == DetectionResult(0, 0)
    later = NOW + 10 * MINUTE
    assert await check_for_anomalies(database_url, "lost", now=later) == DetectionResult(2, 0)
    assert await stored_anomalies(database_url) == [
        ("missing_leg", "lost", "speech_synthesis", True),
        ("missing_leg", "lost", "telephony", True),
    ]
    [(data,)] = await fetch(
        database_url, "SELECT data FROM cost_anomalies WHERE part = 'telephony'"
    )
    anomaly = json.loads(data)
    assert (anomaly["observed_usd"], anomaly["expected_usd"]) == (0, 0.07)
    assert anomaly["message"] == (
        "No telephony cost was recorded for this completed 5-minute call; usually it costs $0.07."
    )
    async with rows(database_url) as ledger:
        await ledger.event(
            lost,
            service="twilio",
            operation="outbound_call",
            usage=5,
            unit="minutes",
            cost_nano=7 * CENT,
        )
    assert await check_for_anomalies(database_url, "lost", now=later) == DetectionResult(0, 1)
    assert ("missing_leg", "lost", "telephony", False) in await stored_anomalies(database_url)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"status": "failed"}, 0),
        ({"duration_ms": 29_000}, 0),
        ({"status": "terminated"}, 4),
        ({"status": "active"}, 0),
    ],
)
async def test_only_ended_calls_of_some_length_need_legs(
    database_url: str, changes: dict[str, object], count: int
) -> None:
    call = row("bare", NOW - HOUR, twilio=0, deepgram=0, cerebras=0, elevenlabs=0)
    for name, value in changes.items():
        setattr(call, name, value)
    await write_calls(database_url, call)
    assert (await check_for_anomalies(database_url, "bare")).found == count


async def test_recorded_operations_decide_which_legs_are_present(database_url: str) -> None:
    await fetch(
        database_url,
        """INSERT INTO service_prices (service, class, operation, unit, price_usd, effective_from, source, set_by)
           VALUES ('openai', 'api', 'tts', 'characters', 1, '2020-01-01Z', 'tests', 'tests')""",
    )
    call = row("talk", NOW - HOUR, cerebras=0, elevenlabs=0, openai=CENT)
    await write_calls(database_url, call)
    async with rows(database_url) as ledger:
        await ledger.event(
            call, service="openai", operation="tts", usage=1, unit="characters", cost_nano=CENT
        )
    await check_for_anomalies(database_url, "talk")
    assert await stored_anomalies(database_url) == [("missing_leg", "talk", "inference", True)]


async def test_sweep_finds_calls_whose_end_was_missed(database_url: str) -> None:
    await write_history(database_url)
    await write_calls(
        database_url,
        row("expensive", NOW - HOUR, elevenlabs=5 * USD),
        row("lost", NOW - HOUR, twilio=0),
        row("fresh", NOW - MINUTE, twilio=0),
        row("judged long ago", NOW - 5 * HOUR, twilio=0),
    )
    await sweep_from(database_url, NOW - 2 * HOUR)
    assert await sweep(database_url) == DetectionResult(2, 0)
    assert await sweep(database_url) == DetectionResult(0, 0)
    assert await stored_anomalies(database_url) == [
        SPIKE,
        ("missing_leg", "lost", "telephony", True),
    ]
    assert await sweep(database_url, NOW + HOUR) == DetectionResult(1, 0)
    assert await count_announced(database_url) == 3


async def test_sweep_covers_all_users_in_steps(database_url: str) -> None:
    users = [f"user-{n:03}" for n in range(120)]
    await write_calls(database_url, *(row(f"of {u}", NOW - HOUR, u, twilio=0) for u in users))
    await sweep_from(database_url, NOW - 2 * HOUR)
    assert (await sweep(database_url)).found == 120


async def test_only_one_process_sweeps(database_url: str) -> None:
    await write_calls(database_url, row("lost", NOW - HOUR, twilio=0))
    await sweep_from(database_url, NOW - 2 * HOUR)
    async with anomaly_store(database_url) as store, store.transaction() as connection:
        assert await lock_sweep(connection) is not None
        assert await sweep(database_url) == DetectionResult(0, 0)
    assert (await sweep(database_url)).found == 1


async def test_first_sweep_of_a_day_checks_earlier_days(database_url: str) -> None:
    """It finds what arrived a day late, and resolves old anomalies."""
    await write_calls(
        database_url,
        row("late", NOW - 30 * HOUR, twilio=0),
        row("old", NOW - 10 * DAY, twilio=0),
    )
    await check_for_anomalies(database_url, "old")
    await fetch(
        database_url,
        "UPDATE calls SET updated_at = $1, duration_ms = CASE call_id WHEN 'old' THEN 1 ELSE duration_ms END",
        NOW - HOUR,
    )
    await sweep_from(database_url, NOW - 2 * HOUR)
    assert await sweep(database_url) == DetectionResult(0, 1)
    await sweep_from(database_url, NOW - 2 * HOUR)
    await fetch(database_url, "UPDATE anomaly_sweep SET closed_on = closed_on - 1")
    assert await sweep(database_url) == DetectionResult(1, 0)


async def write_days(url: str, days: int, today: int, elevenlabs: int = 50 * CENT) -> None:
    """Write two calls on each earlier day, and this many today."""
    calls = [
        row(f"past-{d}-{n}", NOW - d * DAY - n * HOUR) for d in range(1, days + 1) for n in (0, 1)
    ]
    calls += [
        row(f"today-{n}", NOW - (n + 1) * MINUTE, elevenlabs=elevenlabs) for n in range(today)
    ]
    await write_calls(url, *calls)


async def test_day_with_many_more_calls_is_one_anomaly(database_url: str) -> None:
    await write_days(database_url, 35, 16)
    assert await check_day(database_url, "alice", "bob") == DetectionResult(1, 0)
    assert await check_day(database_url, "alice", now=NOW + HOUR) == DetectionResult(0, 0)
    assert await stored_anomalies(database_url) == [("day_spike", "2026-03-15", "", True)]
    [(message,)] = await fetch(database_url, "SELECT data::jsonb ->> 'message' FROM cost_anomalies")
    assert message == (
        "All services together cost $9.76 on March 15, 2026 (UTC), 8\N{MULTIPLICATION SIGN} the "
        "usual $1.22 for a Sunday; driven by ElevenLabs."
    )
    await fetch(database_url, "DELETE FROM user_day_costs WHERE day = '2026-03-15'")
    assert await check_day(database_url, "alice") == DetectionResult(0, 1)


async def test_expensive_day_names_its_service(database_url: str) -> None:
    await write_days(database_url, 35, 2, elevenlabs=4 * USD)
    assert (await check_day(database_url, "alice")).found == 1
    assert await stored_anomalies(database_url) == [("day_spike", "2026-03-15", "elevenlabs", True)]


async def test_spike_of_one_call_does_not_make_its_day_an_anomaly(database_url: str) -> None:
    await write_days(database_url, 35, 2)
    await write_calls(database_url, row("expensive", NOW - MINUTE, elevenlabs=9 * USD))
    assert (await check_for_anomalies(database_url, "expensive")).found == 1
    assert (await check_day(database_url, "alice")).found == 0


async def test_sweep_checks_the_current_day_and_past_days(database_url: str) -> None:
    await write_days(database_url, 35, 16)
    await sweep_from(database_url, NOW - HOUR)
    await sweep(database_url)
    assert await stored_anomalies(database_url) == [("day_spike", "2026-03-15", "", True)]
    await fetch(database_url, "TRUNCATE cost_anomalies, outbox CASCADE")
    tomorrow = NOW + DAY
    await sweep_from(database_url, NOW + HOUR)
    await sweep(database_url, tomorrow)
    assert await stored_anomalies(database_url) == [("day_spike", "2026-03-15", "", True)]
    [(closed_on,)] = await fetch(database_url, "SELECT closed_on FROM anomaly_sweep")
    assert closed_on == tomorrow.date()


async def test_database_refuses_a_second_anomaly_of_a_cause(database_url: str) -> None:
    """The unique key guarantees it, whatever the id."""
    insert = """INSERT INTO cost_anomalies (anomaly_id, user_id, kind, subject, part, day, observed_nano, detected_at, data)
                VALUES (gen_random_uuid(), 'alice', 'missing_leg', 'call-1', 'telephony', '2026-03-15', 0, now(), '{}')"""
    await fetch(database_url, insert)
    with pytest.raises(asyncpg.UniqueViolationError):
        await fetch(database_url, insert)


async def test_new_persona_is_compared_with_other_users(database_url: str) -> None:
    calls = [row(f"{n}", NOW - timedelta(hours=n + 1), f"user-{n % 6}") for n in range(30)]
    await write_calls(database_url, *calls, row("expensive", NOW, "newcomer", elevenlabs=5 * USD))
    assert (await check_for_anomalies(database_url, "expensive")).found == 1
    [(result,)] = await fetch(
        database_url, "SELECT data::jsonb ->> 'comparedWith' FROM cost_anomalies"
    )
    assert result == "persona_calls"
