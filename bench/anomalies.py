"""`python -m bench.anomalies`: precision and recall of the anomaly rules on simulated users.

Nothing is started: calls are generated day by day with labelled spikes and losses, and the rules of
the service check each call and each day against the history before it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from bench.anomaly_users import (
    KINDS,
    OPERATIONS,
    SIZES,
    AnomalyUserKind,
    Label,
    SimulatedDay,
    simulate,
)
from bench.figures import table
from ledger.anomalies.call_spikes import (
    OTHERS_CALLS_MAX,
    OWN_CALLS_MAX,
    CallHistory,
    CheckedCall,
    PastCall,
    call_spikes,
)
from ledger.anomalies.day_spikes import DaySpike, day_spikes, history_days
from ledger.anomalies.missing_legs import missing_legs, needs_all_legs, present_legs, service_legs
from schemas.anomalies import LEGS

USERS: Final = 40
SEED: Final = 20_260_202
"""The rules were tuned on users of seed 1."""
RULES: Final = ("call_spike", "day_spike", "missing_leg")
_LEGS_OF: Final = service_legs(OPERATIONS)
_OF_SERVICE: Final = dict(OPERATIONS)


@dataclass(slots=True)
class AnomalyTally:
    """Counts for one kind of user: findings by rule; injected and found labels by rule and size."""

    found: Counter[str] = field(default_factory=Counter)
    correct: Counter[str] = field(default_factory=Counter)
    injected: Counter[tuple[str, int]] = field(default_factory=Counter)
    recognized: Counter[tuple[str, int]] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)

    def add(self, other: AnomalyTally) -> None:
        """Add the counts of another kind."""
        self.found += other.found
        self.correct += other.correct
        self.injected += other.injected
        self.recognized += other.recognized
        self.checked += other.checked

    def precision(self, rule: str) -> str:
        """Return the share of correct findings."""
        return _share(self.correct[rule], self.found[rule])

    def recall(self, rule: str, size: int | None = None) -> str:
        """Return the share of labels that were found."""
        keys = [key for key in self.injected if key[0] == rule and size in (None, key[1])]
        return _share(
            sum(self.recognized[key] for key in keys), sum(self.injected[key] for key in keys)
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f} ({part} of {whole})" if whole else "-"


class _RuleCheck:
    """Checks the calls and days of users of one kind in order, like the service."""

    def __init__(self) -> None:
        self.tally = AnomalyTally()
        self._own: dict[str, list[PastCall]] = {}
        self._with_persona: dict[str, list[PastCall]] = {}
        self._costs: dict[tuple[str, date], dict[str, int]] = {}
        self._first: dict[str, date] = {}

    def day(self, one: SimulatedDay) -> None:
        """Check a user's day."""
        found: list[tuple[str, str, str]] = []
        explained: Counter[str] = Counter()
        for call in one.calls:
            for spike in call_spikes(call, call.costs.keys(), self._history(call)):
                found.append(("call_spike", call.call_id, spike.service))
                explained[spike.service] += spike.observed_nano - spike.expected_nano
            found += [("missing_leg", call.call_id, leg) for leg in _missing(call)]
            self._remember(call)
        found += [
            ("day_spike", one.day.isoformat(), spike.service or "")
            for spike in self._day_spikes(one, explained)
        ]
        self.tally.checked.update(calls=len(one.calls), days=1)
        self._count(one, found)

    def _history(self, call: CheckedCall) -> CallHistory:
        others = self._with_persona.get(str(call.persona_id), [])[: 4 * OTHERS_CALLS_MAX]
        return CallHistory(
            self._own.get(call.user_id, [])[:OWN_CALLS_MAX],
            [past for past in others if past.user_id != call.user_id][:OTHERS_CALLS_MAX],
        )

    def _remember(self, call: CheckedCall) -> None:
        past = PastCall(call.user_id, call.persona_id, call.duration_ms, call.costs)
        own = self._own.setdefault(call.user_id, [])
        own.insert(0, past)
        del own[OWN_CALLS_MAX:]
        if call.status == "completed":
            others = self._with_persona.setdefault(str(call.persona_id), [])
            others.insert(0, past)
            del others[4 * OTHERS_CALLS_MAX :]

    def _day_spikes(self, one: SimulatedDay, explained: Counter[str]) -> Iterator[DaySpike]:
        observed: Counter[str] = Counter()
        for call in one.calls:
            observed.update(call.costs)
        self._costs[one.user_id, one.day] = dict(observed)
        first = self._first.setdefault(one.user_id, one.day)
        past = [self._costs.get((one.user_id, day), {}) for day in history_days(first, one.day)]
        return day_spikes(observed, past, explained)

    def _count(self, one: SimulatedDay, found: Sequence[tuple[str, str, str]]) -> None:
        tally = self.tally
        for label in one.labels:
            tally.injected[label.kind, label.size] += 1
            tally.recognized[label.kind, label.size] += any(
                _matches(each, label)
                or (label.kind == "day_spike" and _is_call_of(each, one, label.service))
                for each in found
            )
        for each in found:
            tally.found[each[0]] += 1
            tally.correct[each[0]] += any(_explains(label, each) for label in one.labels)


