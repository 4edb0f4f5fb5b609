"""Throughput in rounds: each contender runs once per round, under the same conditions.

After each run of the workers, plain COPY of the rows that they recorded is measured. The ratio is
seconds of COPY ÷ seconds of the workers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import consumers
from bench.budgets import create_budgets
from bench.context import BenchContext
from bench.copy_baseline import extract, measure_copy
from bench.durable import measure_workers
from bench.events import LoadRecord, as_varied, with_random_ids, with_repeats, with_usages
from bench.figures import TimedRun
from bench.options import Part

COPY: Final = "plain COPY of the same rows: the limit"
ONE: Final = "one worker"
TWO: Final = "two workers"
REPEATS: Final = "one worker, 1 % repeated events"
VARIED: Final = "one worker, costs of many emitters"
USAGES: Final = "one worker, requests with four quantities"
BUDGETS: Final = "one worker, five budgets a user"
RANDOM: Final = "one worker, random ids"
RANDOM_TWO: Final = "two workers, random ids"
READING: Final = "a consumer that only reads (aiokafka)"
NOOP: Final = "Faust agent, decodes each event and does nothing"

_REPEATS_PERCENT: Final = 1


@dataclass(slots=True)
class Rounds:
    """The runs of each contender by name; entry n of each list is from round n.

    The bytes are those of one event of the workers on disk and in the WAL.
    """

    runs: dict[str, list[TimedRun]] = field(default_factory=dict)
    stored_event_bytes: list[int] = field(default_factory=list)
    wal_event_bytes: list[int] = field(default_factory=list)

    def add(self, name: str, run: TimedRun) -> None:
        """Add the run of a contender."""
        self.runs.setdefault(name, []).append(run)


async def run_rounds(context: BenchContext, parts: Sequence[Part]) -> Rounds:
    """Run the contenders of these parts alternately, `runs` times each."""
    rounds = Rounds()
    contenders = _contenders(context, rounds, parts)
    for number in range(1, context.options.runs + 1):
        for name, run in contenders.items():
            context.progress.title(f"round {number} of {context.options.runs}, {name}")
            await run()
    return rounds


def _contenders(
    context: BenchContext, rounds: Rounds, parts: Sequence[Part]
) -> dict[str, Callable[[], Awaitable[None]]]:
    measured, seed = context.load.measured, context.options.seed
    chosen: dict[str, Callable[[], Awaitable[None]]] = {
        ONE: lambda: _workers(context, rounds, ONE, 1, measured)
    }
    if "durable" in parts:
        chosen[TWO] = lambda: _workers(context, rounds, TWO, 2, measured)
    if "repeats" in parts:
        repeated = with_repeats(measured, _REPEATS_PERCENT, seed)
        chosen[REPEATS] = lambda: _workers(context, rounds, REPEATS, 1, repeated)
    if "varied" in parts:
        varied = as_varied(measured, seed)
        chosen[VARIED] = lambda: _workers(context, rounds, VARIED, 1, varied)
    if "usages" in parts:
        requests = with_usages(measured)
        chosen[USAGES] = lambda: _workers(context, rounds, USAGES, 1, requests)
    if "budgets" in parts:
        chosen[BUDGETS] = lambda: _workers(context, rounds, BUDGETS, 1, measured, create_budgets)
    if "random" in parts:
        randomly = with_random_ids(measured, seed)
        chosen[RANDOM] = lambda: _workers(context, rounds, RANDOM, 1, randomly)
        chosen[RANDOM_TWO] = lambda: _workers(context, rounds, RANDOM_TWO, 2, randomly)
    if "faust" in parts:
        chosen[READING] = lambda: _consumer(context, rounds, READING, consumers.measure_reading)
        chosen[NOOP] = lambda: _consumer(context, rounds, NOOP, consumers.measure_noop)
    return chosen


async def _workers(
    context: BenchContext,
    rounds: Rounds,
    name: str,
    number: int,
    measured: Sequence[LoadRecord],
    prepare: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    async with context.databases.fresh() as url:
        if prepare is not None:
            await prepare(url)
        run = await measure_workers(context, number, url, measured)
        batches = await extract(url, run.since)
    copy_input = await measure_copy(context, batches, run.events)
    ratio = copy_input.seconds / run.seconds
    if name in (ONE, TWO):
        rounds.add(COPY, copy_input)
        rounds.stored_event_bytes.append(run.stored_event_bytes)
        rounds.wal_event_bytes.append(run.wal_event_bytes)
    rounds.add(name, TimedRun(run.events, run.seconds, ratio, run.cpu))
    context.progress.result(
        f"{run.rate:,.0f} events/s, {ratio:.2f} of COPY ({len(batches.measured)} batches)"
    )


async def _consumer(
    context: BenchContext,
    rounds: Rounds,
    name: str,
    measure: Callable[[BenchContext], Awaitable[TimedRun]],
) -> None:
    run = await measure(context)
    copy_input = rounds.runs[COPY][-1]
    rounds.add(name, run._replace(ratio=run.rate / copy_input.rate))
    context.progress.result(f"{run.rate:,.0f} events/s")
