"""Silent calls in the database: found by their costs, once each, and resolved by a turn."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.stuck_calls.detection import StuckCalls
from tests.support.events import Plain, cost, ended, started, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.stuck_calls import check_calls, detector

NOW = datetime.now(UTC).replace(microsecond=0)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def turn(seconds: float, call: str = "call-1", **more: Any) -> Plain:
    fields = {"service": "cerebras", "operation": "inference", "usage": 100, "unit": "tokens"}
    return cost(call, **{**fields, "model": "llama3.1-8b", "time": at(seconds), **more})


def minute(seconds: float, call: str = "call-1", **more: Any) -> Plain:
    return cost(call, time=at(seconds), **more)


async def record(database_url: str, *events: Plain, arrived: float | None = None) -> None:
    """Record events that arrived at their own time, or `arrived` seconds from now."""
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(events))
    moment = "time" if arrived is None else f"to_timestamp({at(arrived).timestamp()})"
    await fetch(
        database_url,
        f"UPDATE call_cost_events SET recorded_at = {moment} WHERE event_id = ANY ($1)",
        [event["id"] for event in events],
    )


async def found_kinds(database_url: str) -> list[tuple[str, str, bool]]:
    rows = await fetch(
        database_url,
        "SELECT subject, kind, resolved_at IS NULL FROM cost_anomalies ORDER BY subject, kind",
    )
    return [tuple(row) for row in rows]


async def test_a_call_that_costs_without_inference_is_found_once(database_url: str) -> None:
    begun = started(time=at(-600))
    await record(database_url, begun, minute(-500), turn(-300), minute(-240), minute(-180))
    watch = detector()
    assert await check_calls(database_url, at(-181), watch) == StuckCalls()
    assert await check_calls(database_url, at(-180), watch) == StuckCalls(found=1)
    assert await check_calls(database_url, at(-170), watch) == StuckCalls()
    assert await check_calls(database_url, at(-170)) == StuckCalls(), "by another process"
    (row,) = await fetch(
        database_url, "SELECT data::jsonb ->> 'message' AS m, data::jsonb AS d FROM cost_anomalies"
    )
    assert row["m"] == (
        "No inference for 2 minutes, while the call cost $0.014 per minute. "
        "Ending it saves $3.26 until it is open for 4 hours."
    )
    await assert_verified(database_url)


async def test_a_turn_resolves_a_silence_and_another_silence_opens_it(database_url: str) -> None:
    watch = detector()
    await record(database_url, started(time=at(-600)), turn(-500), minute(-420), minute(-390))
    assert await check_calls(database_url, at(-380), watch) == StuckCalls(found=1)
    await record(database_url, turn(-370))
    assert await check_calls(database_url, at(-360), watch) == StuckCalls(resolved=1)
    await record(database_url, minute(-300))
    assert await check_calls(database_url, at(-240), watch) == StuckCalls()
    assert await found_kinds(database_url) == [("call-1", "silent_call", True)]
    messages = await fetch(database_url, "SELECT count(*) FROM outbox WHERE type LIKE '%anomaly%'")
    assert messages[0][0] == 1, "the cause is the same"


async def test_calls_without_a_conversation_are_not_silent(database_url: str) -> None:
    speech = {"service": "elevenlabs", "operation": "tts", "usage": 9, "unit": "characters"}
    transcribed = {
        "service": "deepgram",
        "operation": "transcription",
        "usage": 9,
        "unit": "seconds",
    }
    await record(
        database_url,
        *(minute(-600 + 60 * number, "plain") for number in range(10)),
        *(minute(-600 + 60 * number, "transcribed", **transcribed) for number in range(10)),
        *(minute(-600 + 60 * number, "spoken") for number in range(10)),
        minute(-595, "spoken", **speech),
    )
    assert (await check_calls(database_url, at(0))).found == 1
    assert await found_kinds(database_url) == [("spoken", "silent_call", True)]


async def test_inference_is_known_by_its_operation_its_service_or_its_tokens(
    database_url: str,
) -> None:
    kinds: list[dict[str, Any]] = [
        {"operation": "chat_completion"},
        {"operation": "a-new-operation"},
        {"service": "a-new-one", "operation": "chat", "unit": "input_tokens"},
        {
            "service": "a-new-one", "operation": "chat", "usage": None, "unit": None,
            "usages": [{"unit": "output_tokens", "quantity": 1}],
        },
    ]  # fmt: skip
    events = [
        event
        for number, kind in enumerate(kinds)
        for event in (
            minute(-600, f"call-{number}"),
            turn(-500, f"call-{number}"),
            turn(-30, f"call-{number}", **kind),
            minute(-10, f"call-{number}"),
        )
    ]
    await record(database_url, *events)
    assert await check_calls(database_url, at(0)) == StuckCalls()


async def test_a_late_turn_counts_from_its_arrival_and_a_voided_one_not_at_all(
    database_url: str,
) -> None:
    late = turn(-500, id="late")
    await record(database_url, minute(-600), minute(-60), minute(-10))
    await record(database_url, late, arrived=-30)
    assert await check_calls(database_url, at(0)) == StuckCalls()
    wrong = turn(-20, id="wrong")
    await record(database_url, wrong, minute(50))
    assert await check_calls(database_url, at(95)) == StuckCalls()
    await record(database_url, voided(wrong, time=at(96)))
    assert await check_calls(database_url, at(96)) == StuckCalls(found=1)


async def test_ended_calls_are_not_silent_and_their_silence_stays_found(database_url: str) -> None:
    await record(database_url, turn(-500), minute(-400), minute(-300))
    assert (await check_calls(database_url, at(-290))).found == 1
    await record(database_url, ended(time=at(-280)), minute(-200))
    assert await check_calls(database_url, at(-100)) == StuckCalls()
    assert await found_kinds(database_url) == [("call-1", "silent_call", True)]


async def test_the_end_of_a_stuck_call_is_requested_once_if_that_is_set(database_url: str) -> None:
    await record(database_url, turn(-500), minute(-400), minute(-300))
    assert await check_calls(database_url, at(-290), detector(ends_calls=True)) == StuckCalls(
        found=1, cutoffs=1
    )
    later = NOW + timedelta(hours=5)
    assert await check_calls(database_url, later, detector(ends_calls=True)) == StuckCalls(
        found=1, closed=1
    )
    (sent,) = await fetch(
        database_url,
        """SELECT payload::jsonb -> 'data' AS data FROM outbox
           WHERE type = 'call.cutoff.requested'""",
    )
    assert '"limit_usd": null' in sent["data"]
    assert '"anomalyId": "' in sent["data"]