def _missing(call: CheckedCall) -> list[str]:
    if not needs_all_legs(call):
        return []
    recorded = [(service, _OF_SERVICE[service]) for service in call.costs]
    return list(missing_legs(LEGS, present_legs(recorded, _LEGS_OF)))


def _matches(found: tuple[str, str, str], label: Label) -> bool:
    """Return whether a finding matches a label; a day's rise may be found for all services."""
    kind, what, part = found
    same = (kind, what) == (label.kind, label.target)
    return same and (part == label.service or (kind == "day_spike" and not part))


def _is_call_of(found: tuple[str, str, str], one: SimulatedDay, service: str) -> bool:
    """Return whether a call spike explains a day on which each call had a higher cost."""
    kind, what, part = found
    is_call = kind == "call_spike" and any(call.call_id == what for call in one.calls)
    return is_call and part == service


def _explains(label: Label, found: tuple[str, str, str]) -> bool:
    """Return whether a label of that day explains a finding."""
    if _matches(found, label):
        return True
    kind, _, part = found
    if kind == "day_spike":
        # More calls raise every service; and a missed call spike raises the day, too.
        return label.kind != "missing_leg" and (label.service in ("", part) or not part)
    # Each call of a day with a higher cost of a service is a spike of that service.
    return kind == "call_spike" and label.kind == "day_spike" and label.service == part


def measure(number: int, seed: int) -> dict[str, AnomalyTally]:
    """Check `number` users of each kind; returns the counts by kind."""
    return {kind.name: _measure(kind, number, seed) for kind in KINDS}


def _measure(kind: AnomalyUserKind, number: int, seed: int) -> AnomalyTally:
    print(f"{kind.name} …", file=sys.stderr, flush=True)
    check = _RuleCheck()
    for days in simulate(kind, number, seed):
        for day in days:
            check.day(day)
    return check.tally


def report(tallies: dict[str, AnomalyTally], number: int, seed: int) -> list[str]:
    """Return the tables as Markdown."""
    every = AnomalyTally()
    for tally in tallies.values():
        every.add(tally)
    lines = [
        f"{number} users of each kind, seed {seed}: {every.checked['calls']:,} calls on "
        f"{every.checked['days']:,} days."
    ]
    for rule, title in zip(
        RULES, ("Spikes of calls", "Spikes of days", "Missing legs"), strict=True
    ):
        sizes = SIZES if rule != "missing_leg" else ()
        header = ["", "precision", "recall", *(f"recall, {size} times" for size in sizes)]
        rows = [_row(name, tally, rule, sizes) for name, tally in tallies.items()]
        lines += ["", f"### {title}", "", *table(header, [*rows, _row("all", every, rule, sizes)])]
    return lines


def _row(name: str, tally: AnomalyTally, rule: str, sizes: Sequence[int]) -> list[str]:
    by_size = [tally.recall(rule, size) for size in sizes]
    return [name, tally.precision(rule), tally.recall(rule), *by_size]


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.anomalies", description=__doc__)
    parser.add_argument("--users", type=int, default=USERS, help="number of users of each kind")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the random users")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the tables to this file"
    )
    given = parser.parse_args()
    if given.users < 1:
        parser.error("--users must be at least 1")
    lines = report(measure(given.users, given.seed), given.users, given.seed)
    print("\n".join(lines))
    if given.markdown:
        given.markdown.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
