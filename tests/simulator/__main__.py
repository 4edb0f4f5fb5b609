"""Runs the simulator: many seeds in parallel, or one seed again.

`python -m tests.simulator --seeds 10000` exits with 1 if a seed failed, and prints how to repeat
it.
"""

import argparse
import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulator.pool import databases, open_database, run_seeds
from tests.simulator.seeds import run_seed, server_on
from tests.support.background_loop import BackgroundLoop

SEEDS_PER_LOT = 20
_SUMMED = ("faults", "sent", "counted", "difference", "alerts_expected", "alerts_missing", "alerts_doubled")  # fmt: skip


def main() -> int:
    """Run the simulator as the command line says; returns the exit code."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets must be the same in each run
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.simulator", *sys.argv[1:]], environment
        )
    logging.disable(logging.CRITICAL)
    options = _parse()
    if options.seed is not None:
        return _repeat(options.seed, options.faults)
    return _run_many(
        range(options.first, options.first + options.seeds), options.jobs, options.json
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--json", action="store_true", help="end with the figures as JSON")
    parser.add_argument("--seed", type=int, help="run one seed and print everything it does")
    parser.add_argument("--faults", type=int, help="with --seed: only its first faults happen")
    return parser.parse_args()


def _repeat(seed: int, faults: int | None) -> int:
    with (
        databases(1) as (url,),
        BackgroundLoop() as background,
        server_on(background, url) as server,
    ):
        result = run_seed(server, seed, faults)
    print(*result.trace, sep="\n")
    print(result.failure or f"seed {seed} keeps every promise")
    print(f"digest {result.digest}, {result.faults} faults")
    return 1 if result.failure else 0


def _run_many(seeds: Sequence[int], jobs: int, as_json: bool) -> int:
    began, done = time.monotonic(), 0
    sums = dict.fromkeys(_SUMMED, 0)
    failed: list[int] = []
    with databases(jobs) as urls:
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        for url in urls:
            queue.put(url)
        with ProcessPoolExecutor(jobs, context, open_database, (queue,)) as pool:
            lots = [
                seeds[start : start + SEEDS_PER_LOT]
                for start in range(0, len(seeds), SEEDS_PER_LOT)
            ]
            for lot in as_completed([pool.submit(run_seeds, lot) for lot in lots]):
                for result, command in lot.result():
                    done += 1
                    failed += [result.seed] if result.failure else []
                    sums = {name: sums[name] + getattr(result, name) for name in sums}
                    if command:
                        print(
                            f"FAILED {command}\n{result.failure.strip().splitlines()[-1]}",
                            flush=True,
                        )
                seconds = round(time.monotonic() - began)
                print(
                    f"{done} of {len(seeds)} seeds, {len(failed)} failed, {seconds} s", flush=True
                )
    figures = {"seeds": done, "failed": failed, **sums, "seconds": round(time.monotonic() - began)}
    print(json.dumps(figures) if as_json else ", ".join(f"{n} {v}" for n, v in figures.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
