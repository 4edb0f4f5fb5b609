"""Calls and days for the tests of anomalies, as the ledger would have written them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.anomalies.call_spikes import CheckedCall, PastCall
from ledger.anomalies.detection import AnomalyDetector, DetectionResult
from ledger.anomalies.rows import anomaly_store
from ledger.anomalies.sweep import AnomalySweep
from schemas.anomalies import LEGS, Leg
from schemas.money import NANO_PER_USD
from tests.support.ledger_rows import CENT, LiveCallRow, rows
from tests.support.recording import fetch

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
USD = NANO_PER_USD
USUAL: Mapping[str, int] = {
    "twilio": 7 * CENT,
    "deepgram": 3 * CENT,
    "cerebras": 1 * CENT,
    "elevenlabs": 50 * CENT,
}
"""The usual costs of a call of five minutes."""


def ended_call(**changes: Any) -> CheckedCall:
    """Return a call of five minutes that ended an hour ago."""
    call = CheckedCall(
        "call-1", "alice", "brad_001", "completed", 300_000, USUAL, True,
        NOW - HOUR, NOW - HOUR, NOW - HOUR,
    )  # fmt: skip
    return call._replace(**changes)


def past(number: int = 20, user_id: str = "alice", **changes: Any) -> list[PastCall]:
    """Return usual calls."""
    return [PastCall(user_id, "brad_001", 300_000, USUAL)._replace(**changes)] * number


def row(call_id: str, at: datetime, user_id: str = "alice", **costs: int) -> LiveCallRow:
    """Return a call to be written, with changed costs of some services; 0 for none."""
    all_costs = {**USUAL, **costs}
    return LiveCallRow(
        call_id=call_id,
        user_id=user_id,
        at=at,
        costs={service: nano for service, nano in all_costs.items() if nano},
    )


async def write_calls(url: str, *calls: LiveCallRow) -> None:
    """Write calls and their recorded events."""
    operations = {
        "twilio": "outbound_call",
        "deepgram": "streaming_stt",
        "cerebras": "inference",
        "elevenlabs": "tts",
    }
    async with rows(url) as ledger:
        for call in calls:
            await ledger.call(call)
            for service, nano in call.costs.items():
                await ledger.event(
                    call,
                    service=service,
                    operation=operations.get(service, "x"),
                    usage=1,
                    unit="requests",
                    cost_nano=nano,
                )


async def write_history(url: str, number: int = 10, user_id: str = "alice") -> None:
    """Write usual calls of earlier days, one a day."""
    calls = [row(f"{user_id}-past-{n}", NOW - n * DAY, user_id) for n in range(1, number + 1)]
    await write_calls(url, *calls)


async def check_for_anomalies(
    url: str, *call_ids: str, now: datetime = NOW, legs: Sequence[Leg] = LEGS
) -> DetectionResult:
    """Check calls for anomalies."""
    async with anomaly_store(url) as store, store.transaction() as connection:
        return await AnomalyDetector(legs=legs).check_calls(connection, call_ids, now)


async def check_day(url: str, *user_ids: str, now: datetime = NOW) -> DetectionResult:
    """Check users' present day."""
    async with anomaly_store(url) as store, store.transaction() as connection:
        return await AnomalyDetector().check_day(connection, user_ids, now.date(), now)


async def sweep_from(url: str, moment: datetime) -> None:
    """Set the sweep to a time whose day is closed."""
    await fetch(
        url,
        "UPDATE anomaly_sweep SET swept_to = $1, deep_to = $1, closed_on = $2, round_to = NULL",
        moment,
        moment.date(),
    )


async def sweep(url: str, now: datetime = NOW) -> DetectionResult:
    """Run one whole sweep."""
    found_so_far = DetectionResult()
    sweeping = AnomalySweep(AnomalyDetector())
    async with anomaly_store(url) as store:
        more = True
        while more:
            async with store.transaction() as connection:
                step = await sweeping.step(connection, now)
            found_so_far, more = found_so_far.plus(step.result), step.more
    return found_so_far


async def stored_anomalies(url: str) -> list[tuple[str, str, str, bool]]:
    """Return kind, subject, part and whether it is unresolved, of every anomaly in order."""
    query = "SELECT kind, subject, part, resolved_at IS NULL FROM cost_anomalies ORDER BY kind, subject, part"
    return [tuple(one) for one in await fetch(url, query)]


async def count_announced(url: str) -> int:
    """Return the number of anomaly messages in the outbox."""
    query = "SELECT count(*) FROM outbox WHERE aggregatetype = 'cost-anomaly'"
    return int((await fetch(url, query))[0][0])
