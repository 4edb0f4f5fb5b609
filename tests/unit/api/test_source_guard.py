"""Which sources a service may send under: its own ones, cached for a minute."""

from collections.abc import Collection, Mapping

import pytest

from api.http.access import Caller
from api.http.problems import Problem
from api.http.roles import Role
from api.intake.sources import CACHE_SECONDS, SourceGuard
from ledger.postgres.viewers import StoreUnavailableError
from tests.support.api import MemoryOwnerStore
from tests.support.clocks import NanosecondClock

SECOND_NS = 10**9


class FailingOwnerStore(MemoryOwnerStore):
    """Source owners in a database that can become unreachable."""

    is_away = False

    async def claim(self, service: str, sources: Collection[str]) -> Mapping[str, str]:
        if self.is_away:
            raise StoreUnavailableError("away")
        return await super().claim(service, sources)


class FullOwnerStore:
    """Source owners that refuse every new source."""

    async def claim(self, service: str, sources: Collection[str]) -> Mapping[str, str]:
        return {}


def caller(name: str, role: Role = "service") -> Caller:
    return Caller(name, role, 2**40)


async def refusal(guard: SourceGuard, name: str, *sources: str) -> str:
    with pytest.raises(Problem) as problem:
        await guard.check(caller(name), sources)
    assert (problem.value.status, problem.value.code) == (403, "foreign_source")
    return problem.value.message


async def test_owner_of_a_source_is_read_once_a_minute() -> None:
    owners, clock = MemoryOwnerStore(), NanosecondClock()
    guard = SourceGuard(owners, clock_ns=clock)
    for _ in range(3):
        await guard.check(caller("a"), ["one", "two", "one"])
    assert owners.reads == 1
    clock.now_ns += CACHE_SECONDS * SECOND_NS
    await guard.check(caller("a"), ["one"])
    assert owners.reads == 2


async def test_transferred_source_is_refused_within_a_minute() -> None:
    owners, clock = MemoryOwnerStore(), NanosecondClock()
    guard = SourceGuard(owners, clock_ns=clock)
    await guard.check(caller("a"), ["one"])
    owners.owned["one"] = "b"
    await guard.check(caller("b"), ["one"])
    assert "belongs to another service" in await refusal(guard, "a", "one")


async def test_new_owner_of_a_source_is_accepted_at_once() -> None:
    owners = MemoryOwnerStore(one="a")
    guard = SourceGuard(owners)
    assert "cost-analytics sources give SOURCE --subject NAME" in await refusal(guard, "b", "one")
    owners.owned["one"] = "b"
    await guard.check(caller("b"), ["one"])


async def test_outage_affects_new_sources_only() -> None:
    owners, clock = FailingOwnerStore(theirs="b"), NanosecondClock()
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
    guard = SourceGuard(MemoryOwnerStore())
    assert "reserved for the API" in await refusal(guard, "a", "x", source)


async def test_admins_may_use_any_source_and_own_none() -> None:
    owners = MemoryOwnerStore(one="a")
    await SourceGuard(owners).check(caller("root", "admin"), ["one", "new", "/api/costs/track/a"])
    assert owners.owned == {"one": "a"}


async def test_source_over_the_limit_is_refused_with_a_hint() -> None:
    message = await refusal(SourceGuard(FullOwnerStore()), "a", "one")
    assert message.startswith("You own the maximum number of sources.")
    assert "sources give" in message
