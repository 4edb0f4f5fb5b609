"""Other clocks for the product's modules, and clocks that a test sets."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

_PACKAGES = ("ledger", "schemas", "streams")


class _DatetimeType(type):
    """Makes real datetimes instances of the class that replaces `datetime`."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def datetime_by(now: Callable[[], datetime]) -> type:
    """Return a class like `datetime` with another `now`; its objects are plain datetimes."""

    class ShiftedDatetime(datetime, metaclass=_DatetimeType):
        def __new__(cls, *arguments: Any, **more: Any) -> Self:
            return datetime(*arguments, **more)  # type: ignore[return-value]

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return now().astimezone(tz)  # type: ignore[return-value]

    return ShiftedDatetime


@contextmanager
def replaced(**stand_ins: tuple[Any, Any]) -> Iterator[None]:
    """Replace objects in all modules of the write path: name = (original, replacement)."""
    packages = [m for name, m in sys.modules.items() if name.partition(".")[0] in _PACKAGES]
    with ExitStack() as stack:
        for module in packages:
            for name, (real, other) in stand_ins.items():
                if getattr(module, name, None) is real:
                    stack.enter_context(patch.object(module, name, other))
        yield


@contextmanager
def system_clock_ahead(by: timedelta) -> Iterator[None]:
    """Let the product's modules see a fast system clock, or a slow one if `by` is negative."""
    by_ns = by // timedelta(microseconds=1) * 1_000
    fast = SimpleNamespace(**vars(time))
    fast.time_ns = lambda: time.time_ns() + by_ns
    fast.time = lambda: time.time() + by.total_seconds()
    with replaced(
        datetime=(datetime, datetime_by(lambda: datetime.now(UTC) + by)), time=(time, fast)
    ):
        yield


class NanosecondClock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns
