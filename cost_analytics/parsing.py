"""The parser of command lines; its errors name the nearest command, option or choice."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Final, NoReturn

_INVALID_CHOICE: Final = re.compile(
    r"argument (?P<name>.+?): invalid choice: (?P<given>'[^']*').*\(choose from (?P<choices>.+)\)"
)
_QUOTES: Final = "'\""


class CommandParser(argparse.ArgumentParser):
    """A parser that keeps line breaks in descriptions; its subparsers are of this class, too."""

    def __init__(self, **settings: Any) -> None:
        self._options: list[str] = []
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Declare an argument, and remember its options for errors."""
        self._options += [name for name in names if name.startswith("-")]
        return super().add_argument(*names, **settings)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; an unknown option is an error of the command it was given to."""
        parsed, rest = super().parse_known_args(args, namespace)
        unknown = next((word for word in rest if word.startswith("-")), None)
        if unknown is not None:
            hint = _hint(unknown.partition("=")[0], self._options)
            self.error(f"there is no option {unknown}{hint}")
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, and exit with code 2."""
        match = _INVALID_CHOICE.match(message)
        if match:
            given = match["given"].strip(_QUOTES)
            choices = [choice.strip(_QUOTES) for choice in match["choices"].split(", ")]
            hint = _hint(given, choices) or f" (choose from {', '.join(choices)})"
            message = f"{match['name']}: there is no {given!r}{hint}"
        super().error(message)


def _hint(given: str, known: Iterable[str]) -> str:
    """Return the end of an error sentence that names the nearest word; empty if none is near."""
    nearest = get_close_matches(given, list(known), n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
