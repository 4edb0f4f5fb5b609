"""Time and memory to correct recorded costs after a price change 90 days ago.

`python -m bench.rerate --costs 200000` starts its own database, records that many telephony costs
of the last 90 days, ten per call, enters another price as of 90 days ago, and then runs an
operator's commands: `prices rerate --dry-run`, `prices rerate` and `verify`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

from cost_analytics import settings
from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.database import connect, connected
from ledger.postgres.migrate import migrate
from ledger.prices.entry import add_prices
from ledger.prices.price_book import PriceBook
from ledger.prices.rows import PriceRow
from ledger.recording.batch import Batch
from ledger.recording.offsets import DeadLetter, Stream
from ledger.recording.recorder import Recorder
from schemas.events import CostRecorded, Event
from schemas.identity import identity_of

DAYS: Final = 90
COSTS_PER_CALL: Final = 10
CALLS_PER_USER: Final = 50
BATCH: Final = 8_000
_SOURCE: Final = "/bench/rerate"
_KIB: Final = 1024
_SECONDS_MAX: Final = 3_600


def costs(count: int, now: datetime) -> Iterator[Event]:
    """Yield recorded costs: minutes of telephony, in calls spread evenly over the days."""
    rng = random.Random(1)
    calls = -(-count // COSTS_PER_CALL)
    for number in range(count):
        call, index = divmod(number, COSTS_PER_CALL)
        at = now - timedelta(days=DAYS) * (call + 1) / (calls + 1) + timedelta(seconds=index)
        data = CostRecorded(
            call_id=f"call-{call}",
            user_id=f"user-{call // CALLS_PER_USER}",
            service="twilio",
            operation="voice",
            usage=rng.randrange(1, 600),
            unit="seconds",
        )
        event_id = f"cost-{number}"
        yield Event(
            identity_of(_SOURCE, event_id), number, _SOURCE, event_id, "cost.recorded", at, data
        )


async def _fill(url: str, count: int, now: datetime) -> None:
    async def refuse(letters: Sequence[DeadLetter], size: int, unpriced: Sequence[str]) -> None:
        raise RuntimeError(f"{len(letters)} of {size} were refused, {len(unpriced)} lack a price")

    async def opened():  # type: ignore[no-untyped-def]
        return await connect(url, name="bench")

    recorder = Recorder(opened, Stream("bench", "bench"), PriceBook(), refuse)
    events = costs(count, now)
    while events_left := list(islice(events, BATCH)):
        await recorder.record(Batch(events=list(events_left)))
    await recorder.close()
    async with connected(url, name="bench") as connection:
        since = now - timedelta(days=DAYS + 1)
        row = PriceRow(
            "twilio",
            "api",
            "outbound_call",
            "*",
            "minutes",
            Decimal("0.0126"),
            1,
            since,
            "contract",
        )
        await add_prices(connection, [row], set_by="bench")


def _run(url: str, *words: str) -> tuple[float, int, str]:
    """Run a command; returns seconds, the peak memory of all commands so far, and its output."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cost_analytics", *words],
        capture_output=True,
        check=False,
        env=settings.command_environment({"DATABASE_URL": url}),
        timeout=_SECONDS_MAX,
    )
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KIB
    return seconds, peak, done.stdout.decode()


async def main(count: int) -> None:
    """Measure and print."""
    now = datetime.now(UTC)
    since = (now - timedelta(days=DAYS)).isoformat()
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedPostgres(Path(directory) / "data")
        await server.start()
        try:
            url = server.admin_url
            await migrate(url)
            await _fill(url, count, now)
            words = ("prices", "rerate", "--from", since)
            for name, command in (("dry run", (*words, "--dry-run")), ("applied", words)):
                seconds, peak, output = await asyncio.to_thread(_run, url, *command)
                if name == "dry run":
                    print("\n".join(output.splitlines()[:5]), "\n")
                print(f"{name}: {seconds:.1f} s, {count / seconds:,.0f} costs/s, "
                      f"peak {peak / 2**20:.0f} MiB")  # fmt: skip
            seconds, _, output = await asyncio.to_thread(_run, url, "verify")
            print(f"verify: {seconds:.1f} s; {output.splitlines()[-1]}")
        finally:
            await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--costs", type=int, default=200_000, metavar="N")
    asyncio.run(main(parser.parse_args().costs))
