"""Steps before a call's end agree with a plain definition, whatever the batches and their order.

After each commit, a step is requested if it is the last one that the cost of the active call has
reached, and neither it nor a later one was requested at the same version of the limit.
"""

import itertools
import json
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.budgets.alerting import Alerting
from ledger.budgets.call_steps import StepSettings
from tests.support.alerting import USD, change, just_now, spend_of
from tests.support.events import Plain, cost, ended, voided
from tests.support.recording import BatchWriter, TopicLog, fetch

users = (f"user-{number}" for number in itertools.count())
orders = st.sampled_from(["cost", "cost", "cost", "void", "end"])
moves = st.tuples(orders, st.integers(0, 60), st.integers(0, 1))
switches = st.builds(
    StepSettings,
    warn=st.booleans(),
    downgrade=st.booleans(),
    warn_at=st.sampled_from([Decimal(80), Decimal(50)]),
)
changes = st.one_of(
    switches.map(lambda steps: {"call_steps": steps}),
    st.booleans().map(lambda on: {"auto_cutoff": on}),
    st.sampled_from([None, USD, 2 * USD]).map(lambda nano: {"call_limit": (True, nano)}),
)
histories = st.lists(
    st.one_of(changes, st.lists(moves, min_size=1, max_size=4)), min_size=2, max_size=9
)
RANKS = {"warn": 1, "downgrade": 2, "cutoff": 3}
Request = tuple[str, int, str]
"""A call, the version of its limit, and the step."""


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories, sends_again=st.booleans())
async def test_steps_agree_with_the_plain_definition(
    database_url: str, history: list[Any], sends_again: bool
) -> None:
    user = next(users)
    plain = _PlainCalls(user)
    log = TopicLog()
    async with BatchWriter(database_url, alerting=Alerting()) as writer:
        for step in [{"call_limit": (True, USD), "call_steps": StepSettings(warn=True)}, *history]:
            if isinstance(step, dict):
                await change(database_url, user, **step)
                plain.change(step)
                continue
            batch = plain.batch(step)
            await writer.record(log.batch(batch))
            if sends_again:
                await writer.record(log.batch(reversed(batch)))
            assert await _requested(database_url, user) == plain.requested
    assert await _requested(database_url, user) == plain.requested


async def _requested(database_url: str, user: str) -> set[Request]:
    """Return all requests; their messages are those of the commands that can be executed."""
    rows = await fetch(
        database_url,
        "SELECT command_id::text, call_id, kind, state, payload FROM call_commands WHERE user_id = $1",
        user,
    )
    sent = await fetch(
        database_url,
        "SELECT id::text FROM outbox WHERE aggregatetype = 'call-command' AND aggregateid LIKE $1",
        f"{user}/%",
    )
    assert sorted(row[0] for row in sent) == sorted(
        row["command_id"] for row in rows if row["state"] != "unsupported"
    )
    versions = {row["command_id"]: json.loads(row["payload"]) for row in rows}
    return {
        (
            row["call_id"],
            versions[row["command_id"]]["data"]["limitVersion"],
            row["kind"],
        )
        for row in rows
    }


class _PlainCalls:
    """The definition, by sums over all events so far."""

    def __init__(self, user: str) -> None:
        self.user, self.now = user, just_now()
        self.events: list[Plain] = []
        self.limit: tuple[int | None, int] = (None, 0)
        self.steps, self.auto_cutoff = StepSettings(), True
        self.requested: set[Request] = set()

    def change(self, step: dict[str, Any]) -> None:
        before = self.limit, self.steps, self.auto_cutoff
        self.steps = step.get("call_steps", self.steps)
        self.auto_cutoff = step.get("auto_cutoff", self.auto_cutoff)
        if "call_limit" in step and step["call_limit"][1] != self.limit[0]:
            self.limit = step["call_limit"][1], self.limit[1] + 1
        if before != (self.limit, self.steps, self.auto_cutoff):
            self._request({event["data"]["callId"] for event in self.events})

    def batch(self, moves: list[tuple[str, int, int]]) -> list[Plain]:
        before = {call: self._cost(call) for call in self._calls()}
        new = [self._event(*move) for move in moves]
        self._request({c for c in self._calls() if self._cost(c) != before.get(c, 0)})
        return new

    def _event(self, kind: str, cents: int, number: int) -> Plain:
        call = f"{self.user}/{number}"
        where: dict[str, Any] = {"call": call, "user": self.user, "time": self.now}
        mine = [e for e in self.events if e["type"] == "cost.recorded" and _call(e) == call]
        if kind == "end":
            found = ended(**where)
        elif kind == "void" and mine:
            found = voided(mine[-1], **where)
        else:
            found = cost(totalCost=Decimal(cents) / 100, **where)
        self.events.append(found)
        return found

    def _calls(self) -> set[str]:
        return {_call(event) for event in self.events}

    def _cost(self, call: str) -> int:
        return spend_of(self.events).calls.get((self.user, call), 0)

    def _request(self, calls: set[str]) -> None:
        nano, version = self.limit
        for call in calls:
            if nano is None or any(
                e["type"] == "call.ended" and _call(e) == call for e in self.events
            ):
                continue
            reached = [
                kind
                for kind, is_on, percent in (
                    ("warn", self.steps.warn, self.steps.warn_at),
                    ("downgrade", self.steps.downgrade, self.steps.downgrade_at),
                    ("cutoff", self.auto_cutoff, Decimal(100)),
                )
                if is_on and self._cost(call) * 100 >= percent * nano
            ]
            earlier = [RANKS[k] for c, v, k in self.requested if (c, v) == (call, version)]
            if reached and RANKS[reached[-1]] > max(earlier, default=0):
                self.requested.add((call, version, reached[-1]))


def _call(event: Plain) -> str:
    return str(event["data"]["callId"])
