"""Gives the product's modules another clock than the system's."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

_PACKAGES = ("ledger", "schemas", "streams")


class _Class(type):
    """Makes real times instances of the class that stands in for theirs."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def datetime_by(now: Callable[[], datetime]) -> type:
    """Return a class like `datetime` with another `now`; what it makes are plain times."""

    class OtherDatetime(datetime, metaclass=_Class):
        def __new__(cls, *arguments: Any, **more: Any) -> Self:
            return datetime(*arguments, **more)  # type: ignore[return-value]

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return now().astimezone(tz)  # type: ignore[return-value]

    return OtherDatetime


@contextmanager
def replaced(**stand_ins: tuple[Any, Any]) -> Iterator[None]:
    """Replace what each module of the write path knows by these names: what it is, and by what."""
    packages = [m for name, m in sys.modules.items() if name.partition(".")[0] in _PACKAGES]
    with ExitStack() as stack:
        for module in packages:
            for name, (real, other) in stand_ins.items():
                if getattr(module, name, None) is real:
                    stack.enter_context(patch.object(module, name, other))
        yield


@contextmanager
def system_clock_ahead(by: timedelta) -> Iterator[None]:
    """Let the product's modules see a system clock that is fast, or slow if `by` is negative."""
    by_ns = by // timedelta(microseconds=1) * 1_000
    fast = SimpleNamespace(**vars(time))
    fast.time_ns = lambda: time.time_ns() + by_ns
    fast.time = lambda: time.time() + by.total_seconds()
    with replaced(
        datetime=(datetime, datetime_by(lambda: datetime.now(UTC) + by)), time=(time, fast)
    ):
        yield
