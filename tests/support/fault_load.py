"""The load during faults: charges of one user, sent evenly.

They are in all partitions, so that several lanes and workers move the same budget at once. The
expected totals and alerts follow from the set of events alone, in any order and with repeats.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from aiokafka.errors import KafkaError

from tests.support.alerting import USD, AlertKey, alert_rows, change, spend_of
from tests.support.events import Plain, charged
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.recording import assert_verified, fetch
from tests.support.streaming import PARTITIONS, Pipeline, SentRecord
from tests.support.totals import read_totals

USER = "alice"
LIMITS = {"daily": 10 * USD, "monthly": 100 * USD}
"""In nano-dollars."""
THRESHOLDS = (50, 80, 100)
CHUNK = 100
SECONDS_MAX = 120


def charges(count: int, seed: int) -> list[Plain]:
    """Return charges of one user over three days, a fifth of them twice, in random order."""
    rng = random.Random(seed)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=10)
    different = count * 8 // 10
    events = [
        charged(
            f"call-{number}",
            USER,
            time=now - timedelta(days=rng.choice([0, 0, 1, 2])),
            amount=Decimal(rng.randrange(1, 4000)).scaleb(-5),
            fee=0,
        )
        for number in range(different)
    ]
    events += rng.sample(events, count - different)
    rng.shuffle(events)
    return events


def expected_alerts(events: Iterable[Plain]) -> set[AlertKey]:
    """Return an alert for each threshold that the final spend of a period reaches."""
    return {
        AlertKey(user, kind, period, Fraction(percent), 1)
        for (user, kind, period), spend in spend_of(events).periods.items()
        for percent in THRESHOLDS
        if spend * 100 >= percent * LIMITS[kind]
    }


@dataclass
class FaultLoad:
    """Charges for a pipeline, sent during a fault, and their expected result."""

    pipeline: Pipeline
    count: int = 4_000
    seed: int = 33
    partitions: int = PARTITIONS
    events: list[Plain] = field(init=False)

    def __post_init__(self) -> None:
        self.events = charges(self.count, self.seed)

    async def set_limits(self) -> None:
        """Set the limits of the user."""
        await change(
            self.pipeline.database_url,
            USER,
            daily_limit=(True, LIMITS["daily"]),
            monthly_limit=(True, LIMITS["monthly"]),
            thresholds=(Decimal(THRESHOLDS[0]),),
        )

    async def send(self, seconds: float = 0) -> None:
        """Send everything over this many seconds; a refused chunk is sent again, whole."""
        for start in range(0, len(self.events), CHUNK):
            await self._send_chunk(
                SentRecord(SentRecord.of(event).value, partition=place % self.partitions)
                for place, event in enumerate(self.events[start : start + CHUNK])
            )
            await asyncio.sleep(seconds * CHUNK / len(self.events))

    async def _send_chunk(self, chunk: Iterable[SentRecord]) -> None:
        records = list(chunk)
        while True:
            try:
                await self.pipeline.send(records)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                return

    @property
    def different(self) -> int:
        """Return the number of different events."""
        return len({event["id"] for event in self.events})

    async def recorded(self) -> int:
        """Return the number of different recorded events."""
        rows = await fetch(self.pipeline.database_url, "SELECT count(*) FROM event_identities")
        return int(rows[0][0])

    async def until_recorded(self, share: float) -> None:
        """Wait until this share of the different events is recorded."""
        async with asyncio.timeout(SECONDS_MAX):
            while await self.recorded() < share * self.different:
                await asyncio.sleep(0.1)

    async def assert_all_counted(
        self, case: str, record_fault: FaultRecorder, seconds_max: int = SECONDS_MAX
    ) -> None:
        """Wait until everything is recorded and published, then compare and record the figures.

        Events that are not recorded within `seconds_max` fail the test by their figures.
        """
        expected = expect(self.events).totals
        try:
            async with asyncio.timeout(seconds_max):
                while not await self.is_done():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            case = f"{case} (not finished after {seconds_max} s)"
        totals = await read_totals(self.pipeline.database_url)
        found = [key for key, _ in await alert_rows(self.pipeline.database_url)]
        record_fault(
            case,
            sent=expected.events,
            counted=totals.events,
            difference=difference_nano(expected, totals),
            alerts=AlertFigures.of(expected_alerts(self.events), found),
        )
        assert totals == expected
        await assert_verified(self.pipeline.database_url)

    async def is_done(self) -> bool:
        """Return whether all events are recorded and both outboxes are empty."""
        if await self.recorded() < self.different:
            return False
        outboxes = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM totals_outbox)"
        return not (await fetch(self.pipeline.database_url, outboxes))[0][0]
