"""What must hold at the end of a run, by the independent model of the tests."""

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ledger.operations.verification import verify_on
from schemas.identity import identity_of
from schemas.topics import BUDGET_ALERTS, CALL_TOTALS, DEAD_LETTERS
from tests.simulator.broker import call_events
from tests.simulator.run import BrokenGuaranteeError, SimulationRun, stored_offsets
from tests.simulator.workload import LIMITS, THRESHOLDS
from tests.support.alert_model import AlertModel
from tests.support.events import Plain
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, difference_nano
from tests.support.totals import totals_on


class RunFigures:
    """The figures of one run."""

    def __init__(self, run: SimulationRun) -> None:
        self.run = run
        self.expected = expect(run.workload.events)
        self.found = run.server.run(totals_on(run.server.monitor))
        self.sent = self.expected.totals.events
        self.counted = self.found.events
        self.difference = difference_nano(self.expected.totals, self.found)
        self.alerts = self._alerts()

    def check(self) -> None:
        """Raise BrokenGuaranteeError for the first guarantee that does not hold."""
        run = self.run
        _require(self.difference == 0, "difference of totals", lambda: self.difference)
        _require(
            self.found == self.expected.totals,
            "totals",
            lambda: (self.found, self.expected.totals),
        )
        _require(self.alerts.missing == self.alerts.doubled == 0, "alerts", lambda: self.alerts)
        self._check_held()
        self._check_unpriced()
        self._check_letters()
        self._check_alert_topic()
        self._check_totals_topic()
        ends = {number: len(log) for number, log in call_events(run.broker).items() if log}
        _require(stored_offsets(run.server) == ends, "offsets", lambda: ends)
        found = run.server.run(verify_on(run.server.monitor))
        _require(found.differences == 0, "verify", lambda: found.lines)

    def _alerts(self) -> AlertFigures:
        """Replay the commits in order, and compare the alerts with the model."""
        expected = [(*key, late) for model in self._models() for key, late in model.alerts.items()]
        rows = self.run.server.fetch(
            "SELECT user_id, type, period, threshold_percent, limit_version, late FROM budget_alerts"
        )
        return AlertFigures.of(expected, map(tuple, rows))

    def _models(self) -> list[AlertModel]:
        run = self.run
        rows = run.server.fetch(
            "SELECT xmin::text::bigint, replace(identity::text, '-', '') FROM event_identities"
        )
        order = {transaction: place for place, transaction in enumerate(run.database.commits)}
        committed: dict[int, set[str]] = {}
        for transaction, identity in rows:
            committed.setdefault(order[transaction], set()).add(identity)
        models = []
        for user in run.workload.limited:
            events = self._events_of(user)
            model = AlertModel(user, run.basis, run.loop.now())
            model.limits = {name: (nano, 1) for name, nano in LIMITS.items()}
            model.extra_thresholds = tuple(map(Decimal, THRESHOLDS))
            for place in sorted(committed):
                model.commit([events[name] for name in committed[place] if name in events])
            models.append(model)
        return models

    def _events_of(self, user: str) -> dict[str, Plain]:
        calls = {name for name, call in self.expected.totals.calls.items() if call.user_id == user}
        return {
            identity_of(event["source"], event["id"]): event
            for event in self.run.workload.events
            if event["data"]["callId"] in calls
        }

    def _check_held(self) -> None:
        rows = self.run.server.fetch("SELECT replace(identity::text, '-', '') FROM held_events")
        held = sorted(row[0] for row in rows)
        expected = sorted(identity_of(e["source"], e["id"]) for e in self.expected.held)
        _require(held == expected, "held events", lambda: (held, expected))

    def _check_unpriced(self) -> None:
        """Each counted event without a price is listed once."""
        rows = self.run.server.fetch("SELECT replace(identity::text, '-', '') FROM unpriced_events")
        listed = sorted(row[0] for row in rows)
        expected = sorted(identity_of(e["source"], e["id"]) for e in self.expected.unpriced)
        _require(listed == expected, "events without a price", lambda: (listed, expected))

    def _check_letters(self) -> None:
        """Each record that does not count is stored once, and is in the dead-letter topic."""
        refused = dict.fromkeys(self.run.workload.broken, "invalid_json")
        expected = Counter(
            (number, record.offset, refused[record.value])
            for number, log in call_events(self.run.broker).items()
            for record in log
            if record.value in refused
        )
        kept = Counter(
            map(
                tuple, self.run.server.fetch('SELECT "partition", "offset", code FROM dead_letters')
            )
        )
        _require(kept == expected, "dead letters", lambda: (kept - expected, expected - kept))
        sent = {_place(record) for record in self.run.broker.of(DEAD_LETTERS.name)}
        _require(sent == set(expected), "dead-letter topic", lambda: sent ^ set(expected))

    def _check_alert_topic(self) -> None:
        rows = self.run.server.fetch("SELECT alert_id::text FROM budget_alerts WHERE NOT late")
        kept = {row[0] for row in rows}
        sent = {json.loads(r.value)["id"] for r in self.run.broker.of(BUDGET_ALERTS.name)}
        _require(sent == kept, "alert topic", lambda: sent ^ kept)

    def _check_totals_topic(self) -> None:
        """The newest total of each call is that of the database, and no version has two totals."""
        totals: dict[tuple[str, int], tuple[int, str]] = {}
        removed = set[str]()  # by retention, which removes calls that ended long ago from the topic
        for record in self.run.broker.of(CALL_TOTALS.name):
            if record.value is None:
                removed.add(record.key.decode())
                continue
            total = json.loads(record.value, parse_float=Decimal)
            figures = int(total["totalCost"] * 10**9), total["status"]
            known = totals.setdefault((total["callId"], total["version"]), figures)
            _require(known == figures, "published versions", lambda: (total, known))
        kept = {row[0]: (row[1], int(row[2]), row[3]) for row in self.run.server.fetch(_CALLS)}
        published = {name: (version, *totals[name, version]) for name, version in sorted(totals)}
        published |= {name: kept[name] for name in removed & kept.keys()}
        _require(published == kept, "totals topic", lambda: (published, kept))


_CALLS = """
    SELECT call_id, version, coalesce((
        SELECT sum(nano::numeric) FROM jsonb_each(costs::jsonb) AS d (day, services),
               jsonb_each_text(services) AS s (service, nano)), 0), status
    FROM calls WHERE user_id IS NOT NULL
"""


def _place(record: Any) -> tuple[int, int, str]:
    headers = dict(record.headers)
    return (
        int(headers["dlq.original.partition"]),
        int(headers["dlq.original.offset"]),
        headers["dlq.error.code"].decode(),
    )


def _require(is_kept: bool, what: str, details: Callable[[], object]) -> None:
    if not is_kept:
        raise BrokenGuaranteeError(f"{what}: {details()}")
