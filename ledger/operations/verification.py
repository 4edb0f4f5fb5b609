"""Verifies every total against the recorded events, and rewrites totals from them.

Archived events are represented by the seals of their months, see `ledger.operations.archives`.

The comparison is SQL over sets of events; it shares no code with the processing that maintains the
totals, so that an error in one shows against the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from ledger.operations.gaps import StreamGap, list_gaps
from ledger.postgres.access import access_problems
from ledger.postgres.database import Connection, affected_rows, connected
from ledger.postgres.statements import statements
from ledger.recording.epochs import raise_epoch

_SQL: Final = statements("operations/verification")

_CHECKS: Final = {
    "fact_differences": "facts of calls",
    "tag_differences": "tags of calls",
    "pending_void_differences": "voids of calls that wait for their cost",
    "decision_differences": "default charges and infrastructure shares",
    "rounding_differences": "roundings of legs",
    "charge_plan_differences": "charge plans of calls",
    "charge_differences": "charges by plans",
    "usage_differences": "costs of requests by unit",
    "call_cost_differences": "costs of calls by day and service",
    "call_charge_differences": "charges and refunds of calls",
    "user_day_cost_differences": "costs of users by day, persona and service",
    "user_day_differences": "calls, durations and charges of users by day",
    "user_spend_differences": "spend of users by quarter of an hour",
    "scope_spend_differences": "spend of personas and tags with a budget by quarter of an hour",
    "tag_call_differences": "calls of tags with a budget of all users by day",
    "tag_day_differences": "sums of tags with a budget of all users by day",
    "everyone_day_differences": "calls, durations and charges of all users by day",
    "everyone_day_cost_differences": "costs of all users by day and service",
    "user_activity_differences": "first and last days of users",
    "period_cost_differences": "costs of periods by day, persona, tags, service and model",
    "period_call_differences": "calls, durations and charges of periods by day, persona and tags",
    "unpriced_event_differences": "events without a price",
    "credit_return_differences": "refunds that return to grants",
    "credit_user_differences": "users with prepaid credit",
}
_REBUILD: Final = (
    "drop_lost_calls",
    "rebuild_calls",
    "rebuild_tags",
    "rebuild_roundings",
    "rebuild_charge_plans",
    "rebuild_pending_voids",
    "clear_user_day_costs",
    "rebuild_user_day_costs",
    "clear_user_days",
    "rebuild_user_days",
    "clear_user_spend",
    "rebuild_user_spend",
    "clear_scope_spend",
    "rebuild_scope_spend",
    "clear_everyone_days",
    "rebuild_everyone_days",
    "clear_everyone_day_costs",
    "rebuild_everyone_day_costs",
    "clear_user_activity",
    "rebuild_user_activity",
    "clear_unpriced_events",
    "rebuild_unpriced_events",
    "clear_credit_returns",
    "rebuild_credit_returns",
)
_LINES_MAX: Final = 20
_STATEMENT_SECONDS_MAX: Final = 6 * 3600

Report = Callable[[str], None]
"""Receives a line about the progress or a difference."""

Restore = Callable[[Connection], Awaitable[None]]
"""Rewrites the seals in the given transaction."""


class Verification(msgspec.Struct):
    """The number of differences, descriptions of the first ones, and the row counts.

    `gaps` are open gaps: their events are in no total. `access_problems` prevent processes from
    reading the database.
    """

    differences: int = 0
    access_problems: list[str] = []
    lines: list[str] = []
    checked: dict[str, int] = {}
    gaps: list[StreamGap] = []

    def add_difference(self, line: str) -> None:
        """Count a difference; the first ones are stored."""
        self.differences += 1
        if len(self.lines) < _LINES_MAX:
            self.lines.append(line)


async def verify(url: str, report: Report = lambda _: None) -> Verification:
    """Recompute every total from the recorded events and count the differences.

    Reads one snapshot, so it may run beside active workers. Raises OSError or a PostgreSQL error.
    """
    async with connected(url, name="cost-analytics verify") as connection:
        return await verify_on(connection, report)


async def verify_on(connection: Connection, report: Report = lambda _: None) -> Verification:
    """Verify the database of a connection, which must not be in a transaction."""
    result = Verification()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(_SQL["no_time_limit"])
        await connection.execute(_SQL["no_nested_loops"])
        await connection.execute(_SQL["keep_partitions"])
        counts = await connection.fetchrow(_SQL["counts"], timeout=_STATEMENT_SECONDS_MAX)
        result.checked = dict(counts or {})
        result.access_problems = await access_problems(connection)
        for check, subject in _CHECKS.items():
            report(f"comparing {subject}")
            await compare(connection, _SQL.bind(check), subject, result)
        result.gaps = await list_gaps(connection)
    return result


async def compare(
    connection: Connection, statement: tuple[Any, ...], subject: str, result: Verification
) -> None:
    """Add a difference to `result` for each row of a bound statement.

    The rows have `row_key`, `expected` and `actual`.
    """
    for row in await connection.fetch(*statement, timeout=_STATEMENT_SECONDS_MAX):
        result.add_difference(
            f"{subject}: {row['row_key']}: {_describe(row['expected'], row['actual'])}"
        )


def _describe(expected: str | None, actual: str | None) -> str:
    """Describe the difference; if whole rows differ, only their different fields."""
    expected_value, actual_value = (
        msgspec.json.decode(side or "null") for side in (expected, actual)
    )
    if isinstance(expected_value, dict) and isinstance(actual_value, dict):
        names = [
            name
            for name in expected_value | actual_value
            if expected_value.get(name) != actual_value.get(name)
        ]
        return ", ".join(
            f"{n} should be {expected_value.get(n)} and is {actual_value.get(n)}" for n in names
        )
    if expected_value is None or actual_value is None:
        return "no event explains it" if expected_value is None else "it is missing"
    return f"should be {expected_value} and is {actual_value}"


async def rebuild(url: str, report: Report = lambda _: None, restore: Restore | None = None) -> int:
    """Rewrite every total from the seals and the recorded events, in one transaction.

    `restore` may first rewrite the seals from the files of the archive. Writers wait meanwhile.
    Raises the ledger's epoch, so that live feeds and the totals topic are updated, and the calls of
    all periods are summed again. Afterwards balances are reviewed again. Returns the number of
    rewritten calls. Raises OSError or a PostgreSQL error; then no total was changed.
    """
    calls = 0
    async with connected(url, name="cost-analytics rebuild") as connection:
        async with connection.transaction():
            await connection.execute(_SQL["no_time_limit"])
            await connection.execute(_SQL["stop_writers"])
            if restore is not None:
                await restore(connection)
            await connection.execute(_SQL["no_nested_loops"])
            for step in _REBUILD:
                report(step.replace("_", " "))
                status = await connection.execute(_SQL[step], timeout=_STATEMENT_SECONDS_MAX)
                if step == "rebuild_calls":
                    calls = affected_rows(status)
            await raise_epoch(connection, "rebuild", keeps_deliveries=True)
        # Outside of the transaction, which batches wait for with their settings locked.
        await connection.execute(_SQL["rebuild_credit_users"], timeout=_STATEMENT_SECONDS_MAX)
    return calls
