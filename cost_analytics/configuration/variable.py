"""What one setting is: the section it belongs to, its name, default and meaning."""

from __future__ import annotations

from typing import Literal, NamedTuple

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

Section = Need | Literal["logs"]


class Variable(NamedTuple):
    """One environment variable; an empty `default` means that there is none.

    The value of a `secret` may be in a file instead, which the variable `file_name` names.
    """

    section: Section
    name: str
    default: str
    meaning: str
    secret: bool = False

    @property
    def file_name(self) -> str:
        """The name of the variable that holds the path of a file with the value."""
        return f"{self.name}_FILE"
