"""Failed authentications are limited per address; clients of a suspect address take turns."""

import asyncio
import time

import pytest

from api.http.limits import RateLimiter
from api.http.problems import Problem, unauthorized
from api.http.verification import VerificationQueue


def budget(failures: int = 2, all_failures: int = 100) -> VerificationQueue:
    """Return a budget that allows a burst of failures and almost none afterwards."""
    return VerificationQueue(RateLimiter(1, failures, 100), RateLimiter(1, all_failures, 1))


async def fail(budget: VerificationQueue, address: str) -> Problem:
    with pytest.raises(Problem) as caught:
        async with budget.turn(address):
            raise unauthorized("no")
    return caught.value


async def succeed(budget: VerificationQueue, address: str) -> None:
    async with budget.turn(address):
        pass


async def test_only_failures_count_against_their_address() -> None:
    attempts = budget()
    for _ in range(50):
        await succeed(attempts, "a")
    assert [(await fail(attempts, "a")).status for _ in range(4)] == [401, 401, 429, 429]
    assert (await fail(attempts, "b")).status == 401


async def test_valid_token_of_a_suspect_address_is_checked() -> None:
    attempts = budget()
    problems = await asyncio.gather(
        *(fail(attempts, "a") for _ in range(50)), succeed(attempts, "a")
    )
    assert {problem.limit for problem in problems if problem} == {None, "failed_authentications"}


async def test_all_clients_take_turns_after_too_many_failures() -> None:
    attempts = budget(failures=2, all_failures=4)
    for number in range(20):
        await fail(attempts, f"botnet-{number}")
    async with asyncio.timeout(10):
        *problems, none = await asyncio.gather(
            *(fail(attempts, f"botnet-{n}") for n in range(20)), succeed(attempts, "a")
        )
    assert len(problems) == 20
    assert none is None


async def test_checks_of_suspects_use_a_fifth_of_the_time() -> None:
    attempts = budget(failures=1)

    async def check() -> None:
        async with attempts.turn("a"):
            time.sleep(0.004)
            raise unauthorized("no")

    await asyncio.gather(check(), return_exceptions=True)
    began = time.monotonic()
    await asyncio.gather(*(check() for _ in range(10)), return_exceptions=True)
    assert time.monotonic() - began >= 10 * 0.004 * 5 * 0.9


async def test_queue_of_an_address_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.verification.WAITING_PER_ADDRESS_MAX", 3)
    attempts = budget(failures=1)
    await fail(attempts, "a")
    problems = await asyncio.gather(*(fail(attempts, "a") for _ in range(10)))
    assert [problem.limit for problem in problems].count("signature_checks") == 6
    await succeed(attempts, "b")
