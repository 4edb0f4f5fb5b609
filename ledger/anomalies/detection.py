"""Detects anomalies in given calls, and on given days of users, in the caller's transaction.

Anomalies are stored, each cause once, with the messages that announce them. So each new cause is
reported exactly once, whichever processes detect it and however often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ledger.anomalies import day_spikes as day_rule
from ledger.anomalies import rows as store
from ledger.anomalies.call_spikes import CallHistory, CheckedCall, call_spikes, spike_candidates
from ledger.anomalies.findings import Finding, call_finding, day_finding, leg_finding
from ledger.anomalies.missing_legs import (
    ServiceLegs,
    certain_legs,
    missing_legs,
    needs_all_legs,
    present_legs,
    service_legs,
)
from ledger.postgres.database import Connection
from schemas.anomalies import LEGS, Leg

GRACE: Final = timedelta(minutes=15)
"""The costs of a call without changes for this long are considered complete."""
CALLS_AT_ONCE: Final = 200


class DetectionResult(NamedTuple):
    """The number of new anomalies, and of resolved ones."""

    found: int = 0
    resolved: int = 0

    def plus(self, other: DetectionResult) -> DetectionResult:
        """Return the sum of two results."""
        return DetectionResult(self.found + other.found, self.resolved + other.resolved)


class CatalogueFacts(NamedTuple):
    """The catalogue's legs of services, and the services whose cost does not depend on usage."""

    legs: ServiceLegs
    excluded_services: Sequence[str]

    def usage_services(self, call: CheckedCall) -> list[str]:
        """Return the services of a call whose cost depends on usage."""
        return [service for service in call.costs if service not in self.excluded_services]


class AnomalyDetector:
    """Detects anomalies; `legs` are those that a call must have."""

    def __init__(self, grace: timedelta = GRACE, legs: Sequence[Leg] = LEGS) -> None:
        self.grace = grace
        self._legs = legs

    async def check_calls(
        self, connection: Connection, call_ids: Sequence[str], now: datetime
    ) -> DetectionResult:
        """Check the present state of calls."""
        result = DetectionResult()
        facts = await _catalogue_facts(connection)
        for begin in range(0, len(call_ids), CALLS_AT_ONCE):
            chunk = call_ids[begin : begin + CALLS_AT_ONCE]
            result = result.plus(await self._check_chunk(connection, facts, chunk, now))
        return result

    async def _check_chunk(
        self, connection: Connection, facts: CatalogueFacts, call_ids: Sequence[str], now: datetime
    ) -> DetectionResult:
        calls = await store.read_calls(connection, call_ids)
        open_anomalies = await store.read_open_anomalies(connection, call_ids)
        known = {one.call_id for one in open_anomalies if one.kind == "missing_leg"}
        missing = await self._missing_legs(connection, facts, calls, known, now)
        costly = [call for call in calls if _has_candidates(call, facts)]
        compared = [call for call in calls if call in costly or missing.get(call.call_id)]
        histories = await store.read_histories(connection, compared)
        findings = [finding for call in costly for finding in _spikes(call, facts, histories, now)]
        for call in calls:
            history = histories.get(call.call_id, CallHistory())
            legs = missing.get(call.call_id, ())
            findings += [leg_finding(call, leg, facts.legs, history, now) for leg in legs]
        found_ids = {finding.anomaly.anomaly_id for finding in findings}
        resolved_ids = [one.anomaly_id for one in open_anomalies if one.anomaly_id not in found_ids]
        return await _write(connection, findings, resolved_ids, now)

    async def _missing_legs(
        self,
        connection: Connection,
        facts: CatalogueFacts,
        calls: Sequence[CheckedCall],
        known: set[str],
        now: datetime,
    ) -> dict[str, list[Leg]]:
        """Return the missing legs of complete calls, and of those `known` to miss some."""
        suspects = [
            call
            for call in calls
            if needs_all_legs(call)
            and (call.call_id in known or call.updated_at <= now - self.grace)
            and missing_legs(self._legs, certain_legs(call, facts.legs))
        ]
        recorded = await store.read_recorded_operations(
            connection, [call.call_id for call in suspects]
        )
        return {
            call.call_id: missing_legs(
                self._legs, present_legs(recorded.get(call.call_id, ()), facts.legs)
            )
            for call in suspects
        }

    async def check_day(
        self, connection: Connection, user_ids: Sequence[str], day: date, now: datetime
    ) -> DetectionResult:
        """Check a UTC day of users, whether it has ended or not."""
        facts = await _catalogue_facts(connection)
        excluded, minimum = facts.excluded_services, day_rule.EXCESS_NANO_MIN
        first_days = await store.read_users_to_check(connection, user_ids, day, excluded, minimum)
        if not first_days:
            return DetectionResult()
        users = sorted(first_days)
        since = day - timedelta(days=day_rule.WINDOW_DAYS)
        costs: dict[tuple[str, date], dict[str, int]] = {}
        for cost in await store.read_day_costs(connection, users, since, day, excluded):
            costs.setdefault((cost.user_id, cost.day), {})[cost.service] = cost.nano
        stored = await store.read_day_anomalies(connection, users, day)
        findings: list[Finding] = []
        resolved_ids: list[str] = []
        for user_id in users:
            past = [
                costs.get((user_id, past_day), {})
                for past_day in day_rule.history_days(first_days[user_id], day)
            ]
            of_user = [anomaly for anomaly in stored if anomaly.user_id == user_id]
            observed = costs.get((user_id, day), {})
            explained = _explained_excess(of_user)
            parts = {anomaly.part: anomaly for anomaly in of_user if anomaly.kind == "day_spike"}
            spikes = day_rule.day_spikes(observed, past, explained, parts)
            findings += [day_finding(user_id, day, spike, now) for spike in spikes]
            open_parts = [part for part, anomaly in parts.items() if anomaly.is_open]
            resolved_ids += [
                parts[part].anomaly_id
                for part in day_rule.resolved_parts(open_parts, observed, past, explained)
            ]
        return await _write(connection, findings, resolved_ids, now)


def _has_candidates(call: CheckedCall, facts: CatalogueFacts) -> bool:
    return call.status != "active" and bool(spike_candidates(call, facts.usage_services(call)))


def _spikes(
    call: CheckedCall, facts: CatalogueFacts, histories: Mapping[str, CallHistory], now: datetime
) -> list[Finding]:
    spikes = call_spikes(call, facts.usage_services(call), histories[call.call_id])
    return [call_finding(call, spike, now) for spike in spikes]


def _explained_excess(anomalies: Sequence[store.StoredDayAnomaly]) -> dict[str, int]:
    """Return the excess of call spikes, by service."""
    nano: dict[str, int] = {}
    for anomaly in anomalies:
        if anomaly.kind == "call_spike":
            nano[anomaly.part] = nano.get(anomaly.part, 0) + anomaly.excess_nano
    return nano


async def _catalogue_facts(connection: Connection) -> CatalogueFacts:
    operations = await store.read_operations(connection)
    of_usage = [operation for operation in operations if operation.service_class == "api"]
    services = {operation.service for operation in operations}
    return CatalogueFacts(
        service_legs((operation.service, operation.operation) for operation in of_usage),
        sorted(services - {operation.service for operation in of_usage}),
    )


async def _write(
    connection: Connection, findings: Sequence[Finding], resolved_ids: Sequence[str], now: datetime
) -> DetectionResult:
    new = await store.write_findings(connection, findings)
    await store.resolve_anomalies(connection, resolved_ids, now)
    return DetectionResult(len(new), len(resolved_ids))
