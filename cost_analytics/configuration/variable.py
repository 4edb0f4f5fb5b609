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
    """One environment variable; an empty `default` means that there is none."""

    section: Section
    name: str
    default: str
    meaning: str
