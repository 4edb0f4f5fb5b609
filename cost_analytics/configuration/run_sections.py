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
    """Settings of `make run`; `simulate` is a multiple of the usual rate of simulated calls."""

    port: int = integer(
        "PORT", 8080, (1, 65_535), "The port on which `make run` serves the dashboard and the API."
    )
    simulate: int = custom(
        "SIMULATE",
        1,
        "`0` starts `make run` without simulated calls and without their history. `10` simulates "
        "ten times as many calls; at most `100`.",
        _simulate,
    )
    broker_memory_mb: int = integer(
        "BROKER_MEMORY_MB",
        64,
        (1, 4_096),
        "The embedded broker is replaced when its log in memory has grown by this much.",
    )


@dataclass(frozen=True, slots=True)
class LogSection(Section):
    """The level and the format of logs; an empty format is text on a terminal, else JSON."""

    level: str = choice(
        "LOG_LEVEL",
        "INFO",
        ("DEBUG", "INFO", "WARNING", "ERROR"),
        "The lowest level that is logged:",
    )
    format: LogFormat = choice(
        "LOG_FORMAT",
        "",
        ("text", "json"),
        "Text for people, or one JSON object per line. Unset: text on a terminal, else JSON.",
    )
