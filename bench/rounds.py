"""Throughput, in rounds: each contender once a round, so that all meet the same neighbours.

After each run of the workers, plain COPY of the rows they have just recorded is timed: the ratio is
the seconds that COPY took to the seconds that the workers took.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import peers
from bench.durable import measure_workers
from bench.events import Record, as_varied, with_random_ids, with_repeats
from bench.figures import Timed
from bench.limit import extract, measure_copy
from bench.options import Part
from bench.stage import Stage

COPY: Final = "plain COPY of the same rows: the limit"
ONE: Final = "one worker"
TWO: Final = "two workers"
REPEATS: Final = "one worker, 1 % of the events come twice"
VARIED: Final = "one worker, costs of many emitters"
RANDOM: Final = "one worker, random ids"
RANDOM_TWO: Final = "two workers, random ids"
READING: Final = "a consumer that only reads (aiokafka)"
NOOP: Final = "Faust agent, decodes each event and does nothing"
TAKE: Final = "Faust agent, `take()`, totals in a dictionary, COPY"

_REPEATS_PERCENT: Final = 1


@dataclass(slots=True)
class Rounds:
    """The runs of each contender, by its name; entry n of each list is from round n.

    The bytes are what one event of the workers takes on disk, and of write-ahead log.
    """

    runs: dict[str, list[Timed]] = field(default_factory=dict)
    kept_bytes: list[int] = field(default_factory=list)
    logged_bytes: list[int] = field(default_factory=list)

    def add(self, name: str, run: Timed) -> None:
        """Add the run of a contender."""
        self.runs.setdefault(name, []).append(run)


async def run_rounds(stage: Stage, parts: Sequence[Part]) -> Rounds:
    """Let the contenders of these parts run in turn, as often as the options say."""
    rounds = Rounds()
    contenders = _contenders(stage, rounds, parts)
    for number in range(1, stage.options.runs + 1):
        for name, run in contenders.items():
            stage.narrator.title(f"round {number} of {stage.options.runs}, {name}")
            await run()
    return rounds


def _contenders(
    stage: Stage, rounds: Rounds, parts: Sequence[Part]
) -> dict[str, Callable[[], Awaitable[None]]]:
    measured, seed = stage.load.measured, stage.options.seed
    chosen: dict[str, Callable[[], Awaitable[None]]] = {
        ONE: lambda: _workers(stage, rounds, ONE, 1, measured)
    }
    if "durable" in parts:
        chosen[TWO] = lambda: _workers(stage, rounds, TWO, 2, measured)
    if "repeats" in parts:
        repeated = with_repeats(measured, _REPEATS_PERCENT, seed)
        chosen[REPEATS] = lambda: _workers(stage, rounds, REPEATS, 1, repeated)
    if "varied" in parts:
        varied = as_varied(measured, seed)
        chosen[VARIED] = lambda: _workers(stage, rounds, VARIED, 1, varied)
    if "random" in parts:
        randomly = with_random_ids(measured, seed)
        chosen[RANDOM] = lambda: _workers(stage, rounds, RANDOM, 1, randomly)
        chosen[RANDOM_TWO] = lambda: _workers(stage, rounds, RANDOM_TWO, 2, randomly)
    if "faust" in parts:
        chosen[READING] = lambda: _peer(stage, rounds, READING, peers.measure_reading)
        chosen[NOOP] = lambda: _peer(stage, rounds, NOOP, peers.measure_noop)
        chosen[TAKE] = lambda: _peer(stage, rounds, TAKE, peers.measure_take)
    return chosen


async def _workers(
    stage: Stage, rounds: Rounds, name: str, number: int, measured: Sequence[Record]
) -> None:
    async with stage.databases.fresh() as url:
        run = await measure_workers(stage, number, url, measured)
        rows = await extract(url, run.since)
    copied = await measure_copy(stage, rows, run.events)
    ratio = copied.seconds / run.seconds
    if name in (ONE, TWO):
        rounds.add(COPY, copied)
        rounds.kept_bytes.append(run.kept_bytes)
        rounds.logged_bytes.append(run.logged_bytes)
    rounds.add(name, Timed(run.events, run.seconds, ratio, run.cpu))
    stage.narrator.result(
        f"{run.rate:,.0f} events/s, {ratio:.2f} of COPY ({len(rows.measured)} batches)"
    )


async def _peer(
    stage: Stage, rounds: Rounds, name: str, measure: Callable[[Stage], Awaitable[Timed]]
) -> None:
    run = await measure(stage)
    copied = rounds.runs[COPY][-1]
    rounds.add(name, run._replace(ratio=run.rate / copied.rate))
    stage.narrator.result(f"{run.rate:,.0f} events/s")
