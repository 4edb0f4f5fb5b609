"""Other clocks for the product's modules, and clocks that a test sets."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch

_PACKAGES = ("api", "cost_analytics", "ledger", "streams")


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
    """Replace objects in all imported modules of the product: name = (original, replacement)."""
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


def api_command_ahead(by: timedelta) -> list[str]:
    """Return the command of an API process whose system clock is fast, or slow."""
    program = (
        "import sys; from datetime import timedelta; import cost_analytics.roots.api\n"
        "from cost_analytics.cli import main\n"
        "from tests.support.clocks import system_clock_ahead\n"
        f"with system_clock_ahead(timedelta(seconds={by.total_seconds()})): sys.exit(main())"
    )
    return [sys.executable, "-P", "-c", program]


class NanosecondClock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns
