"""The table of faults: a row for each case."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.result_table import Properties, ResultTable
from tests.support.totals import Totals


@dataclass(frozen=True)
class AlertFigures:
    """How many alerts a case must raise, how many are missing, how many are doubled."""

    expected: int
    missing: int
    doubled: int

    @classmethod
    def of(cls, expected: Iterable[Any], found: Iterable[Any]) -> "AlertFigures":
        """Compare keys of alerts; repeated and unexpected ones count as doubled."""
        wanted, got = Counter(set(expected)), Counter(found)
        return cls(wanted.total(), (wanted - got).total(), (got - wanted).total())


@dataclass(frozen=True)
class FaultFigures:
    """One case; None is a dash in the table.

    `sent` and `counted` are different events. `gap` is how many events are reported as lost before
    they were counted. `difference` is in nano-dollars, between all totals and an independent model.
    """

    case: str
    sent: int | None
    counted: int | None
    gap: int
    difference: int | None
    alerts: AlertFigures | None
    seconds: int

    def broken_promises(self) -> list[str]:
        """Name the figures that must be zero and are not."""
        unexplained = (self.sent or 0) - (self.counted or 0) - self.gap
        return [
            f"{name}: {figure}"
            for name, figure in (
                ("events neither counted nor reported as a gap", unexplained),
                ("difference in nano-dollars", self.difference),
                ("alerts missing", self.alerts and self.alerts.missing),
                ("alerts doubled", self.alerts and self.alerts.doubled),
            )
            if figure
        ]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        alerts = self.alerts
        figures = (
            self.sent,
            self.counted,
            self.gap,
            self.difference,
            alerts and alerts.expected,
            alerts and alerts.missing,
            alerts and alerts.doubled,
            self.seconds,
        )
        return [self.case, *("-" if figure is None else str(figure) for figure in figures)]


def _rows(reported: list[dict[str, Any]]) -> list[list[str]]:
    return sorted(
        FaultFigures(
            **{**value, "alerts": value["alerts"] and AlertFigures(**value["alerts"])}
        ).cells()
        for value in reported
    )


FAULTS = ResultTable(
    "fault",
    "faults: events, nano-dollars, alerts",
    (
        "case", "sent", "counted", "gap", "difference",
        "alerts", "missing", "doubled", "seconds",
    ),
    _rows,
)  # fmt: skip


class FaultRecorder:
    """Records the figures of a test; the `seconds` of a row begin with the row before."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self._since = time.monotonic()

    def __call__(
        self,
        case: str,
        *,
        sent: int | None = None,
        counted: int | None = None,
        gap: int = 0,
        difference: int | None = None,
        alerts: AlertFigures | None = None,
    ) -> None:
        """Add a row, then fail the test if a figure that must be zero is not."""
        assert (sent is None) == (counted is None), "report what was sent with what was counted"
        now = time.monotonic()
        figures = FaultFigures(
            case, sent, counted, gap, difference, alerts, round(now - self._since)
        )
        self._since = now
        FAULTS.add(self._properties, figures)


def difference_nano(expected: Totals, found: Totals) -> int:
    """Return the difference of all totals in nano-dollars: of calls, and of users by day."""
    return sum(
        abs(one.get(key, 0) - other.get(key, 0))
        for one, other in zip(_amounts(expected), _amounts(found), strict=True)
        for key in one.keys() | other.keys()
    )


def _amounts(totals: Totals) -> list[Mapping[Any, int]]:
    return [
        totals.user_day_costs,
        {(*key, n): sums[n] for key, sums in totals.user_days.items() for n in (2, 3)},
        {(name, *key): n for name, call in totals.calls.items() for key, n in call.costs.items()},
        {
            (name, day, n): sums[n]
            for name, call in totals.calls.items()
            for day, sums in call.charges.items()
            for n in (0, 1)
        },
    ]
