"""The load under which faults happen: charges of one user, sent evenly while something fails.

They lie in all partitions, so that several lanes and workers move the same budget at once. What the
totals and alerts must be follows from the set of events alone, whatever their order and repeats.
"""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from aiokafka.errors import KafkaError

from tests.support.alerting import USD, Key, alert_rows, change, spend_of
from tests.support.events import Plain, charged
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.recording import assert_verified, fetch
from tests.support.streaming import PARTITIONS, Sent, Stage
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


def expected_alerts(events: Iterable[Plain]) -> set[Key]:
    """Return an alert for each threshold that a period's spend reaches in the end."""
    return {
        Key(user, kind, period, Fraction(percent), 1)
        for (user, kind, period), spend in spend_of(events).periods.items()
        for percent in THRESHOLDS
        if spend * 100 >= percent * LIMITS[kind]
    }


@dataclass
class FaultLoad:
    """Charges for a stage, to be sent beside a fault, and what they must come to."""

    stage: Stage
    count: int = 4_000
    seed: int = 33
    partitions: int = PARTITIONS
    events: list[Plain] = field(init=False)

    def __post_init__(self) -> None:
        self.events = charges(self.count, self.seed)

    async def set_limits(self) -> None:
        """Give the user the limits that alerts are about."""
        await change(
            self.stage.database_url,
            USER,
            daily_limit=(True, LIMITS["daily"]),
            monthly_limit=(True, LIMITS["monthly"]),
            thresholds=(Decimal(THRESHOLDS[0]),),
        )

    async def send(self, seconds: float = 0) -> None:
        """Send everything over so many seconds; a refused chunk is sent again, whole."""
        for start in range(0, len(self.events), CHUNK):
            await self._send_chunk(
                Sent(Sent.of(event).value, partition=place % self.partitions)
                for place, event in enumerate(self.events[start : start + CHUNK])
            )
            await asyncio.sleep(seconds * CHUNK / len(self.events))

    async def _send_chunk(self, chunk: Iterable[Sent]) -> None:
        records = list(chunk)
        while True:
            try:
                await self.stage.send(records)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                return

    @property
    def different(self) -> int:
        """Return how many different events there are."""
        return len({event["id"] for event in self.events})

    async def recorded(self) -> int:
        """Return how many different events are recorded."""
        rows = await fetch(self.stage.database_url, "SELECT count(*) FROM event_identities")
        return int(rows[0][0])

    async def until_recorded(self, share: float) -> None:
        """Wait until this share of the different events is recorded."""
        async with asyncio.timeout(SECONDS_MAX):
            while await self.recorded() < share * self.different:
                await asyncio.sleep(0.1)

    async def report(
        self, case: str, record_fault: FaultRecorder, seconds_max: int = SECONDS_MAX
    ) -> None:
        """Wait until everything is recorded and published, compare and report the figures.

        What is not recorded within `seconds_max` is in the figures, which then fail the test.
        """
        expected = expect(self.events).totals
        try:
            async with asyncio.timeout(seconds_max):
                while not await self.is_done():
                    await asyncio.sleep(0.2)
        except TimeoutError:
            case = f"{case} (not finished after {seconds_max} s)"
        totals = await read_totals(self.stage.database_url)
        found = [key for key, _ in await alert_rows(self.stage.database_url)]
        record_fault(
            case,
            sent=expected.events,
            counted=totals.events,
            difference=difference_nano(expected, totals),
            alerts=AlertFigures.of(expected_alerts(self.events), found),
        )
        assert totals == expected
        await assert_verified(self.stage.database_url)

    async def is_done(self) -> bool:
        """Return whether every event is recorded, and everything published that is to be."""
        if await self.recorded() < self.different:
            return False
        outboxes = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM totals_outbox)"
        return not (await fetch(self.stage.database_url, outboxes))[0][0]
