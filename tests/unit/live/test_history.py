"""The costs of the last ten minutes: sums of what calls' totals rose by, in steps."""

from datetime import UTC, datetime, timedelta
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from api.live.history import STEP_SECONDS, STEPS, CostHistory
from api.live.recent_costs import recent_costs
from api.live.state import LiveCalls
from ledger.calls.call import Call
from ledger.calls.totals import call_total
from schemas.jsonio import encode

BEGAN = datetime(2026, 3, 15, 12, tzinfo=UTC)
SECOND_NS = 1_000_000_000


class Feed:
    """Calls whose totals are published, and their history, on a clock of the test."""

    def __init__(self, **limits: int) -> None:
        self.now = BEGAN
        self.calls = LiveCalls(now=lambda: self.now)
        self.history = CostHistory(clock_ns=self._clock_ns, **limits)

    def _clock_ns(self) -> int:
        return int(self.now.timestamp()) * SECOND_NS

    def publish(self, call_id: str, version: int, user: str = "alice", **more: object) -> None:
        """Publish a total; `costs` are nano-dollars by service."""
        costs = cast(dict[str, int], more.pop("costs", {}))
        call = Call(
            call_id=call_id,
            user_id=user,
            version=version,
            first_at=self.now,
            started_at=cast(datetime, more.pop("started_at", self.now)),
            costs={self.now.date().isoformat(): costs},
            **more,  # type: ignore[arg-type]
        )
        change = self.calls.apply(encode(call_total(call, self.now)))
        if change is not None:
            self.history.note(change)

    async def pass_step(self, steps: int = 1) -> None:
        for _ in range(steps):
            self.now += timedelta(seconds=STEP_SECONDS)
            await self.history.close_step()

    def shown(self, user: str | None = "alice") -> list[dict[str, int]]:
        """Return the costs of each step that are not zero."""
        return [
            {service: nano for service, nano in step.items() if nano}
            for step in self.history.recent(user).steps
        ]


async def test_step_has_what_costs_rose_by() -> None:
    feed = Feed()
    feed.publish("c1", 1, costs={"twilio": 5})
    feed.publish("c1", 2, costs={"twilio": 7, "openai": 1})
    feed.publish("c2", 1, user="bob", costs={"twilio": 100})
    assert feed.shown() == []
    await feed.pass_step()
    feed.publish("c1", 3, costs={"twilio": 7, "openai": 4})
    feed.publish("c1", 2, costs={"twilio": 7, "openai": 1})  # an older version
    await feed.pass_step(2)
    assert feed.shown() == [{"twilio": 7, "openai": 1}, {"openai": 3}, {}]
    assert feed.shown("bob") == [{"twilio": 100}, {}, {}]
    assert feed.shown(None) == [{"twilio": 107, "openai": 1}, {"openai": 3}, {}]
    assert feed.shown("carol") == [{}, {}, {}]
    body = recent_costs(feed.history.recent("alice"))
    assert (body.since, body.step_seconds, body.steps) == (BEGAN, 5, 3)
    assert [amount.nano for amount in body.cost_by_service["openai"]] == [1, 3, 0]


async def test_steps_older_than_ten_minutes_are_forgotten() -> None:
    feed = Feed()
    feed.publish("c1", 1, costs={"twilio": 5})
    await feed.pass_step(STEPS)
    assert len(feed.shown()) == STEPS
    assert feed.shown()[0] == {"twilio": 5}
    await feed.pass_step()
    assert (len(feed.shown()), sum(map(len, feed.shown(None)))) == (STEPS, 0)
    assert feed.history.recent("alice").since == BEGAN + timedelta(seconds=STEP_SECONDS)


async def test_earlier_costs_of_a_call_do_not_count_as_recent() -> None:
    """Calls that were active before the start, old ones that change, and removed ones."""
    feed = Feed()
    feed.publish("c1", 9, costs={"twilio": 500}, started_at=BEGAN - timedelta(minutes=1))
    await feed.pass_step(STEPS + 12)
    feed.publish("old", 9, costs={"twilio": 500}, started_at=BEGAN)
    feed.publish("c1", 10, costs={"twilio": 503})
    feed.publish("ended", 1, costs={"twilio": 2}, status="completed")
    feed.calls.forget(["ended"])
    feed.publish("ended", 2, costs={"twilio": 3}, status="completed")
    await feed.pass_step()
    assert feed.shown()[-1] == {"twilio": 3 + 3}
    feed.calls.forget(["ended"])
    feed.publish("ended", 3, costs={"twilio": 9}, status="completed")
    await feed.pass_step()
    assert feed.shown()[-1] == {}


async def test_call_with_a_new_owner_moves_its_costs() -> None:
    feed = Feed()
    feed.publish("c1", 1, costs={"twilio": 5})
    await feed.pass_step()
    feed.publish("c1", 2, user="bob", costs={"twilio": 6})
    await feed.pass_step()
    assert feed.shown("alice") == [{"twilio": 5}, {"twilio": -5}]
    assert feed.shown("bob") == [{}, {"twilio": 6}]
    assert feed.shown(None) == [{"twilio": 5}, {"twilio": 1}]


async def test_history_of_the_least_recent_users_is_evicted() -> None:
    feed = Feed(users_max=2)
    for number, user in enumerate(("alice", "bob", "carol")):
        feed.publish(f"c{number}", 1, user=user, costs={"twilio": 1})
        await feed.pass_step()
    assert [sum(map(len, feed.shown(user))) for user in ("alice", "bob", "carol")] == [0, 1, 1]
    assert sum(map(len, feed.shown(None))) == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("alice", "bob")),
            st.sampled_from(("c1", "c2", "c3")),
            st.dictionaries(st.sampled_from(("twilio", "stripe")), st.integers(0, 10**15)),
            st.booleans(),
        ),
        max_size=30,
    )
)
async def test_steps_add_up_to_the_last_totals(
    changes: list[tuple[str, str, dict[str, int], bool]],
) -> None:
    feed = Feed()
    last: dict[str, tuple[str, dict[str, int]]] = {}
    for version, (user, call, costs, passes) in enumerate(changes, start=1):
        feed.publish(call, version, user=user, costs=costs)
        last[call] = (user, costs)
        if passes:
            await feed.pass_step()
    await feed.pass_step()
    for shown in ("alice", "bob", None):
        expected: dict[str, int] = {}
        for owner, costs in last.values():
            if shown in {owner, None}:
                for service, nano in costs.items():
                    expected[service] = expected.get(service, 0) + nano
        found: dict[str, int] = {}
        for step in feed.shown(shown):
            for service, nano in step.items():
                found[service] = found.get(service, 0) + nano
        assert {s: n for s, n in found.items() if n} == {s: n for s, n in expected.items() if n}
