"""Runs seeds: one after another on one database, and a failing one to its smallest form."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulator.checks import Figures
from tests.simulator.run import started
from tests.simulator.server import Server
from tests.support.background_loop import BackgroundLoop


@dataclass(frozen=True)
class Result:
    """What became of a seed; `failure` is empty where every promise was kept."""

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


def run_seed(server: Server, seed: int, faults_max: int | None = None) -> Result:
    """Run a seed, with its first faults only where `faults_max` says so."""
    with started(server, seed, faults_max) as run:
        chance = run.chance
        try:
            run.loop.run_until_complete(run.live())
            figures = Figures(run)
            figures.check()
        except Exception:  # whatever went wrong, its seed is what somebody needs to know
            failure = traceback.format_exc()
            return Result(
                seed, chance.digest, chance.faults, failure=failure, trace=(*chance.lines,)
            )
    alerts = figures.alerts
    return Result(
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


def smallest(server: Server, failed: Result) -> tuple[int, Result]:
    """Return the fewest first faults with which a seed fails, and what becomes of it then."""
    for faults in range(failed.faults):
        result = run_seed(server, failed.seed, faults)
        if result.failure:
            return faults, result
    return failed.faults, failed


@contextmanager
def server_on(background: BackgroundLoop, url: str) -> Iterator[Server]:
    """Use a migrated database for the simulation."""
    server = Server(background, url)
    try:
        yield server
    finally:
        server.close()
