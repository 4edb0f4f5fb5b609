"""Which sources a service may send under: its own, remembered for a minute, also in an outage."""

from collections.abc import Collection, Mapping

import pytest

from api.http.access import Caller, Role
from api.http.problems import Problem
from api.intake.sources import CACHE_SECONDS, SourceGuard
from ledger.postgres.viewers import StoreUnavailableError
from tests.support.api import FirstOwners

SECOND_NS = 10**9


class Clock:
    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


class Outage(FirstOwners):
    """Owners in a database that can go away."""

    is_away = False

    async def owners(self, subject: str, sources: Collection[str]) -> Mapping[str, str]:
        if self.is_away:
            raise StoreUnavailableError("away")
        return await super().owners(subject, sources)


class Full:
    """Gives no service another one's source."""

    async def owners(self, subject: str, sources: Collection[str]) -> Mapping[str, str]:
        return {}


def caller(name: str, role: Role = "service") -> Caller:
    return Caller(name, role, 2**40)


async def refusal(guard: SourceGuard, name: str, *sources: str) -> str:
    with pytest.raises(Problem) as problem:
        await guard.check(caller(name), sources)
    assert (problem.value.status, problem.value.code) == (403, "foreign_source")
    return problem.value.message


async def test_a_source_is_read_once_a_minute() -> None:
    owners, clock = FirstOwners(), Clock()
    guard = SourceGuard(owners, clock_ns=clock)
    for _ in range(3):
        await guard.check(caller("a"), ["one", "two", "one"])
    assert owners.reads == 1
    clock.now_ns += CACHE_SECONDS * SECOND_NS
    await guard.check(caller("a"), ["one"])
    assert owners.reads == 2


async def test_a_source_that_was_given_away_is_refused_within_a_minute() -> None:
    owners, clock = FirstOwners(), Clock()
    guard = SourceGuard(owners, clock_ns=clock)
    await guard.check(caller("a"), ["one"])
    owners.owned["one"] = "b"
    await guard.check(caller("b"), ["one"])
    assert "belongs to another service" in await refusal(guard, "a", "one")


async def test_who_is_refused_is_let_in_as_soon_as_it_owns_the_source() -> None:
    owners = FirstOwners(one="a")
    guard = SourceGuard(owners)
    assert "cost-analytics sources give SOURCE --subject NAME" in await refusal(guard, "b", "one")
    owners.owned["one"] = "b"
    await guard.check(caller("b"), ["one"])


async def test_an_outage_stops_new_sources_only() -> None:
    owners, clock = Outage(theirs="b"), Clock()
    guard = SourceGuard(owners, clock_ns=clock)
    await guard.check(caller("a"), ["one"])
    await guard.check(caller("b"), ["theirs"])
    owners.is_away = True
    clock.now_ns += 3_600 * SECOND_NS
    await guard.check(caller("a"), ["one"])
    for sources in (["one", "new"], ["new"], ["theirs"]):
        with pytest.raises(StoreUnavailableError):
            await guard.check(caller("a"), sources)


@pytest.mark.parametrize(
    "source", ["/api/costs/track/b", "/api/costs/track/a", "/api/costs/finalize/b", "digest/00"]
)
async def test_sources_of_track_and_finalize_are_reserved(source: str) -> None:
    guard = SourceGuard(FirstOwners())
    assert "reserved for /api/costs/track" in await refusal(guard, "a", "x", source)


async def test_admins_send_under_each_source_and_own_none() -> None:
    owners = FirstOwners(one="a")
    await SourceGuard(owners).check(caller("root", "admin"), ["one", "new", "/api/costs/track/a"])
    assert owners.owned == {"one": "a"}


async def test_one_source_too_many_is_refused_with_the_way_out() -> None:
    message = await refusal(SourceGuard(Full()), "a", "one")
    assert message.startswith("You own the maximum number of sources.")
    assert "sources give" in message
