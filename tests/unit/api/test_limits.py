"""Rate limits of clients."""

from hypothesis import given
from hypothesis import strategies as st

from api.http.limits import RateLimiter
from api.http.options import ApiOptions, RequestLimits
from tests.support.api import served, token
from tests.support.clocks import NanosecondClock

SECOND_NS = 1_000_000_000


CLIENTS = 1_000


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 50),
    pauses_ms=st.lists(st.integers(0, 2_000), max_size=200),
)
def test_requests_never_exceed_burst_and_rate(rate: int, burst: int, pauses_ms: list[int]) -> None:
    clock = NanosecondClock()
    limiter = RateLimiter(rate, burst, CLIENTS, clock)
    times: list[int] = []
    for pause in pauses_ms:
        clock.now_ns += pause * 1_000_000
        if not limiter.take("alice"):
            times.append(clock.now_ns)
    interval_ns = SECOND_NS // rate
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first <= burst + (times[last] - start) // interval_ns


@given(rate=st.integers(1, 1_000), burst=st.integers(1, 100), spent=st.integers(0, 300))
def test_client_that_waits_retry_after_is_admitted(rate: int, burst: int, spent: int) -> None:
    clock = NanosecondClock()
    limiter = RateLimiter(rate, burst, CLIENTS, clock)
    waits = [limiter.take("alice") for _ in range(spent)]
    assert waits[:burst] == [0] * min(burst, spent)
    if wait := limiter.take("alice"):
        assert wait > 0
        clock.now_ns += wait * SECOND_NS
        assert not limiter.take("alice")


def test_clients_have_separate_limits() -> None:
    limiter = RateLimiter(1, 1, CLIENTS, NanosecondClock())
    assert [limiter.take(name) for name in ("alice", "bob", "alice")] == [0, 0, 1]


def test_table_of_clients_is_bounded() -> None:
    limiter = RateLimiter(1, 1, 3, NanosecondClock())
    assert not any(limiter.take(f"user{number}") for number in range(100))
    assert len(limiter) == 3


def test_missing_rate_turns_the_limit_off() -> None:
    limiter = RateLimiter(None, 1, CLIENTS, NanosecondClock())
    assert not any(limiter.take("alice") for _ in range(1_000))
    assert len(limiter) == 0


def test_checking_for_room_does_not_count() -> None:
    limiter = RateLimiter(1, 2, CLIENTS, NanosecondClock())
    assert all(limiter.has_room("alice") for _ in range(5))
    assert [limiter.take("alice") for _ in range(3)] == [0, 0, 1]
    assert not limiter.has_room("alice")


async def test_limited_user_gets_retry_after() -> None:
    limits = RequestLimits(requests_per_second=1, burst=3)
    async with served(options=ApiOptions(limits=limits)) as api:
        path = "/api/costs/user/bob/budget"
        bearer = token("alice")
        statuses = [(await api.ask("GET", path, bearer=bearer)).status for _ in range(3)]
        assert statuses == [403, 403, 403]
        refused = await api.ask("GET", path, bearer=bearer)
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) == 1
        assert (await api.ask("GET", "/health")).status == 200


async def test_token_guesses_are_limited_and_known_users_are_not() -> None:
    limits = RequestLimits(failures_per_second=1, failures_burst=3)
    async with served(options=ApiOptions(limits=limits)) as api:
        path = "/api/costs/user/bob/budget"
        bearer = token("alice")
        assert (await api.ask("GET", path, bearer=bearer)).status == 403
        forged = token("bob", key="another secret, and long enough too")
        statuses = [(await api.ask("GET", path, bearer=forged)).status for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert (await api.ask("GET", path, bearer=bearer)).status == 403


async def test_new_valid_tokens_do_not_count_as_failures() -> None:
    limits = RequestLimits(failures_per_second=1, failures_burst=1)
    async with served(options=ApiOptions(limits=limits)) as api:
        path = "/api/costs/user/nobody/budget"
        responses = [await api.get(path, f"user{number}") for number in range(20)]
        assert {response.status for response in responses} == {403}
