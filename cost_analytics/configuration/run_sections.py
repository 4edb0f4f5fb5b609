"""Settings of the development instance and of logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cost_analytics.configuration.variable import Section, choice, custom, integer

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

LogFormat = Literal["text", "json", ""]


def _simulate(reader: Reader, name: str) -> int:
    is_number = reader.text(name).isdecimal()
    return reader.integer(name, 0, 100) if is_number else int(reader.flag(name))


@dataclass(frozen=True, slots=True)
class DevSection(Section):
    """What `make run` serves on, and how many times the usual rate of calls it simulates.

    The broker's log is replaced when it has grown by `broker_memory_mb`.
    """

    port: int = integer(
        "PORT", 8080, (1, 65_535), "Where `make run` serves the dashboard and the API."
    )
    simulate: int = custom(
        "SIMULATE",
        1,
        "`0` starts `make run` without simulated calls, and the first time without their past. "
        "`10` simulates ten times as many calls, up to `100`.",
        _simulate,
    )
    broker_memory_mb: int = integer(
        "BROKER_MEMORY_MB",
        64,
        (1, 4_096),
        "The embedded broker's log is replaced when it has grown by this much in memory.",
    )


@dataclass(frozen=True, slots=True)
class LogSection(Section):
    """What is logged and how; an empty format is text on a terminal and JSON elsewhere."""

    level: str = choice(
        "LOG_LEVEL",
        "INFO",
        ("DEBUG", "INFO", "WARNING", "ERROR"),
        "The least severe level that is logged:",
    )
    format: LogFormat = choice(
        "LOG_FORMAT",
        "",
        ("text", "json"),
        "Text for people, or JSON with one object a line. Unset: text on a terminal, else JSON.",
    )
