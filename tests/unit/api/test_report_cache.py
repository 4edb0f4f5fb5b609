"""The bodies of reports that are kept: the latest of each scope, in bounded memory."""

from types import SimpleNamespace

from api.http.report_cache import BODY_BYTES_MAX, IDLE_SECONDS_MAX, ReportCache

BODY = b"x" * 1_000


def kept(cache: ReportCache, *scopes: str) -> list[str]:
    return [scope for scope in scopes if cache.find(scope) is not None]


def test_latest_body_of_a_scope_is_kept() -> None:
    cache = ReportCache(10_000)
    cache.store("a", "1", b"first")
    used = cache.bytes_used
    cache.store("a", "2", b"later")
    found = cache.find("a")
    assert found is not None
    assert (found.version, found.body) == ("2", b"later")
    assert cache.bytes_used == used
    assert cache.find("b") is None


def test_body_that_was_idle_longest_leaves_first() -> None:
    cache = ReportCache(5_000)  # three bodies, with what an entry needs besides
    for scope in "abc":
        cache.store(scope, "1", BODY)
    cache.find("a")
    cache.store("d", "1", BODY)
    assert kept(cache, *"abcd") == ["a", "c", "d"]
    assert cache.bytes_used <= 5_000


def test_memory_stays_bounded_by_bytes() -> None:
    cache = ReportCache(1_000_000)
    for number in range(5_000):
        cache.store(f"scope-{number}", "1", BODY)
        assert cache.bytes_used <= 1_000_000
    cache.store("large", "1", b"x" * (BODY_BYTES_MAX + 1))
    assert kept(cache, "large", "scope-0", "scope-4999") == ["scope-4999"]


def test_replaced_body_that_is_too_large_leaves_nothing_old() -> None:
    cache = ReportCache(1_000_000)
    cache.store("a", "1", BODY)
    cache.store("a", "2", b"x" * (BODY_BYTES_MAX + 1))
    assert cache.find("a") is None
    assert cache.bytes_used == 0


def test_idle_bodies_leave_with_the_next_one() -> None:
    clock = SimpleNamespace(ns=0)
    cache = ReportCache(1_000_000, lambda: clock.ns)
    cache.store("idle", "1", BODY)
    cache.store("used", "1", BODY)
    clock.ns = (IDLE_SECONDS_MAX + 1) * 1_000_000_000
    cache.find("used")
    cache.store("new", "1", BODY)
    assert kept(cache, "idle", "used", "new") == ["used", "new"]


def test_cache_without_memory_keeps_nothing() -> None:
    cache = ReportCache(0)
    cache.store("a", "1", b"")
    assert cache.find("a") is None
    assert cache.bytes_used == 0
