"""Declarations of settings: a section is a class with a field for each setting.

A declaration names the variable, the default, the meaning and the parser. The page of settings and
the parsing follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self, TypeVar, cast

from cost_analytics.configuration.secret import Secret

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

Need = Literal[
    "kafka",
    "database",
    "tokens",
    "api",
    "limits",
    "budget",
    "prices",
    "worker",
    "stuck_calls",
    "retention",
    "delivery",
    "commands",
    "anomalies",
    "intake",
    "metrics",
    "tracing",
    "storage",
    "dev",
]
"""A section that a command needs; the settings of logs are always read."""

SectionName = Need | Literal["logs"]

_VARIABLE: Final = "variable"
_NO_SECRET: Final = Secret("")

T = TypeVar("T")


class Variable(NamedTuple):
    """An environment variable; `default` is empty if there is none.

    The value of a `secret` may be in a file, whose path is in the variable `file_name`.
    """

    name: str
    default: str
    meaning: str
    secret: bool = False
    section: SectionName = "logs"

    @property
    def file_name(self) -> str:
        """The name of the variable with the path of a file that contains the value."""
        return f"{self.name}_FILE"


class _Declaration(NamedTuple):
    variable: Variable
    read: Callable[[Reader, str], object]


@dataclass(frozen=True, slots=True)
class Section:
    """Settings of one subject; a section that a command does not need contains its defaults."""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Parse and check every field; `reader` collects the errors."""
        declared = {field.name: field.metadata[_VARIABLE] for field in fields(cls)}
        section = cls(
            **{name: read(reader, variable.name) for name, (variable, read) in declared.items()}
        )
        section.check(reader)
        return section

    def check(self, reader: Reader) -> None:
        """Report values that contradict each other."""

    @classmethod
    def variables(cls) -> tuple[Variable, ...]:
        """Return the variables of the fields, in their order."""
        return tuple(field.metadata[_VARIABLE].variable for field in fields(cls))

    def secrets(self) -> list[Secret]:
        """Return the values that are secrets."""
        values = (getattr(self, field.name) for field in fields(self))
        return [value for value in values if isinstance(value, Secret)]


def custom(
    name: str,
    default: T,
    meaning: str,
    read: Callable[[Reader, str], T],
    *,
    secret: bool = False,
) -> T:
    """Declare a field parsed by `read`, which takes the reader and the variable's name."""
    declared = _Declaration(Variable(name, _text_of(default), meaning, secret), read)
    return field(default=default, metadata={_VARIABLE: declared})


def text(name: str, default: str, meaning: str) -> str:
    """Declare a field with any text."""
    return custom(name, default, meaning, lambda reader, name: reader.text(name))


def optional(name: str, meaning: str) -> str | None:
    """Declare a field with any text, None if it is unset."""
    return custom(name, None, meaning, lambda reader, name: reader.optional(name))


def secret(name: str, meaning: str) -> Secret:
    """Declare a field with a secret, empty if it is unset."""
    return custom(name, _NO_SECRET, meaning, lambda reader, name: reader.secret(name), secret=True)


def file(name: str, meaning: str) -> str | None:
    """Declare a field with the path of an existing file, None if it is unset."""
    return custom(name, None, meaning, lambda reader, name: reader.file(name))


def flag(name: str, default: bool, meaning: str) -> bool:
    """Declare a field that is true or false."""
    return custom(name, default, meaning, lambda reader, name: reader.flag(name))


def integer(name: str, default: int, bounds: tuple[int, int], meaning: str) -> int:
    """Declare a field with a whole number; `bounds` are the minimum and the maximum."""
    description = "{} {} to {}.".format(meaning, *bounds)
    return custom(name, default, description, lambda reader, name: reader.integer(name, *bounds))


def choice(name: str, default: T, options: Sequence[str], meaning: str) -> T:
    """Declare a field with one of `options`, or the default."""
    quoted = [f"`{option}`" for option in options]
    description = f"{meaning} {', '.join(quoted[:-1])} or {quoted[-1]}."
    return custom(
        name,
        default,
        description,
        lambda reader, name: cast("T", reader.choice(name, options) or default),
    )


def _text_of(default: object) -> str:
    """Return a default in the form of an environment variable."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None or isinstance(default, Secret) else str(default)
