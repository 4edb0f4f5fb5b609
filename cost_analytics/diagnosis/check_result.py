"""The result of a check: what was found, and what to do about it."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal, NamedTuple

CheckState = Literal["ok", "skipped", "warning", "problem"]


class CheckResult(NamedTuple):
    """The result of a check; `remedy` is empty if there is nothing to do."""

    state: CheckState
    subject: str
    found: str
    remedy: str = ""


ok: Final = partial(CheckResult, "ok")
skipped: Final = partial(CheckResult, "skipped")
warning: Final = partial(CheckResult, "warning")
problem: Final = partial(CheckResult, "problem")


def count_text(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural where it needs one: `1 worker`, `2 workers`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
