"""How often a client may come."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from api.limits import RateLimiter, address_of
from api.options import ApiOptions, Limits
from api.problems import Problem
from tests.support.api import served, token

SECOND_NS = 1_000_000_000


class Clock:
    """A time that moves when it is told to."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def admitted(limiter: RateLimiter, name: str = "alice") -> int:
    """Return 0 where a request is admitted, else the seconds to wait."""
    try:
        limiter.admit("user", name)
    except Problem as problem:
        return int(problem.headers["Retry-After"])
    return 0


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 50),
    pauses_ms=st.lists(st.integers(0, 2_000), max_size=200),
)
def test_no_stretch_of_time_sees_more_than_burst_and_rate_allow(
    rate: int, burst: int, pauses_ms: list[int]
) -> None:
    clock = Clock()
    limiter = RateLimiter(Limits(requests_per_second=rate, burst=burst), clock)
    times: list[int] = []
    for pause in pauses_ms:
        clock.now_ns += pause * 1_000_000
        if not admitted(limiter):
            times.append(clock.now_ns)
    interval_ns = SECOND_NS // rate
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first <= burst + (times[last] - start) // interval_ns


@given(rate=st.integers(1, 1_000), burst=st.integers(1, 100), spent=st.integers(0, 300))
def test_whoever_waits_as_told_is_admitted(rate: int, burst: int, spent: int) -> None:
    clock = Clock()
    limiter = RateLimiter(Limits(requests_per_second=rate, burst=burst), clock)
    waits = [admitted(limiter) for _ in range(spent)]
    assert waits[:burst] == [0] * min(burst, spent)
    if wait := admitted(limiter):
        assert wait > 0
        clock.now_ns += wait * SECOND_NS
        assert not admitted(limiter)


def test_clients_do_not_share() -> None:
    limiter = RateLimiter(Limits(requests_per_second=1, burst=1), Clock())
    assert [admitted(limiter, name) for name in ("alice", "bob", "alice")] == [0, 0, 1]


def test_the_table_is_bounded() -> None:
    limiter = RateLimiter(Limits(requests_per_second=1, burst=1, clients=3), Clock())
    assert not any(admitted(limiter, f"user{number}") for number in range(100))
    assert len(limiter) == 3


def test_no_rate_is_no_limit() -> None:
    limiter = RateLimiter(Limits(requests_per_second=None), Clock())
    assert not any(admitted(limiter) for _ in range(1_000))
    assert len(limiter) == 0


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "direct"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (2, "1.2.3.4", "direct"),
        (1, "", "direct"),
    ],
)
def test_only_trusted_proxies_say_who_is_there(proxies: int, forwarded: str, address: str) -> None:
    request = make_mocked_request("GET", "/", {"X-Forwarded-For": forwarded})
    seen = address_of(request, Limits(proxies=proxies))
    assert seen == (request.remote or "" if address == "direct" else address)


async def test_a_user_who_asks_too_often_is_told_when_to_come_back() -> None:
    limits = Limits(requests_per_second=1, burst=3)
    async with served(options=ApiOptions(limits=limits)) as api:
        path = "/api/costs/user/bob/budget"
        bearer = token("alice")
        statuses = [(await api.ask("GET", path, bearer=bearer)).status for _ in range(3)]
        assert statuses == [403, 403, 403]
        refused = await api.ask("GET", path, bearer=bearer)
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) == 1
        assert (await api.ask("GET", "/health")).status == 200


async def test_guessing_tokens_is_slowed_down_and_known_users_go_on() -> None:
    limits = Limits(requests_per_second=1, burst=3)
    async with served(options=ApiOptions(limits=limits)) as api:
        path = "/api/costs/user/bob/budget"
        bearer = token("alice")
        assert (await api.ask("GET", path, bearer=bearer)).status == 403
        forged = token("bob", key="another secret, and long enough too")
        statuses = [(await api.ask("GET", path, bearer=forged)).status for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        assert (await api.ask("GET", path, bearer=bearer)).status == 403
