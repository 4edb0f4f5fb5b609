"""The processes that run all the time: their commands, logins and settings."""

from __future__ import annotations

from typing import Final, NamedTuple

from cost_analytics.configuration.database_section import Login
from cost_analytics.configuration.variable import Need


class Process(NamedTuple):
    """A process: its command, its login, and the sections of settings that it needs."""

    command: str
    login: Login
    needs: tuple[Need, ...]


API: Final = Process(
    "api", "api", ("kafka", "database", "tokens", "api", "limits", "budget", "delivery", "tracing")
)
WORKER: Final = Process(
    "worker",
    "worker",
    ("kafka", "database", "worker", "stuck_calls", "retention", "budget", "metrics", "tracing"),
)
NOTICES: Final = Process(
    "notices",
    "notifications",
    ("kafka", "database", "delivery", "prices", "anomalies", "budget", "metrics", "tracing"),
)
COMMANDS: Final = Process(
    "commands",
    "notifications",
    ("kafka", "database", "delivery", "commands", "metrics", "tracing"),
)
SERVICES: Final = (API, WORKER, NOTICES, COMMANDS)
