"""`python -m bench.forecast`: compares the forecast with simpler ones and a library.

Nothing is started: histories of simulated users are generated, each contender forecasts the same
days, and its forecasts for 1, 7 and 30 days are compared with the actual sums.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from math import sqrt
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.figures import percentile, table
from bench.forecast_users import KINDS, ForecastUserKind, User, users
from ledger.forecasts.intervals import forecast_interval
from ledger.forecasts.rhythm import learn

HORIZONS: Final = (1, 7, 30)
USERS: Final = 25
SEED: Final = 20_260_101
OURS: Final = "ours"
LIBRARY: Final = "AutoETS"
_WEEK: Final = 7
_LIBRARY_DAYS_MIN: Final = 5


class Prediction(NamedTuple):
    """The expected sum of a horizon, and its 80 % interval, if any."""

    expected: float
    low: float | None = None
    high: float | None = None


Contender = Callable[[User, Sequence[int]], Mapping[int, Prediction]]
"""Returns the prediction for each horizon from a user and the days so far."""


def _ours(user: User, days: Sequence[int]) -> Mapping[int, Prediction]:
    rhythm = learn(days, user.weekday)
    return {
        horizon: Prediction(*forecast_interval(rhythm, [Fraction(1)] * horizon))
        for horizon in HORIZONS
    }


def _last(_user: User, days: Sequence[int]) -> Mapping[int, Prediction]:
    return {horizon: Prediction(days[-1] * horizon) for horizon in HORIZONS}


def _mean(_user: User, days: Sequence[int]) -> Mapping[int, Prediction]:
    return {horizon: Prediction(sum(days) * horizon / len(days)) for horizon in HORIZONS}


def _seasonal(user: User, days: Sequence[int]) -> Mapping[int, Prediction]:
    """Predict each day as the same weekday a week ago; with less than a week, as the mean."""
    if len(days) < _WEEK:
        return _mean(user, days)
    week = days[-_WEEK:]
    return {
        horizon: Prediction(sum(week[day % _WEEK] for day in range(horizon)))
        for horizon in HORIZONS
    }


CONTENDERS: Final[Mapping[str, Contender]] = {
    OURS: _ours,
    "last value": _last,
    "mean": _mean,
    "seasonal naive": _seasonal,
}


def _library() -> Contender | None:
    """Return AutoETS of statsforecast as a contender; None if it is not installed."""
    try:
        import numpy
        from statsforecast.models import AutoETS
    except ImportError:
        return None

    def predict(user: User, days: Sequence[int]) -> Mapping[int, Prediction]:
        if len(days) < _LIBRARY_DAYS_MIN or not any(days):
            return _mean(user, days)
        season = _WEEK if len(days) >= 2 * _WEEK else 1
        known = numpy.array(days, dtype=float)
        model: Any = AutoETS(season_length=season)
        try:
            ahead = model.forecast(y=known, h=max(HORIZONS), level=[80])
        except Exception:  # of many types, if no model fits the days
            return _mean(user, days)
        return {horizon: _summed(ahead, horizon) for horizon in HORIZONS}

    return predict


def _summed(ahead: Mapping[str, Any], horizon: int) -> Prediction:
    """Add days up. Its intervals are of single days, so they are added as independent errors."""
    mean = [max(0.0, float(each)) for each in ahead["mean"][:horizon]]
    low, high = (
        sqrt(sum((float(edge) - day) ** 2 for edge, day in zip(ahead[name], mean, strict=False)))
        for name in ("lo-80", "hi-80")
    )
    return Prediction(sum(mean), max(0.0, sum(mean) - low), sum(mean) + high)


class Score(NamedTuple):
    """Sums over the forecasts of one kind of user and one horizon."""

    error: float = 0.0
    actual: float = 0.0
    inside: int = 0
    width: float = 0.0
    intervals: int = 0

    def add(self, prediction: Prediction, actual: int) -> Score:
        """Return the sums including one more forecast."""
        error, total = self.error + abs(prediction.expected - actual), self.actual + actual
        if prediction.low is None or prediction.high is None:
            return self._replace(error=error, actual=total)
        inside = self.inside + (prediction.low <= actual <= prediction.high)
        width = self.width + prediction.high - prediction.low
        return Score(error, total, inside, width, self.intervals + 1)

    @property
    def error_ratio(self) -> float:
        """The sum of absolute errors ÷ the sum of actual values."""
        return self.error / self.actual

    @property
    def coverage_percent(self) -> float:
        """The percentage of intervals that contain the actual value."""
        return 100 * self.inside / self.intervals


Scores = dict[tuple[str, int, str], Score]
"""By kind of user, horizon and contender."""


def _histories(kind: ForecastUserKind, number: int, seed: int) -> Iterator[tuple[User, int]]:
    for user in users(kind, number, seed):
        for days in kind.history_days:
            yield user, days


def measure(
    contenders: Mapping[str, Contender],
    number: int,
    seed: int,
    kinds: Sequence[ForecastUserKind] = KINDS,
) -> tuple[Scores, float]:
    """Let all contenders forecast; returns their scores and our median time in ms."""
    scores: Scores = {}
    times_ms = []
    for kind in kinds:
        print(f"{kind.name} …", file=sys.stderr, flush=True)
        for user, known in _histories(kind, number, seed):
            for name, contender in contenders.items():
                begun = time.process_time()
                predictions = contender(user, user.days[:known])
                if name == OURS:
                    times_ms.append((time.process_time() - begun) * 1000)
                for horizon in HORIZONS:
                    key = (kind.name, horizon, name)
                    actual = sum(user.days[known : known + horizon])
                    scores[key] = scores.get(key, Score()).add(predictions[horizon], actual)
    return scores, percentile(times_ms, 50)


def report(scores: Scores, names: Sequence[str], number: int, milliseconds: float) -> list[str]:
    """Return the tables as Markdown, one for each horizon."""
    lines = [
        f"{number} users of each kind, each forecast from four lengths of history: "
        f"{', '.join(map(str, KINDS[0].history_days))} days, new users "
        f"{', '.join(map(str, KINDS[-1].history_days))}. One forecast of ours over all horizons "
        f"takes {milliseconds:.1f} ms of processor time.",
    ]
    for horizon in HORIZONS:
        title = "the next day" if horizon == 1 else f"the sum of the next {horizon} days"
        lines += ["", f"### Error ratio for {title}", ""]
        with_intervals = [n for n in names if scores[KINDS[0].name, horizon, n].intervals]
        header = ["", *names, *(f"inside, {name}" for name in with_intervals)]
        lines += table(header, list(_rows(scores, horizon, names, with_intervals)))
    return lines


def _rows(
    scores: Scores, horizon: int, names: Sequence[str], with_intervals: Sequence[str]
) -> Iterator[list[str]]:
    for kind in KINDS:
        of = {name: scores[kind.name, horizon, name] for name in names}
        yield [
            kind.name,
            *(f"{of[name].error_ratio:.2f}" for name in names),
            *(f"{of[name].coverage_percent:.0f} %" for name in with_intervals),
        ]
    mean = {
        name: sum(scores[kind.name, horizon, name].error_ratio for kind in KINDS) / len(KINDS)
        for name in names
    }
    inside = {
        name: sum(scores[kind.name, horizon, name].coverage_percent for kind in KINDS) / len(KINDS)
        for name in with_intervals
    }
    yield [
        "**mean**",
        *(f"**{mean[name]:.2f}**" for name in names),
        *(f"**{inside[name]:.0f} %**" for name in with_intervals),
    ]


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.forecast", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS, help="number of users of each kind")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random users")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables to this file"
    )
    given = parser.parse_args()
    if given.users < 1:
        parser.error("--users must be at least 1")
    contenders = dict(CONTENDERS)
    if library := _library():
        contenders[LIBRARY] = library
    scores, milliseconds = measure(contenders, given.users, given.seed)
    lines = report(scores, list(contenders), given.users, milliseconds)
    lines += ["", _library_note()]
    print("\n".join(lines))
    if given.markdown:
        given.markdown.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 0


def _library_note() -> str:
    try:
        return f"{LIBRARY} is that of statsforecast {version('statsforecast')}."
    except PackageNotFoundError:
        return f"{LIBRARY} of statsforecast is not installed: `make forecast` installs it."


if __name__ == "__main__":
    sys.exit(main())
