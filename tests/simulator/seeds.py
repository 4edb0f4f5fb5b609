"""Runs seeds on one database, and reduces a failing one to its fewest faults."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulator.checks import RunFigures
from tests.simulator.run import started
from tests.simulator.server import SteppedServer
from tests.support.background_loop import BackgroundLoop


@dataclass(frozen=True)
class SeedResult:
    """The result of a seed; `failure` is empty if every guarantee held."""

    seed: int
    digest: str
    faults: int
    sent: int = 0
    counted: int = 0
    difference: int = 0
    alerts_expected: int = 0
    alerts_missing: int = 0
    alerts_doubled: int = 0
    failure: str = ""
    trace: tuple[str, ...] = ()


def run_seed(server: SteppedServer, seed: int, faults_max: int | None = None) -> SeedResult:
    """Run a seed; `faults_max` allows only its first faults."""
    with started(server, seed, faults_max) as run:
        chance = run.chance
        try:
            run.loop.run_until_complete(run.run())
            figures = RunFigures(run)
            figures.check()
        except Exception:  # any error is reported with its seed
            failure = traceback.format_exc()
            return SeedResult(
                seed, chance.digest, chance.faults, failure=failure, trace=(*chance.lines,)
            )
    alerts = figures.alerts
    return SeedResult(
        seed,
        chance.digest,
        chance.faults,
        figures.sent,
        figures.counted,
        figures.difference,
        alerts.expected,
        alerts.missing,
        alerts.doubled,
        trace=(*chance.lines,),
    )


def smallest(server: SteppedServer, failed: SeedResult) -> tuple[int, SeedResult]:
    """Return the fewest first faults with which a seed fails, and the result."""
    for faults in range(failed.faults):
        result = run_seed(server, failed.seed, faults)
        if result.failure:
            return faults, result
    return failed.faults, failed


@contextmanager
def server_on(background: BackgroundLoop, url: str) -> Iterator[SteppedServer]:
    """Use a migrated database for the simulation."""
    server = SteppedServer(background, url)
    try:
        yield server
    finally:
        server.close()
