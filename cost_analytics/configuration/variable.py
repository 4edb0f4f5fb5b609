"""How a section declares its settings: a field for each, with its variable, default and meaning.

The default is given as the field's own value; its text, the page of settings and the reading all
follow from the declaration.
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
    "retention",
    "delivery",
    "anomalies",
    "dev",
]
"""A section that a command asks for; logs are always read."""

SectionName = Need | Literal["logs"]

_VARIABLE: Final = "variable"
_NO_SECRET: Final = Secret("")

T = TypeVar("T")


class Variable(NamedTuple):
    """One environment variable; an empty `default` means that there is none.

    The value of a `secret` may be in a file instead, which the variable `file_name` names.
    """

    name: str
    default: str
    meaning: str
    secret: bool = False
    section: SectionName = "logs"

    @property
    def file_name(self) -> str:
        """The name of the variable that holds the path of a file with the value."""
        return f"{self.name}_FILE"


class _Declared(NamedTuple):
    variable: Variable
    read: Callable[[Reader, str], object]


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together; one that a command did not ask for holds its defaults."""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Read and check every field; `reader` collects what is wrong."""
        declared = {each.name: each.metadata[_VARIABLE] for each in fields(cls)}
        section = cls(
            **{name: read(reader, variable.name) for name, (variable, read) in declared.items()}
        )
        section.check(reader)
        return section

    def check(self, reader: Reader) -> None:
        """Note which values do not fit together."""

    @classmethod
    def variables(cls) -> tuple[Variable, ...]:
        """Return the variables of the fields, in their order."""
        return tuple(each.metadata[_VARIABLE].variable for each in fields(cls))

    def secrets(self) -> list[Secret]:
        """Return the values that must never be shown."""
        values = (getattr(self, each.name) for each in fields(self))
        return [value for value in values if isinstance(value, Secret)]


def custom(
    name: str,
    default: T,
    meaning: str,
    read: Callable[[Reader, str], T],
    *,
    secret: bool = False,
) -> T:
    """Declare a field that `read` reads: it takes the reader and the variable's name."""
    declared = _Declared(Variable(name, _text_of(default), meaning, secret), read)
    return field(default=default, metadata={_VARIABLE: declared})


def text(name: str, default: str, meaning: str) -> str:
    """Declare a field with any text."""
    return custom(name, default, meaning, lambda reader, name: reader.text(name))


def optional(name: str, meaning: str) -> str | None:
    """Declare a field with any text, or None where it is unset."""
    return custom(name, None, meaning, lambda reader, name: reader.optional(name))


def secret(name: str, meaning: str) -> Secret:
    """Declare a field with a secret, empty where it is unset."""
    return custom(name, _NO_SECRET, meaning, lambda reader, name: reader.secret(name), secret=True)


def file(name: str, meaning: str) -> str | None:
    """Declare a field with the path of a file that exists, or None where it is unset."""
    return custom(name, None, meaning, lambda reader, name: reader.file(name))


def flag(name: str, default: bool, meaning: str) -> bool:
    """Declare a field that is true or false."""
    return custom(name, default, meaning, lambda reader, name: reader.flag(name))


def integer(name: str, default: int, bounds: tuple[int, int], meaning: str) -> int:
    """Declare a field with a whole number; `bounds` are the least and the greatest."""
    least, most = bounds
    said = f"{meaning} {least} to {most}."
    return custom(name, default, said, lambda reader, name: reader.integer(name, least, most))


def choice(name: str, default: T, options: Sequence[str], meaning: str) -> T:
    """Declare a field with one of `options`, or the default."""
    quoted = [f"`{option}`" for option in options]
    said = f"{meaning} {', '.join(quoted[:-1])} or {quoted[-1]}."
    return custom(
        name, default, said, lambda reader, name: cast("T", reader.choice(name, options) or default)
    )


def _text_of(default: object) -> str:
    """Return a default as it would stand in the environment."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None or isinstance(default, Secret) else str(default)
